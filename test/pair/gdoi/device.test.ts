/** Devices of a substation as they live: keys that they missed, and a key server that is gone for hours. */
import { describe, expect, test } from "vitest";
import { KeyTable } from "../../../src/dataplane/key-table.ts";
import type { TekPolicy } from "../../../src/gdoi/policy.ts";
import { hex } from "../../../src/util/octets.ts";
import { gcksPolicy, gcmTek, gmPolicy, groupPolicy } from "../../support/group.ts";
import { streamTek } from "../../support/stream.ts";
import { type GmHost, type GroupWorld, groupWorld, registered } from "../../support/world.ts";

const minute = 60_000;
const hour = 60 * minute;
const lifetimeSeconds = 600;

function substation(
  seed: number,
  keepWhenUnreachable: boolean,
  reregisterWithin = 0.2,
  teks: readonly TekPolicy[] = [streamTek({ lifetimeSeconds })],
): GroupWorld {
  const group = groupPolicy({ teks, handOutNext: teks.every(({ protocolId }) => protocolId === 3) });
  const gm = (address: string) => {
    const policy = gmPolicy(address, { reregisterWithin });
    return { ...policy, groups: policy.groups.map((one) => ({ ...one, keepWhenUnreachable })) };
  };
  return groupWorld({ seed, members: 3, gcks: gcksPolicy([group]), gm });
}

/** SPI of the key that the member's data plane sends with. */
function sending({ world }: GroupWorld, member: GmHost): string | undefined {
  const table = new KeyTable();
  for (const change of member.sadChanges) table.apply(change, world.now);
  const current = table.held(world.now).find(({ state }) => state === "current");
  return current && hex(current.sa.spi);
}

/** SPIs of the keys that the data plane of this life of the member holds. */
function held({ world }: GroupWorld, member: GmHost, life: number): string[] {
  const table = new KeyTable();
  for (const change of member.sadChanges.slice(life)) table.apply(change, world.now);
  return table.held(world.now).map(({ sa, state }) => `${hex(sa.spi)} ${state}`);
}

const told = ({ world }: GroupWorld, kind: string) => world.events.filter(({ event }) => event.kind === kind).length;

describe("a device", () => {
  test("that missed the pushes has the key of the SPI that it sees within a second", async () => {
    // it does not come by itself before the end of its keys
    const made = substation(37, false, 0.01);
    const { world, members } = made;
    const [publisher, deaf] = members;
    if (publisher === undefined || deaf === undefined) throw new Error("no members");
    await world.runUntil(() => registered(members), minute);
    world.intercept = (packet) => (packet.to.address === deaf.address && packet.bytes[18] === 33 ? [] : [packet]);
    const known = new Set(deaf.engine.keys("plant")?.teks.map((tek) => tek.spi));
    await world.runUntil(() => !known.has(sending(made, publisher) ?? ""), 2 * hour);
    const spi = sending(made, publisher) ?? "";
    const has = () => deaf.engine.keys("plant")?.teks.some((tek) => tek.spi === spi) === true;
    expect(has()).toBe(false);
    deaf.command({ do: "seen", group: "plant", spi });
    await world.runUntil(has, 1_000);
    expect(has()).toBe(true);
  });

  test("goes on with one key while the key server is gone for a day, says so, and takes the new one after", async () => {
    const made = substation(32, true);
    const { world, gcks, members } = made;
    await world.runUntil(() => registered(members), minute);
    await world.runFor(7 * minute);
    gcks.kill();
    for (let n = 0; n < 24; n++) {
      await world.runFor(hour);
      const spis = new Set(members.map((member) => sending(made, member)));
      expect(spis.size).toBe(1);
      expect(spis).not.toContain(undefined);
    }
    const notices = told(made, "gm.keys-kept");
    expect(notices).toBeGreaterThan(3 * 23 * 5);
    expect(notices).toBeLessThanOrEqual(3 * 24 * 6);
    expect(told(made, "gm.keys-expired")).toBe(0);
    const old = new Set(members.map((member) => sending(made, member)));
    gcks.start();
    await world.runUntil(() => registered(members), 20 * minute);
    await world.runFor(minute);
    const fresh = new Set(members.map((member) => sending(made, member)));
    expect(fresh.size).toBe(1);
    expect([...fresh].some((spi) => spi === undefined || old.has(spi))).toBe(false);
    await world.runFor(hour);
    expect(told(made, "gm.keys-kept")).toBe(notices);
  });

  test("has no key after its end when its group does not keep keys", async () => {
    const made = substation(33, false);
    const { world, gcks, members } = made;
    await world.runUntil(() => registered(members), minute);
    gcks.kill();
    await world.runFor(hour);
    expect(members.map((member) => sending(made, member))).toEqual([undefined, undefined, undefined]);
    expect(told(made, "gm.keys-expired")).toBe(3);
  });
});

