/** What a member does when its key server no longer knows their Phase 1 SA. */
import { expect, test } from "vitest";
import { groupWorld, registered } from "../../support/world.ts";

test("after a restart of the key server a member is registered again within four sends and a new Phase 1", async () => {
  const { world, gcks, members } = groupWorld({ seed: 1, members: 1 });
  await world.runUntil(() => registered(members), 60_000);
  gcks.kill();
  gcks.start();
  const before = world.now;
  const [member] = members;
  const handle = member?.command({ do: "register", group: "plant" });
  await world.runUntil(() => handle?.answer !== undefined, 60_000);
  expect(handle?.answer).toHaveProperty("reply");
  // three sends with back-off (0.5 s, 0.8 s, 1.28 s) under the old SA
  expect(world.now - before).toBeLessThan(4_000);
  expect(gcks.engine.members("plant")[0]?.registrations).toBe(2);
});
