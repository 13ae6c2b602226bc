import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, utf8 } from "../util/octets.ts";
import type { WireError } from "./error.ts";
import { decodeHeader, encodeHeader } from "./header.ts";
import { type ChainContext, contextOf, decodeChain, decodeMessage, encodeChain, encodeMessage } from "./message.ts";
import type { Payload } from "./payloads.ts";

const header = {
  initiatorCookie: fromHex("0102030405060708"),
  responderCookie: fromHex("1112131415161718"),
  exchangeType: 5,
  flags: 0,
  messageId: 0,
};

function chain(first: number, text: string, context: ChainContext = "phase1"): Payload[] | WireError {
  const result = decodeChain(first, fromHex(text), 0, context, "none");
  return result.ok ? result.value.payloads.map(({ payload }) => payload) : result.error;
}

describe("the header", () => {
  const octets = encodeHeader({ ...header, nextPayload: 0, length: 28 });

  test("of another version is refused at its octet", () => {
    expect(decodeHeader(octets.with(17, 0x20))).toMatchObject({ error: { code: "version", offset: 17 } });
    expect(decodeHeader(octets.with(17, 0x11))).toMatchObject({ error: { code: "version", offset: 17 } });
  });

  test("must say the length of the datagram", () => {
    expect(decodeHeader(concat(octets, fromHex("00")))).toMatchObject({
      error: { code: "bad-length", offset: 24, section: "RFC 2408 3.1" },
    });
    expect(decodeHeader(octets.subarray(0, 20))).toMatchObject({ error: { code: "truncated", path: "messageId" } });
  });

  test("alone is a message without payloads", () => {
    expect(decodeMessage(octets)).toMatchObject({ ok: true, value: { payloads: [] } });
  });
});

describe("a chain of payloads", () => {
  test("keeps payloads that are not understood", () => {
    const text = "820000060a0b" + "00000005ff";
    const payloads = chain(20, text);
    expect(payloads).toEqual([
      { kind: "UNKNOWN", type: 20, data: fromHex("0a0b") },
      { kind: "UNKNOWN", type: 130, data: fromHex("ff") },
    ]);
    expect(Array.isArray(payloads) && hex(encodeChain(payloads))).toBe(text);
  });

  test("is refused with the path, the offset and the section of what is wrong", () => {
    expect(chain(8, "0b010004")).toMatchObject({ code: "reserved", offset: 1, path: "HASH", section: "RFC 2408 3.2" });
    expect(chain(8, "00000003")).toMatchObject({ code: "bad-length", offset: 2, path: "HASH" });
    expect(chain(8, "00000005")).toMatchObject({ code: "truncated", offset: 2, path: "HASH" });
    expect(chain(8, "0800000400000008")).toMatchObject({ code: "truncated", offset: 6, path: "HASH[1]" });
    expect(chain(18, "00000009000000010a")).toMatchObject({ code: "bad-length", offset: 8, path: "SEQ" });
    expect(chain(18, "0000000600ff")).toMatchObject({ path: "SEQ.sequenceNumber", section: "RFC 6407 5.7" });
  });

  test("must be used up", () => {
    expect(chain(8, "0000000400")).toMatchObject({ code: "bad-length", offset: 4, section: "RFC 2408 3.2" });
  });

  test("holds no payload that belongs inside an SA payload", () => {
    for (const type of [2, 3, 15, 16]) {
      expect(chain(type, "00000004", "gdoi")).toMatchObject({ code: "unexpected", offset: 0 });
    }
  });

  test("has at most 64 payloads", () => {
    const nonces = (count: number) => `${"0a000004".repeat(count - 1)}00000004`;
    expect(chain(10, nonces(64))).toHaveLength(64);
    expect(chain(10, nonces(65))).toMatchObject({ code: "too-many", path: "NONCE[64]" });
  });

  test("may be followed by fewer than 16 zeros where padding is foreseen, and by nothing else", () => {
    const padded = (padding: string) => decodeChain(8, fromHex(`00000004${padding}`), 0, "gdoi", "zeros");
    expect(padded("")).toMatchObject({ value: { end: 4 } });
    expect(padded("00".repeat(15))).toMatchObject({ value: { end: 4 } });
    expect(padded("00".repeat(16))).toMatchObject({ error: { code: "bad-length", offset: 4 } });
    expect(padded("0001")).toMatchObject({ error: { code: "bad-value", offset: 4 } });
  });

  test("that starts behind the octets is truncated", () => {
    expect(decodeChain(8, new Uint8Array(4), 9, "gdoi", "zeros")).toMatchObject({ error: { code: "truncated" } });
    expect(decodeChain(0, new Uint8Array(4), 9, "gdoi", "zeros")).toMatchObject({ ok: false });
  });

  test("gives plain octets although a Buffer came", () => {
    const result = decodeChain(8, Buffer.from("00000006abcd", "hex"), 0, "gdoi", "none");
    const [received] = result.ok ? result.value.payloads : [];
    expect(received?.octets.constructor).toBe(Uint8Array);
    expect(received?.payload).toEqual({ kind: "HASH", data: fromHex("abcd") });
  });
});

