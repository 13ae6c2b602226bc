import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../crypto/node/index.ts";
import { issueCa, issueCertificate } from "../crypto/node/issue.ts";
import { concat, fromHex, utf8 } from "../util/octets.ts";
import { sameName } from "./distinguished-name.ts";
import { parseIdentity } from "./identity.ts";
import { samePeer, unboundBecause } from "./identity-binding.ts";

const period = { notBefore: 0, notAfter: 4_000_000_000_000 };
const algorithm = { kind: "ecdsa", curve: "P-256" } as const;
const ca = issueCa({ subject: "CN=CA", algorithm, ...period });
const certificate = nodeCrypto.parseCertificate(
  issueCertificate({
    subject: "CN=gm1,O=Utility",
    algorithm,
    ca,
    dnsNames: ["gm1.example"],
    addresses: ["192.0.2.7", "2001:db8::7"],
    emails: ["gm1@Example.org"],
    ...period,
  }).certificate,
);

/** SEQUENCE { SET { SEQUENCE { type, value of this string tag } } ... } */
function name(...attributes: readonly (readonly [oid: string, tag: number, value: Uint8Array])[]): Uint8Array {
  const element = (tag: number, ...parts: Uint8Array[]) => {
    const contents = concat(...parts);
    return concat(Uint8Array.of(tag, contents.length), contents);
  };
  const rdns = attributes.map(([oid, tag, value]) =>
    element(0x31, element(0x30, element(0x06, fromHex(oid)), element(tag, value))),
  );
  return element(0x30, ...rdns);
}

const CN = "550403";
const O = "55040a";
const UTF8 = 0x0c;
const PRINTABLE = 0x13;
const BMP = 0x1e;

describe("distinguished names", () => {
  test("are the same in another string type", () => {
    const one = name([O, UTF8, utf8("Utility")], [CN, UTF8, utf8("gm1")]);
    expect(sameName(one, name([O, PRINTABLE, utf8("Utility")], [CN, PRINTABLE, utf8("gm1")]))).toBe(true);
    expect(sameName(one, name([O, BMP, fromHex("005500740069006c006900740079")], [CN, UTF8, utf8("gm1")]))).toBe(true);
  });

  test("differ in characters, case, order, type, number of attributes, and where one ends and the next begins", () => {
    const one = name([O, UTF8, utf8("Utility")], [CN, UTF8, utf8("gm1")]);
    expect(sameName(one, name([O, UTF8, utf8("Utility")], [CN, UTF8, utf8("gm2")]))).toBe(false);
    expect(sameName(one, name([O, UTF8, utf8("utility")], [CN, UTF8, utf8("gm1")]))).toBe(false);
    expect(sameName(one, name([CN, UTF8, utf8("gm1")], [O, UTF8, utf8("Utility")]))).toBe(false);
    expect(sameName(one, name([CN, UTF8, utf8("Utility")], [CN, UTF8, utf8("gm1")]))).toBe(false);
    expect(sameName(one, name([O, UTF8, utf8("Utility")]))).toBe(false);
    expect(sameName(one, name([O, UTF8, utf8('Utility"],["550403=text:gm1')]))).toBe(false);
  });

  test("that are no DER are the same as nothing but themselves", () => {
    const good = name([CN, UTF8, utf8("gm1")]);
    for (let length = 0; length < good.length; length++) {
      expect(sameName(good.subarray(0, length), good)).toBe(false);
      expect(sameName(good, good.subarray(0, length))).toBe(false);
    }
    expect(sameName(fromHex("ffff"), fromHex("ffff"))).toBe(true);
  });
});

describe("a certificate", () => {
  const key = certificate.publicKey;
  test.each([
    ["its subject", { type: 9, data: certificate.subject }],
    ["its IPv4 address", parseIdentity("192.0.2.7")],
    ["its IPv6 address", parseIdentity("2001:db8::7")],
    ["its DNS name", parseIdentity("fqdn:gm1.example")],
    ["its DNS name in other case", parseIdentity("fqdn:GM1.Example")],
    ["its mail address", parseIdentity("user:gm1@example.ORG")],
    ["the hash of its key", { type: 11, data: nodeCrypto.hash("sha256", key) }],
    ["the identifier of its key (RFC 5280 4.2.1.2)", { type: 11, data: nodeCrypto.hash("sha1", key.subarray(-65)) }],
  ])("entitles to %s", (_, identity) => {
    if (identity === undefined) throw new Error("no identity");
    expect(unboundBecause(identity, certificate, nodeCrypto)).toBeUndefined();
  });

  test.each([
    ["another subject", { type: 9, data: name([CN, UTF8, utf8("gm2")]) }],
    ["another address", parseIdentity("192.0.2.8")],
    ["another DNS name", parseIdentity("fqdn:gm2.example")],
    ["a DNS name that ends like it", parseIdentity("fqdn:x.gm1.example")],
    ["another mail address", parseIdentity("user:gm2@example.org")],
    ["its mail address in other case", parseIdentity("user:GM1@example.org")],
    ["its DNS name as a mail address", parseIdentity("user:gm1.example")],
    ["any key ID", parseIdentity("keyid:000004d2")],
    ["a subnet", { type: 4, data: new Uint8Array(8) }],
  ])("does not entitle to %s", (_, identity) => {
    if (identity === undefined) throw new Error("no identity");
    expect(unboundBecause(identity, certificate, nodeCrypto)).toEqual(expect.any(String));
  });
});

test("a peer is the configured one when its identity means the same", () => {
  const one = { type: 2, data: utf8("GM1.example") };
  expect(samePeer(one, { type: 2, data: utf8("gm1.example") })).toBe(true);
  expect(samePeer(one, { type: 3, data: utf8("GM1.example") })).toBe(false);
  const mail = { type: 3, data: utf8("A@Example.org") };
  expect(samePeer(mail, { type: 3, data: utf8("A@example.ORG") })).toBe(true);
  expect(samePeer(mail, { type: 3, data: utf8("a@Example.org") })).toBe(false);
  expect(samePeer({ type: 11, data: utf8("a") }, { type: 11, data: utf8("A") })).toBe(false);
});
