import { describe, expect, test } from "vitest";
import { NotifyType, PayloadType } from "../../iana/ikev2.ts";
import { fromHex, hex } from "../../util/octets.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads, unsupportedCritical } from "./message.ts";
import type { Payload } from "./payloads.ts";

function octets(first: number, ...payloads: string[]) {
  return { first, data: fromHex(payloads.join("")) };
}

function decoded({ first, data }: ReturnType<typeof octets>): Payload[] {
  const result = decodePayloads(first, data);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value.map(({ payload }) => payload);
}

function refusal({ first, data }: ReturnType<typeof octets>) {
  const result = decodePayloads(first, data);
  return result.ok ? undefined : result.error;
}

const header = {
  spiI: fromHex("0102030405060708"),
  spiR: fromHex("1112131415161718"),
  exchangeType: 37,
  flags: 8,
  messageId: 2,
};

describe("reserved octets", () => {
  test("are sent as zero", () => {
    const payloads: Payload[] = [
      { kind: "KE", group: 31, data: fromHex("aa") },
      { kind: "IDi", idType: 11, data: fromHex("bb") },
    ];
    expect(hex(encodePayloads(payloads))).toBe("23000009001f0000aa00000009" + "0b000000bb");
  });

  test.each([
    ["the generic header", PayloadType.NONCE, "007f0006abcd", { reserved: 0x7f }],
    ["KE", PayloadType.KE, "0000000a001f1234abcd", { group: 31, reserved2: 0x1234 }],
    ["IDr", PayloadType.IDr, "0000000a0b010203abcd", { idType: 11, reserved2: 0x010203 }],
    ["AUTH", PayloadType.AUTH, "0000000a02ffffffabcd", { method: 2, reserved2: 0xffffff }],
    ["TSi", PayloadType.TSi, "0000000800000009", { selectors: [], reserved2: 9 }],
    ["CP", PayloadType.CP, "0000000c01000009 80010000", { reserved2: 9, attributes: [{ type: 1, reserved: true }] }],
    [
      "a proposal and its transform",
      PayloadType.SA,
      "00000014 00010010 01030001 00020008 0103000c",
      { proposals: [{ number: 1, reserved: 1, transforms: [{ type: 1, id: 12, reserved: 2, reserved2: 3 }] }] },
    ],
  ])("of %s are ignored on receipt, and stay as they came", (_name, first, text, fields) => {
    const came = octets(first, text);
    const payloads = decoded(came);
    expect(payloads).toMatchObject([fields]);
    expect(hex(encodePayloads(payloads))).toBe(hex(came.data));
  });
});

describe("the critical bit", () => {
  const unknown = (flags: string) => octets(200, `28${flags}0006abcd`, "00800005ee");

  test("of a type that is not understood is told, and its contents are kept", () => {
    const result = decodePayloads(200, unknown("80").data);
    expect(result.ok && unsupportedCritical(result.value)).toBe(200);
    expect(decoded(unknown("80"))).toMatchObject([
      { kind: "UNKNOWN", type: 200, critical: true },
      { kind: "NONCE", critical: true },
    ]);
    expect(hex(encodePayloads(decoded(unknown("80"))))).toBe(hex(unknown("80").data));
  });

  test("of a type that is understood says nothing, and without it unknown types are passed over", () => {
    const result = decodePayloads(200, unknown("00").data);
    expect(result.ok && unsupportedCritical(result.value)).toBeUndefined();
  });
});

describe("an SK payload", () => {
  test("ends its message, and its Next Payload is the first type inside", () => {
    const sealed: Payload = { kind: "SK", innerFirst: PayloadType.D, body: fromHex("00112233") };
    const datagram = encodeMessage(header, [{ kind: "V", data: fromHex("aa") }, sealed]);
    expect(hex(datagram.subarray(16))).toBe("2b20250800000002000000292e000005aa2a00000800112233");
    const message = decodeMessage(datagram);
    expect(message.ok && message.value.payloads[1]?.payload).toEqual(sealed);
  });

  test("with anything behind it is refused", () => {
    const datagram = fromHex(`${hex(encodeMessage(header, []))}2900000600112900000800000000`);
    datagram[16] = PayloadType.SK;
    new DataView(datagram.buffer).setUint32(24, datagram.length);
    expect(decodeMessage(datagram)).toMatchObject({ ok: false, error: { code: "bad-length", offset: 34 } });
  });

  test.each([PayloadType.SK, PayloadType.SKF])("does not stand inside another (type %i)", (type) => {
    expect(refusal(octets(type, "0000000c0001000100112233"))).toMatchObject({ code: "unexpected", offset: 0 });
  });

  test.each([
    ["0 of 1", "00000001"],
    ["2 of 1", "00020001"],
    ["0 of 0", "00000000"],
  ])("that is fragment %s is refused", (text, numbers) => {
    const fragment = encodeMessage(header, [
      { kind: "SKF", innerFirst: 0, fragmentNumber: 1, totalFragments: 1, body: fromHex("00") },
    ]);
    fragment.set(fromHex(numbers), 32);
    expect(decodeMessage(fragment)).toMatchObject({
      ok: false,
      error: { message: `fragment ${text}`, path: "SKF.fragmentNumber", section: "RFC 7383 2.5", offset: 32 },
    });
  });
});

