import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { at, gmPolicy, memberAddress } from "../../../test/support/group.ts";
import { acksIn, eventsIn, keyServer, MemberBench, member, sadIn } from "../../../test/support/scripted-key-server.ts";
import { Doi } from "../../iana/isakmp.ts";
import { equal, hex, u32 } from "../../util/octets.ts";
import { decodeAck } from "../../wire/gdoi/ack.ts";
import type { DeletePayload } from "../../wire/payloads.ts";
import { ackKey, verifyAck } from "../ack.ts";
import { buildKd } from "../key-packets.ts";
import { PROMPT_SPREAD_MS } from "./schedule.ts";

const multicast = { idType: 1, port: 8848, data: new Uint8Array([239, 1, 2, 3]) };

function deletion(protocolId: number, ...spis: Uint8Array[]): DeletePayload {
  return { kind: "D", doi: Doi.GDOI, protocolId, spiSize: protocolId === 0 ? 16 : 4, spis };
}

const everything = [deletion(1, new Uint8Array(4)), deletion(0, new Uint8Array(16))];

/** All that a datagram could change, without counters. */
function state(bench: MemberBench): string {
  return JSON.stringify([bench.view, bench.engine.keys("plant")]);
}

describe("pushes", () => {
  test("new TEKs are installed after the activation delay, and acknowledged", () => {
    const bench = new MemberBench();
    bench.server.delays = { activationSeconds: 5, deactivationSeconds: 10 };
    bench.start();
    const [old] = bench.server.teks;
    const tek = bench.server.newTek();
    const outputs = bench.receive(
      bench.server.push([deletion(1, old?.spi ?? u32(0)), ...bench.server.tekPayloads([tek])]),
    );
    expect(sadIn(outputs)).toMatchObject([
      { change: "remove", at: bench.now + 10_000 },
      { change: "install", sa: { activateAt: bench.now + 5_000 } },
    ]);
    const [ack] = acksIn(outputs);
    expect(ack).toMatchObject({ from: member, to: keyServer });
    const view = decodeAck(ack?.bytes ?? new Uint8Array(0));
    if (!view.ok) throw new Error(view.error.message);
    const key = ackKey(1, bench.server.kek.ivAndKey.subarray(16), bench.server.kek.spi, bench.env);
    expect(verifyAck(1, key, view.value, bench.env)).toBe(true);
    expect(view.value).toMatchObject({ sequenceNumber: 1 });
    expect(bench.view).toMatchObject({ pushesAccepted: 1, acksSent: 1, kek: { seq: 1 } });
  });

  test("a new KEK is taken over and counts from 1; the push is acknowledged under the old one", () => {
    const bench = new MemberBench().start();
    const next = bench.server.newKek();
    const [ack] = acksIn(bench.receive(bench.server.push(bench.server.kekPayloads(next))));
    expect(ack && equal(ack.bytes.subarray(0, 16), bench.server.kek.spi)).toBe(true);
    expect(bench.view.kek).toMatchObject({ spi: hex(next.spi), seq: 0 });
    const late = bench.server.push(bench.server.tekPayloads([bench.server.newTek()]));
    bench.receive(late);
    expect(bench.count("drop.push-old-kek")).toBe(1);
    bench.server.kek = next;
    bench.server.seq = 0;
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    expect(bench.view).toMatchObject({ pushesAccepted: 2, kek: { seq: 1 } });
  });

  test("a group whose KEK has the SPI of another group's still gets its own pushes", () => {
    const bench = new MemberBench().start();
    const { spi } = bench.server.kek;
    const [plant] = gmPolicy(member.address).groups;
    if (plant === undefined) throw new Error("no group");
    const other = bench.server.newKek();
    bench.server.kek = { ...other, spi, key: { ...other.key, spi } };
    bench.command({
      do: "reconfigure",
      policy: gmPolicy(member.address, { groups: [plant, { ...plant, name: "yard" }] }),
    });
    const outputs = bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    expect(acksIn(outputs)).toHaveLength(1);
    expect(bench.engine.keys("yard")?.teks).toHaveLength(2);
    expect(bench.engine.keys("plant")?.teks).toHaveLength(1);
  });

  test("a push that deletes everything is acknowledged, and the member registers again", () => {
    const bench = new MemberBench().start();
    const outputs = bench.receive(bench.server.push(everything));
    expect(acksIn(outputs)).toHaveLength(1);
    expect(bench.view.teks).toEqual([]);
    expect(bench.view.kek).toBeUndefined();
    expect(eventsIn(outputs)).toContain("gm.reregistering");
    bench.server.kek = bench.server.newKek();
    bench.server.seq = 0;
    bench.server.teks = [bench.server.newTek()];
    bench.pass(PROMPT_SPREAD_MS);
    expect(bench.view.state).toBe("registered");
    expect(bench.view.teks).toHaveLength(1);
  });

  test("a gap in SEQ and an unknown SPI make it register again, at most once in a while", () => {
    const bench = new MemberBench().start();
    bench.server.seq = 4;
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    expect(bench.count("reregister.gap")).toBe(1);
    bench.pass(PROMPT_SPREAD_MS);
    expect(bench.count("registered")).toBe(2);
    const stranger = bench.server.newKek();
    const known = bench.server.kek;
    const unknown = (from = keyServer) => {
      const spi = bench.env.random.octets(16);
      bench.server.kek = { ...stranger, spi, key: { ...stranger.key, spi } };
      const push = bench.server.push(everything, 1);
      bench.server.kek = known;
      bench.receive(push, from);
    };
    for (let i = 0; i < 90; i++) {
      unknown();
      bench.pass(1_000);
    }
    expect(bench.count("drop.push-unknown-spi")).toBe(90);
    expect(bench.count("registered")).toBeGreaterThan(2);
    expect(bench.count("registered")).toBeLessThanOrEqual(2 + 3);
    bench.pass(300_000);
    const before = bench.count("registered");
    unknown(at("203.0.113.66"));
    bench.pass(100_000);
    expect(bench.count("registered")).toBe(before);
  });

  test("unknown SPIs make it register ever more rarely while that brings nothing new", () => {
    const bench = new MemberBench().start();
    bench.server.lifetimeSeconds = 86_400;
    bench.command({ do: "register", group: "plant" });
    const hour = 3_600_000;
    const stray = () => {
      const kek = bench.server.newKek();
      const known = bench.server.kek;
      bench.server.kek = kek;
      bench.receive(bench.server.push(everything, 1));
      bench.server.kek = known;
    };
    const attack = (ms: number) => {
      const before = bench.count("registered");
      for (const end = bench.now + ms; bench.now < end; ) {
        stray();
        bench.pass(10_000);
      }
      return bench.count("registered") - before;
    };
    expect(attack(hour)).toBeLessThanOrEqual(8);
    expect(attack(3 * hour)).toBeLessThanOrEqual(4);
    // a roll-over that was missed makes it attentive again
    bench.server.kek = bench.server.newKek();
    expect(attack(hour)).toBeGreaterThan(4);
    expect(bench.view.kek?.spi).toBe(hex(bench.server.kek.spi));
  });

  test("a counter mode that comes without a SID makes it register, but once only when that brings none", () => {
    const bench = new MemberBench();
    const first = bench.server.newTek();
    bench.server.teks = [];
    bench.server.sids = undefined;
    bench.start();
    bench.receive(bench.server.push(bench.server.tekPayloads([first])));
    expect(sadIn(bench.outputs)).toEqual([]);
    bench.server.teks = [first];
    bench.server.sids = { bits: 16, values: [7] };
    bench.pass(PROMPT_SPREAD_MS);
    expect(bench.count("reregister.no-sid")).toBe(1);
    expect(sadIn(bench.outputs)).toMatchObject([{ change: "install", sa: { sids: [7] } }]);

    const without = new MemberBench();
    without.server.sids = undefined;
    without.start();
    for (let i = 0; i < 5; i++) {
      without.receive(without.server.push(without.server.tekPayloads([without.server.newTek()])));
      without.pass(60_000);
    }
    expect(without.count("registered")).toBe(1);
  });

  test("TEKs that a push deleted during a registration do not come back with it", () => {
    const bench = new MemberBench().start();
    const [old] = bench.server.teks;
    bench.answering = false;
    const [first] = bench.command({ do: "register", group: "plant" }).filter((o) => o.out === "send");
    if (first?.out !== "send" || old === undefined) throw new Error("no message 1");
    const [sa] = bench.phase1.sas();
    const second = sa && bench.server.answer(sa, first.bytes);
    const third = bench.receive(second ?? first.bytes).find((o) => o.out === "send");
    const fourth = sa && third?.out === "send" ? bench.server.answer(sa, third.bytes) : undefined;
    const tek = bench.server.newTek();
    bench.receive(bench.server.push([deletion(1, old.spi), ...bench.server.tekPayloads([tek])]));
    bench.server.teks = [tek];
    bench.receive(fourth ?? first.bytes);
    expect(bench.count("pull.overtaken")).toBe(1);
    expect(bench.view.teks.map((t) => t.spi)).toEqual([hex(tek.spi)]);
    bench.answering = true;
    bench.pass(PROMPT_SPREAD_MS);
    expect(bench.count("registered")).toBe(2);
    expect(bench.view.teks.map((t) => t.spi)).toEqual([hex(tek.spi)]);
  });

  test("a copy of an accepted push is answered with the same octets, a bounded number of times", () => {
    const bench = new MemberBench().start();
    const push = bench.server.push(bench.server.tekPayloads([bench.server.newTek()]));
    const first = acksIn(bench.receive(push));
    const again: string[] = [];
    for (let i = 0; i < 20; i++) {
      bench.pass(1_000);
      again.push(...acksIn(bench.receive(push)).map((a) => hex(a.bytes)));
    }
    expect(again).toHaveLength(15);
    expect(new Set([...again, ...first.map((a) => hex(a.bytes))]).size).toBe(1);
    expect(acksIn(bench.receive(push, at("203.0.113.66")))).toEqual([]);
    expect(bench.view.pushesAccepted).toBe(1);
  });

  test("a push that somebody else sent on before it came from the key server is acknowledged to the key server too", () => {
    const bench = new MemberBench().start();
    const push = bench.server.push(bench.server.tekPayloads([bench.server.newTek()]));
    const stranger = at("203.0.113.66");
    for (let i = 0; i < 30; i++) {
      bench.receive(push, stranger);
      bench.pass(1_000);
    }
    const before = acksIn(bench.outputs);
    expect(before).toHaveLength(16);
    const [ack, ...others] = acksIn(bench.receive(push));
    expect(others).toEqual([]);
    expect(ack).toMatchObject({ to: keyServer, bytes: before[0]?.bytes });
    expect(acksIn(bench.receive(push, at("203.0.113.67")))).toEqual([]);
  });

  test("multicast is joined as the SAK says; the acknowledgement is delayed and leaves by that port", () => {
    const bench = new MemberBench();
    bench.server.destination = multicast;
    bench.start();
    expect(bench.outputs.find((o) => o.out === "join")).toMatchObject({ group: "239.1.2.3", port: 8848 });
    const via = at(memberAddress(0), 8848);
    const push = bench.server.push(bench.server.tekPayloads([bench.server.newTek()]));
    expect(acksIn(bench.receive(push, keyServer, via))).toEqual([]);
    const [ack] = acksIn(bench.pass(2_000));
    expect(ack).toMatchObject({ from: via, to: keyServer });
    expect(acksIn(bench.outputs)).toHaveLength(1);
    bench.receive(bench.server.push(everything), keyServer, via);
    expect(acksIn(bench.pass(2_000))).toMatchObject([{ from: via }]);
    expect(bench.outputs.some((o) => o.out === "leave")).toBe(false);
    const left = bench.command({ do: "reconfigure", policy: gmPolicy(member.address, { groups: [] }) });
    expect(left.find((o) => o.out === "leave")).toMatchObject({ group: "239.1.2.3" });
  });

  test("jitter is never above 5 s, whatever is configured", () => {
    const bench = new MemberBench({ ackJitterMs: 60_000, ackJitterUnicast: true }).start();
    for (let i = 0; i < 10; i++) {
      bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
      expect(acksIn(bench.pass(5_000))).toHaveLength(1);
    }
  });

  test("without a request, and with one of an unknown type, nothing is acknowledged", () => {
    for (const ack of [undefined, 9]) {
      const bench = new MemberBench();
      bench.server.ack = ack;
      bench.start();
      expect(acksIn(bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()]))))).toEqual([]);
      expect(bench.view.pushesAccepted).toBe(1);
    }
  });

  test("what fails changes nothing: old SEQ, wrong signature, unusable content", () => {
    const bench = new MemberBench().start();
    const { server } = bench;
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    const before = state(bench);
    bench.receive(server.push(server.tekPayloads([server.newTek()]), 1));
    expect(bench.count("drop.push-replayed")).toBe(1);
    const sign = server.signer.sign;
    const forger = {
      ...server.signer,
      sign: (...args: Parameters<typeof sign>) => sign.apply(server.signer, args).fill(1),
    };
    Object.assign(server, { signer: forger });
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.count("drop.push-signature")).toBe(1);
    Object.assign(server, { signer: new MemberBench().server.signer });
    const tek = server.newTek();
    const [sa] = server.tekPayloads([tek]);
    const short = buildKd({ teks: [{ spi: tek.spi, algorithmKey: new Uint8Array(3) }] });
    bench.receive(server.push([...(sa ? [sa] : []), short]));
    expect(bench.count("drop.push-unusable")).toBe(1);
    expect(JSON.parse(state(bench))[1]).toEqual(JSON.parse(before)[1]);
    expect(bench.view.kek?.seq).toBe(1);
    expect(bench.view.pushesAccepted).toBe(1);
  });

  test("mutated and truncated pushes neither throw nor change anything", () => {
    const bench = new MemberBench().start();
    const push = bench.server.push([...everything.slice(0, 1), ...bench.server.tekPayloads([bench.server.newTek()])]);
    const before = state(bench);
    const datagrams = fc.record({
      at: fc.nat(push.length - 1),
      flip: fc.integer({ min: 1, max: 255 }),
      length: fc.option(fc.nat(push.length - 1)),
    });
    fc.assert(
      fc.property(datagrams, (change) => {
        const bytes = push.slice();
        bytes[change.at] = (bytes[change.at] ?? 0) ^ change.flip;
        const cut = change.length === null ? bytes : bytes.slice(0, change.length);
        const sent = bench.receive(cut, at("203.0.113.66")).filter((o) => o.out === "send");
        expect(sent).toEqual([]);
        expect(state(bench)).toBe(before);
      }),
      { seed: 1, numRuns: 1_000 },
    );
    bench.receive(push);
    expect(bench.view.pushesAccepted).toBe(1);
  });
});
