import fc from "fast-check";
import { expect, test } from "vitest";
import { addressOctets, addressText, canonicalAddress, rangeText, within } from "./address.ts";
import { hex } from "./octets.ts";

test.each([
  ["192.0.2.1", "c0000201"],
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["2001:db8::a01", "20010db8000000000000000000000a01"],
  ["2001:db8:0:0:1:2:3:4", "20010db8000000000001000200030004"],
  ["::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
  ["fe80::", "fe800000000000000000000000000000"],
])("%s has the octets %s", (text, octets) => {
  expect(hex(addressOctets(text) ?? new Uint8Array())).toBe(octets);
});

test.each(["", "192.0.2", "192.0.2.256", "example", "fe80::1%eth0", ":::", "1:2:3:4:5:6:7:8:9"])(
  "%j is no address",
  (text) => {
    expect(addressOctets(text)).toBeUndefined();
  },
);

test("text and octets of every address are a round trip, and the text is canonical", () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  );
  fc.assert(
    fc.property(octets, (address) => {
      const text = addressText(address) ?? "";
      expect(hex(addressOctets(text) ?? new Uint8Array())).toBe(hex(address));
      expect(canonicalAddress(text.toUpperCase())).toBe(text);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("octets of any other length have no text", () => {
  expect(addressText(new Uint8Array(5))).toBeUndefined();
});

const octets = (text: string): Uint8Array => addressOctets(text) ?? new Uint8Array();

test.each([
  ["10.1.0.0", "10.1.255.255", "10.1.0.0/16"],
  ["10.1.0.7", "10.1.0.7", "10.1.0.7/32"],
  ["0.0.0.0", "255.255.255.255", "0.0.0.0/0"],
  ["10.1.0.0", "10.1.0.2", "10.1.0.0-10.1.0.2"],
  ["10.1.0.1", "10.1.0.2", "10.1.0.1-10.1.0.2"],
  ["10.1.0.64", "10.1.0.191", "10.1.0.64-10.1.0.191"],
  ["2001:db8::", "2001:db8::ffff", "2001:db8::/112"],
])("the range from %s to %s reads %s", (from, to, text) => {
  expect(rangeText(octets(from), octets(to))).toBe(text);
});

test("an address is within a range up to its ends, and never within one of the other family", () => {
  const inside = (address: string, from: string, to: string) => within(octets(address), octets(from), octets(to));
  expect(["10.1.0.3", "10.1.0.5", "10.1.0.9"].every((one) => inside(one, "10.1.0.3", "10.1.0.9"))).toBe(true);
  expect(["10.1.0.2", "10.1.0.10", "9.1.0.5"].some((one) => inside(one, "10.1.0.3", "10.1.0.9"))).toBe(false);
  expect(inside("::5", "0.0.0.0", "255.255.255.255")).toBe(false);
  expect(inside("10.1.0.3", "::", "ffff::")).toBe(false);
});
