import { expect, test } from "vitest";
import { hex } from "../util/octets.ts";
import { nodeRandom } from "./node/random.ts";
import type { RandomSource } from "./provider.ts";
import { seededRandom } from "./seeded.ts";

test("the same seed gives the same octets and fractions, another seed others", () => {
  const draw = (source: RandomSource) => [hex(source.octets(7)), source.fraction(), hex(source.octets(32))];
  expect(draw(seededRandom(7))).toEqual(draw(seededRandom(7)));
  expect(draw(seededRandom(7))).not.toEqual(draw(seededRandom(8)));
  expect(draw(seededRandom(0))).not.toEqual(draw(seededRandom(1)));
});

test.each([
  ["seeded", seededRandom(1)],
  ["OpenSSL's", nodeRandom],
] as const)("the %s source gives the length asked for, evenly spread, never the same twice", (_, source) => {
  const counts = new Array<number>(256).fill(0);
  const seen = new Set<string>();
  for (let length = 0; length < 200; length++) expect(source.octets(length).length).toBe(length);
  for (const octets of [source.octets(5000), ...Array.from({ length: 1000 }, () => source.octets(16))]) {
    for (const octet of octets) counts[octet] = (counts[octet] ?? 0) + 1;
    seen.add(hex(octets));
  }
  expect(seen.size).toBe(1001);
  expect(Math.min(...counts)).toBeGreaterThan(30);
  expect(Math.max(...counts)).toBeLessThan(140);
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const fraction = source.fraction();
    expect(fraction >= 0 && fraction < 1).toBe(true);
    sum += fraction;
  }
  expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.03);
});
