/** The key server is killed between any two of its outputs, and comes back. */
import { describe, expect, test } from "vitest";
import type { Engine, Env, Input, Output, StoreRecord } from "../../../src/core/engine.ts";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { seededRandom } from "../../../src/crypto/seeded.ts";
import { GcksEngine } from "../../../src/gdoi/gcks/engine.ts";
import type { GcksCommand, GcksPolicy } from "../../../src/gdoi/gcks/types.ts";
import { GmEngine } from "../../../src/gdoi/gm/engine.ts";
import { type KekKey, kekKey, openPush } from "../../../src/gdoi/push.ts";
import { World } from "../../../src/sim/world.ts";
import { hex } from "../../../src/util/octets.ts";
import { decodeHeader } from "../../../src/wire/header.ts";
import {
  type GroupChanges,
  gcksAddress,
  gcksPolicy,
  gmPolicy,
  groupPolicy,
  memberAddress,
} from "../../support/group.ts";
import { streamTek } from "../../support/stream.ts";
import { registered } from "../../support/world.ts";

const minute = 60_000;

/** An engine whose outputs stop at the `cut`-th durable or visible one over all its lives. */
class CutEngine implements Engine<GcksCommand> {
  readonly inner: GcksEngine;
  readonly #tally: Tally;

  constructor(policy: GcksPolicy, tally: Tally) {
    this.inner = new GcksEngine(policy);
    this.#tally = tally;
  }

  restore(records: Iterable<StoreRecord>, env: Env): Output[] {
    return this.#tally.pass(this.inner.restore(records, env));
  }

  step(input: Input<GcksCommand>, env: Env): Output[] {
    return this.#tally.pass(this.inner.step(input, env));
  }
}

/** Counts outputs, remembers what was persisted, and says when the process is to end. */
class Tally {
  readonly cut: number;
  count = 0;
  dead = false;
  /** Outputs when all members were registered for the first time. */
  registered = 0;
  /** The most registrations of one member. */
  registrations = 0;
  readonly keks = new Map<string, KekKey>();
  /** Who was given which SID: `epoch/sid` to `identity/registration`. */
  readonly sids = new Map<string, string>();

  constructor(cut: number) {
    this.cut = cut;
  }

  pass(outputs: Output[]): Output[] {
    if (this.dead) return [];
    const passed: Output[] = [];
    for (const output of outputs) {
      const counts = output.out === "persist" || output.out === "send" || output.out === "reply";
      if (counts && this.count++ === this.cut) {
        this.dead = true;
        return passed;
      }
      if (output.out === "persist") this.#look(output.record);
      passed.push(output);
    }
    return passed;
  }

  #look({ kind, value }: StoreRecord): void {
    if (value === undefined) return;
    if (kind === "gcks.group") {
      const group = value as unknown as { kek: StoredKek; retired: StoredKek[] };
      for (const kek of [group.kek, ...group.retired]) {
        this.keks.set(hex(kek.spi), kekKey(kek.spi, kek.ivAndKey, { crypto: nodeCrypto }));
      }
    } else if (kind === "gcks.member") {
      const m = value as unknown as Record<"epoch" | "sidFrom" | "sidCount" | "registrations", number> & {
        identity: string;
      };
      for (let sid = m.sidFrom; sid < m.sidFrom + m.sidCount; sid++) {
        const owner = `${m.identity}/${m.registrations}`;
        const key = `${m.epoch}/${sid}`;
        expect(this.sids.get(key) ?? owner).toBe(owner);
        this.sids.set(key, owner);
      }
    }
  }
}

interface StoredKek {
  readonly spi: Uint8Array;
  readonly ivAndKey: Uint8Array;
}

