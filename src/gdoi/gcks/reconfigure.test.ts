import { describe, expect, test } from "vitest";
import { gcksPolicy, groupPolicy, memberAddress, pushSigner } from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { nodeCrypto } from "../../crypto/node/index.ts";
import { addressOctets } from "../../util/address.ts";
import { hex, u32 } from "../../util/octets.ts";
import type { MemberRule } from "../policy.ts";
import { readSa, readSak } from "../policy-payloads.ts";
import { GcksEngine } from "./engine.ts";

function registered(policy = gcksPolicy([groupPolicy()]), members = 2) {
  const server = new KeyServerBench(policy);
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  for (const member of all) member.register();
  return { server, all, first: all[0] ?? expect.fail("no members") };
}

const only = (address: string): MemberRule => ({
  rule: "identity",
  identity: { type: 1, data: addressOctets(address) ?? new Uint8Array(0) },
  text: address,
});

describe("another configuration while running", () => {
  test("leaves keys, members and sessions of unchanged groups alone", () => {
    const { server, first } = registered();
    const before = JSON.stringify(server.engine.groups());
    const begun = first.first();
    const second = first.second(begun, first.send(begun.datagram)[0] ?? new Uint8Array(0));
    server.take();
    const reply = server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy()]) });
    expect(reply).toEqual({ added: [], removed: [], changed: [] });
    expect(JSON.stringify(server.engine.groups())).toBe(before);
    expect(server.take()).toEqual([]);
    const third = first.third(second);
    expect(first.fourth(third, first.send(third.datagram)[0] ?? new Uint8Array(0)).seq).toBe(0);
  });

  test("opens new groups", () => {
    const { server, first } = registered();
    const id = { type: 11, data: u32(77) };
    const policy = gcksPolicy([groupPolicy(), groupPolicy({ name: "more", id })]);
    expect(server.command({ do: "reconfigure", policy })).toMatchObject({ added: ["more"] });
    expect(first.register(id).keys.teks).toHaveLength(1);
  });

  test("applies changed key terms with the next roll-over", () => {
    const { server, first } = registered();
    const changed = groupPolicy({ kek: { keyBits: 256, lifetimeSeconds: 7_200 } });
    expect(server.command({ do: "reconfigure", policy: gcksPolicy([changed]) })).toMatchObject({ changed: ["plant"] });
    const before = server.engine.group("plant")?.kek;
    expect(before && before.expiresAt - before.createdAt).toBe(86_400_000);
    expect(first.register().keys.kek?.ivAndKey).toHaveLength(32);
    server.command({ do: "rekey", group: "plant", what: "kek" });
    expect(first.register().keys.kek?.ivAndKey).toHaveLength(48);
    const after = server.engine.group("plant")?.kek;
    expect(after && after.expiresAt - after.createdAt).toBe(7_200_000);
  });

  test("rolls over to another signing key under the old one", () => {
    const { server, first } = registered();
    const signer = nodeCrypto.generateSigner({ kind: "ecdsa", curve: "P-256" }).signer;
    const kek = { signature: { algorithm: 4 as const, hash: 3 as const, signer } };
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ kek })]) });
    server.command({ do: "rekey", group: "plant", what: "kek" });
    const [push] = server.take();
    const opened = first.push(push?.bytes ?? new Uint8Array(0));
    const scheme = { name: "ecdsa", curve: "P-256" } as const;
    const old = nodeCrypto.importVerifier(pushSigner().publicKey);
    expect(old.verify(scheme, opened.signedOctets, opened.signature)).toBe(true);
    expect(first.register().keys.kek?.publicKey).toEqual(signer.publicKey);
  });

  test("pushes go to the old place until a roll-over, made at once, has told the new one", () => {
    const { server, all, first } = registered(gcksPolicy([groupPolicy()]), 2);
    const push = { transport: "multicast", address: "239.192.0.9", port: 849, interface: "lo", ttl: 3 } as const;
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ push })]) });
    const rollOver = server.take();
    expect(rollOver.map(({ to }) => to.address)).toEqual(all.map((member) => member.endpoint.address));
    const { sa } = first.push(rollOver[0]?.bytes ?? new Uint8Array(0));
    const contents = sa && readSa(sa);
    const destination = { idType: 1, port: 849, data: new Uint8Array([239, 192, 0, 9]) };
    expect(contents).toMatchObject({ ok: true, value: { sak: { destination } } });
    // its repeats go the same way, after a restart too
    server.restart(gcksPolicy([groupPolicy({ push })]));
    expect(server.take().map(({ to }) => to.address)).toEqual(all.map((member) => member.endpoint.address));
    for (const member of all) member.send(member.ack(1));
    server.command({ do: "rekey", group: "plant", what: "tek" });
    expect(server.take().map(({ to }) => to.address)).toEqual(["239.192.0.9"]);
    // and back
    server.restart(gcksPolicy([groupPolicy()]));
    const back = server.take();
    expect(back.every(({ to }) => to.address === "239.192.0.9")).toBe(true);
    server.pass(120_000);
    server.command({ do: "rekey", group: "plant", what: "tek" });
    expect(server.take().at(-1)?.to.address).toBe(memberAddress(1));
  });

  test("another interface or TTL for the same multicast group takes no roll-over", () => {
    const push = { transport: "multicast", address: "239.192.0.9", port: 849, interface: "lo", ttl: 3 } as const;
    const { server } = registered(gcksPolicy([groupPolicy({ push })]), 2);
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ push: { ...push, ttl: 8 } })]) });
    expect(server.take()).toEqual([]);
    server.command({ do: "rekey", group: "plant", what: "tek" });
    expect(server.take()).toMatchObject([{ multicast: { interface: "lo", ttl: 8 } }]);
  });

  test("starts over with the next roll-over when a key tree comes in", () => {
    const { server, first } = registered();
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ kek: { management: "lkh" } })]) });
    expect(first.register().keys.lkh).toBeUndefined();
    server.command({ do: "rekey", group: "plant", what: "kek" });
    expect(server.last("gcks.rekey-sent")?.figures?.kind).toBe("delete");
    expect(first.register().keys.lkh?.download?.keys.length).toBeGreaterThan(2);
  });

  test("puts out members whom no rule admits any more", () => {
    const { server, all, first } = registered();
    const policy = gcksPolicy([groupPolicy({ members: [only(memberAddress(0))] })]);
    server.command({ do: "reconfigure", policy });
    expect(server.engine.members("plant").map((m) => m.state)).toEqual(["registered", "removed"]);
    // the one that stays is told to delete its keys, and gets new ones
    const sent = server.take();
    expect(sent.map(({ to }) => to.address)).toEqual([memberAddress(0)]);
    expect(first.push(sent[0]?.bytes ?? new Uint8Array(0)).deletes).toHaveLength(2);
    const second = all[1] ?? expect.fail("no second");
    expect(() => second.register()).toThrow();
    expect(first.register().keys.teks).toHaveLength(1);
  });

  test("removes a group with a delete-all push, and everything stored of it when that is settled", () => {
    const { server, all, first } = registered();
    const other = groupPolicy({ name: "more", id: { type: 11, data: u32(77) } });
    expect(server.command({ do: "reconfigure", policy: gcksPolicy([other]) })).toMatchObject({ removed: ["plant"] });
    const sent = server.take();
    expect(sent).toHaveLength(2);
    expect(first.push(sent[0]?.bytes ?? new Uint8Array(0)).deletes).toHaveLength(2);
    expect(() => first.register()).toThrow();
    server.take();
    expect(() => server.command({ do: "rekey", group: "plant", what: "tek" })).toThrow("unknown-group");
    for (const member of all) member.send(member.ack(1));
    expect(server.engine.groups().map((group) => group.name)).toEqual(["more"]);
    expect([...server.records.values()].filter((record) => record.key.startsWith("plant"))).toEqual([]);
  });
});

