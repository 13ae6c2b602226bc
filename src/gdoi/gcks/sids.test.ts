import { expect, test } from "vitest";
import { SidCounter, sidValues } from "./sids.ts";

test("SIDs begin at zero and follow each other", () => {
  const sids = new SidCounter(8);
  expect(sidValues(sids.take(1))).toEqual([0]);
  expect(sidValues(sids.take(3))).toEqual([1, 2, 3]);
  expect(sids.next).toBe(4);
});

test("the last value is handed out, the one after it is not", () => {
  const sids = new SidCounter(8);
  sids.take(254);
  expect(sids.has(2)).toBe(true);
  expect(sidValues(sids.take(2))).toEqual([254, 255]);
  expect(sids.has(1)).toBe(false);
});

test("one request may ask for a sixteenth of all, at least one", () => {
  expect(new SidCounter(8).limit).toBe(16);
  expect(new SidCounter(16).limit).toBe(4096);
  expect(new SidCounter(2).limit).toBe(1);
});

test("one member may have the same in all, and some more when it asks for one at a time", () => {
  const shares = [16, 12, 8, 3].map((bits) => [new SidCounter(bits).share(2), new SidCounter(bits).share(1)]);
  expect(shares).toEqual([
    [4096, 8192],
    [256, 512],
    [16, 32],
    [1, 16],
  ]);
});

test("what an earlier life handed out stays used, in its own epoch only", () => {
  const sids = new SidCounter(8, 3, 10);
  sids.raise(3, { from: 20, count: 5 });
  expect(sids.next).toBe(25);
  sids.raise(2, { from: 200, count: 5 });
  expect(sids.next).toBe(25);
  sids.reset(12);
  expect([sids.epoch, sids.bits, sids.next]).toEqual([4, 12, 0]);
});
