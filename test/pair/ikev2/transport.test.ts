import { describe, expect, test } from "vitest";
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
  type Ikev2World,
  ikeSas,
  ikev2World,
  leftAddress,
  mirrored,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";

const whole = selector("0.0.0.0", "255.255.255.255");
const tcp = (port: number) => ({ ipProtocol: 6, startPort: port, endPort: port });

/** Transport mode between the two gateways themselves. */
const transport = (side: "left" | "right", changes = {}): Partial<Connection> => ({
  children: [childPolicy(side, { mode: "transport", localSelectors: [], remoteSelectors: [], ...changes })],
});

const traffic = (host: Ikev2Host) =>
  childSas(host).map(({ mode, local, remote }) => `${mode} ${local.join()} == ${remote.join()}`);

const leftOutside = "203.0.113.99";
const rightOutside = "203.0.113.77";

/** Between a host and all others: it has that address outside, and another port than its own if `ports` says so. */
function nat(world: World, inside: string, outside: string, ports = 0): void {
  const { intercept } = world;
  world.intercept = (packet) =>
    intercept(packet).map((one) => {
      if (one.from.address === inside) return { ...one, from: { address: outside, port: one.from.port + ports } };
      if (one.to.address === outside) return { ...one, to: { address: inside, port: one.to.port - ports } };
      return one;
    });
}

/** Keys and SPIs of both ends belong together, whatever the addresses. */
function sameKeys({ left, right }: Ikev2World): void {
  const keys = (pairs: ReturnType<typeof dataPlane>) =>
    [...pairs.values()].map(({ spiIn, spiOut, keyIn, keyOut, mode, encapsulated }) => ({
      spiIn,
      spiOut,
      keyIn,
      keyOut,
      mode,
      encapsulated,
    }));
  expect(keys(dataPlane(left))).toEqual(keys(mirrored(dataPlane(right))));
}

