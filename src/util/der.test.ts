import { expect, test } from "vitest";
import { derElement, isDer } from "./der.ts";
import { concat, fromHex } from "./octets.ts";

test.each([
  ["an octet string", "0404efc00001"],
  ["an empty octet string", "0400"],
  ["a sequence of two elements", "3009 0404efc00001 020105"],
  ["a length in the long form", `0481 80 ${"aa".repeat(128)}`],
])("%s is one element of DER", (_, octets) => {
  expect(isDer(fromHex(octets))).toBe(true);
});

test.each([
  ["nothing", ""],
  ["a tag alone", "04"],
  ["an element that is cut off", "0404efc000"],
  ["something behind the element", "0404efc0000100"],
  ["the indefinite length of BER", "3080 0500 0000"],
  ["the long form for a short length", "048104efc00001"],
  ["a length with a leading zero", `04820080 ${"aa".repeat(128)}`],
  ["a sequence whose element is cut off", "3005 0404efc000"],
])("%s is not", (_, octets) => {
  expect(isDer(fromHex(octets))).toBe(false);
});

test("nesting deeper than any structure has is not taken apart", () => {
  let nested = fromHex("0500");
  for (let i = 0; i < 40; i++) nested = concat(new Uint8Array([0x30, nested.length]), nested);
  expect(derElement(nested)).toBeDefined();
  expect(isDer(nested)).toBe(false);
});