describe("a device that is started again while its key server is away", () => {
  /** Registered, then without a key server and started again; `changes` of its sad from then on are those of this life. */
  async function restarted(made: GroupWorld, offMs = 30_000) {
    const { world, gcks, members } = made;
    const [device] = members;
    if (device === undefined) throw new Error("no members");
    await world.runUntil(() => registered(members), minute);
    await world.runFor(minute);
    const before = held(made, device, 0);
    gcks.kill();
    device.kill();
    await world.runFor(offMs);
    const life = device.sadChanges.length;
    const from = world.now;
    device.start();
    const events = (kind: string) =>
      world.events.filter(({ at, host, event }) => at >= from && host === device.name && event.kind === kind);
    return { device, before, life, from, events };
  }

  test("has its keys from the first moment, says so soon, and goes on with the last one past its end", async () => {
    const made = substation(34, true);
    const { world, gcks, members } = made;
    const { device, before, life, from, events } = await restarted(made);
    expect(before).toHaveLength(2);
    expect(held(made, device, life)).toEqual(before);
    expect(device.engine.status().groups[0]).toMatchObject({ state: "registering", teks: [{}, {}] });
    expect(events("gm.keys-restored")[0]).toMatchObject({ at: from, event: { figures: { teks: 2 }, level: "info" } });
    await world.runUntil(() => events("gm.keys-kept").length > 0, 11_000);
    expect(events("gm.keys-kept")[0]?.event).toMatchObject({ level: "warning", figures: { teks: 2 } });
    expect(events("gm.keys-kept")[0]?.event.figures).toHaveProperty("until");
    await world.runFor(hour);
    const [last] = held(made, device, life);
    expect(last).toBe(before[1]?.replace("next", "current"));
    expect(events("gm.keys-kept").at(-1)?.event.figures).toHaveProperty("since");

    // once more, with nothing but a key past its end
    device.kill();
    device.start();
    expect(sending(made, device)).toBe(last?.slice(0, 8));
    gcks.start();
    await world.runUntil(() => registered(members), 20 * minute);
    await world.runFor(minute);
    expect(sending(made, device)).not.toBe(last?.slice(0, 8));
    expect(new Set(members.map((member) => sending(made, member))).size).toBe(1);
    const notices = events("gm.keys-kept").length;
    await world.runFor(hour);
    expect(events("gm.keys-kept")).toHaveLength(notices);
  });

  test("has them until their end, and no longer, when its group does not keep keys", async () => {
    const made = substation(35, false);
    const { device, before, life, events } = await restarted(made);
    expect(held(made, device, life)).toEqual(before);
    await made.world.runFor(hour);
    expect(held(made, device, life)).toEqual([]);
    expect(events("gm.keys-expired")).toHaveLength(1);
    expect([...device.records.values()].filter(({ kind }) => kind === "gm.keys")).toEqual([]);
  });

  test("takes back none that ended while it was off, without an alarm", async () => {
    const made = substation(36, false);
    const { device, life, events } = await restarted(made, hour);
    expect(held(made, device, life)).toEqual([]);
    await made.world.runFor(minute);
    for (const kind of ["gm.keys-restored", "gm.keys-kept", "gm.keys-expired"]) expect(events(kind)).toEqual([]);
  });

  test("does not take back a counter mode that needs a Sender-ID, whose counters are gone", async () => {
    const made = substation(38, true, 0.2, [gcmTek]);
    const { device, before, life } = await restarted(made);
    expect(before).toHaveLength(1);
    expect(held(made, device, life)).toEqual([]);
  });

  test("says nothing of it when the key server answers", async () => {
    const made = substation(39, true);
    const { world, members } = made;
    await world.runUntil(() => registered(members), minute);
    members[0]?.kill();
    members[0]?.start();
    await world.runUntil(() => registered(members), minute);
    await world.runFor(minute);
    expect(told(made, "gm.keys-restored")).toBe(1);
    expect(told(made, "gm.keys-kept") + told(made, "gm.key-server-unreachable")).toBe(0);
  });
});

test("a device whose key server is gone says within seconds of the end of its keys that it goes on with them", async () => {
  const made = substation(40, true);
  const { world, gcks, members } = made;
  await world.runUntil(() => registered(members), minute);
  gcks.kill();
  const [device] = members;
  const end = Math.max(...(device?.engine.status().groups[0]?.teks.map(({ expiresAt = 0 }) => expiresAt) ?? []));
  await world.runUntil(() => told(made, "gm.keys-kept") > 0, hour);
  expect(world.now - end).toBeGreaterThanOrEqual(0);
  expect(world.now - end).toBeLessThan(11_000);
});
