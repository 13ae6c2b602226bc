/** Members and their key server back to back, seen from the members. */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { seededRandom } from "../../../src/crypto/seeded.ts";
import { GcksEngine } from "../../../src/gdoi/gcks/engine.ts";
import { GmEngine } from "../../../src/gdoi/gm/engine.ts";
import type { GroupPolicy } from "../../../src/gdoi/policy.ts";
import { World } from "../../../src/sim/world.ts";
import { u32, utf8 } from "../../../src/util/octets.ts";
import {
  addressIdentity,
  at,
  gcksAddress,
  gcksPolicy,
  gmPolicy,
  groupPolicy,
  memberAddress,
} from "../../support/group.ts";
import { type GmHost, groupWorld, registered, settled } from "../../support/world.ts";

const second = 1_000;
const minute = 60_000;
const hour = 60 * minute;

function sameKeys(members: readonly GmHost[], group = "plant"): void {
  const first = members[0]?.engine.keys(group);
  expect(first?.teks.length).toBeGreaterThan(0);
  for (const member of members) expect(member.engine.keys(group)).toEqual(first);
}

describe("one group", () => {
  test.each([
    { ack: 1 as const, management: "none" as const },
    { ack: 3 as const, management: "none" as const },
    { ack: 2 as const, management: "lkh" as const },
    { ack: 4 as const, management: "lkh" as const },
  ])("acknowledgements of type $ack are counted in, by unicast and by multicast", async ({ ack, management }) => {
    for (const push of [
      { transport: "unicast" } as const,
      { transport: "multicast", address: "239.9.9.9", port: 8848, ttl: 4 } as const,
    ]) {
      const gcks = gcksPolicy([groupPolicy({ kek: { ack, management }, push })]);
      const setup = groupWorld({ seed: 1, members: 5, gcks });
      const { world, members } = setup;
      await world.runUntil(() => registered(members), minute);
      setup.gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(setup.gcks), minute);
      setup.gcks.command({ do: "rekey", group: "plant", what: "kek" });
      await world.runUntil(() => settled(setup.gcks), minute);
      const rekeys = setup.gcks.engine.group("plant")?.rekeys ?? [];
      expect(rekeys.length).toBeGreaterThanOrEqual(2);
      for (const rekey of rekeys) expect(rekey).toMatchObject({ acked: 5, missing: 0 });
      sameKeys(members);
    }
  });

  test("over two days no member is without keys, keys are renewed by push, and nobody registers for nothing", async () => {
    const gcks = gcksPolicy([groupPolicy({ kek: { lifetimeSeconds: 7_200 } })], { lifetimeSeconds: 864_000 });
    const { world, members } = groupWorld({ seed: 2, members: 10, gcks });
    await world.runUntil(() => registered(members), minute);
    for (let n = 0; n < 48; n++) {
      await world.runFor(hour);
      expect(registered(members)).toBe(true);
      sameKeys(members);
    }
    expect(world.events.filter((e) => e.event.kind === "gm.keys-expired")).toEqual([]);
    const registrations = world.events.filter((e) => e.event.kind === "gm.registered");
    expect(registrations.length).toBeLessThan(10 * 24);
  });

  test("members keep their keys while the key server is down, and come back one by one", async () => {
    const { world, gcks, members } = groupWorld({ seed: 3, members: 20 });
    await world.runUntil(() => registered(members), minute);
    gcks.kill();
    await world.runFor(58 * minute);
    for (const member of members) expect(member.engine.keys("plant")?.teks.length).toBe(1);
    expect(members.filter((m) => m.engine.status().groups[0]?.state === "retrying").length).toBeGreaterThan(15);
    gcks.start();
    await world.runUntil(() => registered(members), 10 * minute);
    sameKeys(members);
    const times = world.events.filter((e) => e.event.kind === "gm.registered" && e.at > world.now - 10 * minute);
    expect(new Set(times.map((e) => Math.round(e.at / 100))).size).toBeGreaterThan(10);
  });

  test("a member that slept through rekeys notices at the next push, and registers again", async () => {
    const { world, gcks, members } = groupWorld({ seed: 4, members: 3 });
    await world.runUntil(() => registered(members), minute);
    const [deaf] = members;
    const deafTo = (address: string | undefined) => {
      world.intercept = (packet) => (packet.to.address === address ? [] : [packet]);
    };
    deafTo(deaf?.address);
    gcks.command({ do: "rekey", group: "plant", what: "kek" });
    await world.runUntil(() => settled(gcks), 5 * minute);
    deafTo(undefined);
    gcks.command({ do: "rekey", group: "plant", what: "tek" });
    await world.runUntil(() => settled(gcks), 5 * minute);
    await world.runFor(minute);
    sameKeys(members);
    expect(deaf?.engine.status().counters["reregister.unknown-spi"]).toBeGreaterThan(0);
  });

  test("when the SIDs run out everybody starts over, and none is given twice with the same keys", async () => {
    const gcks = gcksPolicy([groupPolicy({ sidBits: 3 })]);
    const { world, members } = groupWorld({ seed: 5, members: 5, gcks });
    await world.runUntil(() => registered(members), minute);
    for (const member of members) member.command({ do: "register", group: "plant" });
    await world.runUntil(() => world.events.some((e) => e.event.kind === "gm.reregistering"), minute);
    await world.runUntil(() => registered(members), 5 * minute);
    await world.runFor(minute);
    sameKeys(members);
    const given = new Set<string>();
    for (const member of members) {
      for (const change of member.sadChanges) {
        if (change.change !== "install") continue;
        for (const sid of change.sa.sids)
          given.add(`${Buffer.from(change.sa.spi).toString("hex")} ${sid} ${member.name}`);
      }
    }
    const holders = [...given].map((line) => line.split(" ").slice(0, 2).join(" "));
    expect(new Set(holders).size).toBe(holders.length);
  });

  test("ECDSA with P-384 and P-521 and RSA sign pushes alike", async () => {
    const { pushSigner } = await import("../../support/group.ts");
    for (const signature of [
      { algorithm: 1 as const, hash: 5 as const, signer: pushSigner({ kind: "rsa", bits: 2048 }) },
      { algorithm: 5 as const, hash: 4 as const, signer: pushSigner({ kind: "ecdsa", curve: "P-384" }) },
      { algorithm: 6 as const, hash: 5 as const, signer: pushSigner({ kind: "ecdsa", curve: "P-521" }) },
    ]) {
      const { world, gcks, members } = groupWorld({
        seed: 6,
        members: 2,
        gcks: gcksPolicy([groupPolicy({ kek: { signature, keyBits: 256 } })]),
      });
      await world.runUntil(() => registered(members), minute);
      gcks.command({ do: "rekey", group: "plant", what: "kek" });
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), minute);
      for (const rekey of gcks.engine.group("plant")?.rekeys ?? []) expect(rekey.acked).toBe(2);
      sameKeys(members);
    }
  });
});

