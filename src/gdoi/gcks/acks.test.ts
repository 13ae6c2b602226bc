import { describe, expect, test } from "vitest";
import { type GroupChanges, gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, named, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { utf8 } from "../../util/octets.ts";

function registered(members: number, changes: GroupChanges = {}) {
  const server = new KeyServerBench(gcksPolicy([groupPolicy(changes)]));
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  for (const member of all) member.register();
  return { server, all, first: all[0] ?? expect.fail("no members") };
}

function rekeyed(server: KeyServerBench, what: "tek" | "kek" = "tek") {
  const [place] = server.command({ do: "rekey", group: "plant", what }).rekeys ?? [];
  return place ?? expect.fail("no rekey");
}

const count = (server: KeyServerBench, name: string) => server.engine.status().counters[name] ?? 0;

describe.each([1, 2, 3, 4] as const)("acknowledgements of type %i", (ack) => {
  test("are taken, with the time they took and the send they answer, and stored", () => {
    const management = ack % 2 === 0 ? "lkh" : "none";
    const { server, all, first } = registered(3, { kek: { ack, management }, acks: { retransmitAfterMs: [2_000] } });
    const { spi, seq } = rekeyed(server);
    server.pass(40);
    first.send(first.ack(seq, ack));
    server.pass(2_000);
    all[1]?.send(all[1].ack(seq, ack));
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ targets: 3, acked: 2, pending: 1, settled: false });
    all[2]?.send(all[2].ack(seq, ack));
    expect(server.engine.rekeyMembers("plant", spi, seq)).toMatchObject([
      { state: "acked", afterMs: 40, attempt: 1, everAcked: true },
      { state: "acked", afterMs: 2_040, attempt: 2 },
      { state: "acked", afterMs: 2_040, attempt: 2 },
    ]);
    expect(server.engine.rekey("plant", spi, seq)?.settled).toBe(true);
    expect([...server.records.values()].filter((r) => r.kind === "gcks.ack")).toHaveLength(3);
  });

  test("of another type are not authentic", () => {
    const management = ack % 2 === 0 ? "lkh" : "none";
    const { server, first } = registered(1, { kek: { ack, management } });
    const { spi, seq } = rekeyed(server);
    first.send(first.ack(seq, ack === 1 ? 3 : 1));
    expect(server.engine.rekey("plant", spi, seq)?.acked).toBe(0);
    expect(server.last("gcks.ack-refused")?.figures?.code).toBe("not-authentic");
  });
});

describe("a push that rolls the KEK over", () => {
  test("is acknowledged with the old KEK", () => {
    const { server, first } = registered(1);
    const { spi, seq } = rekeyed(server, "kek");
    first.send(first.ack(seq));
    expect(server.engine.rekey("plant", spi, seq)?.acked).toBe(1);
    expect(server.engine.group("plant")?.kek.spi).not.toBe(spi);
  });

  test("is acknowledged with the type of its own SAK", () => {
    const { server, first } = registered(1);
    server.command({ do: "reconfigure", policy: gcksPolicy([groupPolicy({ kek: { ack: 3 } })]) });
    const { spi, seq } = rekeyed(server, "kek");
    first.send(first.ack(seq, 1));
    expect(server.engine.rekey("plant", spi, seq)?.acked).toBe(0);
    first.send(first.ack(seq, 3));
    expect(server.engine.rekey("plant", spi, seq)?.acked).toBe(1);
  });

  test("can be acknowledged for the grace period after it is settled, then the KEK is forgotten", () => {
    const acks = { retransmitAfterMs: [], missingAfterMs: 10_000, graceMs: 30_000 };
    const { server, first } = registered(1, { acks });
    const { spi, seq } = rekeyed(server, "kek");
    server.pass(29_000);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ settled: true, missing: 1, acked: 0 });
    first.send(first.ack(seq));
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ settled: true, missing: 0, acked: 1 });
    expect(server.last("gcks.ack-received")?.figures?.late).toBe(true);
    server.pass(2_000);
    first.send(first.ack(seq));
    expect(server.last("gcks.ack-refused")?.figures?.code).toBe("unknown-kek");
  });
});

