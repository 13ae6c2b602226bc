/** Peers back to back over a network that loses, duplicates, delays and reorders. */
import { expect, test } from "vitest";
import { gcksPolicy, groupPolicy } from "../../support/group.ts";
import { groupWorld, registered, settled } from "../../support/world.ts";

const lossy = { loss: 0.3, duplicate: 0.1, delayMs: 20, jitterMs: 400 };
const minute = 60_000;
/** One send and its answer are both lost with probability 0.51: so many that none of 15 000 is left out by chance. */
const acks = {
  retransmitAfterMs: Array.from({ length: 30 }, (_, n) => 1_000 * (n + 1) ** 1.3),
  missingAfterMs: 120_000,
};
/** All 100 seeds when CI asks for them; a few of them while somebody waits. */
const seeds = Number(process.env["KEYHERALD_SEEDS"] ?? 100);

test(`50 members on a network that loses 30 % end with the same keys, and every ack is counted (${seeds} seeds)`, {
  timeout: 10 * minute,
}, async () => {
  for (let seed = 1; seed <= seeds; seed++) {
    const { world, gcks, members } = groupWorld({
      seed,
      members: 50,
      link: lossy,
      gcks: gcksPolicy([groupPolicy({ acks })]),
    });
    try {
      await world.runUntil(() => registered(members), 10 * minute);
      const command = gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => command.answer !== undefined && settled(gcks), 5 * minute);
      gcks.command({ do: "rekey", group: "plant", what: "kek" });
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), 10 * minute);
      await world.runFor(2 * minute);

      const rekeys = gcks.engine.group("plant")?.rekeys ?? [];
      expect(rekeys.length).toBe(3);
      for (const rekey of rekeys) {
        const states = gcks.engine.rekeyMembers("plant", rekey.spi, rekey.seq).map((m) => m.state);
        expect(states.filter((state) => state === "acked" || state === "reregistered").length).toBe(50);
        expect(rekey.acked + states.filter((state) => state === "reregistered").length).toBe(50);
      }
      const first = members[0]?.engine.keys("plant");
      expect(first?.teks.length).toBeGreaterThan(0);
      for (const member of members) expect(member.engine.keys("plant")).toEqual(first);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