describe("authorisation", () => {
  const psk = nodeCrypto.importSecret(utf8("a pre-shared key of the tests"));

  test("an identity that no rule admits is refused, keeps asking ever more slowly, and the others do not notice", async () => {
    const only = { rule: "identity", identity: addressIdentity(memberAddress(0)), text: memberAddress(0) } as const;
    const gcks = gcksPolicy([groupPolicy({ members: [only] })]);
    const { world, members } = groupWorld({ seed: 7, members: 2, gcks });
    const [good, bad] = members;
    await world.runFor(10 * minute);
    expect(good?.engine.status().groups[0]?.state).toBe("registered");
    expect(bad?.engine.status().groups[0]).toMatchObject({ state: "retrying" });
    expect(bad?.engine.status().groups[0]?.lastError).toContain("INVALID_ID_INFORMATION");
    const refusals = world.events.filter((e) => e.event.kind === "gm.registration-refused");
    expect(refusals.length).toBeLessThan(30);
  });

  test("a key server with another identity than the configured one is not asked for keys", async () => {
    const peers = [{ name: "ks", addresses: [], identity: addressIdentity("192.0.2.77"), psk }];
    const { world, members } = groupWorld({ seed: 8, members: 1, gm: (address) => gmPolicy(address, {}, { peers }) });
    await world.runFor(5 * minute);
    expect(members[0]?.engine.status().groups[0]?.state).toBe("retrying");
    expect(world.wire.some((w) => w.packet.bytes[18] === 32)).toBe(false);
  });

  test("a wrong pre-shared key leads nowhere and says so", async () => {
    const wrong = nodeCrypto.importSecret(utf8("not that one"));
    const peers = [{ name: "ks", addresses: [], identity: addressIdentity(gcksAddress), psk: wrong }];
    const { world, members } = groupWorld({ seed: 9, members: 1, gm: (address) => gmPolicy(address, {}, { peers }) });
    await world.runFor(5 * minute);
    expect(members[0]?.engine.status().groups[0]).toMatchObject({ state: "retrying" });
    expect(members[0]?.engine.status().groups[0]?.lastError).toContain("Phase 1");
  });
});

