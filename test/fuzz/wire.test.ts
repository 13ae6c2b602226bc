import { describe, expect, test } from "vitest";
import { identityText, parseIdentity, sameIdentity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { fromHex, hex } from "../../src/util/octets.ts";
import { describeMessage } from "../../src/wire/describe.ts";
import { decodeAck } from "../../src/wire/gdoi/ack.ts";
import { decodeOidSelector, encodeOidSelector } from "../../src/wire/gdoi/iec61850.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload, encodeLkhUpdate } from "../../src/wire/gdoi/lkh.ts";
import { decodeHeader, HEADER_LENGTH } from "../../src/wire/header.ts";
import { contextOf, decodeChain, decodeMessage, encodeChain, encodeMessage } from "../../src/wire/message.ts";
import type { Payload } from "../../src/wire/payloads.ts";
import { type ClearMessage, decodeClear, goldenMessages } from "../support/golden.ts";
import { type Dice, encodesAgain, fuzz, fuzzSeed, fuzzTimeout, mutate, pick } from "./mutate.ts";

/** Mutated messages in an ordinary run. */
const ROUNDS = 60_000;

/** What the golden messages lack of RFC 8052: OIDs in contents octets only, and ID_OID in an ACK. */
function oidMessages(): ClearMessage[] {
  const oid = fromHex("2a8648ce5683e31a080102");
  const selector = { oid, oidForm: "contents", oidSpecificPayload: fromHex("0404e9fc0001") } as const;
  const id = { kind: "ID", idType: 13, protocolId: 0, port: 0 } as const;
  const tek = { ...selector, spi: fromHex("01020304"), authAlg: 5, encAlg: 3, remainingLifetime: 0 };
  const iec61850 = {
    ...tek,
    attributes: [
      { type: 2, value: 100 },
      { type: 1, value: fromHex("00000258") },
    ],
  };
  const made: [number, Payload[]][] = [
    [32, [{ ...id, data: encodeOidSelector(selector) }]],
    [32, [{ kind: "GDOI-SA", doi: 2, situation: 0, attributes: [{ kind: "SAT", protocolId: 3, iec61850 }] }]],
    [
      35,
      [
        { kind: "HASH", data: new Uint8Array(32) },
        { kind: "SEQ", sequenceNumber: 7 },
        { ...id, data: encodeOidSelector({ oid, oidSpecificPayload: new Uint8Array() }) },
      ],
    ],
  ];
  const cookies = { initiatorCookie: new Uint8Array(8).fill(1), responderCookie: new Uint8Array(8).fill(2) };
  return made.map(([exchangeType, payloads]) => {
    const octets = encodeMessage({ ...cookies, exchangeType, flags: 0, messageId: 0 }, payloads);
    return {
      origin: `exchange ${exchangeType} with an OID`,
      header: octets.subarray(0, HEADER_LENGTH),
      octets,
      padded: false,
    };
  });
}

const messages = [...goldenMessages(), ...oidMessages()];
const selectors = messages.flatMap((message) =>
  decodeClear(message).payloads.flatMap(({ payload }) =>
    payload.kind === "ID" && payload.idType === 13 ? [payload.data] : [],
  ),
);
const arrays = messages.flatMap((message) =>
  decodeClear(message).payloads.flatMap(({ payload }) =>
    payload.kind === "KD"
      ? payload.packets
          .filter((packet) => packet.kdType === 3)
          .flatMap((packet) => packet.attributes.flatMap((a) => (a.value instanceof Uint8Array ? [a.value] : [])))
      : [],
  ),
);

/** Decodes `octets` in every way there is. @throws when a decoder throws or re-encodes otherwise. */
function tryMessage(octets: Uint8Array): void {
  for (const padding of ["none", "zeros"] as const) {
    for (const context of ["phase1", "gdoi"] as const) {
      const chain = decodeChain(octets[16] ?? 0, octets, Math.min(HEADER_LENGTH, octets.length), context, padding);
      if (!chain.ok) {
        if (chain.error.offset > octets.length) throw new Error(`offset ${chain.error.offset}`);
        continue;
      }
      const again = encodeChain(chain.value.payloads.map(({ payload }) => payload));
      encodesAgain(again, octets.subarray(HEADER_LENGTH, chain.value.end));
      const header = decodeHeader(octets);
      if (header.ok) describeMessage(header.value, chain.value.payloads, { showKeys: true });
    }
  }
  const message = decodeMessage(octets);
  if (message.ok && message.value.payloads.length > 0) {
    encodesAgain(
      encodeMessage(
        message.value.header,
        message.value.payloads.map(({ payload }) => payload),
      ),
      octets,
    );
  }
  const ack = decodeAck(octets);
  if (ack.ok) {
    if (!message.ok) throw new Error("decodeAck takes what decodeMessage refuses");
    const kinds = message.value.payloads.map(({ payload }) => payload.kind).join(" ");
    if (kinds !== "HASH SEQ ID") throw new Error(`decodeAck takes ${kinds}`);
  }
}

function tryArray(octets: Uint8Array): void {
  const download = decodeLkhDownload(octets);
  if (download.ok) encodesAgain(encodeLkhDownload(download.value), octets);
  const update = decodeLkhUpdate(octets);
  if (update.ok) encodesAgain(encodeLkhUpdate(update.value), octets);
}

function trySelector(octets: Uint8Array): void {
  const selector = decodeOidSelector(octets);
  if (selector.ok) encodesAgain(encodeOidSelector(selector.value), octets);
  const identity = { type: 13, data: octets };
  const text = identityText(identity, nodeCrypto);
  const named = parseIdentity(text);
  if (named !== undefined && !sameIdentity(named, identity)) throw new Error(`${text} names another`);
}

/** Half of the time the header's Length is put right, so that the change gets past it. */
function repaired(octets: Uint8Array, roll: Dice): Uint8Array {
  if (octets.length >= HEADER_LENGTH && roll(2) === 0) new DataView(octets.buffer).setUint32(24, octets.length);
  return octets;
}

describe("mutated messages", () => {
  test("give a value that encodes to them again or a WireError, whatever is changed", {
    timeout: fuzzTimeout,
  }, () => {
    fuzz(ROUNDS, (roll, round) => {
      const octets = repaired(mutate(pick(messages, roll).octets, pick(messages, roll).octets, roll), roll);
      const array = mutate(pick(arrays, roll), pick(arrays, roll), roll);
      const selector = mutate(pick(selectors, roll), pick(selectors, roll), roll);
      try {
        tryMessage(octets);
        tryArray(array);
        trySelector(selector);
      } catch (error) {
        const tried = [octets, array, selector].map(hex).join(" / ");
        throw new Error(`seed ${fuzzSeed}, round ${round}: ${tried}`, { cause: error });
      }
    });
  });
});

describe("truncated octets", () => {
  test("of messages are refused at every length, with an offset inside them", () => {
    for (const message of messages) {
      const { header, end } = decodeClear(message);
      const context = contextOf(header.exchangeType);
      for (let length = HEADER_LENGTH; length < end; length++) {
        const octets = message.octets.subarray(0, length);
        const chain = decodeChain(header.nextPayload, octets, HEADER_LENGTH, context, "zeros");
        if (chain.ok) expect.fail(`${message.origin} is taken at ${length} octets of ${end}`);
        if (chain.error.offset > length) expect.fail(`${message.origin}: offset ${chain.error.offset} of ${length}`);
      }
    }
  });

  test("of messages are refused by decodeMessage and decodeAck", () => {
    for (const { octets } of messages) {
      for (let length = 0; length < octets.length; length++) {
        const cut = octets.subarray(0, length);
        if (decodeHeader(cut).ok || decodeMessage(cut).ok || decodeAck(cut).ok) expect.fail(`${hex(cut)} is taken`);
      }
    }
  });

  test("of LKH give an array that encodes to them again, or a WireError", () => {
    for (const array of arrays) {
      for (let length = 0; length < array.length; length++) tryArray(array.subarray(0, length));
    }
  });
});
