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

  describe("while one member is silent", () => {
    const group = { kek: { management: "lkh", ack: 2 }, maxPushOctets: 4_000 } as const;
    const isPush = ({ bytes }: Packet) => bytes[18] === 33;
    const hasNewTeks = (member: GmHost, old: readonly string[]) => {
      const { teks } = keysOf(member);
      return teks.length > 0 && teks.every(({ spi }) => !old.includes(spi));
    };

    /** Five members; the first is put out, and `silent` gets no push that `lost` holds for. */
    async function evicting(lost: (packet: Packet, sinceMs: number) => boolean) {
      const setup = await running(5, group);
      const { world, gcks, members } = setup;
      const [gone, silent, ...others] = members;
      if (gone === undefined || silent === undefined) throw new Error("no members");
      const old = keysOf(silent).teks.map(({ spi }) => spi);
      const from = world.now;
      world.intercept = (packet) =>
        packet.to.address === silent.address && isPush(packet) && lost(packet, world.now - from) ? [] : [packet];
      gcks.command({ do: "evict", group: "plant", members: [gone.address], reason: "stolen" });
      const registrations = () => world.events.filter((e) => e.event.kind === "gm.registered").length;
      return { ...setup, gone, silent, others, old, from, registrations };
    }

    test("the others have new TEKs after two seconds, and it is sent the update further", async () => {
      const { world, gcks, gone, silent, others, old, from, registrations } = await evicting(() => true);
      const before = registrations();
      await world.runUntil(() => others.every((member) => hasNewTeks(member, old)), 3_000);
      expect(world.now - from).toBeGreaterThanOrEqual(2_000);
      expect(hasNewTeks(gone, old)).toBe(false);
      await world.runUntil(() => settled(gcks), 5 * minute);
      const repeats = world.wire.filter((w) => w.at > from + 30_000 && isPush(w.packet));
      expect(new Set(repeats.map(({ packet }) => packet.to.address))).toEqual(new Set([silent.address]));
      // the update and the TEKs, each by its own KEK
      expect(new Set(repeats.map(({ packet }) => Buffer.from(packet.bytes.subarray(0, 16)).toString("hex"))).size).toBe(
        2,
      );
      expect(gcks.engine.group("plant")?.rekeys.map(({ kind, acked, missing }) => [kind, acked, missing])).toEqual([
        ["lkh", 3, 1],
        ["tek", 3, 1],
      ]);
      expect(registrations()).toBe(before);
    });

    test("it comes to the new TEKs by the last repeats, without registering again", async () => {
      // the schedule of the tests ends with repeats after 30 and 40 seconds
      const { world, gcks, silent, others, old, registrations } = await evicting((_, sinceMs) => sinceMs < 39_000);
      const before = registrations();
      await world.runUntil(() => settled(gcks), 5 * minute);
      expect(hasNewTeks(silent, old)).toBe(true);
      expect(keysOf(silent)).toEqual(keysOf(others[0] ?? silent));
      expect(gcks.engine.group("plant")?.rekeys.map(({ acked }) => acked)).toEqual([4, 4]);
      await world.runFor(2 * minute);
      expect(registrations()).toBe(before);
    });

    test("the TEKs that reach it before the update are taken when they come again", async () => {
      const first: string[] = [];
      const { world, gcks, silent, others, old, registrations } = await evicting((packet, sinceMs) => {
        const spi = Buffer.from(packet.bytes.subarray(0, 16)).toString("hex");
        if (first.length === 0) first.push(spi);
        return spi === first[0] && sinceMs < 3_000;
      });
      const before = registrations();
      await world.runUntil(() => settled(gcks), 5 * minute);
      expect(silent.engine.status().counters["drop.push-unknown-spi"]).toBeGreaterThan(0);
      expect(hasNewTeks(silent, old)).toBe(true);
      expect(keysOf(silent)).toEqual(keysOf(others[0] ?? silent));
      await world.runFor(2 * minute);
      expect(registrations()).toBe(before);
    });

    test("a key server that is killed between the two sends the TEKs when it is back", async () => {
      const { world, gcks, others, old } = await evicting(() => true);
      await world.runFor(1_000);
      gcks.kill();
      await world.runFor(20_000);
      expect(others.some((member) => hasNewTeks(member, old))).toBe(false);
      gcks.start();
      await world.runUntil(() => others.every((member) => hasNewTeks(member, old)), 1_000);
    });

    test("a second one that is put out at that moment gets neither", async () => {
      const { world, gcks, silent, others, old } = await evicting(() => false);
      await world.runFor(1_900);
      gcks.command({ do: "evict", group: "plant", members: [silent.address], reason: "stolen too" });
      await world.runUntil(() => settled(gcks), 5 * minute);
      await world.runFor(2 * minute);
      const fresh = keysOf(others[0] ?? silent);
      for (const member of others) expect(keysOf(member)).toEqual(fresh);
      expect(fresh.teks.some(({ spi }) => old.includes(spi))).toBe(false);
      expect(keysOf(silent).teks.some(({ spi }) => fresh.teks.some((tek) => tek.spi === spi))).toBe(false);
    });
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
