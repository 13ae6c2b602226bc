import { describe, expect, test } from "vitest";
import { gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, keyServer, named, plant, ScriptedMember } from "../../../test/support/scripted-member.ts";
import type { RandomSource } from "../../crypto/provider.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import { equal, u32 } from "../../util/octets.ts";
import { numberOf } from "../../wire/attributes.ts";
import { readSak } from "../policy-payloads.ts";
import { readSat } from "../tek-payloads.ts";

const bench = (changes = {}, seed = 1) => new KeyServerBench(gcksPolicy([groupPolicy(changes)]), seed);
const view = (server: KeyServerBench) => server.engine.members("plant")[0];

/** Refused with this notification, and the ledger says why. */
function refused(
  server: KeyServerBench,
  member: ScriptedMember,
  answers: readonly Uint8Array[],
  notify: number,
  code: string,
) {
  const [answer, ...others] = answers;
  if (answer === undefined) throw new Error("no answer");
  expect(others).toEqual([]);
  expect(member.notification(answer)).toBe(notify);
  expect(server.last("gcks.pull-refused")?.figures?.code).toBe(code);
}

describe("a registration", () => {
  test("brings policy, keys, SEQ and a SID; the member is known by its address", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { seq, sa, keys } = member.register();
    expect(seq).toBe(0);
    expect(sa.sak?.spi).toEqual(keys.kek?.spi);
    expect(sa.sats).toHaveLength(1);
    expect(keys.teks).toHaveLength(1);
    expect(keys.sids).toEqual({ bits: 16, values: [0] });
    expect(view(server)).toMatchObject({
      address: memberAddress(0),
      port: 848,
      registrations: 1,
      sids: [0],
      state: "registered",
    });
  });

  test("gives as many SIDs as are asked for, and new ones every time", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    expect(member.register(plant, 3).keys.sids?.values).toEqual([0, 1, 2]);
    expect(member.register().keys.sids?.values).toEqual([3]);
    expect(view(server)).toMatchObject({ registrations: 2, sids: [3] });
    expect(server.engine.group("plant")?.nextSid).toBe(4);
  });

  test("gives 4096 SIDs, the most that a request may ask for, in one message that can be read", () => {
    const member = new ScriptedMember(bench(), memberAddress(0));
    expect(member.register(plant, 4096).keys.sids?.values).toHaveLength(4096);
  });

  test("gives no SIDs when no TEK has a counter mode", () => {
    const [tek] = groupPolicy().teks;
    if (tek === undefined) throw new Error("no TEK");
    const cbc = {
      ...tek,
      transformId: 12,
      algorithmKeyOctets: 16,
      counterMode: false,
      authentication: { algorithm: 5, keyOctets: 32 },
    };
    const server = bench({ teks: [cbc] });
    const { keys } = new ScriptedMember(server, memberAddress(0)).register(plant, 3);
    expect(keys.sids).toBeUndefined();
    expect(keys.teks[0]?.integrityKey).toHaveLength(32);
    expect(server.engine.group("plant")?.nextSid).toBe(0);
  });

  test("hands out what is left of lifetimes, and both delays", () => {
    const server = bench({ activationDelaySeconds: 5, deactivationDelaySeconds: 30 });
    server.pass(1_000_500);
    const { sa } = new ScriptedMember(server, memberAddress(0)).register();
    const [sat] = sa.sats;
    if (sa.sak === undefined || sat === undefined) throw new Error("no policy");
    const sak = readSak(sa.sak, "pull");
    const tek = readSat(sat);
    expect(sak.ok && sak.value.lifetimeSeconds).toBe(86_400 - 1_001);
    expect(tek.ok && tek.value?.lifetimeSeconds).toBe(3_600 - 1_001);
    expect(sa.gap?.attributes.map((a) => numberOf(a))).toEqual([5, 30]);
  });

  test("a second group comes over the same Phase 1, named by an address", () => {
    const id = { type: 1, data: new Uint8Array([239, 1, 2, 3]) };
    const policy = gcksPolicy([groupPolicy(), groupPolicy({ name: "video", id })]);
    const server = new KeyServerBench(policy);
    const member = new ScriptedMember(server, memberAddress(0));
    const one = member.register();
    const two = member.register(id);
    expect(two.keys.kek?.spi).not.toEqual(one.keys.kek?.spi);
    expect(server.engine.members("video")).toHaveLength(1);
  });
});