test("a peer that is gone, or has another key or identity, begins anew; the others keep their Phase 1", () => {
  const [peer] = gcksPolicy([]).phase1.peers;
  if (peer?.psk === undefined) throw new Error("no pre-shared key");
  const octets = (n: number) => addressOctets(memberAddress(n)) ?? new Uint8Array(0);
  const all = [0, 1, 2, 3].map((n) => ({
    ...peer,
    name: `gm${n}`,
    addresses: [{ from: octets(n), to: octets(n) }],
    identity: { type: 1, data: octets(n) },
  }));
  const policy = (peers: typeof all) => gcksPolicy([groupPolicy()], { peers });
  const { server, all: members } = registered(policy(all), 4);
  // the same key and identity, read from the file again
  const again = nodeCrypto.importSecret(nodeCrypto.exportSecret(peer.psk));
  const psk = nodeCrypto.importSecret(new Uint8Array(32));
  const changed = all.slice(0, 3).map((one, n) => ({ ...one, psk: n === 1 ? psk : again }));
  server.command({
    do: "reconfigure",
    policy: policy(changed.map((one, n) => (n === 2 ? { ...one, identity: { type: 1, data: octets(9) } } : one))),
  });
  const ended = server.events.filter(({ kind }) => kind === "phase1.deleted").map(({ subjects }) => subjects[0].name);
  expect(ended).toEqual([1, 2, 3].map(memberAddress));
  expect(server.take()).toHaveLength(3);
  expect(members.map((member) => member.send(member.first().datagram).length)).toEqual([1, 0, 0, 0]);
});

