import { expect, test } from "vitest";
import { HalfOpen } from "./half-open.ts";

test("half-open IKE SAs are counted by source, and found by their first message", () => {
  const halfOpen = new HalfOpen();
  halfOpen.add("a", "192.0.2.1", "first a");
  halfOpen.add("b", "192.0.2.1", "first b");
  halfOpen.add("c", "192.0.2.2", "first c");
  expect([halfOpen.size, halfOpen.from("192.0.2.1"), halfOpen.from("192.0.2.2"), halfOpen.from("192.0.2.3")]).toEqual([
    3, 2, 1, 0,
  ]);
  expect(halfOpen.begunBy("first b")).toBe("b");
  halfOpen.remove("b");
  halfOpen.remove("b");
  expect(halfOpen.begunBy("first b")).toBeUndefined();
  expect([halfOpen.size, halfOpen.from("192.0.2.1")]).toEqual([2, 1]);
  halfOpen.remove("a");
  halfOpen.remove("c");
  expect([halfOpen.size, halfOpen.from("192.0.2.1")]).toEqual([0, 0]);
});

test("an IPv6 host has a network of 64 bits, and no more than one share for it", () => {
  const halfOpen = new HalfOpen();
  halfOpen.add("a", "2001:db8:0:1::1", "a");
  halfOpen.add("b", "2001:db8:0:1:ffff::2", "b");
  halfOpen.add("c", "2001:db8:0:2::1", "c");
  expect(halfOpen.from("2001:db8:0:1::99")).toBe(2);
  expect(halfOpen.from("2001:db8:0:2::99")).toBe(1);
});
