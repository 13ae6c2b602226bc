import { expect, test } from "vitest";
import { sentence } from "../../../src/ledger/story.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  type Ikev2World,
  ikeSas,
  ikev2Policy,
  ikev2World,
  kinds,
  leftAddress,
  rightAddress,
  told,
} from "../../support/ikev2.ts";

const always = { start: "always", retryMs: { first: 1000, max: 8000 } } as const;

/** Nothing stands, and nothing is left of what did. */
async function allGone({ world, left, right }: Ikev2World): Promise<void> {
  await world.runFor(60_000);
  for (const host of [left, right]) {
    expect(ikeSas(host)).toEqual([]);
    expect(dataPlane(host).size).toBe(0);
    expect(host.engine.leftovers).toEqual([]);
  }
}

test("an operator takes a connection down: the peer knows why and for how long", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  const { answer } = await ask(world, left, {
    do: "down",
    target: "tunnel",
    reason: "new fibre",
    downtimeSeconds: 600,
  });
  expect(answer).toEqual({ reply: { ikeSas: 1, childSas: 0 } });
  expect(told(world, left).at(-1)).toBe('deleted the IKE SA: "new fibre", announced for about 600 s');
  expect(told(world, right).at(-1)).toMatch(
    /^peer deleted the IKE SA: "new fibre", expects to be back in about 600 s \(\d\d:\d\d:\d\d UTC\)$/,
  );
  expect(right.engine.connections()[0]?.outage).toMatchObject({ reason: "new fibre", downtimeSeconds: 600 });
  await allGone(pair);
});

test("a Child SA alone is deleted by name, and the IKE SA stays", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  const { answer } = await ask(world, right, { do: "down", target: "tunnel/net" });
  expect(answer).toEqual({ reply: { ikeSas: 0, childSas: 1 } });
  for (const host of [left, right]) {
    expect(childSas(host)).toEqual([]);
    expect(dataPlane(host).size).toBe(0);
    expect(ikeSas(host)).toHaveLength(1);
  }
  expect(told(world, right)).toContain('deleted Child SA net: "taken down by the operator"');
  expect(told(world, left)).toContain('peer deleted Child SA net: "taken down by the operator"');
  expect(told(world, right).at(-1)).toBe(
    'the peer answers the deletion of Child SA net: "deleted because the peer deleted it"',
  );
});

test("a Child SA is deleted by either of its SPIs, an IKE SA by its own", async () => {
  for (const which of ["spiIn", "spiOut"] as const) {
    const pair = ikev2World();
    await bringUp(pair);
    const spi = childSas(pair.left)[0]?.[which] ?? "";
    await ask(pair.world, pair.left, { do: "down", target: `0x${spi.toUpperCase()}` });
    expect(childSas(pair.right)).toEqual([]);
  }
  for (const which of [0, 1]) {
    const pair = ikev2World();
    await bringUp(pair);
    const spi = ikeSas(pair.left)[0]?.id.split("_")[which] ?? "";
    await ask(pair.world, pair.left, { do: "down", target: spi });
    expect(ikeSas(pair.right)).toEqual([]);
  }
});

test("what is not there cannot be taken down", async () => {
  const pair = ikev2World();
  const { answer } = await ask(pair.world, pair.left, { do: "down", target: "tunel" });
  expect(answer).toMatchObject({ refusal: { code: "unknown-target" } });
});

test.each([
  ["service-shutdown", "IKE service is shutting down"],
  ["service-restart", "IKE service is restarting"],
  ["host-shutdown", "host is shutting down"],
  ["host-restart", "host is restarting"],
] as const)("a shutdown for %s tells every peer that reason", async (cause, text) => {
  const pair = ikev2World({
    leftPolicy: { deleteReason: { send: true, notifyType: 40960, downtimeSeconds: { [cause]: 90 } } },
  });
  const { world, left, right } = pair;
  await bringUp(pair);
  const { answer } = await ask(world, left, { do: "shutdown", cause, withinMs: 2000 });
  expect(answer).toEqual({ reply: { ikeSas: 1 } });
  expect(told(world, right).at(-1)).toContain(`peer deleted the IKE SA: "${text}", expects to be back in about 90 s`);
  expect((await ask(world, left, { do: "up", target: "tunnel" })).answer).toMatchObject({
    refusal: { code: "closing" },
  });
  await allGone(pair);
});

test("a shutdown does not wait longer than it may for a peer that has gone", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  right.kill();
  const begun = world.now;
  await ask(world, left, { do: "shutdown", cause: "host-shutdown", withinMs: 2000 });
  expect(world.now - begun).toBe(2000);
  expect(ikeSas(left)).toEqual([]);
  expect(told(world, left).at(-1)).toBe("the peer did not answer the deletion of the IKE SA");
});

test("both delete the IKE SA at once: both are answered, and it is told once as ours", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  const handles = [left, right].map((host) => host.command({ do: "down", target: "tunnel" }));
  await world.runUntil(() => handles.every(({ answer }) => answer !== undefined), 1000);
  for (const host of [left, right]) {
    expect(told(world, host).filter((text) => text.includes("deleted the IKE SA"))).toEqual([
      'deleted the IKE SA: "taken down by the operator"',
    ]);
  }
  await allGone(pair);
});

