import fc from "fast-check";
import { expect, test } from "vitest";
import { decodePlain, encodePlain } from "./plain.ts";

test("plain data comes back as it was, octets as octets", () => {
  const value = { seq: 3, spi: new Uint8Array([0, 255, 16]), list: [null, true, "text", { inner: new Uint8Array() }] };
  expect(decodePlain(encodePlain(value))).toEqual(value);
});

test("names that look like tags are kept apart from tags", () => {
  const value = { a: { $o: "AAAA" }, b: { $$n: "1" }, c: { $: 1 }, d: { $o: "x", more: 1 } };
  expect(decodePlain(encodePlain(value))).toEqual(value);
});

test("numbers that JSON does not know survive", () => {
  expect(decodePlain(encodePlain([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]))).toEqual([
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ]);
});

test("a property without a value is left out", () => {
  expect(Object.keys(Object(decodePlain(encodePlain({ a: undefined, b: 1 }))))).toEqual(["b"]);
});

test("a property named __proto__ stays a property", () => {
  const value = decodePlain('{"__proto__":{"evil":1}}');
  expect(Reflect.get(Object(value), "evil")).toBeUndefined();
});

test("a view into a larger buffer is stored alone", () => {
  const whole = new Uint8Array([1, 2, 3, 4, 5]);
  expect(decodePlain(encodePlain(whole.subarray(1, 3)))).toEqual(new Uint8Array([2, 3]));
});

test("any plain value is a fixed point of encode and decode", () => {
  const { value } = fc.letrec<{ value: never }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.string(),
      fc.uint8Array({ maxLength: 20 }),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("$o", "$n", "$$o", "$")), tie("value"), { maxKeys: 4 }),
    ) as never,
  }));
  fc.assert(
    fc.property(value, (plain) => {
      const once = encodePlain(plain);
      expect(encodePlain(decodePlain(once))).toBe(once);
    }),
    { seed: 1, numRuns: 300 },
  );
});
