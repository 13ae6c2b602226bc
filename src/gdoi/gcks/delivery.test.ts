import { describe, expect, test } from "vitest";
import { type GroupChanges, gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { u32 } from "../../util/octets.ts";

const schedule = { retransmitAfterMs: [2_000, 5_000], missingAfterMs: 12_000 };

function registered(members: number, changes: GroupChanges = {}) {
  const acks = { ...schedule, ...changes.acks };
  const server = new KeyServerBench(gcksPolicy([groupPolicy({ ...changes, acks })]));
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  for (const member of all) member.register();
  return { server, all, first: all[0] ?? expect.fail("no members") };
}

function rekeyed(server: KeyServerBench, what: "tek" | "kek" = "tek") {
  const [place] = server.command({ do: "rekey", group: "plant", what }).rekeys ?? [];
  return place ?? expect.fail("no rekey");
}

const pushes = (server: KeyServerBench) => server.take().filter(({ bytes }) => bytes[18] === 33);

describe("a unicast push", () => {
  test("is one string of octets to every member, sent again only to those who did not answer", () => {
    const { server, all, first } = registered(4);
    const { seq } = rekeyed(server);
    const sent = pushes(server);
    expect(sent.map(({ to }) => to.address)).toEqual(all.map((m) => m.endpoint.address));
    expect(new Set(sent.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).size).toBe(1);
    first.send(first.ack(seq));
    server.pass(2_000);
    const again = pushes(server);
    expect(again.map(({ to }) => to.address)).toEqual(all.slice(1).map((m) => m.endpoint.address));
    expect(again[0]?.bytes).toEqual(sent[0]?.bytes);
    for (const member of all) member.send(member.ack(seq));
    server.pass(60_000);
    expect(pushes(server)).toEqual([]);
  });

  test("is made durable before it is sent", () => {
    const { server } = registered(2);
    const command = { do: "rekey", group: "plant", what: "tek" } as const;
    const outputs = server.engine.step({ in: "command", id: 99, command }, server.env);
    const order = outputs.flatMap((o) => (o.out === "persist" ? [o.record.kind] : o.out === "send" ? ["send"] : []));
    expect(order).toEqual(["gcks.group", "send", "send"]);
  });

  test("to nobody is settled at once", () => {
    const server = new KeyServerBench(gcksPolicy([groupPolicy()]));
    const { spi, seq } = rekeyed(server);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ targets: 0, settled: true });
    expect(pushes(server)).toEqual([]);
  });
});

test("a multicast push is one datagram with the group's interface and TTL", () => {
  const push = { transport: "multicast", address: "239.192.0.9", port: 849, interface: "lo", ttl: 3 } as const;
  const { server, first } = registered(3, { push });
  expect(first.registered?.sa.sak?.destination).toEqual({
    idType: 1,
    port: 849,
    data: new Uint8Array([239, 192, 0, 9]),
  });
  const { seq } = rekeyed(server);
  const [sent, ...others] = server.sent.splice(0);
  expect(others).toEqual([]);
  expect(sent).toMatchObject({
    from: { address: "192.0.2.1", port: 848 },
    to: { address: "239.192.0.9", port: 849 },
    multicast: { interface: "lo", ttl: 3 },
  });
  // the acknowledgement comes from the multicast port with the member's own address
  server.receive({ address: first.endpoint.address, port: 849 }, first.ack(seq));
  server.pass(2_000);
  expect(pushes(server)).toHaveLength(1);
  expect(server.engine.group("plant")?.rekeys[0]).toMatchObject({ acked: 1, pending: 2, attempts: 2 });
});

test("without acknowledgements a push is repeated on the schedule, and then the next one may go", () => {
  const { ack: _, ...kek } = groupPolicy().kek;
  const policy = { ...groupPolicy({ acks: schedule }), kek };
  const server = new KeyServerBench(gcksPolicy([policy]));
  const member = new ScriptedMember(server, memberAddress(0));
  member.register();
  rekeyed(server);
  rekeyed(server);
  expect(pushes(server)).toHaveLength(1);
  server.pass(5_000);
  // two repeats, and the next one's first send
  const later = pushes(server).map(({ bytes }) => member.push(bytes).seq);
  expect(later).toEqual([1, 1, 2]);
  expect(server.engine.group("plant")?.rekeys[0]).toMatchObject({ settled: true, ackRequested: false, missing: 0 });
});