test("several groups register over one Phase 1, each with its own keys; one that is unknown disturbs none", async () => {
  const ids = [1, 2, 3];
  const named = (n: number): GroupPolicy => groupPolicy({ name: `g${n}`, id: { type: 11, data: u32(n) } });
  const byAddress = groupPolicy({ name: "g4", id: addressIdentity("239.4.4.4") });
  const policy = gcksPolicy([...ids.map(named), byAddress]);
  const world = new World({ seed: 10, crypto: nodeCrypto, randomFor: seededRandom });
  const gcks = world.host({ name: "gcks", address: gcksAddress, create: () => new GcksEngine(policy) });
  const groups = [
    ...[1, 2, 3, 99].map((n) => ({ name: `g${n}`, id: { type: 11, data: u32(n) }, keyServers: ["ks"], sids: 1 })),
    { name: "g4", id: addressIdentity("239.4.4.4"), keyServers: ["ks"], sids: 1 },
  ];
  const address = memberAddress(0);
  const member = world.host({ name: "gm", address, create: () => new GmEngine(gmPolicy(address, { groups })) });
  await world.runFor(5 * second);
  const states = Object.fromEntries(member.engine.status().groups.map((g) => [g.name, g.state]));
  expect(states).toEqual({ g1: "registered", g2: "registered", g3: "registered", g99: "retrying", g4: "registered" });
  expect(world.events.filter((e) => e.host === "gm" && e.event.kind === "phase1.established")).toHaveLength(1);
  const spis = ["g1", "g2", "g3", "g4"].map((name) => member.engine.keys(name)?.kekSpi);
  expect(new Set(spis).size).toBe(4);
  gcks.command({ do: "rekey", group: "g2", what: "tek" });
  await world.runUntil(() => settled(gcks, "g2"), minute);
  expect(member.engine.keys("g2")?.teks).toHaveLength(2);
  expect(member.engine.keys("g1")?.teks).toHaveLength(1);
});

test("a member whose first key server is dead takes the second, and reconfiguration adds and removes groups", async () => {
  const world = new World({ seed: 11, crypto: nodeCrypto, randomFor: seededRandom });
  const policy = gcksPolicy([groupPolicy()]);
  world.host({ name: "gcks", address: gcksAddress, create: () => new GcksEngine(policy) });
  const address = memberAddress(0);
  const psk = nodeCrypto.importSecret(utf8("a pre-shared key of the tests"));
  const peers = [
    { name: "dead", addresses: [], identity: addressIdentity("192.0.2.9"), psk },
    { name: "ks", addresses: [], identity: addressIdentity(gcksAddress), psk },
  ];
  const keyServers = [
    { name: "dead", endpoint: at("192.0.2.9") },
    { name: "ks", endpoint: at(gcksAddress) },
  ];
  const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["dead", "ks"], sids: 1 };
  const own = gmPolicy(address, { keyServers, groups: [group] }, { peers });
  const member = world.host({ name: "gm", address, create: () => new GmEngine(own) });
  await world.runUntil(() => registered([member]), 5 * minute);
  expect(member.engine.status().groups[0]?.keyServer).toBe("ks");
  member.command({ do: "reconfigure", policy: { ...own, groups: [] } });
  expect(member.engine.status().groups).toEqual([]);
  expect(member.sadChanges.at(-1)).toMatchObject({ change: "remove" });
});