describe("no state of a member before HASH(3)", () => {
  test("after message 1 nothing is stored, no SID is given, nobody is a member", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const before = new Map(server.records);
    const begun = member.first();
    member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    expect(server.records).toEqual(before);
    expect(server.engine.members("plant")).toEqual([]);
    expect(server.engine.group("plant")?.nextSid).toBe(0);
  });

  test("a message 3 that does not authenticate changes nothing, and the true one is still taken", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = member.first();
    const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    const forged = member.third({ ...second, nrB: new Uint8Array(32) });
    expect(member.send(forged.datagram)).toEqual([]);
    expect(server.engine.members("plant")).toEqual([]);
    const third = member.third(second);
    const [message4] = member.send(third.datagram);
    expect(member.fourth(third, message4 ?? new Uint8Array(0)).seq).toBe(0);
  });

  test("message 4 leaves after the member is stored", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = member.first();
    const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    const input = {
      in: "datagram",
      from: member.endpoint,
      via: keyServer,
      bytes: member.third(second).datagram,
    } as const;
    const kinds = server.engine.step(input, server.env).map((o) => (o.out === "persist" ? o.record.kind : o.out));
    expect(kinds.filter((kind) => kind !== "event" && kind !== "wake")).toEqual(["gcks.member", "send"]);
  });
});

describe("repeated messages", () => {
  test("get the exact octets of the first answer, and no second SID", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { message1, message3, message4 } = member.register();
    expect(member.send(message3)).toEqual([message4]);
    expect(member.send(message1)).toEqual([]);
    expect(view(server)?.registrations).toBe(1);
  });

  test("are answered a bounded number of times: copies are cheap for who sees one", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { message3 } = member.register();
    const answers = Array.from({ length: 1000 }, () => member.send(message3).length);
    expect(answers.reduce((sum, one) => sum + one, 0)).toBe(32);
  });

  test("of message 1 get message 2 again while message 3 is awaited", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = member.first();
    expect(member.send(begun.datagram)).toEqual(member.send(begun.datagram));
  });

  test("after the group's keys changed get INVALID_SPI in place of keys that are over, and the member begins anew", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { message3 } = member.register();
    server.command({ do: "rekey", group: "plant", what: "tek" });
    refused(server, member, member.send(message3), NotifyType.INVALID_SPI, "overtaken");
    expect(member.send(message3)).toEqual([]);
    expect(member.register().keys.teks).toHaveLength(2);
    expect(view(server)?.registrations).toBe(2);
  });

  test("a whole exchange that is replayed later gets nothing", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const { message1, message3 } = member.register();
    server.pass(10 * 60_000);
    expect(member.send(message1)).toEqual([]);
    expect(member.send(message3)).toEqual([]);
    expect(view(server)?.registrations).toBe(1);
  });

  test("one Phase 1 SA holds eight exchanges, the oldest gives way", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = Array.from({ length: 9 }, () => {
      const first = member.first();
      return { first, second: member.second(first, member.send(first.datagram)[0] ?? new Uint8Array(0)) };
    });
    const [oldest, next] = begun;
    if (oldest === undefined || next === undefined) throw new Error("none begun");
    expect(member.send(member.third(oldest.second).datagram)).toEqual([]);
    expect(member.send(member.third(next.second).datagram)).toHaveLength(1);
  });
});

