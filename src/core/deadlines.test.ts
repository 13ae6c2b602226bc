import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines } from "./deadlines.ts";

test("deadlines come out in the order of their time, then of their setting", () => {
  const deadlines = new Deadlines<string>();
  deadlines.set("c", 30);
  deadlines.set("a", 10);
  deadlines.set("b", 10);
  expect(deadlines.next()).toBe(10);
  expect(deadlines.takeDue(9)).toEqual([]);
  expect(deadlines.takeDue(30)).toEqual(["a", "b", "c"]);
  expect(deadlines.next()).toBe(Number.POSITIVE_INFINITY);
});

test("a deadline that was moved or cleared is not due at its old time", () => {
  const deadlines = new Deadlines<string>();
  deadlines.set("a", 10);
  deadlines.set("a", 20);
  deadlines.set("b", 5);
  deadlines.clear("b");
  expect(deadlines.takeDue(15)).toEqual([]);
  expect(deadlines.takeDue(20)).toEqual(["a"]);
});

test("any sequence of set, clear and take agrees with a plain map", () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("set" as const), key: fc.nat(20), at: fc.nat(100) }),
    fc.record({ do: fc.constant("clear" as const), key: fc.nat(20), at: fc.constant(0) }),
    fc.record({ do: fc.constant("take" as const), key: fc.constant(0), at: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const deadlines = new Deadlines<string>();
      const model = new Map<string, number>();
      for (const { do: what, key, at } of steps) {
        if (what === "set") {
          deadlines.set(`k${key}`, at);
          model.set(`k${key}`, at);
        } else if (what === "clear") {
          deadlines.clear(`k${key}`);
          model.delete(`k${key}`);
        } else {
          const due = [...model].filter(([, when]) => when <= at).map(([name]) => name);
          for (const name of due) model.delete(name);
          expect(deadlines.takeDue(at).sort()).toEqual(due.sort());
        }
        expect(deadlines.next()).toBe(Math.min(Number.POSITIVE_INFINITY, ...model.values()));
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});
