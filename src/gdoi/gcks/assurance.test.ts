/** Key delivery assurance: who has which key, and who is told. */
import { describe, expect, test } from "vitest";
import { type GroupChanges, gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { streamTek } from "../../../test/support/stream.ts";
import type { SaTekPayload } from "../../wire/payloads.ts";
import { ackKey, buildAck } from "../ack.ts";
import type { AssurancePolicy, MemberRule } from "../policy.ts";
import { readSat } from "../tek-payloads.ts";
import { Slots } from "./slots.ts";

const minute = 60_000;
const acks = { retransmitAfterMs: [2_000, 5_000], missingAfterMs: 12_000 };
const publisher: MemberRule = {
  rule: "identity",
  identity: { type: 1, data: new Uint8Array(memberAddress(0).split(".").map(Number)) },
  text: memberAddress(0),
};
const assurance: AssurancePolicy = { levelPercent: 80, publishers: [publisher], announce: false };

function policyOf(changes: GroupChanges = {}) {
  return gcksPolicy([groupPolicy({ teks: [streamTek()], handOutNext: true, assurance, acks, ...changes })]);
}

function registered(members: number, changes: GroupChanges = {}) {
  const server = new KeyServerBench(policyOf(changes));
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  for (const member of all) member.register();
  return { server, all, first: all[0] ?? expect.fail("no members") };
}

const deliveries = (server: KeyServerBench) => server.engine.group("plant")?.teks.map(({ delivery }) => delivery);
const kdaOf = (sats: readonly SaTekPayload[]) =>
  sats.map((sat) => {
    const read = readSat(sat);
    return read.ok ? read.value?.iec61850?.keyDeliveryAssurance : undefined;
  });
const pushes = (server: KeyServerBench) => server.take().filter(({ bytes }) => bytes[18] === 33);
const told = (server: KeyServerBench, kind: string) =>
  server.events.filter((event) => event.kind === kind).map((event) => event.figures ?? {});

describe("a member has a key", () => {
  test("when it registered, not before message 3, and all that live then", () => {
    const { server, first } = registered(1);
    const second = new ScriptedMember(server, memberAddress(1));
    const begun = second.first();
    second.send(begun.datagram);
    expect(deliveries(server)).toEqual(Array(2).fill({ percent: 100, holders: 1, members: 1 }));
    server.pass(48 * minute);
    expect(deliveries(server)?.map((delivery) => delivery?.percent)).toEqual([100, 100, 0]);
    first.register();
    expect(deliveries(server)?.map((delivery) => delivery?.percent)).toEqual([100, 100, 100]);
  });

  test("when it acknowledged a push of it, late or not, once", () => {
    const { server, all } = registered(3);
    server.pass(48 * minute);
    const last = () => deliveries(server)?.at(-1);
    expect(last()).toEqual({ percent: 0, holders: 0, members: 3 });
    all[1]?.send(all[1].ack(1));
    all[1]?.send(all[1].ack(1));
    expect(last()).toEqual({ percent: 33, holders: 1, members: 3 });
    server.pass(minute);
    all[2]?.send(all[2].ack(1));
    expect(last()).toEqual({ percent: 66, holders: 2, members: 3 });
  });

  test("no more when it is put out", () => {
    const { server } = registered(3, { kek: { management: "lkh" } });
    server.command({ do: "evict", group: "plant", members: [memberAddress(1)], reason: "stolen" });
    expect(deliveries(server)?.[0]).toEqual({ percent: 100, holders: 2, members: 2 });
    server.pass(minute);
    expect(deliveries(server)).toEqual(Array(2).fill({ percent: 0, holders: 0, members: 2 }));
  });

  test("also after a restart of the key server, whenever that is", () => {
    const { server, all } = registered(4);
    server.pass(48 * minute);
    all[1]?.send(all[1].ack(1));
    server.restart(policyOf());
    expect(deliveries(server)?.at(-1)).toEqual({ percent: 25, holders: 1, members: 4 });
    // the push that was acknowledged is forgotten by then
    for (let n = 0; n < 20; n++) {
      server.command({ do: "rekey", group: "plant", what: "kek" });
      server.pass(20_000);
    }
    server.restart(policyOf());
    expect(deliveries(server)?.[2]).toEqual({ percent: 25, holders: 1, members: 4 });
    expect(server.engine.rekey("plant", server.engine.group("plant")?.rekeys[0]?.spi ?? "", 1)?.kind).toBe("kek");
  });
});

describe("SA_KDA", () => {
  test("is for publishers alone when they register", () => {
    const { server, all, first } = registered(3);
    expect(kdaOf(all[1]?.registered?.sa.sats ?? [])).toEqual([undefined, undefined]);
    expect(kdaOf(first.registered?.sa.sats ?? [])).toEqual([0, 0]);
    server.pass(48 * minute);
    all[1]?.send(all[1].ack(1));
    expect(kdaOf(first.register().sa.sats)).toEqual([100, 100, 33]);
  });

  test("comes in a second push with the same keys when the first is settled", () => {
    const { server, all, first } = registered(2, { assurance: { ...assurance, announce: true } });
    server.pass(48 * minute);
    const [made] = pushes(server);
    first.send(first.ack(1));
    expect(pushes(server)).toEqual([]);
    server.pass(12_000);
    const announced = pushes(server).filter(({ bytes }) => first.push(bytes).seq === 2);
    expect(announced).toHaveLength(2);
    const [before, after] = [made, announced[0]].map((push) => first.push(push?.bytes ?? new Uint8Array(0)));
    expect(after?.kd).toEqual(before?.kd);
    expect(after?.deletes).toEqual([]);
    expect(kdaOf((after?.sa?.attributes ?? []).filter((a) => a.kind === "SAT"))).toEqual([50]);
    for (const member of all) member.send(member.ack(2));
    expect(deliveries(server)?.at(-1)).toEqual({ percent: 100, holders: 2, members: 2 });
    server.pass(10 * minute);
    expect(pushes(server)).toEqual([]);
    expect(told(server, "gcks.key-delivery").map(({ when, percent }) => [when, percent])).toEqual([
      ["settled", 50],
      ["announced", 100],
    ]);
  });
});

describe("the ledger is told", () => {
  test("what a push reached, with an alert when that is too little, and again when the key comes into use", () => {
    const { server, first } = registered(2);
    server.pass(48 * minute);
    first.send(first.ack(1));
    server.pass(12_000);
    expect(told(server, "gcks.key-delivery")).toMatchObject([{ percent: 50, holders: 1, members: 2, level: 80 }]);
    expect(told(server, "gcks.key-delivery-low")).toMatchObject([{ percent: 50, when: "settled" }]);
    expect(server.last("gcks.key-delivery-low")?.level).toBe("alert");
    server.pass(48 * minute - 12_001);
    expect(told(server, "gcks.key-delivery-low")).toHaveLength(1);
    server.pass(1);
    expect(told(server, "gcks.key-delivery-low").map(({ when }) => when)).toEqual(["settled", "activated"]);
  });

  test("nothing alarming when enough have it", () => {
    const { server, all } = registered(2);
    server.pass(48 * minute);
    for (const member of all) member.send(member.ack(1));
    server.pass(48 * minute);
    expect(told(server, "gcks.key-delivery")).toMatchObject([{ percent: 100 }]);
    expect(told(server, "gcks.key-delivery-low")).toEqual([]);
  });

  test("of a key that came into use while the key server was gone", () => {
    const { server } = registered(2);
    server.pass(49 * minute);
    server.env.now += 48 * minute;
    server.restart(policyOf());
    server.pass(0);
    expect(told(server, "gcks.key-delivery-low").map(({ when }) => when)).toEqual(["settled", "activated"]);
  });

  test("nothing at all in a group without assurance", () => {
    const server = new KeyServerBench(gcksPolicy([groupPolicy({ acks })]));
    new ScriptedMember(server, memberAddress(0)).register();
    server.command({ do: "rekey", group: "plant", what: "tek" });
    server.pass(minute);
    expect(server.kinds().filter((kind) => kind.startsWith("gcks.key-delivery"))).toEqual([]);
    expect(deliveries(server)).toEqual([undefined, undefined]);
  });
});

test("an acknowledgement of an announcement that names the stream counts as well", () => {
  const { server, first } = registered(1, { assurance: { ...assurance, announce: true } });
  server.pass(48 * minute + 13_000);
  const key = ackKey(1, first.ivAndKey().subarray(16), first.spi(), server.env);
  const id = { type: 13, data: Buffer.from("0d060b2a8648ce5683e31a0801020000", "hex") };
  first.send(buildAck(1, key, first.spi(), 2, id, server.env));
  expect(deliveries(server)?.at(-1)?.percent).toBe(100);
});

test("slots are a set that grows, and comes back from its octets", () => {
  const slots = new Slots();
  for (const slot of [0, 9, 9_999]) slots.add(slot);
  const again = new Slots(slots.octets);
  expect([0, 1, 8, 9, 9_998, 9_999, 10_000].filter((slot) => again.has(slot))).toEqual([0, 9, 9_999]);
  expect(slots.octets.length).toBeLessThan(2_600);
});
