import { describe, expect, test } from "vitest";
import { fromHex } from "../util/octets.ts";
import { attribute, numberOf } from "./attributes.ts";

describe("an attribute's number", () => {
  test.each([
    [7, 7],
    [fromHex("00015180"), 86_400],
    [fromHex(""), 0],
    [fromHex("ffffffffffff"), 2 ** 48 - 1],
    [fromHex("000000000000000e10"), 3600],
    [fromHex("01000000000000"), Number.MAX_SAFE_INTEGER],
  ])("of %o is %d", (value, number) => {
    expect(numberOf({ type: 1, value })).toBe(number);
  });

  test("is that of the first attribute of a type", () => {
    const list = [
      { type: 1, value: 1 },
      { type: 2, value: 5 },
      { type: 2, value: 6 },
    ];
    expect(attribute(list, 2)?.value).toBe(5);
    expect(attribute(list, 3)).toBeUndefined();
  });
});
