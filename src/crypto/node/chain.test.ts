import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, u32 } from "../../util/octets.ts";
import type { ChainVerdict } from "../provider.ts";
import { element, elementAt, elementsIn, sequence } from "./der.ts";
import { nodeCrypto } from "./index.ts";
import { issueCa, issueCertificate, issueCrl } from "./issue.ts";
import { pemBlocks } from "./pem.ts";
import { reviseCrl } from "./revoke.ts";

const pem: Record<string, string> = JSON.parse(
  readFileSync(new URL("../../../test/vectors/data/certificates.json", import.meta.url), "utf8"),
);

function der(name: string): Uint8Array {
  const [block] = pemBlocks(pem[name] ?? "");
  if (block === undefined) throw new Error(`no ${name}`);
  return block.der;
}

/** A moment within the validity of all certificates of the file. */
const now = Date.parse("2026-11-24T00:00:00Z");

function verdict(chain: string, anchors: string, crls = "", at = now): Promise<ChainVerdict> {
  const all = (names: string) => (names === "" ? [] : names.split(" ").map(der));
  return nodeCrypto.verifyChain({ chain: all(chain), anchors: all(anchors), crls: all(crls), at });
}

function code(result: ChainVerdict): string {
  return result.ok ? "ok" : result.code;
}

describe("path validation of certificates made by OpenSSL", () => {
  test.each([
    { story: "a leaf of the anchor", chain: "gm521", anchors: "root", expected: "ok" },
    { story: "a leaf of an intermediate authority", chain: "gm1 sub", anchors: "root", expected: "ok" },
    { story: "an RSA leaf of an RSA anchor", chain: "gmrsa", anchors: "rsaroot", expected: "ok" },
    { story: "the anchor sent along", chain: "gm1 root sub", anchors: "root", expected: "ok" },
    { story: "one of several anchors", chain: "gm1 sub", anchors: "foreign rsaroot root", expected: "ok" },
    { story: "an intermediate authority as anchor", chain: "gm1", anchors: "sub", expected: "ok" },
    { story: "a leaf without keyUsage", chain: "gmnoku", anchors: "root", expected: "ok" },
    { story: "a leaf that is an anchor itself", chain: "gm521", anchors: "gm521", expected: "ok" },
    { story: "a missing intermediate authority", chain: "gm1", anchors: "root", expected: "untrusted" },
    {
      story: "an anchor of the same name's kind elsewhere",
      chain: "gmforeign foreign",
      anchors: "root",
      expected: "untrusted",
    },
    { story: "no anchors", chain: "gm1 sub", anchors: "", expected: "untrusted" },
    { story: "no chain", chain: "", anchors: "root", expected: "malformed" },
    { story: "an issuer that is no CA", chain: "gmnotca notca", anchors: "root", expected: "not-allowed" },
    {
      story: "more authorities than pathLenConstraint",
      chain: "gmdeep subsub sub",
      anchors: "root",
      expected: "not-allowed",
    },
    { story: "a name outside nameConstraints", chain: "gmnc subnc", anchors: "root", expected: "not-allowed" },
    { story: "a leaf for key encipherment only", chain: "gmenc", anchors: "root", expected: "not-allowed" },
    { story: "an authority as leaf", chain: "sub", anchors: "root", expected: "not-allowed" },
    { story: "an unknown critical extension", chain: "gmcrit", anchors: "root", expected: "not-allowed" },
    { story: "a signature with SHA-1", chain: "gmsha1", anchors: "rsaroot", expected: "weak" },
    { story: "an RSA key of 1024 bits", chain: "gm1024", anchors: "root", expected: "weak" },
    { story: "a revoked leaf", chain: "gmrev sub", anchors: "root", crls: "sub.crl", expected: "revoked" },
    { story: "another leaf under that list", chain: "gm1 sub", anchors: "root", crls: "sub.crl", expected: "ok" },
    { story: "a list of another issuer", chain: "gmrev sub", anchors: "root", crls: "foreign.crl", expected: "ok" },
  ])("$story: $expected", async ({ chain, anchors, crls, expected }) => {
    expect(code(await verdict(chain, anchors, crls))).toBe(expected);
  });

  test("validity is judged at the time given, to the second at both ends", async () => {
    const { notBefore, notAfter } = nodeCrypto.parseCertificate(der("gmshort"));
    for (const [at, expected] of [
      [notBefore - 1, "not-yet-valid"],
      [notBefore, "ok"],
      [notAfter, "ok"],
      [notAfter + 1, "expired"],
    ] as const) {
      expect(code(await verdict("gmshort", "root", "", at))).toBe(expected);
    }
  });

  test("the verdict carries the leaf, or a sentence that names the certificate", async () => {
    const good = await verdict("gm1 sub", "root");
    expect(good.ok && good.leaf).toEqual(nodeCrypto.parseCertificate(der("gm1")));
    const bad = await verdict("gmsha1", "rsaroot");
    expect(!bad.ok && bad.why).toBe("CN=gmsha1 is signed with sha1WithRSAEncryption");
  });
});

