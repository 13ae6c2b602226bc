import { describe, expect, test } from "vitest";
import { Ikev2Engine } from "../../../src/ikev2/engine.ts";
import type { Connection } from "../../../src/ikev2/types.ts";
import type { World } from "../../../src/sim/world.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  type Ikev2Host,
  identity,
  ikeSas,
  ikev2Policy,
  ikev2World,
  mirrored,
  selector,
  told,
} from "../../support/ikev2.ts";

const established = (host: Ikev2Host) => ikeSas(host).filter(({ state }) => state === "established");

/** Datagrams that a host has sent since then. */
function sentBy(world: World, host: Ikev2Host, since: number): number {
  return world.wire.filter(({ at, packet }) => at >= since && packet.from.address === host.address).length;
}

/** Another device with the identity of the left gateway. */
function secondDevice(world: World, changes: Partial<Connection> = {}): Ikev2Host {
  const address = "203.0.113.3";
  const config = connection("left", { unique: "keep", ...changes });
  return world.host({ name: "second", address, create: () => new Ikev2Engine(ikev2Policy(address, [config])) });
}

describe("INITIAL_CONTACT", () => {
  test("of a peer that has restarted ends its old IKE SA without a Delete, and says why", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    await bringUp(pair);
    const [old] = ikeSas(right);
    left.kill();
    left.start();
    await world.runFor(5000);
    const since = world.now;
    await bringUp(pair);
    await world.runFor(60_000);
    expect(established(right)).toHaveLength(1);
    expect(established(right)[0]?.id).not.toBe(old?.id);
    // IKE_SA_INIT and IKE_AUTH were answered, nothing else was sent
    expect(sentBy(world, right, since)).toBe(2);
    expect(told(world, right)).toContain("IKE SA ended after 5.0 s without a Delete: replaced after INITIAL_CONTACT");
    expect([...dataPlane(right).keys()]).toEqual(childSas(left).map(({ spiOut }) => spiOut));
    expect(right.engine.leftovers).toEqual([]);
  });

  test("is said to a peer once, whatever the number of connections to it", async () => {
    const second = { name: "second", children: [childPolicy("left", { localSelectors: [selector("10.9.0.1")] })] };
    const pair = ikev2World({
      leftConnections: [connection("left"), connection("left", second)],
      right: {
        children: [
          childPolicy("right"),
          childPolicy("right", { name: "other", remoteSelectors: [selector("10.9.0.1")] }),
        ],
        unique: "keep",
      },
    });
    const { world, left, right } = pair;
    await bringUp(pair);
    await ask(world, left, { do: "up", target: "second" });
    expect(established(right)).toHaveLength(2);
    // the first one is gone, and nothing says that the second is the only one
    await ask(world, left, { do: "down", target: "tunnel" });
    await ask(world, left, { do: "up", target: "tunnel" });
    await world.runFor(60_000);
    expect(established(right)).toHaveLength(2);
    expect(told(world, right).filter((sentence) => /INITIAL_CONTACT/.test(sentence))).toEqual([]);
  });

  test("leaves IKE SAs of another identity alone", async () => {
    const pair = ikev2World({
      rightConnections: [
        connection("right"),
        connection("right", {
          name: "roaming",
          remote: { ...connection("right").remote, identity: identity("roaming.example") },
        }),
      ],
    });
    const { world, left, right } = pair;
    await bringUp(pair);
    const { local } = connection("left");
    const device = secondDevice(world, {
      unique: "replace",
      local: { ...local, identity: identity("roaming.example") },
    });
    await ask(world, device, { do: "up", target: "tunnel" });
    expect(established(right)).toHaveLength(2);
    expect(established(left)).toHaveLength(1);
  });
});

describe("a second IKE SA of the same identity without INITIAL_CONTACT", () => {
  test("takes the place of the first after ten seconds, which is deleted with a reason", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    await bringUp(pair);
    const device = secondDevice(world);
    await ask(world, device, { do: "up", target: "tunnel" });
    await world.runFor(9000);
    expect(established(right)).toHaveLength(2);
    await world.runFor(2000);
    expect(established(right).map(({ remote }) => remote.address)).toEqual([device.address]);
    expect(established(left)).toEqual([]);
    expect(told(world, left)).toContain('peer deleted the IKE SA: "replaced by a newer IKE SA of the same peer"');
    expect(childSas(right)).toHaveLength(1);
  });

  test("stays beside it where the policy says so", async () => {
    const pair = ikev2World({ right: { unique: "keep" } });
    const { world, left, right } = pair;
    await bringUp(pair);
    const device = secondDevice(world);
    await ask(world, device, { do: "up", target: "tunnel" });
    await world.runFor(60_000);
    expect(established(right)).toHaveLength(2);
    expect([established(left).length, established(device).length]).toEqual([1, 1]);
  });

  test("does not matter when the first is gone by then", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    await bringUp(pair);
    const device = secondDevice(world);
    await ask(world, device, { do: "up", target: "tunnel" });
    await ask(world, left, { do: "down", target: "tunnel" });
    await world.runFor(60_000);
    expect(established(right).map(({ remote }) => remote.address)).toEqual([device.address]);
    expect(told(world, right).filter((sentence) => /newer IKE SA/.test(sentence))).toEqual([]);
  });
});

test("two gateways that begin at the same time end with one IKE SA, the same at both ends, on a bad network too", async () => {
  const states: string[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const link = { loss: 0.2, duplicate: 0.1, delayMs: 40, jitterMs: 300 };
    const pair = ikev2World({ seed, link, left: { start: "always" }, right: { start: "always" } });
    const { world, left, right } = pair;
    const settled = () =>
      established(left).length === 1 &&
      established(right).length === 1 &&
      left.engine.leftovers.length === 0 &&
      right.engine.leftovers.length === 0;
    await world.runFor(30_000);
    await world.runUntil(settled, 240_000).catch((thrown: unknown) => {
      throw new Error(`seed ${seed}: ${String(thrown)} ${left.engine.leftovers} ${right.engine.leftovers}`);
    });
    expect(established(left)[0]?.id, `seed ${seed}`).toBe(established(right)[0]?.id);
    expect(dataPlane(left), `seed ${seed}`).toEqual(mirrored(dataPlane(right)));
    states.push(established(left)[0]?.role ?? "");
  }
  expect(new Set(states)).toEqual(new Set(["initiator", "responder"]));
});

test("an identity of several devices has a bounded number of IKE SAs, and the oldest gives way", async () => {
  const pair = ikev2World({ left: { unique: "keep" }, right: { unique: "keep" } });
  const { world, left, right } = pair;
  await bringUp(pair);
  const first = ikeSas(right)[0]?.id;
  for (let i = 1; i < 256; i++) {
    left.kill();
    left.start();
    await bringUp(pair);
  }
  expect(established(right)).toHaveLength(256);
  left.kill();
  left.start();
  await bringUp(pair);
  expect(established(right)).toHaveLength(256);
  expect(established(right).map(({ id }) => id)).not.toContain(first);
  expect(told(world, right)).toContain('deleted the IKE SA: "one identity has no more than 256 IKE SAs"');
});