describe("refused, protected, and told apart in the ledger", () => {
  test("an unknown group", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const answers = member.send(member.first({ type: 11, data: u32(4321) }).datagram);
    refused(server, member, answers, NotifyType.INVALID_ID_INFORMATION, "unknown-group");
    expect(server.last("gcks.pull-refused")?.reason).toContain("keyid:000010e1");
  });

  test("an identity that no rule admits", () => {
    const server = bench({ members: [{ rule: "identity", identity: { type: 2, data: u32(0) }, text: "nobody" }] });
    const member = new ScriptedMember(server, memberAddress(0));
    const answers = member.send(member.first().datagram);
    refused(server, member, answers, NotifyType.INVALID_ID_INFORMATION, "not-authorised");
  });

  test("the Phase 1 identity counts, not the address", () => {
    const identity = { type: 2, data: new Uint8Array(Buffer.from("gm1.example")) };
    const server = bench({ members: [{ rule: "identity", identity, text: "gm1.example" }] });
    new ScriptedMember(server, memberAddress(0), named("gm1.example")).register();
    const other = new ScriptedMember(server, memberAddress(0), named("gm2.example"), 849);
    refused(server, other, other.send(other.first().datagram), NotifyType.INVALID_ID_INFORMATION, "not-authorised");
    expect(server.engine.members("plant").map((m) => m.name)).toEqual(["gm1.example"]);
  });

  test("an evicted member, until it is admitted", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    member.register();
    server.command({ do: "evict", group: "plant", members: [memberAddress(0)], reason: "stolen" });
    server.take();
    refused(server, member, member.send(member.first().datagram), NotifyType.INVALID_ID_INFORMATION, "evicted");
    server.command({ do: "admit", group: "plant", members: [memberAddress(0)] });
    member.register();
    expect(view(server)?.state).toBe("registered");
  });

  test("a nonce of seven octets", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const id = { kind: "ID", idType: 11, protocolId: 0, port: 0, data: u32(1234) } as const;
    const begun = member.first(plant, () => [{ kind: "NONCE", data: new Uint8Array(7) }, id]);
    refused(server, member, member.send(begun.datagram), NotifyType.PAYLOAD_MALFORMED, "malformed");
  });

  test("a GAP with an attribute that is not understood", () => {
    const server = bench();
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = member.first();
    const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    const third = member.third(second, [{ kind: "GAP", attributes: [{ type: 77, value: 1 }] }]);
    refused(server, member, member.send(third.datagram), NotifyType.ATTRIBUTES_NOT_SUPPORTED, "unsupported");
    expect(server.engine.members("plant")).toEqual([]);
  });

  test("more SIDs than one member may have", () => {
    const server = bench({ sidBits: 8 });
    const member = new ScriptedMember(server, memberAddress(0));
    const begun = member.first();
    const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    const third = member.third(second, [{ kind: "GAP", attributes: [{ type: 3, value: 17 }] }]);
    refused(server, member, member.send(third.datagram), NotifyType.ATTRIBUTES_NOT_SUPPORTED, "too-many-sids");
    expect(server.engine.group("plant")?.nextSid).toBe(0);
  });
});

test("keys that change between messages 2 and 4 end the exchange, and the next try succeeds", () => {
  const server = bench();
  const member = new ScriptedMember(server, memberAddress(0));
  const begun = member.first();
  const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
  server.command({ do: "rekey", group: "plant", what: "tek" });
  const third = member.third(second);
  refused(server, member, member.send(third.datagram), NotifyType.INVALID_SPI, "overtaken");
  expect(server.engine.members("plant")).toEqual([]);
  expect(member.register().keys.teks).toHaveLength(2);
});

test("when the SIDs are used up all keys are deleted, and the next registration begins at zero with new TEKs", () => {
  const server = bench({ sidBits: 8 });
  const member = new ScriptedMember(server, memberAddress(0));
  const before = member.register();
  for (let i = 0; i < 15; i++) new ScriptedMember(server, memberAddress(1 + i)).register(plant, 16);
  new ScriptedMember(server, memberAddress(16)).register(plant, 15);
  expect(server.engine.group("plant")?.nextSid).toBe(256);

  const begun = member.first();
  const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
  server.take();
  const answers = member.send(member.third(second).datagram);
  const [push] = answers.filter((bytes) => bytes[18] === 33);
  if (push === undefined) throw new Error("no push");
  const opened = member.push(push);
  expect(opened.deletes.map((d) => [d.protocolId, [...(d.spis[0] ?? [])].every((o) => o === 0)])).toEqual([
    [1, true],
    [0, true],
  ]);
  expect(opened.sa).toBeUndefined();
  const after = member.register();
  expect(after.keys.sids?.values).toEqual([0]);
  expect(after.keys.teks.map((t) => t.spi)).not.toContainEqual(before.keys.teks[0]?.spi);
  expect(after.keys.kek?.spi).not.toEqual(before.keys.kek?.spi);
  expect(server.kinds()).toContain("gcks.sids-exhausted");
});

