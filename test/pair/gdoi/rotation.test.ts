/** K0 and K1 over many lifetimes: at every instant all members hold a usable key of every stream in common. */
import { describe, expect, test } from "vitest";
import type { Link } from "../../../src/sim/network.ts";
import { perfectLink } from "../../../src/sim/network.ts";
import {
  addressIdentity,
  type GroupChanges,
  gcksPolicy,
  gmPolicy,
  groupPolicy,
  memberAddress,
} from "../../support/group.ts";
import { combinations, streamTek } from "../../support/stream.ts";
import { type GroupWorld, groupWorld, registered } from "../../support/world.ts";

const minute = 60_000;
const lifetimeSeconds = 600;
const streams = combinations.map((pair, n) => streamTek({ ...pair, oid: `1.2.840.10070.${n}`, lifetimeSeconds }));

function substation(seed: number, members: number, changes: GroupChanges, link: Link = perfectLink): GroupWorld {
  const acks = { retransmitAfterMs: [1_000, 2_000, 4_000, 8_000, 15_000], missingAfterMs: 20_000 };
  const group = groupPolicy({ teks: streams, handOutNext: true, acks, maxPushOctets: 9_000, ...changes });
  return groupWorld({ seed, members, gcks: gcksPolicy([group]), gm: (address) => gmPolicy(address), link });
}

/** SPIs that a member may use now, by stream. */
function usable(member: GroupWorld["members"][number], now: number): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { oid = "", spi, activateAt, expiresAt = 0 } of member.engine.status().groups[0]?.teks ?? []) {
    if (activateAt <= now && now < expiresAt) found.set(oid, [...(found.get(oid) ?? []), spi]);
  }
  return found;
}

/** @throws when there is a stream of which the members have no usable key in common. */
function shared({ world, members }: GroupWorld): Set<string> {
  const common = new Set<string>();
  const all = members.map((member) => usable(member, world.now));
  for (let n = 0; n < streams.length; n++) {
    const oid = `1.2.840.10070.${n}`;
    const [first = [], ...others] = all.map((byStream) => byStream.get(oid) ?? []);
    const spi = first.find((one) => others.every((spis) => spis.includes(one)));
    if (spi === undefined) throw new Error(`no key of stream ${oid} in common at ${world.now}`);
    common.add(spi);
  }
  return common;
}

/** Looks every few seconds while time passes; returns every key that was in use. */
async function watch(substation: GroupWorld, ms: number, each: (passed: number) => void = () => {}) {
  const seen = new Set<string>();
  for (let passed = 0; passed < ms; passed += 5_000) {
    await substation.world.runFor(5_000);
    each(passed);
    for (const spi of shared(substation)) seen.add(spi);
  }
  return seen;
}

describe("over twenty lifetimes", () => {
  test("every combination of algorithms rotates without a gap, and nobody has to register again", async () => {
    const made = substation(1, 3, {});
    await made.world.runUntil(() => registered(made.members), minute);
    const seen = await watch(made, 20 * lifetimeSeconds * 1000);
    expect(seen.size).toBeGreaterThanOrEqual(24 * streams.length);
    expect(made.gcks.engine.members("plant").map(({ registrations }) => registrations)).toEqual([1, 1, 1]);
    const last = made.world.events.filter(({ event }) => event.kind === "gm.keys-expired");
    expect(last).toEqual([]);
  });

  test("so it does on a network that loses a fifth, with a key server that is restarted now and then", async () => {
    const link = { loss: 0.2, duplicate: 0.1, delayMs: 5, jitterMs: 30 };
    const made = substation(2, 4, { assurance: { levelPercent: 100, publishers: [], announce: true } }, link);
    await made.world.runUntil(() => registered(made.members), 10 * minute);
    let lives = 0;
    const seen = await watch(made, 20 * lifetimeSeconds * 1000, (passed) => {
      if (passed % 335_000 !== 0) return;
      made.gcks.kill();
      made.gcks.start();
      lives += 1;
    });
    expect(lives).toBeGreaterThan(30);
    expect(seen.size).toBeGreaterThanOrEqual(24 * streams.length);
  });

  test("keys last while the key server is gone for less than the time that the next ones give", async () => {
    const made = substation(3, 3, {});
    await made.world.runUntil(() => registered(made.members), minute);
    await watch(made, 5 * minute);
    made.gcks.kill();
    // K1 ends 1 080 s after the start
    await watch(made, 12 * minute);
    made.gcks.start();
    await watch(made, 30 * minute);
    made.gcks.kill();
    await expect(watch(made, 30 * minute)).rejects.toThrow("in common");
  });
});

