import { describe, expect, test } from "vitest";
import {
  addressIdentity,
  type GroupChanges,
  gcksPolicy,
  groupPolicy,
  memberAddress,
} from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { nameFromText } from "../../crypto/node/names.ts";
import { fromHex, hex } from "../../util/octets.ts";
import { readKd } from "../key-packets.ts";
import { applyUpdates, readDownload } from "../lkh/update.ts";

/** Sixteen members are listed, so the tree has a depth of four. */
const listed = Array.from({ length: 16 }, (_, n) => {
  const identity = addressIdentity(memberAddress(n));
  return { rule: "identity", identity, text: memberAddress(n) } as const;
});

function registered(members: number, changes: GroupChanges = {}) {
  const server = new KeyServerBench(gcksPolicy([groupPolicy({ members: listed, ...changes })]));
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  for (const member of all) member.register();
  return { server, all };
}

const lkh = { kek: { management: "lkh", ack: 2 } } as const;
const pushes = (server: KeyServerBench) => server.take().filter(({ bytes }) => bytes[18] === 33);

function evict(server: KeyServerBench, ...which: number[]) {
  const members = which.map(memberAddress);
  return server.command({ do: "evict", group: "plant", members, reason: "stolen" });
}

/** The new KEK that a member makes of a push with update arrays; undefined when no array fits. */
function updated(server: KeyServerBench, member: ScriptedMember, push: Uint8Array): string | undefined {
  const { kd } = member.push(push);
  const download = member.registered?.keys.lkh?.download;
  const keys = kd && readKd(kd, "push");
  if (!keys?.ok || keys.value.lkh === undefined || download === undefined) return expect.fail("no LKH keys");
  const path = readDownload(download, 128);
  if (!path.ok) return expect.fail(path.error.message);
  const result = applyUpdates(path.value, keys.value.lkh.updates, 128, server.env);
  if (!result.ok) return expect.fail(result.error.message);
  return result.value && hex(result.value.root);
}

describe("without a key tree", () => {
  test("a push to the others deletes all keys, and new ones wait for them", () => {
    const { server, all } = registered(3);
    const spi = server.engine.group("plant")?.kek.spi;
    const reply = evict(server, 1);
    expect(reply).toMatchObject({ evicted: [memberAddress(1)], rekeys: [{ spi, seq: 1 }] });
    const sent = pushes(server);
    expect(sent.map(({ to }) => to.address)).toEqual([memberAddress(0), memberAddress(2)]);
    const opened = all[0]?.push(sent[0]?.bytes ?? new Uint8Array(0));
    expect(opened?.deletes.map((d) => d.protocolId)).toEqual([1, 0]);
    expect(server.engine.group("plant")?.kek.spi).not.toBe(spi);
    expect(server.engine.members("plant")[1]).toMatchObject({ state: "evicted", reason: "stolen" });
  });

  test("members without keys are not sent the next push, until they have registered again", () => {
    const { server, all } = registered(3);
    evict(server, 1);
    all[0]?.send(all[0].ack(1));
    all[2]?.send(all[2].ack(1));
    server.take();
    all[2]?.register();
    server.command({ do: "rekey", group: "plant", what: "tek" });
    expect(pushes(server).map(({ to }) => to.address)).toEqual([memberAddress(2)]);
  });

  test("it goes before what waits, which is then needless", () => {
    const { server } = registered(3);
    server.command({ do: "rekey", group: "plant", what: "tek" });
    server.command({ do: "rekey", group: "plant", what: "kek" });
    server.take();
    expect(evict(server, 1).rekeys).toHaveLength(1);
    expect(pushes(server)).toHaveLength(2);
    server.pass(120_000);
    expect(server.engine.group("plant")?.rekeys.map((r) => [r.kind, r.settled])).toEqual([
      ["tek", true],
      ["delete", true],
    ]);
    // nobody is blamed for the first
    expect(server.engine.members("plant").map((m) => m.consecutiveMissed)).toEqual([1, 0, 1]);
  });
});

test("a member that was put out is known again when it spells its distinguished name in another string type", () => {
  const members = [{ rule: "dn", pattern: "CN=*,O=Utility" }] as const;
  const server = new KeyServerBench(gcksPolicy([groupPolicy({ members })]));
  const utf8Name = nameFromText("CN=gm1,O=Utility");
  const printableName = fromHex(hex(utf8Name).replace(/(?<=55040[3a])0c/g, "13"));
  const member = (data: Uint8Array) =>
    new ScriptedMember(server, memberAddress(0), { local: { identity: { type: 9, data }, certificates: [] } });
  member(utf8Name).register();
  member(printableName).register();
  expect(server.engine.members("plant")).toMatchObject([{ name: "dn:CN=gm1,O=Utility", registrations: 2 }]);
  server.command({ do: "evict", group: "plant", members: ["dn:CN=gm1,O=Utility"], reason: "stolen" });
  for (const name of [utf8Name, printableName]) expect(() => member(name).register()).toThrow();
  expect(server.engine.members("plant")).toHaveLength(1);
});

