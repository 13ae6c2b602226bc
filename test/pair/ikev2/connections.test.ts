import { expect, test } from "vitest";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  ikeSas,
  ikev2Policy,
  ikev2World,
  leftAddress,
  rightAddress,
  selector,
  told,
} from "../../support/ikev2.ts";

const impatient = { retransmission: { firstMs: 500, factor: 1, maxMs: 500, tries: 2 } };

/** The child `extra`, which nothing but a command begins. */
function extra(side: "left" | "right") {
  const nets = [selector("10.3.0.0", "10.3.0.255"), selector("10.4.0.0", "10.4.0.255")];
  const [local, remote] = side === "left" ? nets : nets.toReversed();
  if (local === undefined || remote === undefined) throw new Error("two networks");
  return childPolicy(side, {
    name: "extra",
    localSelectors: [local],
    remoteSelectors: [remote],
    start: "manual",
  });
}

test("several commands for one connection share an attempt, and each is answered", async () => {
  const { world, left } = ikev2World();
  const handles = [1, 2, 3].map(() => left.command({ do: "up", target: "tunnel" }));
  await world.runUntil(() => handles.every(({ answer }) => answer !== undefined), 10_000);
  for (const { answer } of handles) expect(answer).toMatchObject({ reply: { name: "tunnel", state: "up" } });
  expect(world.wire).toHaveLength(4);
  const { answer } = left.command({ do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ reply: { state: "up" } });
  expect(world.wire).toHaveLength(4);
});

test("a child that starts only when it is asked for is made under the IKE SA that stands, or with a new one", async () => {
  for (const first of [true, false]) {
    const pair = ikev2World({
      left: { children: [childPolicy("left"), extra("left")] },
      right: { children: [childPolicy("right"), extra("right")] },
    });
    if (first) await bringUp(pair);
    const { world, left, right } = pair;
    const { answer } = await ask(world, left, { do: "up", target: "tunnel/extra" });
    expect(answer).toMatchObject({ reply: { name: "tunnel" } });
    expect(ikeSas(left)).toHaveLength(1);
    expect(childSas(right).map(({ name }) => name)).toContain("extra");
  }
});

test("a child that the operator took down stays down when its connection comes again, until it is asked for", async () => {
  const start = { start: "always", retryMs: { first: 1000, max: 1000 } } as const;
  const second = (side: "left" | "right") => ({ ...extra(side), start: "connection" }) as const;
  const pair = ikev2World({
    left: { ...start, children: [childPolicy("left"), second("left")] },
    right: { children: [childPolicy("right"), second("right")] },
  });
  const { world, left, right } = pair;
  const names = () => childSas(left).map(({ name }) => name);
  await world.runUntil(() => names().length === 2, 10_000);
  await ask(world, left, { do: "down", target: "tunnel/net" });
  await ask(world, right, { do: "down", target: "tunnel" });
  await world.runFor(10_000);
  expect(names()).toEqual(["extra"]);
  await ask(world, left, { do: "up", target: "tunnel/net" });
  expect(names().toSorted()).toEqual(["extra", "net"]);
});

test.each([
  ["10f2a", "unknown-target", /there is no connection, child or SPI 10f2a/],
  ["tunnel/other", "unknown-target", /keyherald sas lists them/],
  ["passive", "no-address", /only the peer can begin it/],
])("up %s is refused as %s", async (target, code, message) => {
  const config = connection("left");
  const passive = { ...config, name: "passive", remote: { ...config.remote, endpoint: undefined } };
  const { world, left } = ikev2World({ leftConnections: [config, passive] });
  const { answer } = await ask(world, left, { do: "up", target });
  expect(answer).toEqual({ refusal: { code, message: expect.stringMatching(message) } });
});

test("up takes a name, not an SPI", async () => {
  const pair = ikev2World();
  await bringUp(pair);
  const target = childSas(pair.left)[0]?.spiIn ?? "";
  const { answer } = await ask(pair.world, pair.left, { do: "up", target });
  expect(answer).toMatchObject({ refusal: { code: "not-a-name" } });
});

test("a manual connection is tried once, and whoever waits is told why it failed", async () => {
  const { world, left, right } = ikev2World({ policy: impatient });
  right.kill();
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toEqual({
    refusal: { code: "unanswered", message: "tunnel is not up: the peer does not answer" },
  });
  const sent = world.wire.length;
  await world.runFor(600_000);
  expect(world.wire).toHaveLength(sent);
  expect(left.engine.connections()[0]).toMatchObject({ state: "down", lastError: "the peer does not answer" });
});

