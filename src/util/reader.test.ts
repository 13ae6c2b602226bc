import { describe, expect, test } from "vitest";
import { fromHex, hex } from "./octets.ts";
import { Malformed, Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

function fault(action: () => unknown): Malformed {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof Malformed) return thrown;
  }
  throw new Error("nothing malformed was thrown");
}

describe("a reader", () => {
  test("never reads past its end, and stays where it was when it is asked to", () => {
    const reader = new Reader(fromHex("0102030405"), 1, 4);
    expect(reader.u16()).toBe(0x0203);
    expect(fault(() => reader.u16())).toMatchObject({ code: "truncated", offset: 3 });
    expect(reader.u8()).toBe(4);
    expect(reader.left).toBe(0);
  });

  test("hands a part to another reader, which must be used up on its own", () => {
    const reader = new Reader(fromHex("0102030405"));
    const part = reader.sub(3);
    expect(reader.offset).toBe(3);
    expect(part.u8()).toBe(1);
    expect(fault(() => part.expectEnd())).toMatchObject({ code: "bad-length", offset: 1 });
    expect(hex(part.rest())).toBe("0203");
    part.expectEnd();
    expect(fault(() => part.take(1)).code).toBe("truncated");
    expect(hex(reader.since(1))).toBe("0203");
  });

  test("that begins behind its octets reads nothing", () => {
    const reader = new Reader(fromHex("01"), 3);
    expect(fault(() => reader.rest()).code).toBe("truncated");
    expect(fault(() => reader.u8()).code).toBe("truncated");
    expect(fault(() => reader.expectEnd()).code).toBe("bad-length");
  });

  test("reads large numbers as unsigned", () => {
    expect(new Reader(fromHex("ffffffff")).u32()).toBe(0xffffffff);
  });
});

describe("a writer", () => {
  test("grows as it is written to and can fill in what came before", () => {
    const writer = new Writer();
    writer.u16(0);
    writer.u32(0xfffffffe);
    writer.zeros(2);
    writer.bytes(new Uint8Array(1000).fill(7));
    writer.u8(9);
    writer.setU16(0, 0x0102);
    const octets = writer.finish();
    expect(octets).toHaveLength(1009);
    expect(hex(octets.subarray(0, 9))).toBe("0102fffffffe000007");
    expect(octets[1008]).toBe(9);
  });

  test("takes no number that does not fit", () => {
    const writer = new Writer();
    expect(() => writer.u8(256)).toThrow(RangeError);
    expect(() => writer.u16(-1)).toThrow(RangeError);
    expect(() => writer.u32(1.5)).toThrow(RangeError);
    expect(() => writer.u32(2 ** 32)).toThrow(RangeError);
    expect(writer.length).toBe(0);
  });
});
