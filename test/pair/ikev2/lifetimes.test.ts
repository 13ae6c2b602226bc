/** When SAs are replaced, and when they end because they were not: RFC 7296 2.8. Jitter, volume, inactivity. */
import { describe, expect, test } from "vitest";
import type { Ikev2Command } from "../../../src/ikev2/types.ts";
import { story } from "../../../src/ledger/story.ts";
import { ask, bringUp, childPolicy, childSas, type Ikev2Host, ikeSas, ikev2World, told } from "../../support/ikev2.ts";
import { deletions, type Side, settled, withMail } from "../../support/ikev2-mail.ts";

const sides: readonly Side[] = ["left", "right"];
const hour = 3_600_000;

describe("by time", () => {
  test("a Child SA is rekeyed within the jitter before its time, at another instant each time", async () => {
    const made = ikev2World({ left: { children: [childPolicy("left", { rekeyMs: hour, jitter: 0.2 })] } });
    const { world, left } = made;
    await bringUp(made);
    const from = world.now;
    await world.runFor(24 * hour);
    await settled(made);
    const at = world.events
      .filter(({ host, event }) => host === "left" && event.kind === "ikev2.rekeyed")
      .map(({ at }) => at);
    const held = at.map((one, i) => one - (at[i - 1] ?? from));
    expect(held.length).toBeGreaterThanOrEqual(24);
    expect(Math.min(...held)).toBeGreaterThanOrEqual(0.8 * hour);
    expect(Math.max(...held)).toBeLessThanOrEqual(hour + 100);
    expect(new Set(held.map(Math.round)).size).toBeGreaterThan(20);
    expect(childSas(left)[0]?.rekeyAt).toBeGreaterThan(world.now);
  });

  test("an IKE SA is rekeyed as well, by whoever has the shorter time", async () => {
    const made = ikev2World({ left: { rekeyMs: 4 * hour, jitter: 0.1 }, right: { rekeyMs: hour, jitter: 0.1 } });
    await bringUp(made);
    await made.world.runFor(10 * hour);
    await settled(made);
    expect(ikeSas(made.right)[0]?.role).toBe("initiator");
    expect(
      told(made.world, made.left).filter((line) => line.startsWith("IKE SA rekeyed")).length,
    ).toBeGreaterThanOrEqual(10);
  });

  test("without jitter of their own both ends collide every time, and one of each is left", async () => {
    const life = (side: Side) => ({ rekeyMs: 50_000, children: [childPolicy(side, { rekeyMs: 20_000 })] });
    const made = ikev2World({ left: life("left"), right: life("right") });
    await bringUp(made);
    await made.world.runFor(600_500);
    await settled(made, { afterMs: 35 });
    const lost = sides.flatMap((side) => deletions(made, side)).filter((text) => text === "us simultaneous-rekey");
    expect(lost.length).toBeGreaterThan(20);
  });

  test.each(sides)(
    "a Child SA that is not rekeyed ends on time, says so, and is made anew where it is to be up (%s)",
    async (side) => {
      const made = ikev2World({
        [side]: { start: "always", children: [childPolicy(side, { lifetimeMs: 60_000 })] },
      });
      const { world } = made;
      await world.runUntil(() => childSas(made[side]).length === 1, 60_000);
      const [before] = childSas(made[side]);
      await world.runFor(61_000);
      await settled(made, { afterMs: 20_000 });
      expect(deletions(made, side)).toEqual(["us lifetime"]);
      expect(deletions(made, side === "left" ? "right" : "left")).toEqual(['peer "lifetime reached without rekey"']);
      expect(childSas(made[side])[0]?.spiIn).not.toBe(before?.spiIn);
    },
  );

  test("where nobody wants it to be up it stays away", async () => {
    const made = ikev2World({ left: { children: [childPolicy("left", { lifetimeMs: 60_000 })] } });
    await bringUp(made);
    await made.world.runFor(61_000);
    await settled(made, { children: 0 });
  });

  test.each(sides)(
    "an IKE SA that is not rekeyed ends on time, says so, and comes back where it is to be up (%s)",
    async (side) => {
      const made = ikev2World({
        [side]: { start: "always", lifetimeMs: 60_000, retryMs: { first: 1000, max: 1000 } },
      });
      const { world } = made;
      await world.runUntil(() => childSas(made[side]).length === 1, 60_000);
      await world.runFor(59_000);
      const [before] = ikeSas(made.left);
      await world.runFor(20_000);
      expect(deletions(made, side)).toEqual(["us lifetime"]);
      expect(deletions(made, side === "left" ? "right" : "left")).toEqual(['peer "lifetime reached without rekey"']);
      await settled(made, { afterMs: 20_000 });
      expect(ikeSas(made.left)[0]?.id).not.toBe(before?.id);
    },
  );

  test("a rekey under way when the lifetime is over: the new Child SA stays, the old one goes for its lifetime", async () => {
    const made = await withMail({ left: { children: [childPolicy("left", { rekeyMs: 10_000, lifetimeMs: 12_000 })] } });
    const { mail, world } = made;
    await world.runFor(10_500);
    await mail.deliver("left CREATE_CHILD_SA");
    const late = mail.copy("right CREATE_CHILD_SA response");
    await world.runFor(2_000);
    await late();
    await mail.release();
    await settled(made, { afterMs: 1_000 });
    expect(deletions(made, "left")).toEqual(["us lifetime"]);
  });
});

