import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../crypto/node/index.ts";
import { addressOctets } from "../../util/address.ts";
import { utf8 } from "../../util/octets.ts";
import type { MemberRule } from "../policy.ts";
import { authorise, dnMatches } from "./authorisation.ts";

const octets = (address: string) => addressOctets(address) ?? new Uint8Array(0);
const range = (from: string, to: string): MemberRule => ({
  rule: "addresses",
  from: octets(from),
  to: octets(to),
  text: `${from}-${to}`,
});

test("an address range includes both ends and nothing of the other family", () => {
  const rules = [range("192.0.2.10", "192.0.2.20")];
  const may = (type: number, address: string) =>
    authorise(rules, { type, data: octets(address) }, nodeCrypto) !== undefined;
  expect(may(1, "192.0.2.10")).toBe(true);
  expect(may(1, "192.0.2.20")).toBe(true);
  expect(may(1, "192.0.2.9")).toBe(false);
  expect(may(1, "192.0.2.21")).toBe(false);
  expect(may(5, "2001:db8::1")).toBe(false);
  // four octets of another identity type are no address
  expect(may(11, "192.0.2.15")).toBe(false);
});

test("an exact identity has the same type and octets", () => {
  const rules: MemberRule[] = [{ rule: "identity", identity: { type: 2, data: utf8("gm1.example") }, text: "gm1" }];
  expect(authorise(rules, { type: 2, data: utf8("gm1.example") }, nodeCrypto)).toBe(rules[0]);
  expect(authorise(rules, { type: 3, data: utf8("gm1.example") }, nodeCrypto)).toBeUndefined();
  expect(authorise(rules, { type: 2, data: utf8("gm2.example") }, nodeCrypto)).toBeUndefined();
});

test("an identity that says it is a DN and is none matches no pattern", () => {
  const rules: MemberRule[] = [{ rule: "dn", pattern: "*" }];
  expect(authorise(rules, { type: 9, data: utf8("not DER") }, nodeCrypto)).toBeUndefined();
});

describe("a DN pattern", () => {
  test.each([
    ["an RDN of several attributes is not one of any value", "CN=*,O=Utility", "CN=gm1+OU=Relays,O=Utility", false],
    ["an escaped plus is part of a value", "CN=*,O=Utility", "CN=gm\\+1,O=Utility", true],
    ["a no-break space is part of a value", "CN=gm1,O=Utility", "CN=gm1\u00a0,O=Utility", false],
    ["an escaped space is part of a value", "CN=gm1,O=Utility", "CN=gm1\\ ,O=Utility", false],
    ["spaces around parts are not", " CN = gm1 , O = Utility ", "CN=gm1,O=Utility", true],
  ])("%s", (_, pattern, name, expected) => {
    expect(dnMatches(pattern, name)).toBe(expected);
  });

  const subject = "CN=gm1,OU=Relays,O=Utility\\, Inc.,C=DE";
  test.each([
    ["CN=gm1,OU=Relays,O=Utility\\, Inc.,C=DE", true],
    ["cn=gm1,ou=Relays,o=Utility\\, Inc.,c=DE", true],
    ["CN=*,OU=Relays,O=Utility\\, Inc.,C=DE", true],
    ["CN=*,*,C=DE", true],
    ["*,O=Utility\\, Inc.,*", true],
    ["*", true],
    ["CN=*,*", true],
    ["CN=gm1", false],
    ["CN=GM1,*", false],
    ["CN=*,OU=Relays,C=DE", false],
    ["OU=*,*", false],
    ["O=Utility, Inc.,*", false],
    ["", false],
  ])("%s: %s", (pattern, expected) => {
    expect(dnMatches(pattern, subject)).toBe(expected);
  });

  test("a star in the value of an RDN stands for the whole value alone", () => {
    expect(dnMatches("CN=gm*", "CN=gm1")).toBe(false);
  });
});
