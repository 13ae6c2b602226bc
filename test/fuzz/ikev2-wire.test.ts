import { describe, expect, test } from "vitest";
import { NotifyType } from "../../src/iana/ikev2.ts";
import { ProvisionalNotifyType } from "../../src/iana/provisional.ts";
import { fromHex, hex, utf8 } from "../../src/util/octets.ts";
import { describeMessage } from "../../src/wire/ikev2/describe.ts";
import { decodeHeader, encodeHeader, HEADER_LENGTH } from "../../src/wire/ikev2/header.ts";
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  firstPayload,
} from "../../src/wire/ikev2/message.ts";
import {
  type DataForm,
  decodeNotifyData,
  deleteReason,
  encodeNotifyData,
  redirect,
  redirectedFrom,
  signatureHashAlgorithms,
} from "../../src/wire/ikev2/notify-data.ts";
import type { Payload } from "../../src/wire/ikev2/payloads.ts";
import { goldenIkev2 } from "../support/ikev2-golden.ts";
import { type Dice, encodesAgain, fuzz, fuzzSeed, fuzzTimeout, mutate, pick } from "./mutate.ts";

/** Mutated messages in an ordinary run. */
const ROUNDS = 20_000;

/** What strongSwan does not send. */
const rare: Payload[] = [
  {
    kind: "N",
    protocolId: 0,
    spi: new Uint8Array(),
    type: ProvisionalNotifyType.DELETE_REASON,
    data: utf8("\0\x78gone"),
  },
  { kind: "N", protocolId: 0, spi: new Uint8Array(), type: NotifyType.REDIRECT, data: fromHex("0104c0000201aabb") },
  { kind: "N", protocolId: 0, spi: new Uint8Array(), type: NotifyType.REDIRECTED_FROM, data: fromHex("030161") },
  { kind: "D", protocolId: 3, spiSize: 4, spis: [fromHex("00000001"), fromHex("00000002")] },
  { kind: "V", data: fromHex("00112233") },
  { kind: "UNKNOWN", type: 200, critical: true, data: fromHex("aabb") },
  { kind: "TSi", selectors: [{ kind: "UNKNOWN", tsType: 10, ipProtocol: 0, data: utf8("label") }] },
];

const golden = goldenIkev2();
const datagrams = [
  ...golden.map(({ datagram }) => datagram),
  ...golden.flatMap(({ header, inner }) =>
    inner === undefined
      ? []
      : [
          encodeMessage(
            header,
            inner.payloads.map(({ payload }) => payload),
          ),
        ],
  ),
  encodeMessage(
    { spiI: fromHex("11".repeat(8)), spiR: fromHex("22".repeat(8)), exchangeType: 37, flags: 8, messageId: 3 },
    rare,
  ),
];
const chains = [
  ...golden.flatMap(({ inner }) => (inner === undefined ? [] : [inner])),
  { first: firstPayload(rare), octets: encodePayloads(rare) },
].filter(({ octets }) => octets.length > 0);
const data = [fromHex("0104c0000201aabb"), fromHex("0002000300040005"), fromHex("0078676f6e65"), fromHex("030161")];

/** @throws Error when a decoder throws, re-encodes otherwise, or points outside the octets. */
function tryMessage(octets: Uint8Array): void {
  const header = decodeHeader(octets);
  const message = decodeMessage(octets);
  if (header.ok) encodesAgain(encodeHeader(header.value), octets.subarray(0, HEADER_LENGTH));
  if (!message.ok) {
    if (message.error.offset > octets.length) throw new Error(`offset ${message.error.offset}`);
    return;
  }
  const values = message.value.payloads.map(({ payload }) => payload);
  // without payloads the Next Payload must be 0 to come again
  if (values.length > 0) encodesAgain(encodeMessage(message.value.header, values), octets);
  describeMessage(message.value.header, message.value.payloads);
}

function tryChain(first: number, octets: Uint8Array): void {
  const payloads = decodePayloads(first, octets);
  if (payloads.ok) encodesAgain(encodePayloads(payloads.value.map(({ payload }) => payload)), octets);
  else if (payloads.error.offset > octets.length) throw new Error(`offset ${payloads.error.offset}`);
}

function tryForm<T>(form: DataForm<T>, octets: Uint8Array): void {
  const value = decodeNotifyData(form, octets);
  if (value.ok) encodesAgain(encodeNotifyData(form, value.value), octets);
}

function tryData(octets: Uint8Array): void {
  tryForm(deleteReason, octets);
  tryForm(redirect, octets);
  tryForm(redirectedFrom, octets);
  tryForm(signatureHashAlgorithms, octets);
}

/** Most of the time the header's Length is put right, so that the change gets past it. */
function repaired(octets: Uint8Array, roll: Dice): Uint8Array {
  if (octets.length >= HEADER_LENGTH && roll(4) !== 0) new DataView(octets.buffer).setUint32(24, octets.length);
  return octets;
}

describe("mutated messages of IKEv2", () => {
  test("give a value that encodes to them again or a WireError, whatever is changed", {
    timeout: fuzzTimeout,
  }, () => {
    fuzz(ROUNDS, (roll, round) => {
      const datagram = repaired(mutate(pick(datagrams, roll), pick(datagrams, roll), roll), roll);
      const chain = pick(chains, roll);
      const octets = mutate(chain.octets, pick(chains, roll).octets, roll);
      const notified = mutate(pick(data, roll), pick(data, roll), roll);
      try {
        tryMessage(datagram);
        tryChain(chain.first, octets);
        tryData(notified);
      } catch (error) {
        const tried = [datagram, octets, notified].map(hex).join(" / ");
        throw new Error(`seed ${fuzzSeed}, round ${round}: ${tried}`, { cause: error });
      }
    });
  });
});

describe("truncated octets of IKEv2", () => {
  test("are refused at every length, with an offset inside them", () => {
    for (const datagram of datagrams) {
      for (let length = 0; length < datagram.length; length++) {
        const cut = datagram.slice(0, length);
        if (decodeMessage(cut).ok) expect.fail(`${hex(cut)} is taken`);
        if (length < HEADER_LENGTH) continue;
        // with a Length that is true of what is left
        new DataView(cut.buffer).setUint32(24, length);
        const message = decodeMessage(cut);
        if (message.ok) expect.fail(`${hex(cut)} is taken`);
        if (message.error.offset > length) expect.fail(`offset ${message.error.offset} of ${length}`);
      }
    }
  });

  test("are refused inside SK as well", () => {
    for (const { first, octets } of chains) {
      for (let length = 0; length < octets.length; length++) {
        if (decodePayloads(first, octets.subarray(0, length)).ok) expect.fail(`${hex(octets)} is taken at ${length}`);
      }
    }
  });
});