describe("signatures of certificates by RSASSA-PSS and Ed25519, made by OpenSSL", () => {
  const later = Date.parse("2026-12-24T00:00:00Z");
  test.each([
    { story: "PSS with SHA-384", chain: "gmpss", anchors: "pssroot", expected: "ok" },
    { story: "PSS with SHA-1", chain: "gmpss1", anchors: "pssroot", expected: "weak" },
    { story: "Ed25519", chain: "gmed", anchors: "edroot", expected: "ok" },
    { story: "Ed25519, revoked", chain: "gmed", anchors: "edroot", crls: "edroot.crl", expected: "revoked" },
    { story: "Ed25519 of another authority", chain: "gmed", anchors: "root", expected: "untrusted" },
    { story: "a key of Ed448", chain: "ed448", anchors: "ed448", expected: "not-allowed" },
  ])("$story: $expected", async ({ chain, anchors, crls, expected }) => {
    expect(code(await verdict(chain, anchors, crls, later))).toBe(expected);
  });

  test("the reason names what is weak", async () => {
    const bad = await verdict("gmpss1", "pssroot", "", later);
    expect(!bad.ok && bad.why).toBe("CN=gmpss1,O=Keyherald Tests,C=CH is signed with rsa-pss and SHA-1");
  });

  test("an Ed25519 authority of our own issues certificates and lists", async () => {
    const period = { algorithm: { kind: "ed25519" }, notBefore: now - 1000, notAfter: now + 1000 } as const;
    const ca = issueCa({ ...period, subject: "CN=CA" });
    const leaf = issueCertificate({ ...period, subject: "CN=gm", ca }).certificate;
    const request = { chain: [leaf], anchors: [ca.certificate], at: now };
    expect(code(await nodeCrypto.verifyChain({ ...request, crls: [] }))).toBe("ok");
    const { list } = reviseCrl({ ca, certificates: [leaf], thisUpdate: now, nextUpdate: now + 1000 });
    expect(code(await nodeCrypto.verifyChain({ ...request, crls: [list] }))).toBe("revoked");
  });
});

test("lists that come with the chain count beside those that are configured, and unreadable ones do no harm", async () => {
  const request = { chain: [der("gmrev"), der("sub")], anchors: [der("root")], crls: [], at: now };
  const nonsense = [new Uint8Array(0), fromHex("3003020101"), der("root")];
  expect(code(await nodeCrypto.verifyChain({ ...request, peerCrls: nonsense }))).toBe("ok");
  expect(code(await nodeCrypto.verifyChain({ ...request, peerCrls: [...nonsense, der("sub.crl")] }))).toBe("revoked");
  expect(code(await nodeCrypto.verifyChain({ ...request, peerCrls: [der("foreign.crl")] }))).toBe("ok");
});

describe("keyUsage of a leaf (RFC 4945 5.1.3.2)", () => {
  const valid = { algorithm: { kind: "ecdsa", curve: "P-256" }, notBefore: now - 1000, notAfter: now + 1000 } as const;
  const root = issueCa({ ...valid, subject: "CN=Root" });
  const issued = issueCertificate({ ...valid, subject: "CN=gm", ca: root }).certificate;

  /** The certificate with other bits in keyUsage, signed again. */
  function withUsage(bits: number): Uint8Array {
    const [tbs, algorithm] = elementsIn(elementAt(issued, 0)?.contents ?? issued) ?? [];
    const octets = (tbs?.der ?? issued).slice();
    const at = Buffer.from(octets).indexOf(Buffer.from("0603551d0f0101ff0404", "hex"));
    octets.set([0x03, 0x02, 0, bits], at + 10);
    const key = createPrivateKey({ key: Buffer.from(root.key), format: "der", type: "pkcs8" });
    const signature = new Uint8Array(sign("sha256", octets, key));
    return sequence(octets, algorithm?.der ?? octets, element(0x03, new Uint8Array(1), signature));
  }

  test.each([
    ["digitalSignature", 0x80, "ok"],
    ["nonRepudiation", 0x40, "ok"],
    ["keyEncipherment", 0x20, "not-allowed"],
    ["keyCertSign and cRLSign", 0x06, "not-allowed"],
  ])("%s alone (%i): %s", async (_, bits, expected) => {
    const chain = [withUsage(bits)];
    expect(code(await nodeCrypto.verifyChain({ chain, anchors: [root.certificate], crls: [], at: now }))).toBe(
      expected,
    );
  });
});