describe("key delivery assurance", () => {
  test("is told to the publisher when it registers, and to all by the second push, which changes no key", async () => {
    const rule = { rule: "identity", identity: addressIdentity(memberAddress(0)), text: memberAddress(0) } as const;
    const assurance = { levelPercent: 90, publishers: [rule], announce: true };
    const made = substation(30, 3, { teks: streams.slice(0, 1), assurance });
    const { world, members, gcks } = made;
    const told = () =>
      members.map((m) => m.engine.status().groups[0]?.teks.map(({ keyDeliveryAssurance }) => keyDeliveryAssurance));
    await world.runUntil(() => registered(members), minute);
    expect(told().slice(1)).toEqual(Array(2).fill([undefined, undefined]));
    expect(told()[0]?.every((percent) => percent !== undefined)).toBe(true);
    await world.runUntil(() => members.every((m) => m.engine.status().groups[0]?.teks.length === 3), 10 * minute);
    const keys = members.map((m) => m.engine.keys("plant"));
    expect(told().map((percents) => percents?.at(-1))).toEqual([undefined, undefined, undefined]);
    await world.runFor(minute);
    expect(told().map((percents) => percents?.at(-1))).toEqual([100, 100, 100]);
    const later = members.map((m) => m.engine.keys("plant"));
    for (const [n, { teks = [] } = {}] of later.entries()) {
      for (const tek of teks) expect(keys[n]?.teks).toContainEqual(tek);
    }
    expect(gcks.engine.group("plant")?.rekeys.map(({ kind, acked }) => [kind, acked])).toEqual([
      ["tek", 3],
      ["tek", 3],
    ]);
    expect(gcks.engine.members("plant").map(({ registrations }) => registrations)).toEqual([1, 1, 1]);
  });

  test("figures are those of the members' own keys, whatever is lost", async () => {
    const assurance = { levelPercent: 90, publishers: [], announce: true };
    const link = { loss: 0.45, duplicate: 0, delayMs: 5, jitterMs: 5 };
    for (let seed = 10; seed < 20; seed++) {
      const changes: GroupChanges = { teks: streams.slice(0, 2), assurance, acks: { retransmitAfterMs: [2_000] } };
      const made = substation(seed, 8, changes, perfectLink);
      await made.world.runUntil(() => registered(made.members), minute);
      made.world.link = link;
      for (let n = 0; n < 40; n++) {
        await made.world.runFor(37_000);
        for (const { spi, delivery, expiresAt } of made.gcks.engine.group("plant")?.teks ?? []) {
          if (expiresAt <= made.world.now) continue;
          const having = made.members.filter((m) => m.engine.keys("plant")?.teks.some((tek) => tek.spi === spi));
          // acknowledgements are lost too, so that fewer may be known of than there are; never more
          expect(delivery?.holders).toBeLessThanOrEqual(having.length);
          expect(delivery).toMatchObject({ members: 8, percent: Math.floor(((delivery?.holders ?? 0) * 100) / 8) });
        }
      }
      made.world.link = perfectLink;
      await made.world.runFor(20 * minute);
      expect(made.gcks.engine.group("plant")?.teks.map(({ delivery }) => delivery?.percent)).toContain(100);
    }
  });
});