describe("SA payloads", () => {
  test("are those of RFC 6407 in its exchanges and those of RFC 2408 elsewhere", () => {
    expect([2, 5, 32, 33, 35].map(contextOf)).toEqual(["phase1", "phase1", "gdoi", "gdoi", "gdoi"]);
  });

  test("of Phase 1 keep both forms of an attribute as they came", () => {
    const attributes = "800b0001" + "000c000400007080" + "000c00020708";
    const transform = `0000001a01010000${attributes}`;
    const octets = `0000002e00000002000000010000002201010001${transform}`;
    expect(chain(1, octets)).toMatchObject([
      {
        kind: "SA",
        doi: 2,
        proposals: [
          {
            transforms: [
              {
                attributes: [
                  { type: 11, value: 1 },
                  { type: 12, value: fromHex("00007080") },
                  { type: 12, value: fromHex("0708") },
                ],
              },
            ],
          },
        ],
      },
    ]);
  });

  test("of Phase 1 must have as many transforms as they say", () => {
    expect(chain(1, "0000001c0000000100000001000000100101000200000008010100 00")).toMatchObject({
      code: "bad-value",
      path: "SA.P",
      section: "RFC 2408 3.5",
    });
  });

  test("of Phase 1 keep the labels of a secrecy situation", () => {
    const labels = "00000007" + "00020000aabb0000" + "00090000ffee0000";
    const payloads = chain(1, `000000200000000100000002${labels}`);
    expect(payloads).toMatchObject([{ situation: 2, situationLabels: fromHex(labels), proposals: [] }]);
    expect(Array.isArray(payloads) && hex(encodeChain(payloads))).toBe(`000000200000000100000002${labels}`);
  });

  test("keep proposals where they belong", () => {
    expect(chain(1, "000000180000000100000001030000080101000000000004")).toMatchObject({
      code: "unexpected",
      path: "SA.payload3",
    });
  });
});

describe("Delete and Notification", () => {
  test("say more SPIs than there are octets for, and are refused before anything is allocated", () => {
    expect(chain(12, "0000001000000002 0104ffff 00000001")).toMatchObject({ code: "too-many", path: "D.spis" });
    expect(chain(12, "0000000c00000002 0100ffff")).toMatchObject({ code: "too-many", path: "D.spis" });
    expect(chain(12, "0000001300000002 01040001 00000001000000")).toMatchObject({ code: "bad-length", path: "D" });
  });

  test("carry SPIs and data", () => {
    const payloads: Payload[] = [
      { kind: "D", doi: 2, protocolId: 1, spiSize: 4, spis: [fromHex("00000001"), fromHex("00000002")] },
      { kind: "N", doi: 1, protocolId: 1, spi: fromHex("0a0b"), notifyType: 14, data: utf8("no") },
    ];
    const datagram = encodeMessage(header, payloads);
    const message = decodeMessage(datagram);
    expect(message.ok && message.value.payloads.map(({ payload }) => payload)).toEqual(payloads);
  });
});

test("values that no field can carry are errors of the caller", () => {
  expect(() => encodeChain([{ kind: "SEQ", sequenceNumber: 2 ** 32 }])).toThrow(RangeError);
  expect(() => encodeChain([{ kind: "SIG", data: new Uint8Array(65_536) }])).toThrow(RangeError);
  expect(() => encodeChain([{ kind: "GAP", attributes: [{ type: 1, value: 65_536 }] }])).toThrow(RangeError);
  expect(() => encodeChain([{ kind: "GAP", attributes: [{ type: 0x8001, value: 1 }] }])).toThrow(RangeError);
  expect(() => encodeChain([{ kind: "D", doi: 2, protocolId: 1, spiSize: 4, spis: [new Uint8Array(3)] }])).toThrow(
    RangeError,
  );
});
