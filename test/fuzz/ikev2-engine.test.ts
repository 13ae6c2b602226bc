import { expect, test } from "vitest";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { Flag } from "../../src/iana/ikev2.ts";
import { type LoggedKeys, parseKeyLogLine } from "../../src/ikev2/key-log.ts";
import { open, type Sending, sealSk, sending } from "../../src/ikev2/protect.ts";
import type { Packet } from "../../src/sim/network.ts";
import { hex } from "../../src/util/octets.ts";
import { decodeMessage, enveloped } from "../../src/wire/ikev2/message.ts";
import { ask, childSas, dataPlane, type Ikev2World, ikeSas, ikev2World } from "../support/ikev2.ts";
import { dice, mutate } from "./mutate.ts";

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed + 1);
const random = seededRandom(99);

interface Known {
  readonly keys: LoggedKeys;
  readonly initiator: Sending;
  readonly responder: Sending;
}

/** Somebody between both ends who has all keys, and changes what is behind SK. */
class Meddler {
  /** One message of so many is changed. */
  rate = 4;
  readonly #pair: Ikev2World;
  readonly #roll: ReturnType<typeof dice>;
  readonly #known = new Map<string, Known>();
  #before: Uint8Array = new Uint8Array(1);

  constructor(pair: Ikev2World, seed: number) {
    this.#pair = pair;
    this.#roll = dice(seed);
  }

  meddle(packet: Packet): readonly Packet[] {
    const message = decodeMessage(packet.bytes);
    const envelope = message.ok ? enveloped(packet.bytes, message.value.payloads) : undefined;
    if (!message.ok || envelope === undefined || this.rate === 0 || this.#roll(this.rate) > 0) return [packet];
    const { header } = message.value;
    const known = this.#keysOf(hex(header.spiI));
    if (known === undefined) return [packet];
    const side = (header.flags & Flag.INITIATOR) !== 0 ? "initiator" : "responder";
    const opened = open(nodeCrypto, known.keys[side], envelope);
    if (!opened.ok) return [packet];
    // an empty message has nothing to change
    const content = opened.value.length === 0 ? new Uint8Array(1) : opened.value.slice();
    const octets = mutate(content, this.#before, this.#roll);
    this.#before = content;
    const first = this.#roll(8) === 0 ? this.#roll(256) : envelope.payload.innerFirst;
    const bytes = sealSk(known[side], { crypto: nodeCrypto, random }, header, { first, octets });
    return [{ ...packet, bytes }];
  }

  #keysOf(spiI: string): Known | undefined {
    for (const line of [...this.#pair.left.keyLog, ...this.#pair.right.keyLog]) {
      const read = parseKeyLogLine(line, nodeCrypto);
      if (!read.ok) throw new Error(read.error);
      const key = hex(read.value.spis.initiator);
      if (this.#known.has(key)) continue;
      const { initiator, responder } = read.value;
      const over = (sealed: Sending): Sending => ({ ...sealed, sealed: 1_000_000 });
      this.#known.set(key, {
        keys: read.value,
        initiator: over(sending(initiator, initiator.keys)),
        responder: over(sending(responder, responder.keys)),
      });
    }
    return this.#known.get(spiI);
  }
}

test.each(SEEDS)("whatever a peer puts behind SK, nothing is thrown, and both ends recover (seed %i)", async (seed) => {
  const lives = { livenessMs: 15_000, retryMs: { first: 1000, max: 4000 } } as const;
  const pair = ikev2World({
    seed,
    left: { ...lives, start: "always" },
    right: lives,
    policy: { keyLog: true, retransmission: { firstMs: 500, factor: 1.5, maxMs: 2000, tries: 4 } },
  });
  const { world, left, right } = pair;
  const meddler = new Meddler(pair, seed);
  world.intercept = (packet) => meddler.meddle(packet);
  for (let round = 0; round < 6; round++) {
    await world.runFor(5000);
    const host = round % 2 === 0 ? left : right;
    const target = round < 2 ? "tunnel/net" : "tunnel";
    host.command(round === 4 ? { do: "down", target: "tunnel/net" } : { do: "rekey", target });
    await world.runFor(20_000);
  }
  meddler.rate = 0;
  left.command({ do: "up", target: "tunnel" });
  await world.runUntil(() => childSas(left).length > 0, 120_000);
  await world.runFor(120_000);
  expect(ikeSas(left).map(({ id }) => id)).toEqual(ikeSas(right).map(({ id }) => id));
  for (const host of [left, right]) await ask(world, host, { do: "down", target: "tunnel" }, 120_000);
  await world.runFor(60_000);
  for (const host of [left, right]) {
    expect(ikeSas(host)).toEqual([]);
    expect(dataPlane(host).size).toBe(0);
    expect(host.engine.leftovers).toEqual([]);
  }
});