describe("extKeyUsage (RFC 5280 4.2.1.12)", () => {
  const valid = { algorithm: { kind: "ecdsa", curve: "P-256" }, notBefore: now - 1000, notAfter: now + 1000 } as const;
  const root = issueCa({ ...valid, subject: "CN=Root" });

  /** The certificate with one more extension, signed again by the root. */
  function extended(certificate: Uint8Array, purposes: readonly string[], critical: boolean): Uint8Array {
    const [tbs, algorithm] = elementsIn(elementAt(certificate, 0)?.contents ?? certificate) ?? [];
    const fields = elementsIn(tbs?.contents ?? certificate) ?? [];
    const list = elementAt(fields.at(-1)?.contents ?? certificate, 0)?.contents ?? certificate;
    const usage = sequence(...purposes.map((oid) => element(0x06, fromHex(oid))));
    const flag = critical ? [fromHex("0101ff")] : [];
    const extension = sequence(element(0x06, fromHex("551d25")), ...flag, element(0x04, usage));
    const others = fields.slice(0, -1).map((field) => field.der);
    const signed = sequence(...others, element(0xa3, sequence(list, extension)));
    const key = createPrivateKey({ key: Buffer.from(root.key), format: "der", type: "pkcs8" });
    const signature = new Uint8Array(sign("sha256", signed, key));
    return sequence(signed, algorithm?.der ?? signed, element(0x03, new Uint8Array(1), signature));
  }

  const timeStamping = "2b06010505070308";
  test.each([
    { story: "any purpose", purposes: ["551d2500"], critical: true, expected: "ok" },
    { story: "IKE beside another", purposes: [timeStamping, "2b06010505070311"], critical: true, expected: "ok" },
    { story: "TLS clients", purposes: ["2b06010505070302"], critical: false, expected: "ok" },
    { story: "time stamping alone", purposes: [timeStamping], critical: true, expected: "not-allowed" },
    { story: "the same, not critical", purposes: [timeStamping], critical: false, expected: "not-allowed" },
    { story: "nothing", purposes: [], critical: true, expected: "not-allowed" },
  ])("a leaf for $story: $expected", async ({ purposes, critical, expected }) => {
    const { certificate } = issueCertificate({ ...valid, subject: "CN=gm1", ca: root });
    const chain = [extended(certificate, purposes, critical)];
    const result = await nodeCrypto.verifyChain({ chain, anchors: [root.certificate], crls: [], at: now });
    expect(code(result)).toBe(expected);
  });

  test("an authority for something else, if that is critical, is none for us", async () => {
    const anchor = extended(root.certificate, [timeStamping], true);
    const relaxed = extended(root.certificate, [timeStamping], false);
    const { certificate } = issueCertificate({ ...valid, subject: "CN=gm1", ca: root });
    const against = (at: Uint8Array) =>
      nodeCrypto.verifyChain({ chain: [certificate], anchors: [at], crls: [], at: now });
    expect(code(await against(anchor))).toBe("not-allowed");
    expect(code(await against(relaxed))).toBe("ok");
  });
});

