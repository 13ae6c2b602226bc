import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hex } from "../../src/util/octets.ts";
import { describeMessage } from "../../src/wire/describe.ts";
import { decodeAck } from "../../src/wire/gdoi/ack.ts";
import { decodeOidSelector, encodeOidSelector } from "../../src/wire/gdoi/iec61850.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload, encodeLkhUpdate } from "../../src/wire/gdoi/lkh.ts";
import { decodeHeader, encodeHeader, HEADER_LENGTH } from "../../src/wire/header.ts";
import {
  type ChainContext,
  decodeChain,
  decodeMessage,
  encodeChain,
  encodeMessage,
  payloadType,
} from "../../src/wire/message.ts";
import type { Payload } from "../../src/wire/payloads.ts";
import { good } from "./good.ts";
import { gdoiPayloads, lkhKeys, oidSelector, phase1Payloads, protocolledSak } from "./payloads.ts";

const seed = Number(process.env["SEED"] ?? 1);
const runs = { seed, numRuns: 500 };

function first(payloads: readonly Payload[]): number {
  const [payload] = payloads;
  return payload === undefined ? 0 : payloadType(payload);
}

function decoded(payloads: readonly Payload[], octets: Uint8Array, context: ChainContext): Payload[] {
  return good(decodeChain(first(payloads), octets, 0, context, "none")).payloads.map(({ payload }) => payload);
}

describe("what is encoded", () => {
  test.each([
    ["phase1", phase1Payloads],
    ["gdoi", gdoiPayloads],
  ] as const)("decodes to the same value, payload by payload, in %s", (context, payloads) => {
    fc.assert(
      fc.property(payloads, (values) => {
        expect(decoded(values, encodeChain(values), context)).toEqual(values);
      }),
      runs,
    );
  });

  test("decodes to the same octets when a SAK has the protocol octet of the text", () => {
    fc.assert(
      fc.property(protocolledSak, (sak) => {
        const payloads: Payload[] = [{ kind: "GDOI-SA", doi: 2, situation: 0, attributes: [sak] }];
        const octets = encodeChain(payloads);
        expect(hex(encodeChain(decoded(payloads, octets, "gdoi")))).toBe(hex(octets));
      }),
      runs,
    );
  });

  test("decodes to the same identity of a stream, whichever form its OID has", () => {
    fc.assert(
      fc.property(oidSelector, (selector) => {
        expect(good(decodeOidSelector(encodeOidSelector(selector)))).toEqual(selector);
      }),
      runs,
    );
  });

  test("decodes to the same LKH arrays", () => {
    const word = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(lkhKeys, word, word, (keys, lkhId, keyHandle) => {
        expect(good(decodeLkhDownload(encodeLkhDownload({ keys })))).toEqual({ keys });
        const update = { lkhId, keyHandle, keys };
        expect(good(decodeLkhUpdate(encodeLkhUpdate(update)))).toEqual(update);
      }),
      runs,
    );
  });

  test("decodes to the same message, header included, and can be described", () => {
    const cookie = fc.uint8Array({ minLength: 8, maxLength: 8 });
    const header = fc.record({
      initiatorCookie: cookie,
      responderCookie: cookie,
      exchangeType: fc.constantFrom(32, 33, 35),
      flags: fc.integer({ min: 0, max: 255 }),
      messageId: fc.integer({ min: 0, max: 0xffffffff }),
    });
    fc.assert(
      fc.property(header, gdoiPayloads, (fields, payloads) => {
        const datagram = encodeMessage(fields, payloads);
        const message = good(decodeMessage(datagram));
        expect(message.header).toMatchObject({ ...fields, length: datagram.length, majorVersion: 1, minorVersion: 0 });
        expect(message.payloads.map(({ payload }) => payload)).toEqual(payloads);
        expect(describeMessage(message.header, message.payloads).children).toHaveLength(1 + payloads.length);
        expect(hex(encodeHeader(message.header))).toBe(hex(datagram.subarray(0, HEADER_LENGTH)));
      }),
      runs,
    );
  });
});

describe("arbitrary octets", () => {
  const octets = fc.uint8Array({ maxLength: 300 });

  test("give a chain that encodes to them again, or a WireError that says where", () => {
    const context = fc.constantFrom<ChainContext>("phase1", "gdoi");
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), octets, context, (type, data, side) => {
        const chain = decodeChain(type, data, 0, side, "none");
        if (chain.ok) {
          expect(hex(encodeChain(chain.value.payloads.map(({ payload }) => payload)))).toBe(hex(data));
          return;
        }
        expect(chain.error.offset).toBeLessThanOrEqual(data.length);
        expect(chain.error.message).not.toBe("");
        expect(chain.error.section).toMatch(/^RFC \d+ [\d.]+$/);
      }),
      { seed, numRuns: 5_000 },
    );
  });

  test("give a value or a WireError from every other decoder", () => {
    fc.assert(
      fc.property(octets, (data) => {
        for (const decode of [
          decodeHeader,
          decodeMessage,
          decodeAck,
          decodeLkhDownload,
          decodeLkhUpdate,
          decodeOidSelector,
        ]) {
          const result = decode(data);
          if (!result.ok) expect(result.error.section).toMatch(/^RFC \d+ [\d.]+$/);
        }
      }),
      { seed, numRuns: 5_000 },
    );
  });
});
