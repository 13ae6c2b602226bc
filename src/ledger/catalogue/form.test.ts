import { expect, test } from "vitest";
import { count, duration, listed, timeOfDay } from "./form.ts";

test("lengths of time are rounded to what people read", () => {
  const said = [
    0, 49, 812, 1_000, 9_949, 9_950, 12_400, 59_600, 60_000, 250_000, 3_599_000, 3_600_000, 7_500_000, 273_600_000,
  ];
  expect(said.map(duration)).toEqual([
    "0 ms",
    "49 ms",
    "0.8 s",
    "1.0 s",
    "9.9 s",
    "10 s",
    "12 s",
    "1 min",
    "1 min",
    "4 min 10 s",
    "59 min 59 s",
    "1 h",
    "2 h 5 min",
    "3 d 4 h",
  ]);
});

test("lists are short and say how many more there are", () => {
  expect(listed([])).toBe("none");
  expect(listed(["a"])).toBe("a");
  expect(listed(["a", "b", "c"])).toBe("a, b and c");
  expect(listed(["a", "b", "c", "d"], 2)).toBe("a, b and 2 more");
});

test("counts agree with their nouns", () => {
  expect([count(0, "member"), count(1, "member"), count(2, "retry", "retries")]).toEqual([
    "0 members",
    "1 member",
    "2 retries",
  ]);
});

test("times of day are in UTC", () => {
  expect(timeOfDay(Date.UTC(2026, 5, 1, 14, 2, 11, 999))).toBe("14:02:11 UTC");
  expect(timeOfDay(Date.UTC(2026, 5, 1))).toBe("00:00:00 UTC");
});
