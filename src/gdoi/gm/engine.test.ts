import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { at, memberAddress } from "../../../test/support/group.ts";
import { acksIn, eventsIn, keyServer, MemberBench, member, sadIn } from "../../../test/support/scripted-key-server.ts";
import { Doi } from "../../iana/isakmp.ts";
import { equal, hex, u32 } from "../../util/octets.ts";
import { decodeAck } from "../../wire/gdoi/ack.ts";
import type { DeletePayload } from "../../wire/payloads.ts";
import { ackKey, verifyAck } from "../ack.ts";
import { buildKd } from "../key-packets.ts";
import { KeyTree } from "../lkh/tree.ts";
import { buildSa } from "../policy-payloads.ts";
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

describe("registration", () => {
  test("a member takes policy, KEK, TEKs and SIDs over, and says so", () => {
    const bench = new MemberBench().start();
    expect(bench.view).toMatchObject({ state: "registered", keyServer: "ks", sids: [7] });
    expect(bench.view.kek).toMatchObject({ spi: hex(bench.server.kek.spi), seq: 0, ack: "REKEY_ACK_KEK_SHA256" });
    const [tek] = bench.server.teks;
    expect(bench.engine.keys("plant")?.teks).toEqual([
      {
        spi: hex(tek?.spi ?? new Uint8Array(0)),
        algorithmKey: hex(tek?.algorithmKey ?? new Uint8Array(0)),
        integrityKey: "",
      },
    ]);
    const [install] = sadIn(bench.outputs);
    expect(install?.change === "install" && install.sa).toMatchObject({ protocol: 1, sids: [7], sidBits: 16 });
    expect(eventsIn(bench.outputs)).toContain("gm.registered");
  });

  test("lost messages are sent again as the same octets", () => {
    const bench = new MemberBench();
    bench.answering = false;
    bench.start();
    const outputs = bench.pass(2_000);
    const sent = bench.outputs.flatMap((o) => (o.out === "send" ? [hex(o.bytes)] : []));
    expect(sent.length).toBeGreaterThan(2);
    expect(new Set(sent).size).toBe(1);
    bench.answering = true;
    bench.pass(10_000);
    expect(bench.view.state).toBe("registered");
    expect(outputs.length).toBeGreaterThan(0);
  });

  test("it tries its key servers in order, then waits longer each time, and keeps what it has", () => {
    const keyServers = ["ks", "ks2"].map((name, n) => ({ name, endpoint: at(`192.0.2.${n + 1}`) }));
    const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks", "ks2"], sids: 1 };
    const bench = new MemberBench({ keyServers, groups: [group] });
    bench.phase1.dead.add("ks").add("ks2");
    bench.start();
    bench.pass(0);
    expect(bench.phase1.dialled).toEqual(["ks", "ks2"]);
    expect(bench.view.state).toBe("retrying");
    bench.pass(5_000);
    expect(bench.phase1.dialled).toEqual(["ks", "ks2", "ks", "ks2"]);
    const before = bench.phase1.dialled.length;
    bench.pass(4_900);
    expect(bench.phase1.dialled).toHaveLength(before);
    expect(eventsIn(bench.outputs).filter((kind) => kind === "gm.key-server-unreachable")).toHaveLength(1);
    bench.phase1.dead.delete("ks2");
    bench.pass(20_000);
    expect(bench.view).toMatchObject({ state: "registered", keyServer: "ks2" });
  });

  test("a command is answered when the registration is done, and refused when no key server helps", () => {
    const bench = new MemberBench().start();
    const done = bench.command({ do: "register", group: "plant" });
    expect(done.find((o) => o.out === "reply")).toBeDefined();
    bench.answering = false;
    bench.phase1.dead.add("ks");
    bench.command({ do: "register", group: "plant" });
    const outputs = bench.pass(100_000);
    expect(outputs.find((o) => o.out === "refuse")).toMatchObject({ refusal: { code: "not-registered" } });
    expect(bench.engine.keys("plant")?.teks).toHaveLength(1);
    const unknown = bench.command({ do: "register", group: "nobody" });
    expect(unknown.find((o) => o.out === "refuse")).toMatchObject({ refusal: { code: "unknown-group" } });
  });

  test("policy that it does not understand is refused with a notification, and Phase 1 torn down", () => {
    const bench = new MemberBench();
    bench.server.bend = (payloads, message) =>
      message === 4
        ? payloads
        : payloads.map((p) =>
            p.kind !== "GDOI-SA"
              ? p
              : {
                  ...p,
                  attributes: p.attributes.map((a) =>
                    a.kind === "SAK" ? { ...a, attributes: [...a.attributes, { type: 77, value: 1 }] } : a,
                  ),
                },
          );
    bench.start();
    expect(bench.view.state).toBe("retrying");
    expect(bench.view.lastError).toContain("attribute 77");
    expect(bench.phase1.informed).toMatchObject([{ kind: "N", notifyType: 13 }]);
    expect(bench.phase1.deleted).toHaveLength(1);
    expect(eventsIn(bench.outputs)).toContain("gm.policy-unacceptable");
  });

  test("a refusal by the key server ends the attempt; 'the keys changed' begins it again at once", () => {
    const bench = new MemberBench();
    bench.answering = false;
    bench.start();
    bench.phase1.notify(18);
    bench.wake();
    expect(bench.view.lastError).toContain("INVALID_ID_INFORMATION");
    const again = new MemberBench();
    again.answering = false;
    again.start();
    again.phase1.notify(11);
    again.answering = true;
    again.wake();
    expect(again.view.state).toBe("registered");
  });

  test("SIDs are asked for when more than one is wanted, and a counter mode without any is not installed", () => {
    const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks"], sids: 3 };
    const bench = new MemberBench({ groups: [group] });
    bench.server.sids = { bits: 16, values: [7, 8] };
    bench.start();
    expect(bench.server.asked?.attributes).toEqual([{ type: 3, value: 3 }]);
    expect(eventsIn(bench.outputs)).toContain("gm.fewer-sids");
    const without = new MemberBench();
    without.server.sids = undefined;
    without.start();
    expect(without.server.asked).toBeUndefined();
    expect(sadIn(without.outputs)).toEqual([]);
    expect(eventsIn(without.outputs)).toContain("gm.tek-not-installed");
  });

  test("members register again at different times before their keys run out", () => {
    const times = Array.from({ length: 50 }, (_, seed) => {
      const bench = new MemberBench({}, seed + 1).start();
      return (bench.view.reregisterAt ?? 0) - bench.now;
    });
    const hour = 3_600_000;
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0.8 * hour);
    expect(Math.max(...times)).toBeLessThanOrEqual(0.96 * hour);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(0.1 * hour);
  });

  test("it keeps its keys while no key server answers, and says when they expire", () => {
    const bench = new MemberBench().start();
    bench.answering = false;
    bench.phase1.dead.add("ks");
    const before = bench.pass(3_590_000);
    expect(eventsIn(before)).toContain("gm.key-server-unreachable");
    expect(bench.view).toMatchObject({ state: "retrying" });
    expect(bench.view.teks).toHaveLength(1);
    const after = bench.pass(10_000);
    expect(eventsIn(after)).toContain("gm.keys-expired");
    expect(sadIn(after)).toMatchObject([{ change: "remove" }]);
    bench.answering = true;
    bench.phase1.dead.clear();
    bench.pass(100_000);
    expect(bench.view.state).toBe("registered");
  });

  test("a SEQ below that of a push which came meanwhile is ignored", () => {
    const bench = new MemberBench().start();
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    bench.server.seq = 1;
    bench.command({ do: "register", group: "plant" });
    expect(bench.view.kek?.seq).toBe(2);
  });
});

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
    bench.pass(100_000);
    const before = bench.count("registered");
    unknown(at("203.0.113.66"));
    bench.pass(100_000);
    expect(bench.count("registered")).toBe(before);
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
    expect(bench.outputs.find((o) => o.out === "leave")).toMatchObject({ group: "239.1.2.3" });
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

