/** Datagrams of GROUPKEY-PULL, PUSH and ACK that are malformed, replayed or forged, from outsiders and from those who hold keys. */
import { describe, expect, test } from "vitest";
import { buildSidRequest } from "../../../src/gdoi/policy-payloads.ts";
import { firstIv } from "../../../src/gdoi/pull.ts";
import { ExchangeType, Flag, PayloadType } from "../../../src/iana/isakmp.ts";
import { phase2Hash, protect } from "../../../src/ikev1/phase2.ts";
import type { Packet } from "../../../src/sim/network.ts";
import { concat, u32, utf8 } from "../../../src/util/octets.ts";
import { encodeHeader, HEADER_LENGTH } from "../../../src/wire/header.ts";
import { encodeChain, encodePayload, payloadType } from "../../../src/wire/message.ts";
import type { Payload } from "../../../src/wire/payloads.ts";
import { type Dice, dice, mutate } from "../../fuzz/mutate.ts";
import { at, gcksPolicy, groupPolicy, memberAddress, pushSigner } from "../../support/group.ts";
import { MemberBench, type ScriptedKeyServer } from "../../support/scripted-key-server.ts";
import { KeyServerBench, ScriptedMember } from "../../support/scripted-member.ts";
import { groupWorld, registered, settled } from "../../support/world.ts";

const minute = 60_000;
const mallory = at("203.0.113.66");
const multicast = { transport: "multicast", address: "239.9.9.9", port: 8848, ttl: 4 } as const;

/** What is sent on with each datagram by somebody on the way, who holds no key. */
function outsider(roll: Dice) {
  const seen: Packet[] = [];
  return (packet: Packet): Packet[] => {
    seen.push(packet);
    const old = seen[roll(seen.length)] ?? packet;
    const forged = { ...packet, bytes: mutate(packet.bytes, old.bytes, roll) };
    const elsewhere = { ...packet, from: mallory, bytes: mutate(packet.bytes, old.bytes, roll) };
    // forged copies run ahead, and something old follows, from where it came or from somewhere else
    return [forged, elsewhere, packet, roll(2) === 0 ? old : { ...old, from: mallory }];
  };
}

describe.each([
  { name: "unicast", group: {} },
  { name: "unicast with a key tree", group: { kek: { management: "lkh", ack: 2 }, maxPushOctets: 900 } },
  { name: "multicast", group: { push: multicast, kek: { ack: 3 } } },
  { name: "multicast with a key tree", group: { push: multicast, kek: { management: "lkh", ack: 4 } } },
] as const)("$name", ({ group }) => {
  test("mutated and replayed copies of every datagram keep nobody from keys, and every ack is counted", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const { world, gcks, members } = groupWorld({ seed, members: 5, gcks: gcksPolicy([groupPolicy(group)]) });
      const meddle = outsider(dice(seed));
      // Phase 1 has a test of its own: an offer that is altered there is another offer
      world.intercept = (packet) => ((packet.bytes[18] ?? 0) < ExchangeType.INFORMATIONAL ? [packet] : meddle(packet));
      await world.runUntil(() => registered(members), minute);
      for (const what of ["tek", "kek", "tek"] as const) gcks.command({ do: "rekey", group: "plant", what });
      await world.runUntil(() => settled(gcks), 5 * minute);
      const out = members[4];
      gcks.command({ do: "evict", group: "plant", members: [out?.address ?? ""], reason: "stolen" });
      await world.runFor(10 * minute);
      const stay = members.slice(0, 4);
      await world.runUntil(() => settled(gcks) && registered(stay), 10 * minute);

      const rekeys = gcks.engine.group("plant")?.rekeys ?? [];
      expect(rekeys.length, `seed ${seed}`).toBeGreaterThanOrEqual(4);
      for (const rekey of rekeys) expect(rekey, `seed ${seed}`).toMatchObject({ missing: 0, pending: 0 });
      const spi = gcks.engine.group("plant")?.kek.spi;
      for (const member of stay) {
        expect(member.engine.keys("plant")?.kekSpi, `seed ${seed}, ${member.name}`).toBe(spi);
        expect(member.engine.keys("plant"), `seed ${seed}`).toEqual(stay[0]?.engine.keys("plant"));
      }
      expect(out?.engine.keys("plant")?.kekSpi, `seed ${seed}`).not.toBe(spi);
      // what was dropped is counted one by one, and told at a bounded rate
      const dropped = world.events.filter(({ event }) => event.kind === "gcks.datagram-dropped").length;
      expect(dropped, `seed ${seed}`).toBeLessThan(100);
    }
  });
});

/** A message of GROUPKEY-PULL with any octets behind HASH, which is right. */
const sealedOctets = (...[sa, env, messageId, nonces, after, type, iv]: SealedOctets) => {
  const hash = encodePayload({ kind: "HASH", data: phase2Hash(sa, env, u32(messageId), ...nonces, after) }, type);
  return protect(sa, env, ExchangeType.GROUPKEY_PULL, messageId, PayloadType.HASH, concat(hash, after), iv);
};
type Seal = Parameters<ScriptedKeyServer["seal"]>;
type SealedOctets = [Seal[0], Seal[1], Seal[2], Seal[3], after: Uint8Array, type: number, iv: Uint8Array];

