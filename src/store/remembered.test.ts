import { expect, test } from "vitest";
import { Remembered } from "./remembered.ts";

test("what is asked for now and then stays, what is not goes, and the number is bounded", () => {
  const map = new Remembered<string, number>(10);
  map.set("kept", 1);
  map.set("gone", 2);
  for (let i = 0; i < 100; i++) {
    map.set(`one of many ${i}`, i);
    expect(map.get("kept")).toBe(1);
  }
  expect(map.get("gone")).toBeUndefined();
  const left = Array.from({ length: 100 }, (_, i) => map.get(`one of many ${i}`)).filter((one) => one !== undefined);
  expect(left.length).toBeLessThanOrEqual(20);
  expect(left).toContain(99);
});

test("a value that is set anew is the one that counts", () => {
  const map = new Remembered<string, number>(2);
  map.set("a", 1);
  map.set("b", 1);
  map.set("c", 1);
  map.set("a", 2);
  expect([map.get("a"), map.get("c")]).toEqual([2, 1]);
  map.clear();
  expect(map.get("a")).toBeUndefined();
});