describe("what is malformed is refused with place and rule", () => {
  test.each([
    ["a payload shorter than its header", PayloadType.NONCE, "00000003", "bad-length", "NONCE", "RFC 7296 3.2"],
    ["a payload longer than its message", PayloadType.V, "00000005", "truncated", "V", "RFC 7296 3.2"],
    ["a notification without its type", PayloadType.N, "0000000700 0000", "truncated", "N.type", "RFC 7296 3.10"],
    ["an SPI longer than the notification", PayloadType.N, "0000000803044009", "truncated", "N.spi", "RFC 7296 3.10"],
    ["more SPIs than octets", PayloadType.D, "0000000c0304ffff00000001", "too-many", "D.spis", "RFC 7296 3.11"],
    ["SPIs that have no octets", PayloadType.D, "000000080100ffff", "too-many", "D.spis", "RFC 7296 3.11"],
    [
      "Num Transforms that is not true",
      PayloadType.SA,
      "00000014 00000010 01030002 00000008 0100000c",
      "bad-value",
      "SA.Proposal",
      "RFC 7296 3.3.1",
    ],
    [
      "a Last Substruc that is neither",
      PayloadType.SA,
      "00000018 00000014 01030001 02000008 0100000c 00000004",
      "unexpected",
      "SA.Proposal.payload2",
      "RFC 7296 3.3.2",
    ],
    [
      "an attribute longer than its transform",
      PayloadType.SA,
      "00000018 00000014 01030001 0000000c 0100000c 000e0001",
      "truncated",
      "SA.Proposal.Transform.attributes[0]",
      "RFC 7296 3.3.5",
    ],
    [
      "an IPv4 range of another length",
      PayloadType.TSi,
      "00000014 01000000 0700000c 0000ffff 00000000",
      "truncated",
      "TSi.selectors[0].endAddress",
      "RFC 7296 3.13.1",
    ],
    [
      "an IPv4 range with octets behind it",
      PayloadType.TSr,
      "0000001a 01000000 07000012 0000ffff 00000000 ffffffff 0000",
      "bad-length",
      "TSr.selectors[0]",
      "RFC 7296 3.13.1",
    ],
    [
      "more Traffic Selectors than octets",
      PayloadType.TSi,
      "0000000c ff000000 08000028",
      "too-many",
      "TSi.selectors",
      "RFC 7296 3.13",
    ],
    [
      "an attribute of CP without value",
      PayloadType.CP,
      "0000000c 01000000 00010004",
      "truncated",
      "CP.attributes[0]",
      "RFC 7296 3.15",
    ],
    ["an EAP message of another length", PayloadType.EAP, "00000009 01010004 01", "bad-length", "EAP", "RFC 7296 3.2"],
    [
      "an EAP message longer than its payload",
      PayloadType.EAP,
      "00000009 01010006 01",
      "truncated",
      "EAP",
      "RFC 7296 3.16",
    ],
  ])("%s", (_name, first, text, code, path, section) => {
    expect(refusal(octets(first, text))).toMatchObject({ code, path, section });
  });

  test("more payloads than any exchange has", () => {
    const many = `${"2b000004".repeat(128)}00000004`;
    expect(refusal(octets(PayloadType.V, many))).toMatchObject({ code: "too-many", path: "V[128]" });
  });
});

describe("a value that its field cannot carry", () => {
  test.each<[string, Payload]>([
    ["too large", { kind: "AUTH", method: 256, data: fromHex("00") }],
    ["negative", { kind: "AUTH", method: -1, data: fromHex("00") }],
    ["a fraction", { kind: "KE", group: 1.5, data: fromHex("00") }],
    ["no number", { kind: "KE", group: Number.NaN, data: fromHex("00") }],
    ["an SPI of 256 octets", { kind: "N", protocolId: 3, spi: new Uint8Array(256), type: 1, data: fromHex("00") }],
    ["an SPI of another size", { kind: "D", protocolId: 3, spiSize: 4, spis: [fromHex("00")] }],
    ["an address of 5 octets", { kind: "TSi", selectors: [range(new Uint8Array(5))] }],
    ["a payload of 64 KiB", { kind: "V", data: new Uint8Array(0x10000) }],
    ["a reserved field of more than its bits", { kind: "IDi", idType: 1, data: fromHex("00"), reserved2: 0x1000000 }],
  ])("is refused: %s", (_name, payload) => {
    expect(() => encodePayloads([payload])).toThrow(RangeError);
  });

  function range(address: Uint8Array) {
    const ports = { ipProtocol: 0, startPort: 0, endPort: 0 };
    return { kind: "addresses", ...ports, startAddress: address, endAddress: address } as const;
  }
});

test("types, attributes and selectors that nobody has assigned survive", () => {
  const came = octets(
    PayloadType.SA,
    // Transform Type 200 of protocol 99 with an attribute 77
    "2c000018 00000014 01630001 0000000c c8001234 804d0001",
    "29000010 01000000 c8070008 01020304",
    `2f000008 0000${NotifyType.COOKIE.toString(16)}`,
    "c8000010 09000000 7fff0004 01020304",
    "00000006 abcd",
  );
  expect(hex(encodePayloads(decoded(came)))).toBe(hex(came.data));
  expect(decoded(came).map(({ kind }) => kind)).toEqual(["SA", "TSi", "N", "CP", "UNKNOWN"]);
});
