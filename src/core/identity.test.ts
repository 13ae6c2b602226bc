import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../crypto/node/index.ts";
import { fromHex, hex } from "../util/octets.ts";
import {
  type Identity,
  identityKey,
  identityText,
  MOST_OID_PAYLOAD_OCTETS,
  oidIdentity,
  parseIdentity,
  readOidIdentity,
  sameIdentity,
} from "./identity.ts";

const oid = fromHex("2a8648ce5683e31a080102");
const whole: Identity = { type: 13, data: fromHex("0d 060b2a8648ce5683e31a080102 0006 0404e9fc0001") };
const contents: Identity = { type: 13, data: fromHex("0b 2a8648ce5683e31a080102 0006 0404e9fc0001") };
const bare: Identity = { type: 13, data: fromHex("0d 060b2a8648ce5683e31a080102 0000") };

describe("text", () => {
  test.each([
    ["192.0.2.1", 1, "c0000201"],
    ["2001:db8::1", 5, "20010db8000000000000000000000001"],
    ["fqdn:gm.example", 2, hex(Buffer.from("gm.example"))],
    ["user:a@b.example", 3, hex(Buffer.from("a@b.example"))],
    ["keyid:000004d2", 11, "000004d2"],
    ["oid:1.2.840.10070.61850.8.1.2", 13, hex(bare.data)],
    ["oid:1.2.840.10070.61850.8.1.2;payload=0404e9fc0001", 13, hex(whole.data)],
  ])("%s names one identity, which is shown so", (text, type, data) => {
    const identity = { type, data: fromHex(data) };
    expect(parseIdentity(text)).toEqual(identity);
    expect(identityText(identity, nodeCrypto)).toBe(text);
  });

  test.each([
    "oid:",
    "oid:1",
    "oid:1.2.x",
    "oid:1.40",
    "oid:1.2.840;",
    "oid:1.2.840;payload=",
    "oid:1.2.840;payload=040",
    "oid:1.2.840;payload=0404e9fc00",
    "oid:1.2.840;other=0404e9fc0001",
    "oid:1.2.840;payload=0404e9fc0001;payload=0404e9fc0001",
    `oid:1.2.840;payload=048203fd${"00".repeat(MOST_OID_PAYLOAD_OCTETS - 3)}`,
    `oid:1.2.840;payload=0482ffff${"00".repeat(0xffff)}`,
  ])("%.60s names none", (text) => {
    expect(parseIdentity(text)).toBeUndefined();
  });
});

describe("an ID_OID", () => {
  test("is the same in both forms of its OID, and no other", () => {
    expect(sameIdentity(whole, contents)).toBe(true);
    expect(identityKey(whole)).toBe(identityKey(contents));
    expect(sameIdentity(whole, bare)).toBe(false);
    expect(identityKey(whole)).not.toBe(identityKey(bare));
    expect(sameIdentity(whole, { ...whole, type: 11 })).toBe(false);
  });

  test("is shown alike in both forms", () => {
    expect(identityText(contents, nodeCrypto)).toBe(identityText(whole, nodeCrypto));
  });

  test("says its OID, its payload and its form, and is made with the whole encoding", () => {
    const selector = { oid, oidSpecificPayload: fromHex("0404e9fc0001") };
    expect(readOidIdentity(whole)).toEqual(selector);
    expect(readOidIdentity(contents)).toEqual({ ...selector, oidForm: "contents" });
    expect(oidIdentity({ ...selector, oidForm: "contents" })).toEqual(whole);
  });

  test("of another form is compared and shown by its octets", () => {
    const broken: Identity = { type: 13, data: fromHex("0d 060a2a8648ce5683e31a080102 0000") };
    expect(readOidIdentity(broken)).toBeUndefined();
    expect(readOidIdentity({ type: 11, data: whole.data })).toBeUndefined();
    expect(sameIdentity(broken, { ...broken })).toBe(true);
    expect(sameIdentity(broken, bare)).toBe(false);
    expect(identityText(broken, nodeCrypto)).toBe(`type13:${hex(broken.data)}`);
  });
});
