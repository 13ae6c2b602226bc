/** Whatever happens to whom, on a bad network: in the end all who belong to a group have the same keys, and nobody else. */
import { expect, test } from "vitest";
import { seededRandom } from "../../../src/crypto/seeded.ts";
import type { PushTransport } from "../../../src/gdoi/policy.ts";
import { type GroupChanges, gcksPolicy, groupPolicy } from "../../support/group.ts";
import { streamTek } from "../../support/stream.ts";
import { type GmHost, groupWorld, settled } from "../../support/world.ts";

const minute = 60_000;
const lossy = { loss: 0.25, duplicate: 0.1, delayMs: 20, jitterMs: 300 };
const multicast: PushTransport = { transport: "multicast", address: "239.9.9.9", port: 8848, ttl: 4 };
const seeds = Number(process.env["KEYHERALD_SEEDS"] ?? 20);

function keysOf(member: GmHost) {
  const keys = member.engine.keys("plant");
  return { kekSpi: keys?.kekSpi, teks: [...(keys?.teks ?? [])].sort((a, b) => a.spi.localeCompare(b.spi)) };
}

const next: GroupChanges = {
  teks: [streamTek({ lifetimeSeconds: 1_200 })],
  handOutNext: true,
  assurance: { levelPercent: 90, publishers: [], announce: true },
};

test.each([
  { name: "unicast", management: "none", ack: 1, push: { transport: "unicast" } },
  { name: "unicast with LKH", management: "lkh", ack: 2, push: { transport: "unicast" } },
  { name: "multicast", management: "none", ack: 3, push: multicast },
  { name: "multicast with LKH", management: "lkh", ack: 4, push: multicast },
  { name: "next keys and their delivery", management: "none", ack: 1, push: { transport: "unicast" }, next },
  { name: "the same by multicast with LKH", management: "lkh", ack: 4, push: multicast, next },
] as const)(
  `rekeys, evictions, crashes and losses end well: $name (${seeds} seeds)`,
  { timeout: 10 * minute },
  async ({ management, ack, push, ...changes }) => {
    for (let seed = 1; seed <= seeds; seed++) {
      const kek = { management, ack, lifetimeSeconds: 7_200 };
      const group = groupPolicy({ kek, push, maxPushOctets: 900, ...("next" in changes && changes.next) });
      const { world, gcks, members } = groupWorld({ seed, members: 12, link: lossy, gcks: gcksPolicy([group]) });
      const random = seededRandom(seed);
      const any = () => members[Math.floor(random.fraction() * members.length)];
      const out = new Set<GmHost>();
      await world.runFor(minute);
      for (let n = 0; n < 12; n++) {
        const member = any();
        const what = Math.floor(random.fraction() * 7);
        if (member === undefined) continue;
        if (what === 0 && gcks.up) gcks.command({ do: "rekey", group: "plant", what: "tek" });
        else if (what === 1 && gcks.up) gcks.command({ do: "rekey", group: "plant", what: "kek" });
        else if (what === 2 && gcks.up) {
          if (gcks.engine.members("plant").some((m) => m.address === member.address && m.state !== "evicted")) {
            gcks.command({ do: "evict", group: "plant", members: [member.address], reason: "test" });
            out.add(member);
          }
        } else if (what === 3 && gcks.up && out.has(member)) {
          gcks.command({ do: "admit", group: "plant", members: [member.address] });
          out.delete(member);
          if (member.up) member.command({ do: "register", group: "plant" });
        } else if (what === 4) member.up ? member.kill() : member.start();
        else if (what === 5) gcks.up ? gcks.kill() : gcks.start();
        await world.runFor(random.fraction() * (random.fraction() < 0.2 ? 10 * minute : 20_000));
      }
      for (const host of [gcks, ...members]) if (!host.up) host.start();
      await world.runFor(5 * minute);
      gcks.command({ do: "rekey", group: "plant", what: "kek" });
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), 10 * minute);
      await world.runFor(5 * minute);
      const stay = members.filter((m) => !out.has(m));
      const [first] = stay;
      if (first === undefined) continue;
      const right = keysOf(first);
      expect(right.teks.length, `seed ${seed}`).toBeGreaterThan(0);
      expect(right.kekSpi, `seed ${seed}`).toBe(gcks.engine.group("plant")?.kek.spi);
      for (const member of stay) expect(keysOf(member), `seed ${seed}, ${member.name}`).toEqual(right);
      const current = new Set(right.teks.map((t) => t.spi));
      for (const member of out) {
        for (const tek of keysOf(member).teks) expect(current.has(tek.spi), `seed ${seed}, ${member.name}`).toBe(false);
        expect(keysOf(member).kekSpi, `seed ${seed}, ${member.name}`).not.toBe(right.kekSpi);
      }
    }
  },
);
