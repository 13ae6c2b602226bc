/** Somebody who has the keys of an IKE SA, from the key log, and says with them what no engine says. */
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { Flag } from "../../src/iana/ikev2.ts";
import { type LoggedKeys, parseKeyLogLine } from "../../src/ikev2/key-log.ts";
import { espOffer } from "../../src/ikev2/proposals.ts";
import { type Content, contentOf, open, type Sending, sealSk, sending } from "../../src/ikev2/protect.ts";
import { decodeMessage, decodePayloads, enveloped } from "../../src/wire/ikev2/message.ts";
import type { Payload, ReceivedPayload } from "../../src/wire/ikev2/payloads.ts";
import { childPolicy, type Ikev2Host, type Ikev2World, inject, leftAddress, rightAddress } from "./ikev2.ts";

const random = seededRandom(4711);

/** Speaks as the left gateway, which began the IKE SA, to the right one. */
export class Impostor {
  readonly #pair: Ikev2World;
  readonly #keys: LoggedKeys;
  readonly #sending: Sending;

  /**
   * @param pair with `keyLog` in its policy, its first IKE SA begun on the left
   * @param logged the line of another IKE SA that the left gateway, or who speaks as it, has begun
   */
  constructor(pair: Ikev2World, logged = pair.left.keyLog.at(-1)) {
    const line = parseKeyLogLine(logged ?? "", nodeCrypto);
    if (!line.ok) throw new Error(line.error);
    this.#pair = pair;
    this.#keys = line.value;
    const { initiator } = line.value;
    this.#sending = { ...sending(initiator, initiator.keys), sealed: 1_000_000 };
  }

  /** Sends a request, or a response, of the left gateway. */
  say(exchangeType: number, messageId: number, payloads: readonly Payload[], flags = 0): void {
    this.sayContent(exchangeType, messageId, contentOf(payloads), flags);
  }

  /** The same with octets that need not be payloads. */
  sayContent(exchangeType: number, messageId: number, content: Content, flags = 0): void {
    const { spis } = this.#keys;
    const header = {
      spiI: spis.initiator,
      spiR: spis.responder,
      exchangeType,
      messageId,
      flags: Flag.INITIATOR | flags,
    };
    this.raw(sealSk(this.#sending, { crypto: nodeCrypto, random }, header, content));
  }

  /** Sends octets from where the left gateway is. */
  raw(bytes: Uint8Array): void {
    inject(this.#pair.world, { address: leftAddress, port: 500 }, { address: rightAddress, port: 500 }, bytes);
  }

  /** What the right gateway sent last, opened. */
  heard(): ReceivedPayload[] {
    const { world } = this.#pair;
    const last = world.wire.filter(({ packet }) => packet.from.address === rightAddress).at(-1);
    const bytes = last?.packet.bytes ?? new Uint8Array();
    const message = decodeMessage(bytes);
    const envelope = message.ok ? enveloped(bytes, message.value.payloads) : undefined;
    const opened = envelope === undefined ? undefined : open(nodeCrypto, this.#keys.responder, envelope);
    if (envelope === undefined || !opened?.ok) throw new Error("the last message is not of this IKE SA");
    const payloads = decodePayloads(envelope.payload.innerFirst, opened.value);
    if (!payloads.ok) throw new Error(payloads.error.message);
    return payloads.value;
  }
}

/** SA, Ni, TSi, TSr for the Child SA `net` as the left gateway asks for it, by an SPI that ends in `number`. */
export function espRequest(number: number): readonly Payload[] {
  const net = childPolicy("left");
  return [
    espOffer(net.proposals, Uint8Array.of(0, 0, 10, number), undefined),
    { kind: "NONCE", data: new Uint8Array(32).fill(number) },
    { kind: "TSi", selectors: net.localSelectors },
    { kind: "TSr", selectors: net.remoteSelectors },
  ];
}

/** Octets that a host sent since the `from`th datagram of the world. */
export function octetsSent({ world }: Ikev2World, host: Ikev2Host, from: number): number {
  return world.wire
    .slice(from)
    .filter(({ packet }) => packet.from.address === host.address)
    .reduce((sum, { packet }) => sum + packet.bytes.length, 0);
}