test("taken down while it is being begun: the attempt ends, and whoever waits is told", async () => {
  const { world, left, right } = ikev2World({ left: { start: "always" } });
  right.kill();
  const up = left.command({ do: "up", target: "tunnel" });
  const down = left.command({ do: "down", target: "tunnel" });
  await world.runFor(1);
  expect(up.answer).toMatchObject({ refusal: { code: "down" } });
  expect(down.answer).toEqual({ reply: { ikeSas: 1, childSas: 0 } });
  await world.runFor(600_000);
  expect(left.engine.leftovers).toEqual([]);
  expect(left.engine.connections()[0]).toMatchObject({ state: "stopped" });
});

test("no address of ours fits the peer's", async () => {
  const config = connection("left");
  const remote = { ...config.remote, endpoint: { address: "2001:db8::1", port: 500 } };
  const { world, left } = ikev2World({ left: { remote } });
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "no-socket" } });
});

test("a connection that is new in the configuration begins, one that becomes manual is left as it is", async () => {
  const pair = ikev2World({ leftConnections: [] });
  const { world, left, right } = pair;
  const policy = (start: "always" | "manual") => ikev2Policy(leftAddress, [connection("left", { start })]);
  await ask(world, left, { do: "reconfigure", policy: policy("always") });
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, left, { do: "reconfigure", policy: policy("manual") });
  await ask(world, right, { do: "down", target: "tunnel" });
  await world.runFor(600_000);
  expect(ikeSas(left)).toEqual([]);
  expect(left.engine.connections()[0]).toMatchObject({ state: "down", start: "manual" });
});

test("whoever waits for a connection that leaves the configuration is told", async () => {
  const { world, left, right } = ikev2World();
  right.kill();
  const up = left.command({ do: "up", target: "tunnel" });
  left.command({ do: "reconfigure", policy: ikev2Policy(leftAddress, []) });
  await world.runFor(1);
  expect(up.answer).toMatchObject({ refusal: { code: "unknown-connection" } });
  expect(left.engine.connections()).toEqual([]);
  await world.runFor(60_000);
  expect(left.engine.leftovers).toEqual([]);
});

test("views show what stands, and no key", async () => {
  const pair = ikev2World({ policy: { keyLog: true } });
  await bringUp(pair);
  const { left, world } = pair;
  const [view] = left.engine.connections();
  expect(view).toMatchObject({
    name: "tunnel",
    state: "up",
    remote: `${rightAddress}:500`,
    localIdentity: "fqdn:left.example",
    remoteIdentity: "fqdn:right.example",
    ikeSas: [
      {
        role: "initiator",
        state: "established",
        local: { address: leftAddress, port: 500 },
        authentication: "psk",
        nat: "none",
        virtualAddresses: [],
        children: [{ name: "net", local: ["10.1.0.0/16"], remote: ["10.2.0.0/16"], state: "installed" }],
      },
    ],
  });
  const keys = left.keyLog.flatMap((line) => line.split(",").slice(2, 4));
  expect(keys).toHaveLength(2);
  const all = JSON.stringify([view, left.engine.status(), world.events, told(world, left)]);
  for (const key of keys) expect(all).not.toContain(key);
  expect(left.engine.status()).toMatchObject({
    role: "ikev2",
    connections: 1,
    up: 1,
    ikeSas: 1,
    childSas: 1,
    halfOpen: 0,
  });
});

test("what the peer does not begin under its IKE SA is begun by the side that is to keep it up", async () => {
  const start = { start: "always", retryMs: { first: 2000, max: 2000 } } as const;
  const pair = ikev2World({
    left: { children: [childPolicy("left"), extra("left")] },
    right: { ...start, children: [childPolicy("right"), { ...extra("right"), start: "connection" }] },
  });
  const { world, left, right } = pair;
  right.command({ do: "down", target: "tunnel" });
  await world.runFor(1000);
  await ask(world, left, { do: "up", target: "tunnel" });
  expect(childSas(right).map(({ name }) => name)).toEqual(["net"]);
  const up = right.command({ do: "up", target: "tunnel" });
  await world.runUntil(() => up.answer !== undefined, 10_000);
  expect(childSas(right).map(({ name }) => name)).toEqual(["net", "extra"]);
  expect(ikeSas(right)).toHaveLength(1);
  await ask(world, left, { do: "down", target: "tunnel" });
  await bringUp(pair);
  await world.runFor(10_000);
  expect(childSas(left).map(({ name }) => name)).toEqual(["net", "extra"]);
});
