/** Devices of a substation as they live: keys that they missed, and a key server that is gone for hours. */
import { describe, expect, test } from "vitest";
import { KeyTable } from "../../../src/dataplane/key-table.ts";
import { hex } from "../../../src/util/octets.ts";
import { gcksPolicy, gmPolicy, groupPolicy } from "../../support/group.ts";
import { streamTek } from "../../support/stream.ts";
import { type GmHost, type GroupWorld, groupWorld, registered } from "../../support/world.ts";

const minute = 60_000;
const hour = 60 * minute;
const lifetimeSeconds = 600;

function substation(seed: number, keepWhenUnreachable: boolean, reregisterWithin = 0.2): GroupWorld {
  const group = groupPolicy({ teks: [streamTek({ lifetimeSeconds })], handOutNext: true });
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