describe("with a key tree", () => {
  test("the others get the new KEK by update arrays, the evicted member none; new TEKs follow under it alone", () => {
    const { server, all } = registered(5, lkh);
    const teks = server.engine.group("plant")?.teks.map((tek) => tek.spi);
    const reply = evict(server, 2);
    const sent = pushes(server);
    expect(sent).toHaveLength(4);
    const push = sent[0]?.bytes ?? new Uint8Array(0);
    const roots = all.map((member) => updated(server, member, push));
    expect(roots[2]).toBeUndefined();
    expect(new Set(roots.filter((root) => root !== undefined)).size).toBe(1);
    expect(all[0]?.push(push).sa?.attributes.map((a) => a.kind)).toEqual(["SAK"]);

    for (const n of [0, 1, 3, 4]) all[n]?.send(all[n].ack(1, 2));
    const [next] = pushes(server);
    expect(hex((next?.bytes ?? new Uint8Array(0)).subarray(0, 16))).toBe(server.engine.group("plant")?.kek.spi);
    expect(reply.rekeys?.map(({ seq }) => seq)).toEqual([1, 1]);
    expect(() => all[2]?.push(next?.bytes ?? new Uint8Array(0))).toThrow();
    expect(server.engine.group("plant")?.teks.map((tek) => tek.spi)).not.toEqual(teks);
    expect(server.engine.group("plant")?.teks).toHaveLength(1);
  });

  test("a large update is split over complete pushes; each is awaited from those alone whom its arrays reach", () => {
    const { server, all } = registered(16, { ...lkh, maxPushOctets: 700 });
    const reply = evict(server, 0, 5, 6, 11);
    const parts = (reply.rekeys ?? []).slice(0, -1);
    expect(parts.length).toBeGreaterThan(2);
    const sent = pushes(server);
    for (const { bytes } of sent) expect(bytes.length).toBeLessThanOrEqual(700);
    const octets = [...new Set(sent.map(({ bytes }) => hex(bytes)))].map((text) => Buffer.from(text, "hex"));
    expect(octets).toHaveLength(parts.length);
    all.forEach((member, n) => {
      const roots = octets.map((push) => updated(server, member, new Uint8Array(push)));
      expect(roots.filter((root) => root !== undefined)).toHaveLength([0, 5, 6, 11].includes(n) ? 0 : 1);
    });
    const targets = parts.map((p) => server.engine.rekeyMembers("plant", p.spi, p.seq).map((m) => m.member));
    expect(targets.flat().sort()).toEqual(
      all.flatMap((m, n) => ([0, 5, 6, 11].includes(n) ? [] : [m.endpoint.address])).sort(),
    );
  });

  test("an update of more parts than rekeys are remembered is awaited from everybody, over a restart too", () => {
    const rules = Array.from({ length: 64 }, (_, n) => {
      const identity = addressIdentity(memberAddress(n));
      return { rule: "identity", identity, text: memberAddress(n) } as const;
    });
    const changes = { ...lkh, maxPushOctets: 600, members: rules };
    const { server, all } = registered(64, changes);
    evict(server, ...Array.from({ length: 32 }, (_, n) => 2 * n));
    const flights = () => server.engine.group("plant")?.rekeys.filter((rekey) => rekey.kind === "lkh") ?? [];
    expect(flights().length).toBeGreaterThan(16);
    const awaited = () => flights().reduce((sum, rekey) => sum + rekey.pending, 0);
    expect(awaited()).toBe(32);
    all[1]?.send(all[1].ack(flights()[0]?.seq ?? 0, 2));
    server.restart(gcksPolicy([groupPolicy(changes)]));
    expect(awaited() + flights().reduce((sum, rekey) => sum + rekey.acked, 0)).toBe(32);
    server.pass(300_000);
    server.command({ do: "rekey", group: "plant", what: "kek" });
    expect(server.engine.group("plant")?.rekeys).toHaveLength(16);
  });

  test("a leaf that was vacated is taken again under new keys", () => {
    const { server, all } = registered(4, lkh);
    const old = all[1]?.registered?.keys.lkh?.download?.keys;
    evict(server, 1);
    for (const n of [0, 2, 3]) all[n]?.send(all[n].ack(1, 2));
    const leaves = new Map<number, string>();
    for (let n = 4; n < 12; n++) {
      const keys = new ScriptedMember(server, memberAddress(n)).register().keys.lkh?.download?.keys ?? [];
      leaves.set(keys[0]?.lkhId ?? 0, hex(keys[0]?.data ?? new Uint8Array(0)));
    }
    expect(leaves.size).toBe(8);
    expect([...leaves.values()]).not.toContain(hex(old?.[0]?.data ?? new Uint8Array(0)));
  });

  test("a tree that is full is followed by a larger one", () => {
    const server = new KeyServerBench(gcksPolicy([groupPolicy({ ...lkh, members: listed.slice(0, 2) })]));
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ ...lkh, members: listed })]) });
    for (let n = 0; n < 8; n++) new ScriptedMember(server, memberAddress(n)).register();
    const ninth = new ScriptedMember(server, memberAddress(8));
    expect(() => ninth.register()).toThrow();
    expect(server.kinds()).toContain("gcks.tree-full");
    expect(ninth.register().keys.lkh?.download?.keys).toHaveLength(6);
  });
});

describe("commands name members", () => {
  test("that do not exist: refused, and nothing happens", () => {
    const { server } = registered(1);
    expect(() => evict(server, 0, 7)).toThrow("unknown-member");
    expect(server.engine.members("plant")[0]?.state).toBe("registered");
  });

  test("twice, or evicted already: no second push", () => {
    const { server } = registered(2);
    expect(evict(server, 0, 0).evicted).toEqual([memberAddress(0)]);
    server.take();
    expect(evict(server, 0)).toMatchObject({ evicted: [], rekeys: [] });
    expect(pushes(server)).toEqual([]);
  });
});