test("one member cannot use the SIDs up, not even over a restart, until the TEKs have ended that it has them for", () => {
  const policy = gcksPolicy([groupPolicy({ sidBits: 8 })]);
  const server = new KeyServerBench(policy);
  const first = new ScriptedMember(server, memberAddress(0));
  const ask = (member: ScriptedMember, count: number) => {
    const begun = member.first();
    const second = member.second(begun, member.send(begun.datagram)[0] ?? new Uint8Array(0));
    const gap = { kind: "GAP", attributes: [{ type: 3, value: count }] } as const;
    return member.send(member.third(second, [gap]).datagram);
  };
  expect(first.register(plant, 16).keys.sids?.values).toHaveLength(16);
  refused(server, first, ask(first, 2), NotifyType.ATTRIBUTES_NOT_SUPPORTED, "too-many-sids");
  // plain registrations go on for long, each with a new SID
  for (let i = 16; i < 30; i++) expect(first.register().keys.sids?.values).toEqual([i]);
  server.restart(policy);
  const member = new ScriptedMember(server, memberAddress(0));
  for (let i = 30; i < 32; i++) expect(member.register().keys.sids?.values).toEqual([i]);
  refused(server, member, ask(member, 1), NotifyType.ATTRIBUTES_NOT_SUPPORTED, "too-many-sids");
  expect(new ScriptedMember(server, memberAddress(1)).register(plant, 16).keys.sids?.values[0]).toBe(32);
  expect(server.kinds()).not.toContain("gcks.sids-exhausted");
  server.pass(3_600_000);
  expect(new ScriptedMember(server, memberAddress(0)).register().keys.sids?.values).toEqual([48]);
});

test("a member that begins exchange after exchange is answered, and gets nothing remembered for it", () => {
  const server = bench();
  const member = new ScriptedMember(server, memberAddress(0));
  for (let i = 0; i < 5_000; i++) expect(member.send(member.first().datagram)).toHaveLength(1);
  server.take();
  expect(server.engine.members("plant")).toEqual([]);
  expect(member.register().keys.sids?.values).toEqual([0]);
});

describe("octets of nobody change nothing, get no larger answer, and do not throw", () => {
  const stages: Record<string, (server: KeyServerBench, member: ScriptedMember) => void> = {
    "when nothing is under way": () => {},
    "while a member registers": (_, member) => {
      member.send(member.first().datagram);
    },
    "while a push is under way": (server) => {
      server.command({ do: "rekey", group: "plant", what: "tek" });
    },
    "while the KEK rolls over": (server) => {
      server.command({ do: "rekey", group: "plant", what: "kek" });
    },
    "after members were put out": (server) => {
      server.command({ do: "evict", group: "plant", members: [memberAddress(1)], reason: "stolen" });
    },
  };
  test.each(["none", "lkh"] as const)("at any stage (management %s)", (management) => {
    for (const [stage, prepare] of Object.entries(stages)) {
      const server = bench({ kek: { management, ack: management === "lkh" ? 2 : 1 } });
      const member = new ScriptedMember(server, memberAddress(0));
      const { message1, message3, message2, message4 } = member.register();
      new ScriptedMember(server, memberAddress(1)).register();
      const begun = member.first().datagram;
      prepare(server, member);
      const originals = [message1, message2, message3, message4, begun, member.ack(1, management === "lkh" ? 2 : 1)];
      const push = server.take()[0]?.bytes;
      if (push !== undefined) originals.push(push);
      const look = () => JSON.stringify([server.engine.groups(), server.engine.members("plant"), [...server.records]]);
      const before = look();
      const stranger = { address: "203.0.113.66", port: 500 };
      for (const original of originals) {
        for (let i = 0; i < 200; i++) {
          const bytes = mutated(original, server.env.random);
          const answers = server.receive(i % 2 === 0 ? stranger : member.endpoint, bytes);
          const octets = answers.reduce((sum, answer) => sum + answer.length, 0);
          expect(octets, stage).toBeLessThanOrEqual(bytes.length);
        }
      }
      for (let i = 0; i < 100; i++) server.receive(stranger, server.env.random.octets(i));
      expect(look(), stage).toBe(before);
      // and the ledger is not flooded: one event in ten seconds of each sort
      expect(server.kinds().filter((kind) => kind === "gcks.datagram-dropped").length).toBeLessThan(12);
    }
  });
});

/** Cut off somewhere, or with one to three bits turned; never as it was. */
function mutated(original: Uint8Array, random: RandomSource): Uint8Array {
  const pick = (below: number) => Math.floor(random.fraction() * below);
  const bytes = original.slice(0, random.fraction() < 0.2 ? pick(original.length) : undefined);
  for (let flips = 1 + pick(3); flips > 0 && bytes.length > 0; flips--) {
    const at = pick(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << pick(8));
  }
  return equal(bytes, original) ? bytes.subarray(1) : bytes;
}