test("both delete the Child SA at once: neither answers with a Delete, and both lose it once", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  const handles = [left, right].map((host) => host.command({ do: "down", target: "tunnel/net" }));
  await world.runUntil(() => handles.every(({ answer }) => answer !== undefined), 1000);
  for (const host of [left, right]) {
    expect(kinds(world, host)).not.toContain("ikev2.child-delete-answered");
    expect(host.sadChanges.filter(({ change }) => change === "remove-child")).toHaveLength(1);
    expect(ikeSas(host)).toHaveLength(1);
    expect(host.engine.leftovers).toEqual([]);
  }
});

test("configuration that is gone is deleted with its reasons, what stays keeps its SAs", async () => {
  const children = [childPolicy("left"), childPolicy("left", { name: "other", start: "manual" })];
  const pair = ikev2World({ left: { children } });
  const { world, left, right } = pair;
  await bringUp(pair);
  const standing = ikeSas(left)[0]?.id;
  const without = connection("left", { children: [children[1] ?? childPolicy("left")] });
  await ask(world, left, { do: "reconfigure", policy: ikev2Policy(leftAddress, [without]) });
  await world.runFor(1000);
  expect(ikeSas(left).map(({ id, children: kept }) => [id, kept])).toEqual([[standing, []]]);
  expect(told(world, right).at(-1)).toBe('peer deleted Child SA net: "Child SA configuration was removed"');
  await ask(world, left, { do: "reconfigure", policy: ikev2Policy(leftAddress, []) });
  await world.runFor(1000);
  expect(ikeSas(left)).toEqual([]);
  expect(told(world, right).at(-1)).toBe('peer deleted the IKE SA: "IKE SA configuration was removed"');
  expect(ikeSas(right)).toEqual([]);
  await allGone(pair);
});

test("a peer that another identity is configured for now is deleted, with the same reason", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  const config = connection("left");
  const other = { ...config, remote: { ...config.remote, identity: connection("left").local.identity } };
  await ask(world, left, { do: "reconfigure", policy: ikev2Policy(leftAddress, [other]) });
  await world.runFor(1000);
  expect(told(world, right).at(-1)).toBe('peer deleted the IKE SA: "IKE SA configuration was removed"');
});

test("a connection that is to be up comes back, and it is told against what was announced", async () => {
  const pair = ikev2World({
    left: always,
    leftPolicy: { retransmission: { firstMs: 1000, factor: 1, maxMs: 1000, tries: 3 } },
  });
  const { world, left, right } = pair;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, right, { do: "shutdown", cause: "host-restart", downtimeSeconds: 120, withinMs: 1000 });
  right.kill();
  await world.runFor(138_000);
  right.start();
  await world.runUntil(() => childSas(left).length === 1, 60_000);
  const lines = told(world, left);
  expect(lines.find((line) => line.startsWith("peer deleted"))).toMatch(
    /^peer deleted the IKE SA: "host is restarting", expects to be back in about 120 s/,
  );
  expect(lines.find((line) => line.startsWith("re-established"))).toMatch(
    /^re-established after 1(3[89]|4\d) s, (1[89]|2\d) s later than announced$/,
  );
  expect(left.engine.connections()[0]).toMatchObject({ state: "up" });
  expect(left.engine.connections()[0]?.outage).toBeUndefined();
});

test("what a peer announced outlives our own restart", async () => {
  const pair = ikev2World({ left: always });
  const { world, left, right } = pair;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, right, { do: "down", target: "tunnel", reason: "maintenance", downtimeSeconds: 30 });
  right.kill();
  left.kill();
  await world.runFor(10_000);
  left.start();
  expect(left.engine.connections()[0]?.outage).toMatchObject({ reason: "maintenance", downtimeSeconds: 30 });
  await world.runFor(5000);
  right.start();
  await world.runUntil(() => childSas(left).length === 1, 60_000);
  expect(told(world, left).find((line) => line.startsWith("re-established"))).toMatch(/s earlier than announced$/);
  expect(left.records.size).toBe(0);
});

test("a connection that its operator took down stays down until it is asked for", async () => {
  const pair = ikev2World({ left: always });
  const { world, left, right } = pair;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, left, { do: "down", target: "tunnel" });
  await world.runFor(600_000);
  expect(left.engine.connections()[0]).toMatchObject({ state: "stopped" });
  await bringUp(pair);
  expect(left.engine.connections()[0]).toMatchObject({ state: "up" });
});

test("attempts at a peer that is away go on with longer and longer pauses, up to the bound", async () => {
  const pair = ikev2World({
    left: always,
    leftPolicy: { retransmission: { firstMs: 1000, factor: 1, maxMs: 1000, tries: 1 } },
  });
  const { world, left, right } = pair;
  right.kill();
  await world.runFor(120_000);
  const pauses = world.events.flatMap(({ event }) =>
    event.kind === "ikev2.failed" ? [event.figures?.["retryInMs"]] : [],
  );
  const rounded = pauses.map((pause) => Math.ceil(Number(pause) / 1000));
  expect(rounded.slice(0, 4)).toEqual([1, 2, 4, 8]);
  expect(Math.max(...rounded)).toBe(8);
  expect(left.engine.connections()[0]).toMatchObject({ state: "waiting", lastError: "the peer does not answer" });
});