describe("an acknowledgement that does not come", () => {
  test("is missing after the time that the policy says, never before ten seconds", () => {
    const { server } = registered(1, { acks: { retransmitAfterMs: [], missingAfterMs: 1_000 } });
    const { spi, seq } = rekeyed(server);
    server.pass(9_999);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ pending: 1, missing: 0, settled: false });
    server.pass(1);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ pending: 0, missing: 1, settled: true });
  });

  test("says since when the member is silent; one that never acknowledged is not treated as departed", () => {
    const { server, all, first } = registered(2, { acks: { whenMissing: "remove", removeAfterRekeys: 1 } });
    const begun = rekeyed(server);
    server.pass(100);
    first.send(first.ack(begun.seq));
    const heard = server.env.now;
    server.pass(20_000);
    const { spi, seq } = rekeyed(server);
    server.pass(20_000);
    const [one, two] = server.engine.rekeyMembers("plant", spi, seq);
    // the first was removed: it had acknowledged before
    expect(one).toMatchObject({ state: "missing", everAcked: true, silentSince: heard });
    expect(two).toMatchObject({ state: "missing", everAcked: false });
    expect(server.engine.members("plant").map((m) => [m.state, m.consecutiveMissed])).toEqual([
      ["removed", 1],
      ["missing", 2],
    ]);
    server.take();
    rekeyed(server);
    expect(pushes(server).map(({ to }) => to.address)).toEqual([all[1]?.endpoint.address]);
    first.register();
    expect(server.engine.members("plant")[0]).toMatchObject({ state: "registered" });
  });

  test("is forgiven by the next one", () => {
    const { server, first } = registered(1, { acks: { whenMissing: "remove", removeAfterRekeys: 2 } });
    for (const answers of [true, false, true, false]) {
      const { seq } = rekeyed(server);
      if (answers) first.send(first.ack(seq));
      server.pass(20_000);
    }
    expect(server.engine.members("plant")[0]).toMatchObject({ state: "missing", consecutiveMissed: 1 });
  });

  test("raises an alert when the policy says so, and a warning else", () => {
    for (const [whenMissing, level] of [
      ["alert", "alert"],
      ["log", "warning"],
    ] as const) {
      const { server, first } = registered(1, { acks: { whenMissing } });
      first.send(first.ack(rekeyed(server).seq));
      rekeyed(server);
      server.pass(20_000);
      expect(server.last("gcks.ack-missing")?.level).toBe(level);
      expect(server.last("gcks.rekey-settled")?.level).toBe(level);
    }
  });
});

describe("one push after the other", () => {
  test("a rekey waits until the one before is settled, and its place is told at once", () => {
    const { server, first } = registered(1);
    const one = rekeyed(server);
    const two = rekeyed(server, "kek");
    const three = rekeyed(server);
    expect([one.seq, two.seq, three.seq]).toEqual([1, 2, 1]);
    expect(two.spi).toBe(one.spi);
    expect(three.spi).not.toBe(one.spi);
    const cause = "asked for by the operator";
    expect(server.engine.group("plant")?.waiting).toEqual([
      { ...two, kind: "kek", cause },
      { ...three, kind: "tek", cause },
    ]);
    expect(pushes(server)).toHaveLength(1);
    first.send(first.ack(1));
    expect(pushes(server)).toHaveLength(1);
    first.send(first.ack(2));
    expect(server.engine.rekey("plant", three.spi, three.seq)).toMatchObject({ kind: "tek", settled: false });
    expect(server.engine.group("plant")).toMatchObject({ kek: { spi: three.spi }, waiting: [] });
  });

  test("a planned rekey is carried out after a restart", () => {
    const policy = gcksPolicy([groupPolicy({ acks: schedule })]);
    const { server, first } = registered(1);
    rekeyed(server);
    const planned = rekeyed(server, "kek");
    const sent = pushes(server);
    server.restart(policy);
    // the same octets again, at once
    expect(pushes(server).map(({ bytes }) => bytes)).toEqual(sent.map(({ bytes }) => bytes));
    first.send(first.ack(1));
    expect(server.engine.rekey("plant", planned.spi, planned.seq)).toMatchObject({ kind: "kek" });
  });

  test("a member that registers again is not waited for", () => {
    const { server, first } = registered(1);
    const { spi, seq } = rekeyed(server);
    first.register();
    expect(server.engine.rekeyMembers("plant", spi, seq)).toMatchObject([{ state: "reregistered" }]);
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ settled: true, missing: 0 });
    expect(first.registered?.seq).toBe(1);
  });
});

describe("keys are renewed by themselves", () => {
  test("TEKs when their share of life is left; two generations live, the third deletes the first", () => {
    const { server, first } = registered(1);
    const spis = () => server.engine.group("plant")?.teks.map((tek) => tek.spi) ?? [];
    const [oldest] = spis();
    server.pass(2_879_000);
    expect(pushes(server)).toEqual([]);
    server.pass(1_000);
    const [push] = pushes(server);
    expect(first.push(push?.bytes ?? new Uint8Array(0)).deletes).toEqual([]);
    first.send(first.ack(1));
    expect(spis()).toHaveLength(2);
    expect(spis()[0]).toBe(oldest);
    rekeyed(server);
    const [next] = pushes(server);
    const [deleted] = first.push(next?.bytes ?? new Uint8Array(0)).deletes;
    expect(deleted?.protocolId).toBe(1);
    expect(deleted?.spis.map((spi) => Buffer.from(spi).toString("hex"))).toEqual([oldest]);
    expect(spis()).not.toContain(oldest);
  });

  test("a generation whose life is over needs no Delete", () => {
    const { server, first } = registered(1);
    for (let seq = 1; seq <= 2; seq++) {
      server.pass(2_880_000);
      first.send(first.ack(seq));
    }
    const opened = pushes(server).map(({ bytes }) => first.push(bytes));
    expect(opened.map((push) => push.deletes)).toEqual([[], []]);
  });

  test("the KEK: its SEQ begins again with the next push", () => {
    const kek = { lifetimeSeconds: 1_000 };
    const { server, first } = registered(1, { kek });
    const before = server.engine.group("plant")?.kek;
    server.pass(800_000);
    expect(server.last("gcks.rekey-sent")?.figures).toMatchObject({ kind: "kek", seq: 1, spi: before?.spi });
    first.send(first.ack(1));
    const { spi, seq } = rekeyed(server);
    expect(seq).toBe(1);
    expect(spi).not.toBe(before?.spi);
  });
});

