import { expect, test } from "vitest";
import type { Ikev2Command } from "../../../src/ikev2/types.ts";
import {
  childPolicy,
  childSas,
  dataPlane,
  type Ikev2World,
  ikeSas,
  ikev2World,
  kinds,
  mirrored,
  selector,
} from "../../support/ikev2.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed + 1);
const network = { loss: 0.25, duplicate: 0.15, delayMs: 20, jitterMs: 600 };
/** Patient enough that with such losses nobody gives up. */
const retransmission = { firstMs: 1000, factor: 1.3, maxMs: 4000, tries: 30 };
const always = { start: "always", retryMs: { first: 2000, max: 10_000 }, livenessMs: 30_000 } as const;

function given(host: Ikev2World["left"], command: Ikev2Command): () => boolean {
  const handle = host.command(command);
  return () => handle.answer !== undefined;
}

/** Both ends have the same SAs with the same keys, and nothing else. */
async function sameAtBothEnds({ world, left, right }: Ikev2World, childrenEach: number): Promise<void> {
  await world.runFor(120_000);
  // at most a question whether the other is alive is on its way
  await world.runUntil(() => left.engine.leftovers.length + right.engine.leftovers.length === 0, 120_000);
  expect(ikeSas(left).map(({ id }) => id)).toEqual(ikeSas(right).map(({ id }) => id));
  expect(childSas(left)).toHaveLength(childrenEach);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  expect(dataPlane(left).size).toBe(childrenEach);
}

test.each(SEEDS)(
  "over a network that loses, doubles and reorders both ends have the same SAs (seed %i)",
  async (seed) => {
    const pair = ikev2World({ seed, link: network, policy: { retransmission }, left: always });
    const { world, left, right } = pair;
    await world.runUntil(() => childSas(left).length === 1, 600_000);
    await sameAtBothEnds(pair, 1);
    const down = given(right, { do: "down", target: "tunnel/net" });
    await world.runUntil(down, 600_000);
    // the left is to keep it up, so it comes again
    await sameAtBothEnds(pair, 1);
    const gone = given(right, { do: "down", target: "tunnel" });
    await world.runUntil(gone, 600_000);
    await world.runUntil(() => childSas(left).length === 1, 600_000);
    await sameAtBothEnds(pair, 1);
    const [downLeft, downRight] = [left, right].map((host) => given(host, { do: "down", target: "tunnel" }));
    await world.runUntil(() => downLeft?.() === true && downRight?.() === true, 600_000);
    await sameAtBothEnds(pair, 0);
    expect(ikeSas(left)).toEqual([]);
    expect(kinds(world, left)).not.toContain("ikev2.broken");
    expect(kinds(world, right)).not.toContain("ikev2.broken");
  },
);

test.each(SEEDS.slice(0, 30))("several Child SAs of one connection all come up (seed %i)", async (seed) => {
  const nets = (side: "left" | "right") => [
    childPolicy(side),
    childPolicy(side, {
      name: "second",
      localSelectors: [selector(side === "left" ? "10.3.0.1" : "10.4.0.1")],
      remoteSelectors: [selector(side === "left" ? "10.4.0.1" : "10.3.0.1")],
    }),
  ];
  const pair = ikev2World({
    seed,
    link: network,
    policy: { retransmission },
    left: { ...always, children: nets("left") },
    right: { children: nets("right") },
  });
  const { world, left } = pair;
  await world.runUntil(() => childSas(left).length === 2, 600_000);
  await sameAtBothEnds(pair, 2);
});

test.each(SEEDS.slice(0, 50))(
  "both sides begin at once and one IKE SA is left, which stays (seed %i)",
  async (seed) => {
    const pair = ikev2World({ seed, link: network, policy: { retransmission }, left: always, right: always });
    const { world, left, right } = pair;
    await world.runUntil(() => childSas(left).length > 0 && childSas(right).length > 0, 600_000);
    await world.runFor(300_000);
    await sameAtBothEnds(pair, 1);
    const standing = ikeSas(left).map(({ id }) => id);
    expect(standing).toHaveLength(1);
    await world.runFor(600_000);
    await sameAtBothEnds(pair, 1);
    expect(ikeSas(left).map(({ id }) => id)).toEqual(standing);
    expect(ikeSas(right)).toHaveLength(1);
  },
);