test("a peer that vanishes is found out by asking, and comes back as after an outage that nobody announced", async () => {
  const pair = ikev2World({ left: { ...always, livenessMs: 10_000 } });
  const { world, left, right } = pair;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  right.kill();
  await world.runUntil(() => kinds(world, left).includes("ikev2.peer-dead"), 120_000);
  expect(dataPlane(left).size).toBe(0);
  right.start();
  await world.runUntil(() => childSas(left).length === 1, 120_000);
  expect(told(world, left).find((line) => line.startsWith("re-established"))).toMatch(/^re-established after \d+ s$/);
});

test("a living peer answers, and is asked no more often than configured", async () => {
  const pair = ikev2World({ left: { livenessMs: 10_000 } });
  const { world, left } = pair;
  await bringUp(pair);
  const before = world.wire.length;
  await world.runFor(100_500);
  expect((world.wire.length - before) / 2).toBe(10);
  expect(ikeSas(left)).toHaveLength(1);
});

test("a repeated Delete whose answer was lost gets the same answer, and is told once", async () => {
  const pair = ikev2World();
  const { world, left, right } = pair;
  await bringUp(pair);
  let lost = 0;
  world.intercept = (packet) => {
    if (packet.from.address !== rightAddress || lost > 0) return [packet];
    lost += 1;
    return [];
  };
  await ask(world, left, { do: "down", target: "tunnel" });
  const answers = world.wire.slice(-4).filter(({ packet }) => packet.from.address === rightAddress);
  expect(answers).toHaveLength(2);
  expect(answers[0]?.packet.bytes).toEqual(answers[1]?.packet.bytes);
  expect(told(world, right).filter((line) => line.startsWith("peer deleted"))).toHaveLength(1);
  expect(told(world, left)).not.toContain("the peer did not answer the deletion of the IKE SA");
  await allGone(pair);
});

test("without reasons the same happens on the wire and in the data plane", async () => {
  const run = async (send: boolean) => {
    const pair = ikev2World({
      left: always,
      right: { livenessMs: 20_000 },
      policy: { deleteReason: { send, notifyType: 40960, downtimeSeconds: { operator: 40, "host-restart": 60 } } },
    });
    const { world, left, right } = pair;
    await world.runUntil(() => childSas(right).length === 1, 10_000);
    await ask(world, right, { do: "down", target: "tunnel/net" });
    await world.runFor(30_000);
    await ask(world, right, { do: "down", target: "tunnel", reason: "first" });
    await world.runFor(60_000);
    await ask(world, right, { do: "shutdown", cause: "host-restart", withinMs: 500 });
    await world.runFor(60_000);
    return {
      // sizes differ by the notification alone
      wire: world.wire.map(({ at, packet: { from, to } }) => [at, from, to]),
      sad: [left, right].map((host) => host.sadChanges.map((change) => JSON.stringify(change))),
      views: [left, right].map((host) => host.engine.connections().map(({ outage: _, ...view }) => view)),
      told: world.events
        .filter(({ event }) => event.kind === "ikev2.deleted" && event.cause === "peer")
        .map(({ event }) => sentence(event)),
    };
  };
  const [withReasons, without] = [await run(true), await run(false)];
  expect({ ...withReasons, told: [] }).toEqual({ ...without, told: [] });
  expect(withReasons.told[0]).toContain('"first", expects to be back in about 40 s');
  expect(without.told[0]).toBe("peer deleted the IKE SA without a reason");
});

test("a damaged record of an outage, or one of a connection that is gone, is removed", async () => {
  const pair = ikev2World({ left: always });
  const { world, left, right } = pair;
  await world.runUntil(() => childSas(right).length === 1, 10_000);
  await ask(world, right, { do: "down", target: "tunnel", downtimeSeconds: 30 });
  left.kill();
  const kept = new Map(left.records);
  const restored = (value: unknown, key = "tunnel") => {
    left.kill();
    (left.records as Map<string, unknown>).clear();
    (left.records as Map<string, unknown>).set(`ikev2.outage\0${key}`, { kind: "ikev2.outage", key, value });
    left.start();
    return left.engine.connections()[0]?.outage;
  };
  expect(kept.size).toBe(1);
  expect(restored({ since: 1, by: "peer", downtimeSeconds: 30 })).toMatchObject({ since: 1, downtimeSeconds: 30 });
  for (const value of [
    null,
    7,
    [],
    { since: "1", by: "peer", downtimeSeconds: 30 },
    { since: 1, by: "me", downtimeSeconds: 1 },
  ]) {
    expect(restored(value)).toBeUndefined();
    expect(left.records.size).toBe(0);
  }
  expect(restored({ since: 1, by: "peer", downtimeSeconds: 30 }, "gone")).toBeUndefined();
  expect(left.records.size).toBe(0);
});