describe("a push that waited long", () => {
  const down = (server: KeyServerBench, changes: GroupChanges, ms: number) => {
    server.take();
    server.env.now += ms;
    server.restart(gcksPolicy([groupPolicy({ ...changes, acks: schedule })]));
    return pushes(server);
  };

  test("is sent again as it is by a key server that was gone for a minute", () => {
    const { server, first } = registered(2);
    const { seq } = rekeyed(server);
    const [made] = pushes(server);
    const [again] = down(server, {}, 60_000);
    expect(again?.bytes).toEqual(made?.bytes);
    expect(first.push(again?.bytes ?? new Uint8Array(0)).seq).toBe(seq);
  });

  test("of TEKs is made anew with what is left of their lives, behind what was planned", () => {
    const { server, all, first } = registered(2);
    const { spi, seq } = rekeyed(server);
    server.take();
    all[1]?.send(all[1].ack(seq));
    const planned = rekeyed(server, "kek");
    const [again] = down(server, {}, 10 * 60_000);
    // the roll-over keeps the place that the operator was told
    expect(first.push(again?.bytes ?? new Uint8Array(0))).toMatchObject({ seq: planned.seq });
    expect(server.engine.rekey("plant", spi, seq)).toMatchObject({ settled: true, acked: 1, missing: 1 });
    for (const member of all) member.send(member.ack(planned.seq));
    expect(server.engine.group("plant")?.rekeys).toMatchObject([{}, { kind: "kek" }, { kind: "tek", seq: 1 }]);
    expect(server.last("gcks.rekey-outdated")?.figures).toMatchObject({ seq, pending: 1, afterMs: 600_000 });
    expect(server.engine.group("plant")?.teks).toHaveLength(2);
  });

  test("of TEKs alone has the same keys and SPI again", () => {
    const { server, first } = registered(2);
    const { seq } = rekeyed(server);
    const [made] = pushes(server);
    const [again] = down(server, {}, 600_500);
    const [before, after] = [made, again].map((push) => first.push(push?.bytes ?? new Uint8Array(0)));
    expect(after?.seq).toBe(seq + 1);
    expect(after?.kd).toEqual(before?.kd);
    const lifetime = (opened: typeof after) => {
      const [sat] = opened?.sa?.attributes.filter(({ kind }) => kind === "SAT") ?? [];
      return sat?.kind === "SAT" ? sat.body?.attributes.find(({ type }) => type === 2)?.value : undefined;
    };
    expect([before, after].map(lifetime)).toEqual([u32(3_600), u32(2_999)]);
    expect(server.engine.members("plant").every(({ consecutiveMissed }) => consecutiveMissed === 0)).toBe(true);
    server.pass(60_000);
    expect(server.engine.group("plant")?.rekeys.map((rekey) => rekey.settled)).toEqual([true, true]);
  });

  test.each(["none", "lkh"] as const)(
    "of a KEK is followed by another roll-over under the new one (%s)",
    (management) => {
      const { server } = registered(2, { kek: { management } });
      const { spi } = rekeyed(server, "kek");
      const next = server.engine.group("plant")?.kek.spi;
      const [again] = down(server, { kek: { management } }, 3_600_000 / 2);
      expect(Buffer.from(again?.bytes.subarray(0, 16) ?? []).toString("hex")).toBe(next);
      expect(server.engine.rekey("plant", spi, 1)).toMatchObject({ settled: true });
      expect(server.engine.rekey("plant", next ?? "", 1)).toMatchObject({ kind: "kek", settled: false });
    },
  );

  test("that deletes everything has no lifetimes, and is sent again however old it is", () => {
    const { server, first } = registered(2);
    server.command({ do: "evict", group: "plant", members: [memberAddress(1)], reason: "stolen" });
    const [made] = pushes(server);
    const [again] = down(server, {}, 600_000);
    expect(again?.bytes).toEqual(made?.bytes);
    expect(first.push(again?.bytes ?? new Uint8Array(0)).deletes).toHaveLength(2);
  });

  test("while the store did not work is made anew when it works again", () => {
    const { server } = registered(2);
    const { seq } = rekeyed(server);
    server.take();
    // nothing reaches a frozen engine until then
    server.env.now += 600_000;
    server.pass(0);
    expect(server.engine.group("plant")?.rekeys).toMatchObject([
      { seq, settled: true },
      { seq: seq + 1, settled: false },
    ]);
    expect(pushes(server)).toHaveLength(2);
  });
});