describe("by volume", () => {
  const traffic = (host: Ikev2Host, octets: number, packets: number, idleMs = 0): Ikev2Command => ({
    do: "traffic",
    of: childSas(host).map(({ spiIn }) => ({ spiIn, octets, packets, idleMs })),
  });

  test.each([
    ["octets", 1_000_000, 10],
    ["packets", 10, 1_000],
  ])("a Child SA that carried as many %s as it may is rekeyed once", async (_what, octets, packets) => {
    const limits = { rekeyOctets: 1_000_000, rekeyPackets: 1_000 };
    const made = await withMail({ left: { children: [childPolicy("left", limits)] } });
    const { mail, left } = made;
    const { spiIn } = childSas(left)[0] ?? { spiIn: "" };
    left.command(traffic(left, octets - 1, packets - 1));
    expect(mail.waiting).toEqual([]);
    const report: Ikev2Command = { do: "traffic", of: [{ spiIn, octets, packets, idleMs: 0 }] };
    for (let i = 0; i < 5; i++) expect(left.command(report).answer).toEqual({ reply: { known: [spiIn] } });
    await mail.deliver("left CREATE_CHILD_SA", "right CREATE_CHILD_SA response");
    left.command(report);
    await mail.release();
    await settled(made);
    expect(mail.sent).toHaveLength(4);
    expect(childSas(left)[0]).toMatchObject({ octets: 0, packets: 0 });
    expect(left.command(report).answer).toEqual({ reply: { known: [] } });
  });

  test("what the peer refuses is asked for again after a pause, however often traffic is reported", async () => {
    const made = await withMail({ left: { children: [childPolicy("left", { rekeyOctets: 1000 })] } });
    const { mail, left, right, world } = made;
    right.command({ do: "rekey", target: "tunnel" });
    left.command(traffic(left, 2000, 10));
    await mail.deliver("right CREATE_CHILD_SA", "left CREATE_CHILD_SA", "right CREATE_CHILD_SA response");
    for (let i = 0; i < 10; i++) left.command(traffic(left, 2000 + i, 10));
    expect(mail.sent.filter((name) => name === "left CREATE_CHILD_SA")).toHaveLength(1);
    await mail.release();
    await world.runFor(20_000);
    await settled(made);
    expect(childSas(left)[0]).toMatchObject({ octets: 0 });
  });

  test.each(sides)("an idle Child SA is deleted with that reason by the %s end, and the IKE SA stays", async (side) => {
    const made = ikev2World({ [side]: { children: [childPolicy(side, { inactivityMs: 300_000 })] } });
    const { world } = made;
    await bringUp(made);
    const host = made[side];
    await ask(world, host, traffic(host, 100, 1, 299_999));
    await settled(made);
    await ask(world, host, traffic(host, 100, 1, 300_000));
    await settled(made, { children: 0 });
    expect(deletions(made, side)).toEqual(["us inactivity"]);
    expect(deletions(made, side === "left" ? "right" : "left")).toEqual(['peer "Child SA was inactive"']);
  });
});

test("a week of rekeys is a few lines, and what happened between them is not lost among them", async () => {
  const life = (side: Side) => ({
    rekeyMs: 4 * hour,
    jitter: 0.1,
    children: [childPolicy(side, { rekeyMs: hour, jitter: 0.1 })],
  });
  const made = ikev2World({
    left: { ...life("left"), start: "always", retryMs: { first: 120_000, max: 120_000 } },
    right: life("right"),
  });
  const { world, left, right } = made;
  await world.runUntil(() => childSas(left).length === 1, 60_000);
  await world.runFor(100 * hour);
  await ask(world, right, { do: "down", target: "tunnel", reason: "new kernel", downtimeSeconds: 120 });
  await world.runFor(68 * hour);
  await settled(made);
  const events = world.events
    .filter(({ host }) => host === "left")
    .map(({ at, event }, id) => ({ ...event, because: 0, id, at }));
  const lines = story(events).map(({ text }) => text);
  expect(lines).toEqual([
    expect.stringContaining("established as initiator"),
    expect.stringMatching(/^Child SA net established/),
    expect.stringMatching(/^rekeyed \d+ times in 4 d \d+ h: 1\d\d of Child SA net and 2\d of IKE SA$/),
    'peer deleted the IKE SA: "new kernel", expects to be back in about 120 s (04:02:01 UTC)',
    expect.stringContaining("established as initiator"),
    expect.stringMatching(/^re-established after/),
    expect.stringMatching(/^Child SA net established/),
    expect.stringMatching(/^rekeyed \d+ times in 2 d \d+ h: \d\d of Child SA net and \d\d of IKE SA$/),
  ]);
});