const typeOf = (payloads: readonly Payload[]) => (payloads[0] === undefined ? 0 : payloadType(payloads[0]));

describe("somebody who holds keys", () => {
  test("and sends a key server any octets as GROUPKEY-PULL breaks nothing, and others are served", () => {
    const server = new KeyServerBench(gcksPolicy([groupPolicy({ kek: { management: "lkh", ack: 2 } })]));
    const honest = new ScriptedMember(server, memberAddress(0));
    const hostile = new ScriptedMember(server, memberAddress(1));
    const first = honest.register();
    const roll = dice(1);
    const group: Payload = { kind: "ID", idType: 11, protocolId: 0, port: 0, data: u32(1234) };
    const request = buildSidRequest(2);
    for (let n = 0; n < 1_500; n++) {
      const { env } = server;
      if (n % 2 === 0) {
        const payloads: Payload[] = [{ kind: "NONCE", data: env.random.octets(16) }, group];
        const octets = mutate(encodeChain(payloads), encodeChain([request]), roll);
        const { messageId } = hostile.first();
        const iv = firstIv(hostile.sa, messageId, env);
        hostile.send(sealedOctets(hostile.sa, env, messageId, [], octets, typeOf(payloads), iv).datagram);
      } else {
        const begun = hostile.first();
        const [message2 = new Uint8Array(0)] = hostile.send(begun.datagram);
        const { messageId, niB, nrB, nextIv } = hostile.second(begun, message2);
        const octets = mutate(encodeChain([request]), encodeChain([group]), roll);
        const type = roll(4) === 0 ? roll(256) : typeOf([request]);
        hostile.send(sealedOctets(hostile.sa, env, messageId, [niB, nrB], octets, type, nextIv).datagram);
      }
      server.take();
      server.pass(500);
    }
    expect(server.engine.members("plant").find(({ address }) => address === memberAddress(0))).toMatchObject({
      registrations: 1,
      leaf: first.keys.lkh?.download?.keys[0]?.lkhId,
    });
    expect(honest.register().keys.lkh?.download?.keys.at(-1)).toEqual(first.keys.lkh?.download?.keys.at(-1));
  });

  test("and answers a member with any octets breaks nothing, and another key server's keys are taken", () => {
    for (const message of [2, 4] as const) {
      for (let seed = 1; seed <= 400; seed++) {
        const roll = dice(seed);
        const bench = new MemberBench({}, seed);
        let number = 0;
        bench.server.seal = (sa, env, messageId, nonces, payloads, iv) => {
          number += 2;
          const octets = encodeChain(payloads);
          const changed = number === message ? mutate(octets, octets, roll) : octets;
          return sealedOctets(sa, env, messageId, nonces, changed, typeOf(payloads), iv);
        };
        bench.start();
        bench.pass(5 * minute);
        // what could not be used at all was asked for again
        expect(bench.view.state, `message ${message}, seed ${seed}`).toBe("registered");
      }
    }
  });

  test("and signs any octets as a push changes nothing with what cannot be used", () => {
    const bench = new MemberBench().start();
    const { server } = bench;
    const roll = dice(3);
    const state = () => JSON.stringify([bench.view.kek, bench.view.teks, bench.engine.keys("plant")]);
    let taken = 0;
    for (let n = 0; n < 2_000; n++) {
      const seq = server.seq + 1;
      const payloads: Payload[] = [{ kind: "SEQ", sequenceNumber: seq }, ...server.tekPayloads([server.newTek()])];
      const octets = encodeChain(payloads, PayloadType.SIG);
      const before = state();
      const accepted = bench.view.pushesAccepted;
      bench.receive(signedOctets(server, mutate(octets, octets, roll)));
      if (bench.view.pushesAccepted === accepted) expect(state(), `push ${n}`).toBe(before);
      else {
        taken += 1;
        server.seq = bench.view.kek?.seq ?? server.seq;
      }
    }
    expect(taken).toBeGreaterThan(0);
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.view.kek?.seq).toBe(server.seq);
  });
});

/** A push with any octets in front of SIG, which is right. */
function signedOctets({ kek, env }: ScriptedKeyServer, octets: Uint8Array): Uint8Array {
  const length = HEADER_LENGTH + Math.ceil((octets.length + 4 + 64) / 16) * 16;
  const header = encodeHeader({
    initiatorCookie: kek.spi.subarray(0, 8),
    responderCookie: kek.spi.subarray(8, 16),
    nextPayload: PayloadType.SEQ,
    exchangeType: ExchangeType.GROUPKEY_PUSH,
    flags: Flag.ENCRYPTION,
    messageId: 0,
    length,
  });
  const data = pushSigner().sign({ name: "ecdsa", curve: "P-256" }, concat(utf8("rekey"), header, octets));
  const plaintext = new Uint8Array(length - HEADER_LENGTH);
  plaintext.set(octets);
  plaintext.set(encodePayload({ kind: "SIG", data }, PayloadType.NONE), octets.length);
  return concat(header, env.crypto.aesCbcEncrypt(kek.key.key, kek.key.iv, plaintext));
}
