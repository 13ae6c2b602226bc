import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, u32 } from "../../util/octets.ts";
import { decodeAck } from "./ack.ts";

const cookies = "000102030405060708090a0b0c0d0e0f";
const hash = "12000008aabbccdd";
const seq = "0500000800000007";
const id = "0000000c01000000c000020a";

function ack(fields = "08102300", messageId = "00000000", payloads = hash + seq + id): Uint8Array {
  const rest = fromHex(payloads);
  return concat(fromHex(cookies + fields + messageId), u32(28 + rest.length), rest);
}

describe("a GROUPKEY-PUSH ACK", () => {
  test("is read in place", () => {
    const result = decodeAck(ack());
    if (!result.ok) throw new Error(result.error.message);
    const { spi, sequenceNumber, idType, covered } = result.value;
    expect([hex(spi), hex(result.value.hash), sequenceNumber, idType, hex(result.value.id), hex(covered)]).toEqual([
      cookies,
      "aabbccdd",
      7,
      1,
      "c000020a",
      seq + id,
    ]);
  });

  test("may name its sender by an ID_OID (RFC 8263 3.4)", () => {
    const data = "0d060b2a8648ce5683e31a0801020000";
    const result = decodeAck(ack(undefined, undefined, `${hash}${seq}000000180d000000${data}`));
    expect(result).toMatchObject({ ok: true, value: { idType: 13, id: fromHex(data) } });
  });

  test.each([
    ["another version", ack("08202300"), "version", 17],
    ["another exchange", ack("08102100"), "unexpected", 18],
    ["a flag", ack("08102301"), "bad-value", 19],
    ["a Message ID", ack("08102300", "00000001"), "bad-value", 20],
    ["another first payload", ack("12102300"), "unexpected", 16],
    ["another order", ack(undefined, undefined, seq.replace("05", "08") + hash + id), "unexpected", 28],
    ["a HASH that is too long", ack(undefined, undefined, hash.replace("0008", "00ff") + seq + id), "bad-length", 30],
    ["a HASH that is too short", ack(undefined, undefined, hash.replace("0008", "0003") + seq + id), "bad-length", 30],
    ["a payload behind ID", ack(undefined, undefined, hash + seq + id.replace("00", "0d")), "unexpected", 44],
    ["octets behind ID", ack(undefined, undefined, `${hash}${seq}${id}00`), "bad-length", 46],
    ["a protocol", ack(undefined, undefined, hash + seq + id.replace("01000000", "01110000")), "bad-value", 49],
    ["a port", ack(undefined, undefined, hash + seq + id.replace("01000000", "01000350")), "bad-value", 50],
    ["an octet that is reserved", ack(undefined, undefined, `1201${hash.slice(4)}${seq}${id}`), "reserved", 29],
  ])("is refused with %s", (_, datagram, code, offset) => {
    expect(decodeAck(datagram)).toMatchObject({ ok: false, error: { code, offset, section: "RFC 8263 3" } });
  });

  test("must say its length", () => {
    expect(decodeAck(concat(ack(), fromHex("00")))).toMatchObject({ error: { code: "bad-length", offset: 24 } });
    expect(decodeAck(ack().subarray(0, 40))).toMatchObject({ error: { code: "truncated" } });
  });
});