describe("path validation of hostile input", () => {
  test("a leaf with any octet changed is refused", async () => {
    const good = der("gm521");
    for (let i = 0; i < good.length; i++) {
      const mutated = good.slice();
      mutated[i] = (mutated[i] ?? 0) ^ (1 << (i % 8));
      const result = await nodeCrypto.verifyChain({ chain: [mutated], anchors: [der("root")], crls: [], at: now });
      expect(result.ok, `octet ${i}`).toBe(false);
    }
  });

  test("a list with any octet changed revokes nobody else and never rejects", async () => {
    const good = der("sub.crl");
    const chain = [der("gm1"), der("sub")];
    for (let i = 0; i < good.length; i += 3) {
      const mutated = good.slice();
      mutated[i] = (mutated[i] ?? 0) ^ (1 << (i % 8));
      const result = await nodeCrypto.verifyChain({ chain, anchors: [der("root")], crls: [mutated], at: now });
      expect(["ok", "malformed"]).toContain(code(result));
    }
  });

  test("arbitrary octets anywhere are malformed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(0, 1, 2, 3), async (octets, where) => {
        const request = {
          chain: where === 0 ? [octets] : where === 1 ? [der("gm1"), octets] : [der("gm1"), der("sub")],
          anchors: where === 2 ? [octets] : [der("root")],
          crls: where === 3 ? [octets] : [],
          at: now,
        };
        expect(code(await nodeCrypto.verifyChain(request))).toBe("malformed");
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("deeply nested and oversized octets are malformed at once", async () => {
    const nested = new Uint8Array(60_000);
    for (let i = 0, left = nested.length; left > 4; i += 4, left -= 4) {
      nested.set([0x30, 0x82, (left - 4) >> 8, (left - 4) & 0xff], i);
    }
    for (const octets of [nested, new Uint8Array(1_000_000).fill(0x30)]) {
      const result = await nodeCrypto.verifyChain({ chain: [octets], anchors: [der("root")], crls: [octets], at: now });
      expect(code(result)).toBe("malformed");
    }
  });

  test("more certificates than a chain has are not looked at", async () => {
    const chain = Array.from({ length: 11 }, () => der("gm1"));
    expect(code(await nodeCrypto.verifyChain({ chain, anchors: [der("root")], crls: [], at: now }))).toBe(
      "not-allowed",
    );
  });

  test("authorities that have all the same name and key signatures in circles come to an end", async () => {
    const validity = { notBefore: now - 1000, notAfter: now + 1000 };
    const circle = issueCa({ subject: "CN=Circle", algorithm: { kind: "ecdsa", curve: "P-256" }, ...validity });
    const leaf = issueCertificate({
      ca: circle,
      subject: "CN=leaf",
      algorithm: { kind: "ecdsa", curve: "P-256" },
      ...validity,
    });
    const chain = [leaf.certificate, ...Array.from({ length: 9 }, () => circle.certificate)];
    expect(code(await nodeCrypto.verifyChain({ chain, anchors: [der("root")], crls: [], at: now }))).toBe("untrusted");
  });
});

describe("certificates issued here", () => {
  const validity = { notBefore: Date.parse("2026-01-01"), notAfter: Date.parse("2060-01-01") };
  const algorithms = [
    { kind: "rsa", bits: 2048 },
    { kind: "ecdsa", curve: "P-256" },
    { kind: "ecdsa", curve: "P-384" },
    { kind: "ecdsa", curve: "P-521" },
  ] as const;

  test.each(algorithms)(
    "$kind $bits$curve: valid, with their names, and revoked by the authority's list",
    async (algorithm) => {
      const ca = issueCa({ subject: "CN=Root,O=Example", algorithm, ...validity });
      const issued = issueCertificate({
        ca: { certificate: ca.certificate, key: ca.keyPem },
        subject: "CN=gm1,O=Example",
        algorithm,
        ...validity,
        dnsNames: ["gm1.example"],
        addresses: ["192.0.2.1", "2001:db8::1"],
        serialHex: "abc",
      });
      expect(nodeCrypto.parseCertificate(issued.certificate)).toMatchObject({
        subjectText: "CN=gm1,O=Example",
        issuerText: "CN=Root,O=Example",
        serialHex: "0abc",
        dnsNames: ["gm1.example"],
        addresses: ["192.0.2.1", "2001:db8::1"],
        algorithm,
        ...validity,
      });
      const revoking = issueCrl({ ca, revoked: ["1", "abc"], number: 300, thisUpdate: now, nextUpdate: now + 1000 });
      const sparing = issueCrl({ ca, revoked: [], number: 1, thisUpdate: now, nextUpdate: now + 1000 });
      const request = { chain: [issued.certificate], anchors: [ca.certificate], at: now };
      expect(code(await nodeCrypto.verifyChain({ ...request, crls: [sparing] }))).toBe("ok");
      expect(code(await nodeCrypto.verifyChain({ ...request, crls: [sparing, revoking] }))).toBe("revoked");
      expect(code(await nodeCrypto.verifyChain({ ...request, crls: [], at: validity.notAfter + 1 }))).toBe("expired");
      expect(code(await nodeCrypto.verifyChain({ ...request, crls: [], at: validity.notBefore - 1 }))).toBe(
        "not-yet-valid",
      );
    },
  );

  test("a list goes on with the one before it: higher number, whoever was revoked stays so", async () => {
    const algorithm = { kind: "ecdsa", curve: "P-256" } as const;
    const [ca, other] = [0, 1].map(() => issueCa({ subject: "CN=Root", algorithm, ...validity }));
    if (ca === undefined || other === undefined) throw new Error("nothing issued");
    const [first, second] = ["1", "ab"].map((serialHex) =>
      issueCertificate({ ca, subject: "CN=gm", algorithm, ...validity, serialHex }),
    );
    if (first === undefined || second === undefined) throw new Error("nothing issued");
    const times = { thisUpdate: now, nextUpdate: now + 1000 };
    const none = reviseCrl({ ca, certificates: [], ...times });
    expect(none).toMatchObject({ number: 1, revoked: [] });
    const one = reviseCrl({ ca, before: none.list, certificates: [first.certificate], ...times });
    const both = [first.certificate, second.certificate];
    const two = reviseCrl({ ca, before: one.list, certificates: both, ...times });
    expect(two).toMatchObject({ number: 3, revoked: ["01", "00ab"] });
    const again = reviseCrl({ ca, before: two.list, certificates: [], ...times, nextUpdate: now + 5000 });
    expect(again).toMatchObject({ number: 4, revoked: ["01", "00ab"] });
    for (const certificate of both) {
      const request = { chain: [certificate], anchors: [ca.certificate], crls: [again.list], at: now };
      expect(code(await nodeCrypto.verifyChain(request))).toBe("revoked");
    }
    const wrong = { ca, certificates: [first.certificate], ...times };
    const foreign = issueCrl({ ca: other, revoked: [], number: 1, ...times });
    expect(() => reviseCrl({ ...wrong, before: foreign })).toThrow("not of this authority");
    expect(() => reviseCrl({ ...wrong, before: u32(0) })).toThrow("not of this authority");
    const stranger = issueCa({ subject: "CN=Another", algorithm, ...validity });
    expect(() => reviseCrl({ ...wrong, certificates: [stranger.certificate] })).toThrow("issued by another authority");
  });

  test("a namesake of the authority with another key is untrusted, and its list revokes nobody", async () => {
    const algorithm = { kind: "ecdsa", curve: "P-256" } as const;
    const [ca, namesake] = [0, 1].map(() => issueCa({ subject: "CN=Root", algorithm, ...validity }));
    if (ca === undefined || namesake === undefined) throw new Error("nothing issued");
    const { certificate } = issueCertificate({ ca, subject: "CN=gm1", algorithm, ...validity, serialHex: "1" });
    const crl = issueCrl({ ca: namesake, revoked: ["1"], number: 1, thisUpdate: now, nextUpdate: now });
    const request = { chain: [certificate], crls: [crl], at: now };
    expect(code(await nodeCrypto.verifyChain({ ...request, anchors: [namesake.certificate] }))).toBe("untrusted");
    expect(code(await nodeCrypto.verifyChain({ ...request, anchors: [namesake.certificate, ca.certificate] }))).toBe(
      "ok",
    );
  });

  test("what cannot be issued is refused with a CryptoError", () => {
    const algorithm = { kind: "ecdsa", curve: "P-256" } as const;
    const ca = issueCa({ subject: "CN=Root", algorithm, ...validity });
    const request = { ca, subject: "CN=gm1", algorithm, ...validity };
    const refused = expect.objectContaining({ name: "CryptoError" });
    expect(() => issueCertificate({ ...request, subject: "gm1" })).toThrow(refused);
    expect(() => issueCertificate({ ...request, addresses: ["192.0.2"] })).toThrow(refused);
    expect(() => issueCertificate({ ...request, serialHex: "0" })).toThrow(refused);
    expect(() => issueCertificate({ ...request, algorithm: { kind: "rsa", bits: 1024 } })).toThrow(refused);
    expect(() => issueCertificate({ ...request, ca: { certificate: new Uint8Array(3), key: ca.key } })).toThrow(
      refused,
    );
    expect(() => issueCertificate({ ...request, ca: { certificate: ca.certificate, key: "no key" } })).toThrow(refused);
  });
});
