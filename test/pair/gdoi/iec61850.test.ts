/** A key distribution centre and devices back to back: RFC 8052 with every combination of algorithms. */
import { describe, expect, test } from "vitest";
import type { Identity } from "../../../src/core/identity.ts";
import { iec61850TekPolicy } from "../../../src/gdoi/iec61850.ts";
import { iec61850Protection } from "../../../src/gdoi/iec61850-algorithms.ts";
import type { TekPolicy } from "../../../src/gdoi/policy.ts";
import { AuthAlg, EncAlg } from "../../../src/iana/gdoi.ts";
import { nameOf } from "../../../src/iana/names.ts";
import { fromHex } from "../../../src/util/octets.ts";
import { oidOctets } from "../../../src/util/oid.ts";
import { gcksPolicy, gcmTek, gmPolicy, groupPolicy, memberAddress } from "../../support/group.ts";
import { groupWorld, registered, settled } from "../../support/world.ts";

const minute = 60_000;
const none = new Uint8Array(0);
const oid = oidOctets("1.2.840.10070.61850.8.1.2") ?? none;
const whole: Identity = { type: 13, data: fromHex("0d 060b2a8648ce5683e31a080102 0000") };
const contents: Identity = { type: 13, data: fromHex("0b 2a8648ce5683e31a080102 0000") };

function stream(authAlg: number, encAlg: number, oidSpecificPayload = none): TekPolicy {
  const name = `${nameOf(AuthAlg, authAlg)} ${nameOf(EncAlg, encAlg)}`;
  const made = iec61850TekPolicy({ name, oid, oidSpecificPayload, authAlg, encAlg, lifetimeSeconds: 3_600 });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

const combinations = Object.values(AuthAlg).flatMap((authAlg) =>
  Object.values(EncAlg)
    .filter((encAlg) => iec61850Protection(authAlg, encAlg).ok)
    .map((encAlg) => stream(authAlg, encAlg)),
);

function substation(teks: readonly TekPolicy[], ids: readonly Identity[]) {
  const idOf = new Map(ids.map((id, n) => [memberAddress(n), id]));
  const gcks = gcksPolicy([groupPolicy({ id: whole, teks })]);
  const gm = (address: string) => {
    const groups = [{ name: "plant", id: idOf.get(address) ?? whole, keyServers: ["ks"], sids: 1 }];
    return gmPolicy(address, { groups });
  };
  return groupWorld({ seed: 8052, members: ids.length, gcks, gm });
}

describe("devices that name their group by its OID", () => {
  test.each(combinations.map((tek) => ({ name: tek.name, tek })))(
    "get the keys of $name, and the next ones",
    async ({ tek }) => {
      const { world, gcks, members } = substation([tek], [whole, contents]);
      await world.runUntil(() => registered(members), minute);
      gcks.command({ do: "rekey", group: "plant", what: "tek" });
      await world.runUntil(() => settled(gcks), minute);
      expect(gcks.engine.group("plant")?.rekeys).toMatchObject([{ acked: 2, missing: 0 }]);
      const [first, second] = members.map((m) => m.engine.keys("plant"));
      expect(second).toEqual(first);
      expect(first?.teks).toHaveLength(2);
      for (const keys of first?.teks ?? []) {
        expect(keys.algorithmKey).toHaveLength(2 * tek.algorithmKeyOctets);
        expect(keys.integrityKey).toHaveLength(2 * (tek.authentication?.keyOctets ?? 0));
      }
      expect(members[0]?.engine.status().groups[0]).toMatchObject({
        id: "oid:1.2.840.10070.61850.8.1.2",
        teks: [{ protocol: "IEC_61850" }, { protocol: "IEC_61850" }],
      });
    },
  );

  test("get all of a group's streams beside ESP, and the same keys from a key server that was restarted", async () => {
    const addressed = stream(AuthAlg.HMAC_SHA256, EncAlg.NONE, fromHex("0404e9fc0001"));
    const { world, gcks, members } = substation([...combinations, addressed, gcmTek], [whole, whole]);
    await world.runUntil(() => registered(members), minute);
    const before = members[0]?.engine.keys("plant");
    expect(before?.teks).toHaveLength(17);
    gcks.kill();
    gcks.start();
    members[1]?.kill();
    members[1]?.start();
    await world.runUntil(() => registered(members), minute);
    expect(members[1]?.engine.keys("plant")).toEqual(before);
  });

  test("are refused when they name another OID", async () => {
    const other: Identity = { type: 13, data: fromHex("0d 060b2a8648ce5683e31a080103 0000") };
    const { world, gcks, members } = substation(combinations.slice(0, 1), [whole, other]);
    await world.runFor(minute / 2);
    expect(registered(members.slice(0, 1))).toBe(true);
    expect(members[1]?.engine.status().groups[0]?.state).not.toBe("registered");
    expect(gcks.engine.members("plant")).toHaveLength(1);
    const refused = world.events.find((e) => e.event.kind === "gcks.pull-refused");
    expect(refused?.event.reason ?? "").toContain("oid:1.2.840.10070.61850.8.1.3");
  });
});
