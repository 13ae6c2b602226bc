import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concat, hex } from "../../src/util/octets.ts";
import { decodeHeader, encodeHeader, HEADER_LENGTH } from "../../src/wire/ikev2/header.ts";
import {
  decodeMessage,
  decodePayloads,
  encodeEnvelope,
  encodeMessage,
  encodePayloads,
  enveloped,
  firstPayload,
} from "../../src/wire/ikev2/message.ts";
import { good } from "./good.ts";
import { innerPayloads, messagePayloads } from "./ikev2-payloads.ts";

const seed = Number(process.env["SEED"] ?? 1);
const runs = { seed, numRuns: 500 };
const octets = fc.uint8Array({ maxLength: 300 });
const spi = fc.uint8Array({ minLength: 8, maxLength: 8 });
const header = fc.record({
  spiI: spi,
  spiR: spi,
  minorVersion: fc.integer({ min: 0, max: 15 }),
  exchangeType: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  messageId: fc.integer({ min: 0, max: 0xffffffff }),
});

describe("what is encoded for IKEv2", () => {
  test("decodes to the same payloads, inside SK", () => {
    fc.assert(
      fc.property(innerPayloads, (payloads) => {
        const decoded = good(decodePayloads(firstPayload(payloads), encodePayloads(payloads)));
        expect(decoded.map(({ payload }) => payload)).toEqual(payloads);
      }),
      runs,
    );
  });

  test("decodes to the same message, with every payload's octets and offset", () => {
    fc.assert(
      fc.property(header, messagePayloads, (fields, payloads) => {
        const datagram = encodeMessage(fields, payloads);
        const message = good(decodeMessage(datagram));
        expect(message.header).toMatchObject({ ...fields, length: datagram.length, majorVersion: 2 });
        expect(message.payloads.map(({ payload }) => payload)).toEqual(payloads);
        expect(hex(concat(...message.payloads.map((received) => received.octets)))).toBe(
          hex(datagram.subarray(HEADER_LENGTH)),
        );
        expect(hex(encodeHeader(message.header))).toBe(hex(datagram.subarray(0, HEADER_LENGTH)));
      }),
      runs,
    );
  });

  test("is the same whether the body of SK or SKF is there from the start or comes behind its envelope", () => {
    fc.assert(
      fc.property(header, messagePayloads, (fields, payloads) => {
        const last = payloads.at(-1);
        fc.pre(last?.kind === "SK" || last?.kind === "SKF");
        const { body, ...envelope } = last;
        const front = encodeEnvelope(fields, envelope, body.length, payloads.slice(0, -1));
        const datagram = concat(front, body);
        expect(hex(datagram)).toBe(hex(encodeMessage(fields, payloads)));
        const part = enveloped(datagram, good(decodeMessage(datagram)).payloads);
        expect(part?.payload).toEqual(last);
        expect(part?.bodyOffset).toBe(front.length);
        expect(hex(part?.associatedData ?? new Uint8Array())).toBe(hex(front));
      }),
      runs,
    );
  });
});

describe("arbitrary octets", () => {
  test("give payloads of IKEv2 that encode to them again, or a WireError that says where", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 33, max: 54 }), fc.integer({ min: 0, max: 255 })),
        octets,
        (first, data) => {
          const payloads = decodePayloads(first, data);
          if (payloads.ok) {
            expect(hex(encodePayloads(payloads.value.map(({ payload }) => payload)))).toBe(hex(data));
            return;
          }
          expect(payloads.error.offset).toBeLessThanOrEqual(data.length);
          expect(payloads.error.message).not.toBe("");
          expect(payloads.error.section).toMatch(/^RFC \d+ [\d.]+$/);
        },
      ),
      { seed, numRuns: 5_000 },
    );
  });

  test("give a header and a message of IKEv2 or a WireError", () => {
    fc.assert(
      fc.property(octets, (data) => {
        for (const decode of [decodeHeader, decodeMessage]) {
          const result = decode(data);
          if (!result.ok) expect(result.error.section).toMatch(/^RFC \d+ [\d.]+$/);
        }
      }),
      { seed, numRuns: 5_000 },
    );
  });
});