test("a key tree with keys of another size starts over with the next roll-over", () => {
  const lkh = (keyBits: 128 | 256) => gcksPolicy([groupPolicy({ kek: { management: "lkh", ack: 2, keyBits } })]);
  const { server, first } = registered(lkh(128));
  server.command({ do: "reconfigure", policy: lkh(256) });
  expect(first.register().keys.lkh?.download?.keys[0]?.data).toHaveLength(32);
  server.command({ do: "rekey", group: "plant", what: "kek" });
  expect(server.last("gcks.rekey-sent")?.figures?.kind).toBe("delete");
  const { sa, keys } = first.register();
  const sak = sa.sak && readSak(sa.sak, "pull");
  expect(sak).toMatchObject({ ok: true, value: { keyBits: 256 } });
  expect(keys.lkh?.download?.keys[0]?.data).toHaveLength(48);
});

test("a group that is removed leaves no acknowledgement of a rekey long ago behind", () => {
  const { server, first } = registered();
  for (let seq = 1; seq <= 18; seq++) {
    server.command({ do: "rekey", group: "plant", what: "tek" });
    if (seq <= 2) first.send(first.ack(seq));
    server.pass(120_000);
  }
  const other = groupPolicy({ name: "more", id: { type: 11, data: u32(77) } });
  server.command({ do: "reconfigure", policy: gcksPolicy([other]) });
  server.pass(120_000);
  expect(server.engine.groups().map((group) => group.name)).toEqual(["more"]);
  expect([...server.records.values()].filter((record) => record.key.startsWith("plant"))).toEqual([]);
});

describe("another configuration at the start", () => {
  test("with another signing key makes new keys, since nobody could verify a push", () => {
    const { server, first } = registered();
    const before = server.engine.group("plant")?.kek.spi;
    const signer = nodeCrypto.generateSigner({ kind: "ecdsa", curve: "P-256" }).signer;
    const kek = { signature: { algorithm: 4 as const, hash: 3 as const, signer } };
    server.restart(gcksPolicy([groupPolicy({ kek })]));
    expect(server.last("gcks.signer-lost")?.level).toBe("alert");
    expect(server.engine.group("plant")?.kek.spi).not.toBe(before);
    expect(server.take()).toEqual([]);
    expect(
      hex(new ScriptedMember(server, first.endpoint.address).register().keys.kek?.publicKey ?? new Uint8Array(0)),
    ).toBe(hex(signer.publicKey));
  });

  test("without a group forgets what was stored of it", () => {
    const { server } = registered();
    server.restart(gcksPolicy([groupPolicy({ name: "more", id: { type: 11, data: u32(77) } })]));
    expect([...server.records.values()].map((record) => record.key)).toEqual(["more"]);
    expect(server.last("gcks.group-forgotten")?.figures).toMatchObject({ group: "plant", members: 2 });
  });
});

test.each(["none", "lkh"] as const)("a snapshot is as good as the records (management %s)", (management) => {
  const kek = { management, ack: management === "lkh" ? (2 as const) : (1 as const) };
  const policy = gcksPolicy([groupPolicy({ kek })]);
  const { server, all, first } = registered(policy, 4);
  server.command({ do: "rekey", group: "plant", what: "tek" });
  first.send(first.ack(1, kek.ack));
  server.command({ do: "evict", group: "plant", members: [memberAddress(3)], reason: "stolen" });
  all[1]?.send(all[1].ack(2, kek.ack));
  const look = (engine: GcksEngine) =>
    JSON.stringify([
      engine.groups().map(({ rekeys, ...group }) => ({ ...group, rekeys: rekeys.map((r) => ({ ...r, attempts: 0 })) })),
      engine.members("plant"),
      engine.groups()[0]?.rekeys.map((r) => engine.rekeyMembers("plant", r.spi, r.seq)),
    ]);
  const snapshot = server.engine.snapshot();
  const again = new GcksEngine(policy);
  again.restore(structuredClone(snapshot), server.env);
  expect(look(again)).toBe(look(server.engine));
  server.restart(policy);
  expect(look(again)).toBe(look(server.engine));
});
