import { describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/crypto/seeded.ts";
import type { ResponderExchange } from "../../../src/ikev1/exchange.ts";
import { HalfOpen } from "../../../src/ikev1/half-open.ts";
import { offerPayload } from "../../../src/ikev1/proposals.ts";
import type { Packet } from "../../../src/sim/network.ts";
import { hex } from "../../../src/util/octets.ts";
import { encodeMessage } from "../../../src/wire/message.ts";
import type { SaPayload } from "../../../src/wire/payloads.ts";
import {
  certificatePolicies,
  initiatorAddress,
  mallory,
  type Pair,
  pair,
  proposal,
  pskPolicies,
  responderAddress,
} from "../../support/phase1.ts";

const at848 = (address: string) => ({ address, port: 848 });

/** Octets that are not those of the packet: cut, lengthened, with a changed octet or two. */
function mutate(bytes: Uint8Array, random: ReturnType<typeof seededRandom>): Uint8Array {
  const pick = (below: number) => Math.floor(random.fraction() * below);
  const changed = bytes.slice();
  const way = pick(8);
  if (way === 0) return changed.subarray(0, pick(bytes.length));
  if (way === 1) return new Uint8Array([...changed, ...random.octets(1 + pick(40))]);
  for (let n = 0; n <= pick(3); n++) {
    const where = pick(bytes.length);
    changed[where] = (changed[where] ?? 0) ^ (1 + pick(255));
  }
  return changed;
}

function state(between: Pair): unknown {
  return [between.initiator, between.responder].map(({ engine }) =>
    engine.sas().map((sa) => ({ id: sa.id, remote: sa.remote, lastBlock: hex(sa.lastBlock), expiresAt: sa.expiresAt })),
  );
}

describe("hostile datagrams", () => {
  for (const [name, both] of [
    ["pre-shared keys", pskPolicies()],
    ["certificates", certificatePolicies("ecdsa-256")],
  ] as const) {
    test(`with ${name}, mutated copies of every message at every stage neither throw nor keep peers apart`, async () => {
      for (let seed = 1; seed <= 25; seed++) {
        const random = seededRandom(seed);
        const between = pair({ seed, ...both });
        // three forged copies run ahead of each message, from the right source
        between.world.intercept = (packet) => [
          ...Array.from({ length: 3 }, () => ({ ...packet, bytes: mutate(packet.bytes, random) })),
          packet,
        ];
        between.initiate();
        await between.world.runFor(60_000);
        const notThere = [...between.initiator.engine.failures()].map(({ why }) => why);
        // an offer that was altered well-formed can win the race: then both sides say why they did not agree
        if (between.initiator.engine.sas().length === 0) expect(notThere.join(), `seed ${seed}`).not.toBe("");
      }
    });

    test(`with ${name}, replayed and forged datagrams change nothing about an established SA`, async () => {
      const between = pair(both);
      between.initiate();
      await between.world.runUntil(between.established, 10_000);
      const golden: Packet[] = between.world.wire.map(({ packet }) => packet);
      const before = state(between);
      const random = seededRandom(7);
      for (let n = 0; n < 3000; n++) {
        const packet = golden[n % golden.length];
        if (packet === undefined) throw new Error("no messages");
        const from = n % 3 === 0 ? at848(mallory) : packet.from;
        const to = n % 5 === 0 ? packet.from : packet.to;
        const bytes = n % 4 === 0 ? packet.bytes : mutate(packet.bytes, random);
        between.world.send({ from, to, bytes });
        if (n % 100 === 0) await between.world.runFor(1000);
      }
      await between.world.runFor(10_000);
      expect(state(between)).toEqual(before);
      expect(between.responder.engine.phase1.halfOpen()).toBeLessThanOrEqual(100);
      const told = between.world.events.filter(({ event }) => event.kind !== "phase1.established");
      expect(told.length).toBeLessThan(200);
    });
  }

  test("random octets behind a valid header never throw", async () => {
    const between = pair(pskPolicies());
    const random = seededRandom(3);
    for (let n = 0; n < 3000; n++) {
      const bytes = new Uint8Array([...random.octets(28), ...random.octets(Math.floor(random.fraction() * 200))]);
      bytes[17] = 0x10;
      bytes[18] = n % 2 === 0 ? 2 : 5;
      if (n % 3 !== 0) bytes.fill(0, 8, 16);
      new DataView(bytes.buffer).setUint32(24, bytes.length);
      between.world.send({ from: at848(initiatorAddress), to: at848(responderAddress), bytes });
    }
    await between.world.runFor(1000);
    expect(between.responder.engine.sas()).toEqual([]);
    expect(between.responder.engine.phase1.halfOpen()).toBe(0);
  });

  test("a flood of first messages is bounded for one source and in all, and a member still gets in", async () => {
    const between = pair(
      pskPolicies({ peers: [{ ...(pskPolicies().responder.peers[0] ?? { name: "" }), name: "peer", addresses: [] }] }),
    );
    between.initiate();
    const [first] = between.world.wire;
    if (first === undefined) throw new Error("no message 1");
    const random = seededRandom(1);
    const flood = (address: string, count: number) => {
      for (let n = 0; n < count; n++) {
        const bytes = first.packet.bytes.slice();
        bytes.set(random.octets(8));
        between.world.send({ from: at848(address), to: at848(responderAddress), bytes });
      }
    };
    flood(mallory, 500);
    await between.world.runFor(10);
    // the member's exchange is through by then; ten of the source stay
    expect(between.responder.engine.phase1.halfOpen()).toBe(10);
    for (let n = 0; n < 1000; n++) flood(`198.51.${Math.floor(n / 250)}.${n % 250}`, 1);
    await between.world.runFor(10);
    expect(between.responder.engine.phase1.halfOpen()).toBe(100);
    between.initiator.kill();
    between.initiator.start();
    between.initiate();
    await between.world.runUntil(() => between.initiator.engine.sas().length === 1, 10_000);
    await between.world.runFor(60_000);
    expect(between.responder.engine.phase1.halfOpen()).toBe(0);
    const dropped = between.world.events.filter(({ event }) => event.kind === "phase1.dropped");
    expect(dropped.length).toBeLessThan(150);
    expect(between.responder.engine.phase1.counters.get("drop.too-many-half-open")).toBe(490);
  });

  test("an offer of a thousand transforms is not kept for who has proven nothing", async () => {
    const between = pair(pskPolicies());
    const { proposals } = offerPayload([proposal()], 2, 3600);
    const [{ transforms } = { transforms: [] }] = proposals;
    const [chosen] = transforms;
    const send = (attributes: number) => {
      const junk = { number: 2, id: 1, attributes: Array.from({ length: attributes }, () => ({ type: 1, value: 7 })) };
      const sa = { kind: "SA", doi: 2, situation: 1, proposals: [{ ...proposals[0], transforms: [chosen, junk] }] };
      const header = { initiatorCookie: new Uint8Array(8).fill(9), responderCookie: new Uint8Array(8) };
      const bytes = encodeMessage({ ...header, exchangeType: 2, flags: 0, messageId: 0 }, [sa as SaPayload]);
      between.world.send({ from: at848(initiatorAddress), to: at848(responderAddress), bytes });
    };
    send(4000);
    await between.world.runFor(100);
    expect(between.responder.engine.phase1.halfOpen()).toBe(0);
    expect(between.responder.engine.phase1.counters.get("drop.oversized-offer")).toBe(1);
    send(1000);
    await between.world.runFor(100);
    expect(between.responder.engine.phase1.halfOpen()).toBe(1);
  });

  test("the addresses of one IPv6 network are one source", () => {
    const halfOpen = new HalfOpen();
    const add = (address: string, id: string) =>
      halfOpen.addResponder({ id, first: id, remote: at848(address) } as ResponderExchange);
    add("2001:db8::1", "a");
    add("2001:db8::ffff:1", "b");
    expect(halfOpen.from("2001:db8::7")).toBe(2);
    expect(halfOpen.from("2001:db8:0:1::1")).toBe(0);
    add("192.0.2.1", "c");
    expect(halfOpen.from("192.0.2.2")).toBe(0);
    halfOpen.removeResponder({ id: "a", first: "a", remote: at848("2001:db8::1") } as ResponderExchange);
    expect(halfOpen.from("2001:db8::7")).toBe(1);
  });

  test("aggressive mode and other exchanges are counted and dropped", async () => {
    const between = pair(pskPolicies());
    between.initiate();
    const [first] = between.world.wire;
    if (first === undefined) throw new Error("no message 1");
    const bytes = first.packet.bytes.slice();
    bytes[18] = 4;
    await between.world.runFor(100);
    const before = between.world.wire.length;
    between.world.send({ ...first.packet, bytes });
    await between.world.runFor(100);
    expect(between.responder.engine.phase1.counters.get("drop.exchange-type")).toBe(1);
    expect(between.world.wire).toHaveLength(before + 1);
    expect(between.world.events.at(-1)?.event.reason).toBe("exchange type AGGRESSIVE is not supported, main mode is");
  });
});
