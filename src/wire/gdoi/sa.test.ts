import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, u16 } from "../../util/octets.ts";
import type { WireError } from "../error.ts";
import { decodeChain, encodeChain } from "../message.ts";
import type { GdoiSaPayload, Payload, SaAttributePayload, SelectorId } from "../payloads.ts";

const SPI = "000102030405060708090a0b0c0d0e0f";
const RESERVED2 = "00000000";
const AES = "80020003";

/** An SA payload around one SA attribute payload. */
function around(type: number, body: string): Uint8Array {
  const inner = fromHex(body);
  const attribute = concat(fromHex("0000"), u16(inner.length + 4), inner);
  const fixed = concat(fromHex("0000000200000000"), u16(type), fromHex("0000"));
  return concat(fromHex("0000"), u16(4 + fixed.length + attribute.length), fixed, attribute);
}

function decoded(octets: Uint8Array): GdoiSaPayload | WireError {
  const result = decodeChain(1, octets, 0, "gdoi", "none");
  if (!result.ok) return result.error;
  const payload = result.value.payloads[0]?.payload;
  if (payload?.kind !== "GDOI-SA") throw new Error(`not a GDOI SA: ${payload?.kind}`);
  return payload;
}

function attributeOf(octets: Uint8Array): SaAttributePayload {
  const payload = decoded(octets);
  if ("code" in payload) throw new Error(JSON.stringify(payload));
  expect(hex(encodeChain([payload]))).toBe(hex(octets));
  const [attribute] = payload.attributes;
  if (attribute === undefined) throw new Error("no SA attribute");
  return attribute;
}

const source = "01 0350 04 c0000201";
const figure = "01 0350 04 efc00001";
const text = "01 11 0350 04 efc00001";
const destination: SelectorId = { idType: 1, port: 848, data: fromHex("efc00001") };

describe("the destination of a SAK", () => {
  test("is read as the figure has it", () => {
    const sak = attributeOf(around(15, `11 ${source} ${figure} ${SPI} ${RESERVED2} ${AES}`));
    expect(sak).toMatchObject({ kind: "SAK", protocol: 17, destination, spi: fromHex(SPI) });
    expect(sak).not.toHaveProperty("destinationProtocol");
  });

  test("is recognised with the protocol octet that the text has, and encoded so again", () => {
    const sak = attributeOf(around(15, `11 ${source} ${text} ${SPI} ${RESERVED2} ${AES}`));
    expect(sak).toMatchObject({ destinationProtocol: 17, destination, spi: fromHex(SPI) });
  });
});

describe("the destination of a SAT", () => {
  const rest = "0c 20000001 80010001 0002000400015180 80040001";

  test("is read as the figure has it", () => {
    const sat = attributeOf(around(16, `01 00 ${source} ${figure} ${rest}`));
    expect(sat).toMatchObject({ kind: "SAT", body: { destination, transformId: 12, spi: fromHex("20000001") } });
    expect(sat).not.toHaveProperty("body.destinationProtocol");
  });

  test("is recognised with the protocol octet that the text has, and encoded so again", () => {
    const sat = attributeOf(around(16, `02 00 ${source} ${text} ${rest}`));
    expect(sat).toMatchObject({ body: { destinationProtocol: 17, destination, transformId: 12 } });
  });

  test("is recognised so although the figure's reading happens to use the octets up", () => {
    // type 4, protocol 0, port 0, 8 octets: by the figure an empty destination, transform 8 and attributes that fit
    const sat = attributeOf(around(16, "01 00 0400000800000000000000000400000008efc00001ffffffff0c 20000001 80010001"));
    expect(sat).toMatchObject({
      body: { destinationProtocol: 0, destination: { idType: 4, data: fromHex("efc00001ffffffff") }, transformId: 12 },
    });
  });
});

describe("the source of a SAT", () => {
  test.each([
    ["nothing", "04 0000 00"],
    ["three octets", "04 0000 03 000000"],
    ["a subnet", "04 0000 08 0000000000000000"],
  ])("may be %s", (_, id) => {
    const sat = attributeOf(around(16, `01 00 ${id} ${figure} 0c 20000001 80010001`));
    expect(sat).toMatchObject({ body: { source: { idType: 4, port: 0 }, destination } });
  });
});

describe("SA attribute payloads", () => {
  test("of other TEK protocols and of unknown types are kept as they came", () => {
    expect(attributeOf(around(16, "07 0102030405"))).toEqual({
      kind: "SAT",
      protocolId: 7,
      opaque: fromHex("0102030405"),
    });
    expect(attributeOf(around(99, "0102"))).toEqual({ kind: "UNKNOWN", type: 99, data: fromHex("0102") });
  });

  test("are refused with their path", () => {
    const sak = `11 ${source} ${figure} ${SPI} ${RESERVED2} 80020003 80030080 00040008 00000e10`;
    expect(decoded(around(15, sak))).toMatchObject({
      code: "truncated",
      path: "SA.SAK.attributes[2]",
      section: "RFC 2408 3.3",
    });
    expect(decoded(around(15, `11 ${source} ${figure} ${SPI} 00000001 ${AES}`))).toMatchObject({
      code: "reserved",
      path: "SA.SAK",
      section: "RFC 6407 5.3",
    });
    expect(decoded(around(16, `01 00 ${source} ${figure} 0c 2000`))).toMatchObject({ path: "SA.SAT.spi" });
  });

  test("are announced in two octets of which the first is zero", () => {
    const octets = around(15, `11 ${source} ${figure} ${SPI} ${RESERVED2} ${AES}`);
    expect(decoded(octets.with(12, 1))).toMatchObject({
      code: "bad-value",
      path: "SA.saAttributeNextPayload",
      offset: 12,
    });
    expect(decoded(octets.with(14, 1))).toMatchObject({ code: "reserved", path: "SA", section: "RFC 6407 5.2" });
  });

  test("may be several of a kind, and stand inside the length of the SA payload", () => {
    const gap: SaAttributePayload = { kind: "GAP", attributes: [{ type: 1, value: 30 }] };
    const sat: SaAttributePayload = { kind: "SAT", protocolId: 7, opaque: fromHex("aa") };
    const payloads: Payload[] = [
      { kind: "GDOI-SA", doi: 2, situation: 0, attributes: [gap, sat, sat] },
      { kind: "SEQ", sequenceNumber: 3 },
    ];
    const octets = encodeChain(payloads);
    expect(octets[0]).toBe(18);
    const result = decodeChain(1, octets, 0, "gdoi", "none");
    expect(result.ok && result.value.payloads.map(({ payload }) => payload)).toEqual(payloads);
    expect(decoded(octets.subarray(0, 36).with(35, 9))).toMatchObject({ code: "truncated" });
  });

  test("cannot be encoded with the body of another protocol", () => {
    for (const protocolId of [1, 2, 3]) {
      const sat: SaAttributePayload = { kind: "SAT", protocolId, opaque: fromHex("aa") };
      expect(() => encodeChain([{ kind: "GDOI-SA", doi: 2, situation: 0, attributes: [sat] }])).toThrow(RangeError);
    }
  });
});
