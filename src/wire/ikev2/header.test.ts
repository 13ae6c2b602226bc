import { describe, expect, test } from "vitest";
import { ExchangeType, Flag } from "../../iana/ikev2.ts";
import { fromHex, hex } from "../../util/octets.ts";
import { decodeHeader, encodeHeader, HEADER_LENGTH } from "./header.ts";

// of an IKE_SA_INIT request, its Length that of the header alone
const example = fromHex("eb2fcd7b9f2a8c55 0000000000000000 21 20 22 08 00000000 0000001c");

function changed(at: number, ...octets: number[]): Uint8Array {
  const copy = example.slice();
  copy.set(octets, at);
  return copy;
}

describe("the IKE header", () => {
  test("decodes to its fields and encodes to the same octets", () => {
    const decoded = decodeHeader(example);
    expect(decoded).toMatchObject({
      ok: true,
      value: {
        nextPayload: 33,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType: ExchangeType.IKE_SA_INIT,
        flags: Flag.INITIATOR,
        messageId: 0,
        length: HEADER_LENGTH,
      },
    });
    expect(decoded.ok && hex(decoded.value.spiI)).toBe("eb2fcd7b9f2a8c55");
    expect(decoded.ok && hex(encodeHeader(decoded.value))).toBe(hex(example));
  });

  test("of a higher minor version, and with flags that nobody knows, is taken and stays as it is", () => {
    const octets = changed(17, 0x2f, 0x25, 0xff);
    const decoded = decodeHeader(octets);
    expect(decoded).toMatchObject({ ok: true, value: { minorVersion: 15, exchangeType: 37, flags: 255 } });
    expect(decoded.ok && hex(encodeHeader(decoded.value))).toBe(hex(octets));
  });

  test("of a higher major version is refused with what an answer is made from, whatever its Length", () => {
    for (const datagram of [changed(17, 0x30), changed(17, 0xf1, 0x22, 0x08, 0, 0, 0, 9, 0xff)]) {
      expect(decodeHeader(datagram)).toMatchObject({
        ok: false,
        error: { code: "version", offset: 17, section: "RFC 7296 3.1", header: { exchangeType: 34 } },
      });
    }
  });

  test("of IKEv1 is refused, and there is nothing to answer it with", () => {
    const decoded = decodeHeader(changed(17, 0x10));
    expect(decoded).toMatchObject({
      ok: false,
      error: { code: "version", message: expect.stringContaining("version 1.0") },
    });
    expect(!decoded.ok && decoded.error.header).toBeUndefined();
  });

  test("is refused when it is cut or does not say the datagram's length", () => {
    for (let length = 0; length < HEADER_LENGTH; length++) {
      expect(decodeHeader(example.subarray(0, length))).toMatchObject({ ok: false, error: { code: "truncated" } });
    }
    expect(decodeHeader(changed(27, 29))).toMatchObject({
      ok: false,
      error: { code: "bad-length", offset: 24, message: "Length says 29 octets, 28 came" },
    });
  });
});
