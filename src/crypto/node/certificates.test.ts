import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, hex } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { nodeCrypto } from "./index.ts";
import { certificatesFrom, crlsFrom, pemBlocks, toPem } from "./pem.ts";

const pem: Record<string, string> = JSON.parse(
  readFileSync(new URL("../../../test/vectors/data/certificates.json", import.meta.url), "utf8"),
);

function der(name: string): Uint8Array {
  const [block] = pemBlocks(pem[name] ?? "");
  if (block === undefined) throw new Error(`no ${name}`);
  return block.der;
}

describe("a certificate", () => {
  test("made by OpenSSL is read with names, addresses, dates and key", () => {
    const view = nodeCrypto.parseCertificate(der("gm1"));
    expect(view).toMatchObject({
      subjectText: "CN=gm1 Zürich,OU=Gr\\+uppe,O=Keyherald\\, Tests,C=CH",
      issuerText: "CN=Sub,O=Keyherald Tests,C=CH",
      serialHex: "1234",
      addresses: ["192.0.2.10", "2001:db8::10"],
      dnsNames: ["gm1.example"],
      algorithm: { kind: "ecdsa", curve: "P-256" },
    });
    expect(view.notAfter - view.notBefore).toBe(30_000 * 86_400_000);
    expect(nodeCrypto.nameText(view.subject)).toBe(view.subjectText);
    expect(hex(view.der)).toContain(hex(view.subject));
    expect(hex(nodeCrypto.importSigner(pem["gm1.key"] ?? "").publicKey)).toBe(hex(view.publicKey));
  });

  test("has mail addresses, and an Ed25519 key by its kind", () => {
    expect(nodeCrypto.parseCertificate(der("gmed"))).toMatchObject({
      dnsNames: ["gmed.example"],
      emails: ["gmed@example.org"],
      addresses: [],
      algorithm: { kind: "ed25519" },
    });
  });

  test("has its RSA and ECDSA keys by kind and size", () => {
    expect(nodeCrypto.parseCertificate(der("gmrsa")).algorithm).toEqual({ kind: "rsa", bits: 2048 });
    expect(nodeCrypto.parseCertificate(der("gm521")).algorithm).toEqual({ kind: "ecdsa", curve: "P-521" });
    expect(nodeCrypto.parseCertificate(der("sub")).algorithm).toEqual({ kind: "ecdsa", curve: "P-384" });
  });

  test("with an octet more or less, in PEM, or arbitrary octets are refused with bad-key", () => {
    const good = der("gm1");
    const bad = expect.objectContaining({ name: "CryptoError", code: "bad-key" });
    expect(() => nodeCrypto.parseCertificate(concat(good, new Uint8Array(1)))).toThrow(bad);
    expect(() => nodeCrypto.parseCertificate(new Uint8Array(Buffer.from(pem["gm1"] ?? "")))).toThrow(bad);
    for (let i = 0; i < good.length; i++) expect(() => nodeCrypto.parseCertificate(good.subarray(0, i))).toThrow(bad);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (octets) => {
        expect(() => nodeCrypto.parseCertificate(octets)).toThrow(bad);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  test("with any octet changed gives a view or a CryptoError", () => {
    const good = der("gm1");
    for (let i = 0; i < good.length; i++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const mutated = good.slice();
        mutated[i] = (mutated[i] ?? 0) ^ flip;
        try {
          nodeCrypto.parseCertificate(mutated);
        } catch (error) {
          expect(error).toBeInstanceOf(CryptoError);
        }
      }
    }
  });
});

describe("PEM", () => {
  test("several blocks of a file come out in their order, whatever stands between them", () => {
    const text = `Root\r\n${(pem["root"] ?? "").replaceAll("\n", "\r\n")}\n\nSub:\n${pem["sub"]}${pem["gm1.key"]}`;
    expect(pemBlocks(text).map(({ label }) => label)).toEqual(["CERTIFICATE", "CERTIFICATE", "PRIVATE KEY"]);
    const file = new Uint8Array(Buffer.from(text));
    expect(certificatesFrom(file).map(hex)).toEqual([hex(der("root")), hex(der("sub"))]);
  });

  test("DER is taken as it is", () => {
    expect(certificatesFrom(der("root"))).toEqual([der("root")]);
    expect(crlsFrom(der("sub.crl"))).toEqual([der("sub.crl")]);
    expect(crlsFrom(new Uint8Array(Buffer.from(pem["sub.crl"] ?? "")))).toEqual([der("sub.crl")]);
  });

  test("comes out as OpenSSL writes it", () => {
    expect(toPem("CERTIFICATE", der("gm1"))).toBe(pem["gm1"]);
  });

  test("a file without a certificate, a block without an end and other characters are refused", () => {
    const file = (text: string) => new Uint8Array(Buffer.from(text));
    const bad = expect.objectContaining({ code: "bad-key" });
    expect(() => certificatesFrom(file("nothing"))).toThrow(bad);
    expect(() => certificatesFrom(file(pem["gm1.key"] ?? ""))).toThrow(bad);
    expect(() => crlsFrom(file(pem["root"] ?? ""))).toThrow(bad);
    expect(() => pemBlocks("-----BEGIN CERTIFICATE-----\nAAAA\n")).toThrow(bad);
    expect(() => pemBlocks("-----BEGIN CERTIFICATE-----\nA*AA\n-----END CERTIFICATE-----")).toThrow(bad);
    expect(() => pemBlocks("-----END CERTIFICATE-----")).toThrow(bad);
  });
});