describe("failures that RFC 8263 6 wants recorded", () => {
  test.each([
    ["malformed", (m: ScriptedMember) => m.ack(1).subarray(0, 60)],
    ["unknown-rekey", (m: ScriptedMember) => m.ack(2)],
    ["wrong-address", (m: ScriptedMember) => m.ack(1, 1, "198.51.100.250")],
    ["not-authentic", (m: ScriptedMember) => m.ack(1).map((octet, i) => (i === 40 ? octet ^ 1 : octet))],
    ["unknown-kek", (m: ScriptedMember) => m.ack(1).map((octet, i) => (i === 3 ? octet ^ 1 : octet))],
  ])("%s", (code, make) => {
    const { server, first } = registered(1);
    const { spi, seq } = rekeyed(server);
    expect(first.send(make(first))).toEqual([]);
    expect(server.last("gcks.ack-refused")?.figures?.code).toBe(code);
    expect(count(server, `ack.drop.${code}`)).toBe(1);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ acked: 0, pending: 1 });
  });

  test("from an address where nobody is registered", () => {
    const { server, first } = registered(1);
    rekeyed(server);
    server.receive({ address: "203.0.113.9", port: 848 }, first.ack(1));
    expect(server.last("gcks.ack-refused")?.figures?.code).toBe("unknown-id");
  });

  test("when the group asks for none", () => {
    const server = new KeyServerBench(gcksPolicy([{ ...groupPolicy(), kek: withoutAck() }]));
    const member = new ScriptedMember(server, memberAddress(0));
    member.register();
    rekeyed(server);
    member.send(member.ack(1));
    expect(server.last("gcks.ack-refused")?.figures?.code).toBe("not-requested");
  });

  test("a thousand of a sort are a thousand in the counters and one in the ledger", () => {
    const { server, first } = registered(1);
    rekeyed(server);
    const forged = first.ack(1).map((octet, i) => (i === 40 ? octet ^ 1 : octet));
    for (let i = 0; i < 1000; i++) first.send(forged);
    expect(count(server, "ack.drop.not-authentic")).toBe(1000);
    expect(server.kinds().filter((kind) => kind === "gcks.ack-refused")).toHaveLength(1);
    server.pass(10_001);
    first.send(forged);
    expect(server.last("gcks.ack-refused")?.figures?.suppressed).toBe(999);
  });
});

function withoutAck() {
  const { ack: _, ...kek } = groupPolicy().kek;
  return kek;
}

test("duplicates are dropped before any cryptography", () => {
  const { server, first } = registered(2);
  rekeyed(server);
  first.send(first.ack(1));
  let hashes = 0;
  const { crypto } = server.env;
  server.env.crypto = {
    ...crypto,
    hmac: (...given) => {
      hashes += 1;
      return crypto.hmac(...given);
    },
  };
  first.send(first.ack(1));
  first.send(first.ack(1).map((octet, i) => (i === 40 ? octet ^ 1 : octet)));
  expect(count(server, "ack.duplicate")).toBe(2);
  // those of the scripted member itself: the ack_key and the HASH, twice
  expect(hashes).toBe(4);
});

test("members that share an address are told apart by their ports", () => {
  const rule = (name: string) => ({ rule: "identity", identity: { type: 2, data: utf8(name) }, text: name }) as const;
  const server = new KeyServerBench(gcksPolicy([groupPolicy({ members: ["gm1.example", "gm2.example"].map(rule) })]));
  const one = new ScriptedMember(server, memberAddress(0), named("gm1.example"), 1001);
  const two = new ScriptedMember(server, memberAddress(0), named("gm2.example"), 1002);
  one.register();
  two.register();
  const { spi, seq } = rekeyed(server);
  two.send(two.ack(seq));
  expect(server.engine.rekeyMembers("plant", spi, seq).map((m) => [m.member, m.state])).toEqual([
    ["gm1.example", "pending"],
    ["gm2.example", "acked"],
  ]);
  server.receive({ address: memberAddress(0), port: 1003 }, one.ack(seq));
  expect(server.last("gcks.ack-refused")?.figures?.code).toBe("unknown-id");
});

test("after a restart acknowledgements count as before it", () => {
  const policy = gcksPolicy([groupPolicy()]);
  const { server, all, first } = registered(3);
  const { spi, seq } = rekeyed(server);
  server.pass(30);
  first.send(first.ack(seq));
  server.restart(policy);
  expect(server.engine.rekeyMembers("plant", spi, seq).map((m) => m.state)).toEqual(["acked", "pending", "pending"]);
  server.pass(20);
  for (const member of all) member.send(member.ack(seq));
  expect(server.engine.rekeyMembers("plant", spi, seq).map((m) => m.afterMs)).toEqual([30, 50, 50]);
  expect(count(server, "ack.duplicate")).toBe(1);
  server.restart(policy);
  expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ acked: 3, settled: true });
  expect(server.engine.members("plant").map((m) => [m.everAcked, m.lastAckSeq])).toEqual(Array(3).fill([true, 1]));
});