/** Plays the whole scenario with one cut; returns the tally. */
async function play(cut: number, changes: GroupChanges): Promise<Tally> {
  const tally = new Tally(cut);
  const world = new World({ seed: 7, crypto: nodeCrypto, randomFor: seededRandom });
  const policy = gcksPolicy([
    groupPolicy({ ...changes, acks: { retransmitAfterMs: [1_000, 3_000, 6_000], missingAfterMs: 12_000 } }),
  ]);
  const gcks = world.host({ name: "gcks", address: gcksAddress, create: () => new CutEngine(policy, tally) });
  const members = [0, 1, 2, 3].map((n) =>
    world.host({ name: `gm${n}`, address: memberAddress(n), create: () => new GmEngine(gmPolicy(memberAddress(n))) }),
  );
  const [first] = members;
  if (first === undefined) throw new Error("no members");

  /** A dead key server is started again half a second later. */
  const revive = async (): Promise<void> => {
    gcks.kill();
    await world.runFor(500);
    tally.dead = false;
    gcks.start();
  };
  const until = async (done: () => boolean, limitMs: number): Promise<void> => {
    await world.runUntil(() => tally.dead || done(), limitMs);
    if (!tally.dead) return;
    await revive();
    await until(done, limitMs);
  };
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      await world.runFor(100);
      if (tally.dead) await revive();
    }
  };
  /** Gives a command until it is answered: what died with the process is asked for again. */
  const ask = async (command: GcksCommand): Promise<void> => {
    for (let i = 0; i < 2; i++) {
      const given = gcks.command(command);
      await until(() => given.answer !== undefined || i === 0, minute);
      if (given.answer !== undefined) return;
    }
    throw new Error("not answered");
  };
  const group = () => gcks.engine.inner.group("plant");
  const settled = () => (group()?.rekeys ?? []).every((rekey) => rekey.settled);

  const state = () => gcks.engine.inner.members("plant").find((m) => m.address === first.address)?.state;
  await until(() => registered(members), 20 * minute);
  tally.registered = tally.count;
  await ask({ do: "rekey", group: "plant", what: "tek" });
  await ask({ do: "rekey", group: "plant", what: "kek" });
  await ask({ do: "rekey", group: "plant", what: "tek" });
  await until(settled, 5 * minute);
  const spi = group()?.kek.spi;
  const given = gcks.command({ do: "evict", group: "plant", members: [first.address], reason: "stolen" });
  await until(() => true, minute);
  // either nothing of the eviction was durable, or all of it
  if (state() === "registered") {
    expect(group()?.kek.spi).toBe(spi);
    expect(given.answer).toBeUndefined();
    await ask({ do: "evict", group: "plant", members: [first.address], reason: "stolen" });
  }
  await until(settled, 5 * minute);
  await pass(2 * minute);
  await ask({ do: "rekey", group: "plant", what: "kek" });
  await ask({ do: "rekey", group: "plant", what: "tek" });
  await until(settled, 5 * minute);
  await pass(2 * minute);

  // one sequence number under one KEK stands for one string of octets
  const pushes = new Map<string, string>();
  for (const { packet } of world.wire) {
    const header = decodeHeader(packet.bytes);
    if (!header.ok || header.value.exchangeType !== 33) continue;
    const spi = hex(packet.bytes.subarray(0, 16));
    const kek = tally.keks.get(spi);
    if (kek === undefined) throw new Error("a push under a KEK that was not durable");
    const opened = openPush(kek, packet.bytes, header.value, { crypto: nodeCrypto });
    if (!opened.ok) throw new Error(opened.error.message);
    const place = `${spi}/${opened.value.seq}`;
    expect(pushes.get(place) ?? hex(packet.bytes)).toBe(hex(packet.bytes));
    pushes.set(place, hex(packet.bytes));
  }
  const [evicted, ...others] = members.map((member) => member.engine.keys("plant"));
  for (const keys of others) expect(keys).toEqual(others[0]);
  expect(others[0]?.kekSpi).toBe(group()?.kek.spi);
  expect(new Set(others[0]?.teks.map((tek) => tek.spi))).toEqual(new Set(group()?.teks.map((tek) => tek.spi)));
  for (const tek of evicted?.teks ?? []) expect(others[0]?.teks).not.toContainEqual(tek);
  expect(state()).toBe("evicted");
  tally.registrations = Math.max(...gcks.engine.inner.members("plant").map((m) => m.registrations));
  return tally;
}

const next: GroupChanges = {
  teks: [streamTek()],
  handOutNext: true,
  assurance: { levelPercent: 100, publishers: [], announce: true },
};

describe.each([
  { name: "without a key tree", changes: {} },
  { name: "with a key tree", changes: { kek: { management: "lkh" as const, ack: 2 as const }, maxPushOctets: 900 } },
  { name: "with the next keys and key delivery assurance", changes: { ...next } },
  { name: "with all of them", changes: { ...next, kek: { management: "lkh" as const, ack: 2 as const } } },
])("$name", ({ changes }) => {
  test("killed between any two outputs, the key server repeats no SEQ and no SID, and all end with the same keys", async () => {
    const whole = await play(Number.POSITIVE_INFINITY, changes);
    expect(whole.count).toBeGreaterThan(50);
    for (let cut = 0; cut < whole.count; cut++) {
      try {
        const { registrations } = await play(cut, changes);
        // nobody has to register for it; a registration that was cut off itself is repeated
        const repeated = whole.registrations > 1 ? 1 : 0;
        if (cut > whole.registered) expect(registrations).toBeLessThanOrEqual(whole.registrations + repeated);
      } catch (error) {
        throw new Error(`cut before output ${cut}`, { cause: error });
      }
    }
  });
});
