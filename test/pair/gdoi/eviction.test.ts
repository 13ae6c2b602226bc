/** Members are put out: what they can still read, and what the others notice. */
import { describe, expect, test } from "vitest";
import { GmEngine } from "../../../src/gdoi/gm/engine.ts";
import type { Packet } from "../../../src/sim/network.ts";
import { type GroupChanges, gcksPolicy, gmPolicy, groupPolicy } from "../../support/group.ts";
import { type GmHost, type GroupWorldOptions, groupWorld, registered, settled } from "../../support/world.ts";

const minute = 60_000;
const lossy = { loss: 0.2, duplicate: 0.1, delayMs: 20, jitterMs: 200 };

function keysOf(member: GmHost) {
  const keys = member.engine.keys("plant");
  if (keys === undefined) throw new Error("no group");
  return keys;
}

async function running(members: number, group: GroupChanges, others: Partial<GroupWorldOptions> = {}) {
  const setup = groupWorld({ seed: 1, members, gcks: gcksPolicy([groupPolicy(group)]), ...others });
  await setup.world.runUntil(() => registered(setup.members), 5 * minute);
  return setup;
}

/** Everything that is sent to anybody reaches these members, too. */
function overhearing(world: Awaited<ReturnType<typeof running>>["world"], spies: readonly GmHost[]): void {
  world.intercept = (packet) => {
    if (packet.bytes[18] !== 33) return [packet];
    const copies = spies.filter((s) => s.address !== packet.to.address);
    return [packet, ...copies.map((s): Packet => ({ ...packet, to: { ...packet.to, address: s.address } }))];
  };
}

describe("with LKH", () => {
  test.each([
    { count: 8, out: [2], maxPushOctets: 1_400 },
    { count: 20, out: [0, 1, 7, 19], maxPushOctets: 1_400 },
    { count: 60, out: [3, 9, 14, 22, 31, 40, 58], maxPushOctets: 1_000 },
  ])(
    "$count members lose $out.length, who read nothing any more although they get every datagram",
    async ({ count, out, maxPushOctets }) => {
      const { world, gcks, members } = await running(count, { kek: { management: "lkh", ack: 2 }, maxPushOctets });
      const gone = out.flatMap((n) => members[n] ?? []);
      const stay = members.filter((m) => !gone.includes(m));
      overhearing(world, gone);
      const before = gone.map(keysOf);
      const names = gone.map((m) => m.address);
      const from = world.wire.length;
      gcks.command({ do: "evict", group: "plant", members: names, reason: "stolen" });
      await world.runUntil(() => settled(gcks), 10 * minute);
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), 10 * minute);
      await world.runFor(5 * minute);

      const [first] = stay;
      if (first === undefined) throw new Error("nobody stays");
      for (const member of stay) expect(keysOf(member)).toEqual(keysOf(first));
      const fresh = new Set(keysOf(first).teks.map((t) => t.spi));
      gone.forEach((member, i) => {
        const now = keysOf(member);
        expect(now.kekSpi).not.toBe(keysOf(first).kekSpi);
        for (const tek of now.teks) expect(before[i]?.teks).toContainEqual(tek);
        for (const tek of now.teks) expect(fresh.has(tek.spi)).toBe(false);
      });
      // the others needed no registration for it
      const again = world.events.filter((e) => e.event.kind === "gm.registered" && stay.some((m) => m.name === e.host));
      expect(again).toHaveLength(stay.length);
      const pushes = world.wire.slice(from).filter((w) => w.packet.bytes[18] === 33);
      for (const { packet } of pushes) expect(packet.bytes.length).toBeLessThanOrEqual(maxPushOctets);
      if (maxPushOctets === 1_000) {
        const sizes = new Set(pushes.map((w) => Buffer.from(w.packet.bytes).toString("hex")));
        expect(sizes.size).toBeGreaterThan(3);
      }
      for (const rekey of gcks.engine.group("plant")?.rekeys ?? []) expect(rekey.missing).toBe(0);
    },
  );

  test("it works on a network that loses a fifth, and who comes later takes a free leaf", async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const group = { kek: { management: "lkh" as const, ack: 4 as const }, maxPushOctets: 900 };
      const { world, gcks, members } = await running(16, group, { seed, link: lossy });
      gcks.command({
        do: "evict",
        group: "plant",
        members: [3, 4, 11].flatMap((n) => members[n]?.address ?? []),
        reason: "left",
      });
      await world.runUntil(() => settled(gcks), 10 * minute);
      const late = world.host({
        name: "late",
        address: "198.51.100.200",
        create: () => new GmEngine(gmPolicy("198.51.100.200")),
      });
      await world.runUntil(() => registered([late]), 5 * minute);
      gcks.command({ do: "rekey", group: "plant", what: "kek" });
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), 10 * minute);
      await world.runFor(3 * minute);
      const stay = [...members.filter((_, n) => ![3, 4, 11].includes(n)), late];
      for (const member of stay) expect(keysOf(member), `seed ${seed}, ${member.name}`).toEqual(keysOf(late));
    }
  });

  test("a member that is let in again registers and gets a key of its own", async () => {
    const { world, gcks, members } = await running(4, { kek: { management: "lkh", ack: 2 } });
    const [first, second] = members;
    if (first === undefined || second === undefined) throw new Error("no members");
    gcks.command({ do: "evict", group: "plant", members: [first.address], reason: "by mistake" });
    await world.runUntil(() => settled(gcks), 5 * minute);
    await world.runFor(2 * minute);
    gcks.command({ do: "admit", group: "plant", members: [first.address] });
    first.command({ do: "register", group: "plant" });
    await world.runUntil(() => registered([first]), 5 * minute);
    await world.runFor(minute);
    gcks.command({ do: "rekey", group: "plant", what: "tek" });
    await world.runUntil(() => settled(gcks), 5 * minute);
    expect(keysOf(first)).toEqual(keysOf(second));
    expect(gcks.engine.group("plant")?.rekeys.at(-1)?.acked).toBe(4);
  });
});

describe("without LKH", () => {
  test("everybody starts over, and who was put out is refused", async () => {
    const { world, gcks, members } = await running(6, {});
    const [gone, ...stay] = members;
    if (gone === undefined) throw new Error("no member");
    overhearing(world, [gone]);
    gcks.command({ do: "evict", group: "plant", members: [gone.address], reason: "stolen" });
    await world.runUntil(() => settled(gcks), 5 * minute);
    await world.runUntil(() => registered(stay), 5 * minute);
    const [first] = stay;
    if (first === undefined) throw new Error("nobody stays");
    for (const member of stay) expect(keysOf(member)).toEqual(keysOf(first));
    expect(keysOf(gone)).toEqual({ kekSpi: undefined, teks: [] });
    expect(gone.engine.status().groups[0]).toMatchObject({ state: "expired" });
    expect(gone.engine.status().groups[0]?.lastError).toContain("refused");
    const times = world.events.filter((e) => e.event.kind === "gm.reregistering").map((e) => e.event.figures?.["inMs"]);
    expect(new Set(times).size).toBeGreaterThan(3);
  });
});
