import { describe, expect, test } from "vitest";
import { concat } from "../util/octets.ts";
import { Reassembly } from "./fragments.ts";

const limits = { fragments: 8, octets: 100, milliseconds: 1000 };
const place = (fragmentNumber: number, totalFragments: number, innerFirst = fragmentNumber === 1 ? 35 : 0) => ({
  innerFirst,
  fragmentNumber,
  totalFragments,
});
const part = (value: number, length = 10) => new Uint8Array(length).fill(value);

describe("a reassembly (RFC 7383 2.6)", () => {
  test("puts fragments together in the order of their numbers, with the type that the first one says", () => {
    const reassembly = new Reassembly(limits);
    expect(reassembly.add(1, place(3, 3, 99), part(3), 0)).toEqual({ now: "waiting" });
    expect(reassembly.add(1, place(1, 3), part(1), 0)).toEqual({ now: "waiting" });
    expect(reassembly.add(1, place(2, 3), part(2), 0)).toEqual({
      now: "complete",
      content: { first: 35, octets: concat(part(1), part(2), part(3)) },
    });
    expect(reassembly.endsAt).toBe(Number.POSITIVE_INFINITY);
  });

  test("of a single fragment is complete at once", () => {
    expect(new Reassembly(limits).add(1, place(1, 1), part(1), 0)).toMatchObject({ now: "complete" });
  });

  test("does not want what it has, what is older, nor numbers that cannot be", () => {
    const reassembly = new Reassembly(limits);
    reassembly.add(1, place(1, 3), part(1), 0);
    expect(reassembly.wants(1, place(1, 3))).toBe(false);
    expect(reassembly.wants(1, place(2, 3))).toBe(true);
    expect(reassembly.wants(1, place(1, 2))).toBe(false);
    expect(reassembly.wants(1, place(1, 4))).toBe(true);
    expect(reassembly.wants(2, place(1, 2))).toBe(true);
    expect(reassembly.wants(1, place(0, 3))).toBe(false);
    expect(reassembly.wants(1, place(4, 3))).toBe(false);
  });

  test("begins anew with smaller fragments, and does not mix the two sets", () => {
    const reassembly = new Reassembly(limits);
    reassembly.add(1, place(1, 2), part(1), 0);
    expect(reassembly.add(1, place(2, 3), part(2), 500)).toEqual({ now: "waiting" });
    expect(reassembly.add(1, place(3, 3), part(3), 500)).toEqual({ now: "waiting" });
    expect(reassembly.wants(1, place(2, 2))).toBe(false);
    expect(reassembly.add(1, place(1, 3), part(7), 500)).toEqual({
      now: "complete",
      content: { first: 35, octets: concat(part(7), part(2), part(3)) },
    });
  });

  test("has its time from the first fragment of a message, which sets of ever more fragments do not lengthen", () => {
    const reassembly = new Reassembly(limits);
    reassembly.add(1, place(1, 2), part(1), 100);
    expect(reassembly.endsAt).toBe(1100);
    reassembly.add(1, place(1, 3), part(1), 900);
    expect(reassembly.endsAt).toBe(1100);
    reassembly.add(2, place(1, 3), part(1), 900);
    expect(reassembly.endsAt).toBe(1900);
    reassembly.forget();
    expect(reassembly.endsAt).toBe(Number.POSITIVE_INFINITY);
    expect(reassembly.wants(2, place(1, 3))).toBe(true);
  });

  test("holds one message, within its limits of fragments and octets", () => {
    const reassembly = new Reassembly(limits);
    expect(reassembly.add(1, place(1, 9), part(1), 0)).toEqual({ now: "refused", why: "9 fragments" });
    expect(reassembly.add(1, place(1, 65535), part(1), 0)).toMatchObject({ now: "refused" });
    expect(reassembly.add(1, place(1, 8), part(1, 60), 0)).toEqual({ now: "waiting" });
    expect(reassembly.add(1, place(2, 8), part(1, 41), 0)).toEqual({
      now: "refused",
      why: "more than 100 octets in fragments",
    });
    expect(reassembly.endsAt).toBe(Number.POSITIVE_INFINITY);
    reassembly.add(1, place(1, 2), part(1, 90), 0);
    expect(reassembly.add(2, place(1, 2), part(1, 90), 0)).toEqual({ now: "waiting" });
    expect(reassembly.add(2, place(2, 2), part(2, 10), 0)).toMatchObject({ now: "complete" });
  });

  test("keeps no view of a datagram", () => {
    const reassembly = new Reassembly(limits);
    const datagram = part(1);
    reassembly.add(1, place(1, 2), datagram, 0);
    datagram.fill(9);
    const done = reassembly.add(1, place(2, 2), part(2), 0);
    expect(done).toMatchObject({ content: { octets: concat(part(1), part(2)) } });
  });
});
