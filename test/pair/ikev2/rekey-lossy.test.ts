/** Lifetimes so short that rekeys of both ends run into each other all the time, over a network that loses and reorders. */
import { expect, test } from "vitest";
import { bringUp, childPolicy, childSas, ikev2World, kinds, selector } from "../../support/ikev2.ts";
import { deletions, type Side, settled, unsettled } from "../../support/ikev2-mail.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed + 1);
const network = { loss: 0.2, duplicate: 0.15, delayMs: 20, jitterMs: 600 };
/** Patient enough that with such losses nobody gives up. */
const retransmission = { firstMs: 1000, factor: 1.3, maxMs: 4000, tries: 30 };
/** What may be told of deletions when nobody wants anything deleted. */
const routine = [
  ...["simultaneous-rekey", "lost a simultaneous rekey"],
  ...["reauthentication", "IKE SA is re-authenticated"],
  // a Delete of a re-authenticated one that comes too late
  ...["initial-contact", "replaced by a newer IKE SA of the same peer"],
];

function life(side: Side) {
  const child = { rekeyMs: 20_000, jitter: 0.3 };
  const second = {
    ...child,
    name: "second",
    localSelectors: [selector(side === "left" ? "10.3.0.1" : "10.4.0.1")],
    remoteSelectors: [selector(side === "left" ? "10.4.0.1" : "10.3.0.1")],
  };
  return {
    rekeyMs: 45_000,
    reauthenticateMs: side === "left" ? 200_000 : Number.POSITIVE_INFINITY,
    jitter: 0.3,
    livenessMs: 30_000,
    children: [childPolicy(side, child), childPolicy(side, second)],
  };
}

test.each(SEEDS)("both ends have the same SAs in the end, and none is lost on the way (seed %i)", async (seed) => {
  const pair = ikev2World({ seed, policy: { retransmission }, left: life("left"), right: life("right") });
  const { world, left, right } = pair;
  await bringUp(pair);
  await world.runUntil(() => childSas(right).length === 2, 10_000);
  world.link = network;
  await world.runFor(400_000);
  world.link = { loss: 0, duplicate: 0, delayMs: 1, jitterMs: 0 };
  await world.runUntil(() => unsettled(pair).length === 0, 120_000);
  await settled(pair, { children: 2, afterMs: 0 });
  for (const side of ["left", "right"] as const) {
    const told = kinds(world, pair[side]);
    expect(told.filter((kind) => kind === "ikev2.rekeyed").length).toBeGreaterThan(20);
    for (const kind of ["ikev2.peer-dead", "ikev2.broken", "ikev2.child-failed"]) {
      expect(told).not.toContain(kind);
    }
    const others = deletions(pair, side).filter((text) => !routine.some((words) => text.includes(words)));
    expect(others).toEqual([]);
  }
  expect(
    childSas(left)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(["net", "second"]);
});
