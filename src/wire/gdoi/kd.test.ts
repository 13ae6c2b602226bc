import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, u16 } from "../../util/octets.ts";
import type { WireError } from "../error.ts";
import { decodeChain, encodeChain } from "../message.ts";
import type { KdPayload, Payload } from "../payloads.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload } from "./lkh.ts";

function kd(body: string): Payload | WireError | undefined {
  const octets = fromHex(body);
  const result = decodeChain(17, concat(fromHex("0000"), u16(octets.length + 4), octets), 0, "gdoi", "none");
  return result.ok ? result.value.payloads[0]?.payload : result.error;
}

describe("a KD payload", () => {
  test("holds key packets whose attributes are read by type", () => {
    const body = "00020000" + "0100000d 04 20000001 80010102" + "0400000d 00 80010008 80020005";
    expect(kd(body)).toEqual({
      kind: "KD",
      packets: [
        { kdType: 1, spi: fromHex("20000001"), attributes: [{ type: 1, value: 0x0102 }] },
        {
          kdType: 4,
          spi: fromHex(""),
          attributes: [
            { type: 1, value: 8 },
            { type: 2, value: 5 },
          ],
        },
      ],
    });
  });

  test("keeps contents of unknown KD Types that are no attributes", () => {
    const payload: KdPayload = {
      kind: "KD",
      packets: [{ kdType: 200, spi: fromHex("01"), attributes: [], opaque: fromHex("0001ffff00") }],
    };
    const octets = encodeChain([payload]);
    expect(kd(hex(octets.subarray(4)))).toEqual(payload);
  });

  test("that says more packets than there are octets for is refused before anything is allocated", () => {
    expect(kd("ffff0000 01000005 00")).toMatchObject({ code: "too-many", path: "KD.packets", section: "RFC 6407 5.6" });
    expect(kd("00020000 01000005 00")).toMatchObject({ code: "too-many" });
    expect(kd("00000000 01000005 00")).toMatchObject({ code: "bad-length", path: "KD" });
  });

  test("is refused with the packet and the field that are wrong", () => {
    expect(kd("00010000 01010005 00")).toMatchObject({ code: "reserved", offset: 9, path: "KD.packets[0]" });
    expect(kd("00010000 01000004 00")).toMatchObject({ code: "truncated", path: "KD.packets[0].spi" });
    expect(kd("00010000 01000003 00")).toMatchObject({ code: "bad-length", path: "KD.packets[0]" });
    expect(kd("00010000 01000006 00")).toMatchObject({ code: "truncated", path: "KD.packets[0]" });
    expect(kd("00010000 01000009 00 00010001")).toMatchObject({ path: "KD.packets[0].attributes[0]" });
  });
});

describe("an LKH array", () => {
  const key = "00080300 00000001 00000002 00000003";

  test("is divided evenly by the number of its keys", () => {
    const array = `01000200 ${key} aabb ${key} ccdd`;
    expect(decodeLkhDownload(fromHex(array))).toMatchObject({
      value: { keys: [{ lkhId: 8, data: fromHex("aabb") }, { data: fromHex("ccdd") }] },
    });
    expect(decodeLkhDownload(fromHex(`${array} 00`))).toMatchObject({ error: { code: "bad-length", path: "keys" } });
    expect(decodeLkhDownload(fromHex("01000000 00"))).toMatchObject({ error: { code: "bad-length", offset: 4 } });
  });

  test("that says 65535 keys is refused before anything is allocated", () => {
    expect(decodeLkhDownload(fromHex(`01ffff00 ${key}`))).toMatchObject({ error: { code: "bad-length" } });
    expect(decodeLkhUpdate(fromHex(`01ffff00 00050000 00000001 ${key}`))).toMatchObject({
      error: { code: "bad-length", section: "RFC 6407 5.6.3.2" },
    });
  });

  test("has version 1 and zeros where nothing is defined", () => {
    expect(decodeLkhDownload(fromHex("02000000"))).toMatchObject({ error: { code: "bad-value", offset: 0 } });
    expect(decodeLkhDownload(fromHex("01000001"))).toMatchObject({ error: { code: "reserved", offset: 3 } });
    expect(decodeLkhUpdate(fromHex("01000000 00050001 00000001"))).toMatchObject({ error: { code: "reserved" } });
  });

  test("cannot be made of keys of different lengths", () => {
    const made = { lkhId: 1, keyType: 3, created: 0, expires: 0, keyHandle: 1 };
    const keys = [
      { ...made, data: new Uint8Array(16) },
      { ...made, data: new Uint8Array(32) },
    ];
    expect(() => encodeLkhDownload({ keys })).toThrow(RangeError);
  });
});
