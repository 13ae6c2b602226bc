import { describe, expect, test } from "vitest";
import { scenario } from "../../test/support/strongswan-ikev2.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { issueCa, issueCertificate, issueCrl } from "../crypto/node/issue.ts";
import { certificatesFrom } from "../crypto/node/pem.ts";
import { concat, fromHex, hex, utf8 } from "../util/octets.ts";
import { decodeMessage } from "../wire/ikev2/message.ts";
import type { CertPayload, CertreqPayload } from "../wire/ikev2/payloads.ts";
import { certificatePayloads, certificateRequest, receivedCertificates, requestedAuthorities } from "./certificates.ts";
import { identityPayload, readIdentity } from "./identity.ts";

const valid = { algorithm: { kind: "ecdsa", curve: "P-256" }, notBefore: 0, notAfter: 4_000_000_000_000 } as const;
const root = issueCa({ ...valid, subject: "CN=Root" });
const sub = issueCa({ ...valid, subject: "CN=Sub" });
const leaf = issueCertificate({ ...valid, subject: "CN=leaf", ca: sub });
const chain = [leaf.certificate, sub.certificate, root.certificate];

function keyHashOf(certificate: Uint8Array): Uint8Array {
  return nodeCrypto.hash("sha1", nodeCrypto.parseCertificate(certificate).publicKey);
}

describe("CERTREQ", () => {
  test("names each anchor by the hash of its key, once", () => {
    const request = certificateRequest(nodeCrypto, [root.certificate, sub.certificate, root.certificate]);
    expect(request).toMatchObject({ kind: "CERTREQ", encoding: 4 });
    expect(hex(request?.authorities ?? new Uint8Array(0))).toBe(
      hex(concat(keyHashOf(root.certificate), keyHashOf(sub.certificate))),
    );
    expect(certificateRequest(nodeCrypto, [])).toBeUndefined();
  });

  test.each(["rsa-pss", "ecdsa", "ed25519"])("is what strongSwan sends for its authority: %s", (name) => {
    const { datagrams, certificates } = scenario(name);
    const [anchor] = certificatesFrom(utf8(certificates?.ca ?? ""));
    const message = decodeMessage(datagrams[1]?.octets ?? new Uint8Array(0));
    if (!message.ok || anchor === undefined) throw new Error("no response");
    const theirs = message.value.payloads.flatMap(({ payload }) => (payload.kind === "CERTREQ" ? [payload] : []));
    expect(theirs).toEqual([certificateRequest(nodeCrypto, [anchor])]);
    expect(requestedAuthorities(theirs).map(hex)).toEqual([hex(keyHashOf(anchor))]);
  });

  test("stays small, whatever the number of anchors", () => {
    const crypto = {
      ...nodeCrypto,
      parseCertificate: (der: Uint8Array) => ({ ...nodeCrypto.parseCertificate(root.certificate), publicKey: der }),
    };
    const anchors = Array.from({ length: 100 }, (_, i) => Uint8Array.of(i));
    expect(certificateRequest(crypto, anchors)?.authorities.length).toBe(32 * 20);
  });

  test("of another encoding, or that is no list of hashes, asks for nothing", () => {
    const request = (encoding: number, authorities: Uint8Array): CertreqPayload => ({
      kind: "CERTREQ",
      encoding,
      authorities,
    });
    expect(requestedAuthorities([request(12, new Uint8Array(20)), request(4, new Uint8Array(21))])).toEqual([]);
    expect(requestedAuthorities([request(4, new Uint8Array(0))])).toEqual([]);
    expect(requestedAuthorities([request(4, new Uint8Array(40)), request(4, new Uint8Array(20))])).toHaveLength(3);
  });
});

describe("CERT payloads of ours", () => {
  const sent = (requested: readonly Uint8Array[]) =>
    certificatePayloads(nodeCrypto, chain, requested).map(({ data }) => chain.indexOf(data));

  test("are the chain, leaf first, up to what the peer has", () => {
    expect(sent([])).toEqual([0, 1, 2]);
    expect(sent([keyHashOf(root.certificate)])).toEqual([0, 1]);
    expect(sent([new Uint8Array(20), keyHashOf(sub.certificate), keyHashOf(root.certificate)])).toEqual([0]);
    expect(sent([keyHashOf(leaf.certificate)])).toEqual([0, 1, 2]);
    expect(sent([new Uint8Array(20)])).toEqual([0, 1, 2]);
  });
});

describe("CERT payloads of a peer", () => {
  const cert = (encoding: number, data: Uint8Array): CertPayload => ({ kind: "CERT", encoding, data });
  const list = issueCrl({ ca: sub, revoked: ["0a"], number: 1, thisUpdate: 0, nextUpdate: 4_000_000_000_000 });

  test("are a chain in their order, and revocation lists; the rest is passed over and told", () => {
    const received = receivedCertificates([
      cert(4, leaf.certificate),
      { kind: "V", data: new Uint8Array(1) },
      cert(12, utf8("http://example")),
      cert(7, list),
      cert(4, sub.certificate),
      cert(200, new Uint8Array(0)),
      cert(200, new Uint8Array(0)),
    ]);
    expect(received).toEqual({
      chain: [leaf.certificate, sub.certificate],
      crls: [list],
      ignored: ["HASH_AND_URL_X509", "200"],
    });
  });

  test("are ten at most, and four lists", () => {
    const received = receivedCertificates([
      ...Array.from({ length: 12 }, () => cert(4, leaf.certificate)),
      ...Array.from({ length: 6 }, () => cert(7, list)),
    ]);
    expect(received.chain).toHaveLength(10);
    expect(received.crls).toHaveLength(4);
    expect(received.ignored).toEqual(["more than 10 of X509_SIGNATURE", "more than 4 of CRL"]);
  });
});

describe("an ID payload", () => {
  test("states an identity, and is one again", () => {
    for (const identity of [
      { type: 1, data: fromHex("c0000201") },
      { type: 2, data: utf8("gw.example") },
      { type: 3, data: utf8("gw@example.org") },
      { type: 5, data: new Uint8Array(16) },
      { type: 9, data: nodeCrypto.parseCertificate(leaf.certificate).subject },
      { type: 11, data: fromHex("01") },
    ]) {
      expect(readIdentity(identityPayload("IDi", identity))).toEqual({ ok: true, value: identity });
    }
  });

  test.each([
    ["an address of a wrong length", 1, "c00002"],
    ["an IPv6 address of four octets", 5, "c0000201"],
    ["nothing", 2, ""],
    ["an empty name", 9, "3000"],
    ["a general name", 10, "8201"],
    ["ID_NULL (RFC 7619)", 13, ""],
    ["a type that nobody knows", 201, "00"],
  ])("with %s is refused", (_, idType, data) => {
    expect(readIdentity({ idType, data: fromHex(data) })).toMatchObject({ ok: false });
  });
});