describe("transport mode", () => {
  test("carries the traffic of the two ends themselves", async () => {
    const pair = ikev2World({ left: transport("left"), right: transport("right") });
    await bringUp(pair);
    expect(traffic(pair.left)).toEqual([`transport ${leftAddress}/32 == ${rightAddress}/32`]);
    expect(traffic(pair.right)).toEqual([`transport ${rightAddress}/32 == ${leftAddress}/32`]);
    expect(dataPlane(pair.left)).toEqual(mirrored(dataPlane(pair.right)));
  });

  test("has one address at each end, and ports, of whatever is configured", async () => {
    const pair = ikev2World({
      left: transport("left", { localSelectors: [whole], remoteSelectors: [{ ...whole, ...tcp(80) }] }),
      right: transport("right", { localSelectors: [whole], remoteSelectors: [whole] }),
    });
    await bringUp(pair);
    expect(traffic(pair.left)).toEqual([`transport ${leftAddress}/32 == ${rightAddress}/32[tcp/80]`]);
    expect(dataPlane(pair.left)).toEqual(mirrored(dataPlane(pair.right)));
  });

  test("is kept over a rekey by either side", async () => {
    const pair = ikev2World({ left: transport("left"), right: transport("right") });
    const { world, left, right } = pair;
    await bringUp(pair);
    for (const host of [left, right]) {
      await ask(world, host, { do: "rekey", target: "tunnel/net" });
      await world.runFor(30_000);
      expect(traffic(right)).toEqual([`transport ${rightAddress}/32 == ${leftAddress}/32`]);
    }
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  });

  test("that the peer does not grant is no Child SA: the one that it made is deleted, and the IKE SA stays", async () => {
    const hosts = { localSelectors: [], remoteSelectors: [] };
    const pair = ikev2World({
      left: transport("left"),
      right: { children: [childPolicy("right", { ...hosts, mode: "tunnel" })] },
    });
    const { world, left, right } = pair;
    const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({
      refusal: { message: "tunnel/net is not up: the peer chose tunnel mode, net is for transport mode" },
    });
    await world.runFor(5000);
    expect(ikeSas(right).map(({ state, children }) => [state, children.length])).toEqual([["established", 0]]);
    expect(dataPlane(right).size).toBe(0);
    expect(told(world, right).at(-1)).toMatch(/^peer deleted Child SA net: "SA is not what was proposed/);
  });

  test("is not taken for tunnel mode, nor tunnel mode for it, where the policy has both", async () => {
    const names = { left: "left" as const, right: "right" as const };
    const both = (side: "left" | "right") => [
      childPolicy(names[side], { name: "gre", mode: "transport", localSelectors: [], remoteSelectors: [] }),
      childPolicy(names[side], { name: "wide", localSelectors: [whole], remoteSelectors: [whole] }),
    ];
    const pair = ikev2World({ left: { children: both("left") }, right: { children: both("right") } });
    const { left, right } = pair;
    await bringUp(pair);
    const modes = (host: Ikev2Host) => childSas(host).map(({ name, mode }) => [name, mode]);
    expect(modes(left)).toEqual([
      ["gre", "transport"],
      ["wide", "tunnel"],
    ]);
    expect(modes(right)).toEqual(modes(left));

    const refused = ikev2World({
      left: { children: [childPolicy("left", { localSelectors: [], remoteSelectors: [] })] },
      right: transport("right"),
    });
    const { answer } = await ask(refused.world, refused.left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({ refusal: { code: "TS_UNACCEPTABLE" } });
  });
});

describe("transport mode through NATs", () => {
  test("has at each end the addresses that are seen there", async () => {
    const pair = ikev2World({ left: transport("left"), right: transport("right") });
    nat(pair.world, leftAddress, leftOutside, 10_000);
    await bringUp(pair);
    expect(traffic(pair.left)).toEqual([`transport ${leftAddress}/32 == ${rightAddress}/32`]);
    expect(traffic(pair.right)).toEqual([`transport ${rightAddress}/32 == ${leftOutside}/32`]);
    expect(childSas(pair.right)[0]?.encapsulated).toBe(true);
    sameKeys(pair);
  });

  test("at both ends too, and Child SAs are rekeyed by either side", async () => {
    const { remote } = connection("left");
    const pair = ikev2World({
      left: { ...transport("left"), remote: { ...remote, endpoint: { address: rightOutside, port: 500 } } },
      right: transport("right"),
    });
    const { world, left, right } = pair;
    nat(world, leftAddress, leftOutside);
    nat(world, rightAddress, rightOutside);
    await bringUp(pair);
    const seen = () => [...traffic(left), ...traffic(right)];
    const expected = [
      `transport ${leftAddress}/32 == ${rightOutside}/32`,
      `transport ${rightAddress}/32 == ${leftOutside}/32`,
    ];
    expect(seen()).toEqual(expected);
    for (const host of [left, right]) {
      const before = childSas(left)[0]?.spiIn;
      await ask(world, host, { do: "rekey", target: "tunnel/net" });
      await world.runFor(30_000);
      expect(seen()).toEqual(expected);
      expect(childSas(left)[0]?.spiIn).not.toBe(before);
      sameKeys(pair);
    }
  });

  test("goes back to tunnel mode, with the addresses that the peer wrote, where the policy has only that", async () => {
    const inside = selector(leftAddress);
    const pair = ikev2World({
      left: transport("left"),
      right: { children: [childPolicy("right", { localSelectors: [], remoteSelectors: [inside] })] },
    });
    nat(pair.world, leftAddress, leftOutside);
    const { answer } = await ask(pair.world, pair.left, { do: "up", target: "tunnel" });
    // so far that the client says no
    expect(answer).toMatchObject({
      refusal: { message: "tunnel/net is not up: the peer chose tunnel mode, net is for transport mode" },
    });
    expect(told(pair.world, pair.right).some((line) => line.includes(`tunnel mode`))).toBe(true);
  });
});
