import { expect, test } from "vitest";
import { SteadyClock } from "./clock.ts";

function machine(wall: number) {
  const time = { wall, awake: 0, asleep: 0 };
  const pass = (ms: number) => {
    time.wall += ms;
    time.awake += ms;
    time.asleep += ms;
  };
  return { time, pass, sources: { wall: () => time.wall, awake: () => time.awake, asleepToo: () => time.asleep } };
}

test("it runs with the machine's clock and does not follow when that is set back", () => {
  const { time, pass, sources } = machine(1_000_000);
  const clock = new SteadyClock(0, sources);
  pass(5000);
  expect(clock.now()).toBe(1_005_000);
  time.wall -= 3_600_000;
  pass(1000);
  expect(clock.now()).toBe(1_006_000);
  expect(clock.observe()).toBe(-3_600_000);
  expect(clock.observe()).toBeUndefined();
});

test("it starts no earlier than the last time that was recorded", () => {
  const { pass, sources } = machine(1_000_000);
  const clock = new SteadyClock(4_600_000, sources);
  expect(clock.behindAtStart).toBe(3_600_000);
  pass(10);
  expect(clock.now()).toBe(4_600_010);
  expect(clock.observe()).toBeUndefined();
});

test("it tells how far it is ahead of the machine's clock, when that is more than a minute", () => {
  const { time, pass, sources } = machine(1_000_000);
  const clock = new SteadyClock(1_050_000, sources);
  expect([clock.wall(), clock.aheadMs()]).toEqual([1_000_000, 0]);
  time.wall -= 3_600_000;
  pass(1000);
  expect(clock.aheadMs()).toBe(3_650_000);
  time.wall += 7_200_000;
  expect(clock.aheadMs()).toBe(0);
});

test("a sleep of the machine is time that has passed", () => {
  const { time, sources } = machine(1_000_000);
  const clock = new SteadyClock(0, sources);
  time.asleep += 60_000;
  time.wall += 60_000;
  expect(clock.observe()).toBeUndefined();
  expect(clock.now()).toBe(1_060_000);
});