describe("LKH", () => {
  /** Eight members; ours holds the first leaf. */
  function grove() {
    const bench = new MemberBench();
    const tree = KeyTree.create({ depth: 3, keyBits: 128 }, bench.server.env);
    const leaves = Array.from({ length: 8 }, () => tree.join(bench.server.env) ?? 0);
    bench.server.kek = bench.server.newKek(tree.root);
    const publicKey = bench.server.signer.publicKey;
    const [own = 0] = leaves;
    bench.server.lkh = { spi: bench.server.kek.spi, download: tree.downloadArray(own), updates: [], publicKey };
    bench.server.ack = 2;
    bench.start();
    const evict = (members: readonly number[]) =>
      tree.evict(
        members.map((m) => leaves[m] ?? 0),
        bench.server.env,
      );
    return { bench, tree, own, evict };
  }

  test("an update that fits gives the new KEK, acknowledged with the leaf's key; further parts are passed over", () => {
    const { bench, tree, own, evict } = grove();
    const { server } = bench;
    expect(bench.view.kek?.spi).toBe(hex(server.kek.spi));
    const [leaf] = tree.path(own);
    const update = evict([5]);
    const next = server.newKek(update.root);
    const part = (arrays: typeof update.arrays) =>
      server.push([
        buildSa([server.sak(next, { management: "lkh" })]),
        buildKd({ lkh: { spi: next.spi, updates: arrays }, teks: [] }),
      ]);
    const fitting = update.arrays.filter((a) => a.lkhId === 2);
    const others = update.arrays.filter((a) => a.lkhId !== 2);
    expect(acksIn(bench.receive(part(others)))).toEqual([]);
    expect(bench.view.kek?.spi).toBe(hex(server.kek.spi));
    const [ack] = acksIn(bench.receive(part(fitting)));
    const view = decodeAck(ack?.bytes ?? new Uint8Array(0));
    if (!view.ok || leaf === undefined) throw new Error("no acknowledgement");
    const key = ackKey(2, leaf.data.subarray(16), server.kek.spi, bench.env);
    expect(verifyAck(2, key, view.value, bench.env)).toBe(true);
    expect(bench.view.kek?.spi).toBe(hex(next.spi));
    bench.receive(part(others));
    expect(bench.count("push.further-part")).toBe(1);
    server.kek = next;
    server.seq = 0;
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.view.kek).toMatchObject({ seq: 1 });
  });

  test("who is put out reads nothing of what follows, although it gets every datagram", () => {
    const { bench, evict } = grove();
    const { server } = bench;
    const update = evict([0, 3]);
    const next = server.newKek(update.root);
    bench.receive(
      server.push([
        buildSa([server.sak(next, { management: "lkh" })]),
        buildKd({ lkh: { spi: next.spi, updates: update.arrays }, teks: [] }),
      ]),
    );
    expect(bench.view.kek?.spi).not.toBe(hex(next.spi));
    expect(acksIn(bench.outputs)).toEqual([]);
    const keys = bench.engine.keys("plant")?.teks;
    server.kek = next;
    server.seq = 0;
    bench.answering = false;
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.engine.keys("plant")?.teks).toEqual(keys);
    expect(bench.view.pushesAccepted).toBe(1);
  });
});
