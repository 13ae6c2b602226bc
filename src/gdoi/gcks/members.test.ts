import { expect, test } from "vitest";
import { nodeCrypto } from "../../crypto/node/index.ts";
import { addressOctets } from "../../util/address.ts";
import { utf8 } from "../../util/octets.ts";
import { hasAddress, identityOf, MemberTable, memberName } from "./members.ts";

const local = { address: "192.0.2.1", port: 848 };
const fqdn = (name: string) => ({ type: 2, data: utf8(name) });

test("a member is found by identity, name and an address that only it has", () => {
  const table = new MemberTable();
  const one = table.open(fqdn("gm1.example"), nodeCrypto);
  table.register(one, "198.51.100.1", 848, local);
  expect(table.find(fqdn("gm1.example"))).toBe(one);
  expect(table.named("gm1.example")).toBe(one);
  expect(table.named("198.51.100.1")).toBe(one);
  const two = table.open(fqdn("gm2.example"), nodeCrypto);
  table.register(two, "198.51.100.1", 849, local);
  expect(table.named("198.51.100.1")).toBeUndefined();
  expect(table.atAddress("198.51.100.1")).toEqual([one, two]);
  table.withdraw(one, "removed", "gone");
  expect(table.atAddress("198.51.100.1")).toEqual([two]);
  expect(table.registered).toBe(1);
});

test("a member that moves is found at its new address only", () => {
  const table = new MemberTable();
  const member = table.open(fqdn("gm1.example"), nodeCrypto);
  table.register(member, "198.51.100.1", 848, local);
  table.register(member, "2001:db8::7", 848, local);
  expect(table.atAddress("198.51.100.1")).toBeUndefined();
  expect(table.atAddress("2001:db8::7")).toBe(member);
  expect(table.registered).toBe(1);
  expect(hasAddress(member, 5, addressOctets("2001:db8::7") ?? new Uint8Array(0))).toBe(true);
  expect(hasAddress(member, 5, addressOctets("2001:db8::8") ?? new Uint8Array(0))).toBe(false);
  expect(hasAddress(member, 1, addressOctets("198.51.100.1") ?? new Uint8Array(0))).toBe(false);
});

test("slots are given once", () => {
  const table = new MemberTable();
  const one = table.open(fqdn("a"), nodeCrypto);
  table.withdraw(one, "evicted", "stolen");
  expect(table.open(fqdn("b"), nodeCrypto).slot).toBe(1);
  expect(table.open(fqdn("a"), nodeCrypto)).toBe(one);
});

test("a host name is its own name unless it could be taken for something else", () => {
  expect(memberName(fqdn("gm1.example"), nodeCrypto)).toBe("gm1.example");
  expect(memberName(fqdn("192.0.2.7"), nodeCrypto)).toBe("fqdn:192.0.2.7");
  expect(memberName(fqdn("keyid:00"), nodeCrypto)).toBe("fqdn:keyid:00");
  expect(memberName({ type: 1, data: new Uint8Array([192, 0, 2, 7]) }, nodeCrypto)).toBe("192.0.2.7");
});

test("an identity comes back from its key", () => {
  const table = new MemberTable();
  const member = table.open({ type: 11, data: new Uint8Array([1, 2, 255]) }, nodeCrypto);
  expect(identityOf(member.key)).toEqual({ type: 11, data: new Uint8Array([1, 2, 255]) });
});
