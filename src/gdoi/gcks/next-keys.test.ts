/** K0 and K1: the keys in use and those that follow, handed out together. */
import { describe, expect, test } from "vitest";
import { type GroupChanges, gcksPolicy, groupPolicy, memberAddress } from "../../../test/support/group.ts";
import { KeyServerBench, ScriptedMember } from "../../../test/support/scripted-member.ts";
import { streamTek } from "../../../test/support/stream.ts";
import { hex } from "../../util/octets.ts";
import type { SaTekPayload } from "../../wire/payloads.ts";
import { readSat } from "../tek-payloads.ts";

const minute = 60_000;
const acks = { retransmitAfterMs: [2_000, 5_000], missingAfterMs: 12_000 };

function policyOf(changes: GroupChanges = {}) {
  return gcksPolicy([groupPolicy({ teks: [streamTek()], handOutNext: true, acks, ...changes })]);
}

function bench(changes: GroupChanges = {}, members = 1) {
  const server = new KeyServerBench(policyOf(changes));
  const all = Array.from({ length: members }, (_, n) => new ScriptedMember(server, memberAddress(n)));
  return { server, all, first: all[0] ?? expect.fail("no members") };
}

/** Seconds until use and until the end, of every SAT. */
function times(sats: readonly SaTekPayload[]): [number, number][] {
  return sats.map((sat) => {
    const read = readSat(sat);
    const tek = (read.ok && read.value) || expect.fail("no TEK");
    return [tek.activationSeconds ?? 0, tek.lifetimeSeconds];
  });
}

const pushes = (server: KeyServerBench) => server.take().filter(({ bytes }) => bytes[18] === 33);
const teks = (server: KeyServerBench) => server.engine.group("plant")?.teks ?? [];

describe("a registration", () => {
  test("brings the keys of now and those that follow with their activation time", () => {
    const { first } = bench();
    const { sa, keys } = first.register();
    expect(times(sa.sats)).toEqual([
      [0, 3_600],
      [2_880, 6_480],
    ]);
    expect(keys.teks).toHaveLength(2);
    expect(sa.gap).toBeUndefined();
  });

  test.each([
    [{}, [undefined, 2_880]],
    [{ profile: "iec-62351-9" }, [0, 2_880]],
  ] as const)("says of a key in use that it waits for nothing, in the profile alone: %o", (changes, expected) => {
    const delays = bench(changes)
      .first.register()
      .sa.sats.map((sat) => {
        const read = readSat(sat);
        return read.ok ? read.value?.activationSeconds : expect.fail("no TEK");
      });
    expect(delays).toEqual(expected);
  });

  test("later brings what is left of both, counted from the same instants", () => {
    const { server, first } = bench();
    first.register();
    server.pass(10 * minute + 300);
    expect(times(first.register().sa.sats)).toEqual([
      [0, 2_999],
      [2_280, 5_879],
    ]);
  });

  test("while one generation takes the place of another brings three", () => {
    const { server, first } = bench();
    const { keys } = first.register();
    server.pass(49 * minute);
    const later = first.register();
    expect(times(later.sa.sats)).toEqual([
      [0, 660],
      [0, 3_540],
      [2_820, 6_420],
    ]);
    expect(later.keys.teks.slice(0, 2)).toEqual(keys.teks);
    server.pass(11 * minute);
    expect(first.register().sa.sats).toHaveLength(2);
  });
});

describe("the next keys", () => {
  test("are pushed when those before come into use, and delete nothing that lives", () => {
    const { server, first } = bench();
    first.register();
    server.pass(48 * minute - 1);
    expect(pushes(server)).toEqual([]);
    server.pass(1);
    const [push] = pushes(server);
    const opened = first.push(push?.bytes ?? new Uint8Array(0));
    expect(opened.deletes).toEqual([]);
    const sats = opened.sa?.attributes.filter((a) => a.kind === "SAT") ?? [];
    expect(times(sats)).toEqual([[2_880, 6_480]]);
    expect(server.last("gcks.rekey-sent")).toMatchObject({ cause: "timer" });
  });

  test("keep to their times over a restart, and are made when their time passed meanwhile", () => {
    const { server, first } = bench();
    const { keys } = first.register();
    const before = teks(server);
    server.env.now += 20 * minute;
    server.restart(policyOf());
    expect(teks(server)).toEqual(before);
    expect(new ScriptedMember(server, memberAddress(0)).register().keys.teks).toEqual(keys.teks);
    server.env.now += 30 * minute;
    server.restart(policyOf());
    server.pass(0);
    expect(teks(server)).toMatchObject([...before, { activateAt: (before[1]?.activateAt ?? 0) + 48 * minute }]);
  });

  test("are made anew, usable at once, after so long a time that none lives", () => {
    const { server } = bench();
    const before = teks(server).map(({ spi }) => spi);
    server.env.now += 300 * minute;
    server.restart(policyOf());
    server.pass(0);
    const { now } = server.env;
    expect(teks(server)).toMatchObject([{ activateAt: now }, { activateAt: now + 48 * minute }]);
    expect(teks(server).filter(({ spi }) => before.includes(spi))).toEqual([]);
  });

  test("that come late are usable after the activation delay", () => {
    const { server } = bench({ activationDelaySeconds: 5 });
    server.env.now += 97 * minute;
    server.restart(policyOf({ activationDelaySeconds: 5 }));
    server.pass(0);
    const { now } = server.env;
    expect(teks(server)).toMatchObject([{}, { activateAt: now + 5_000 }]);
  });
});

describe("an operator's rekey", () => {
  test("deletes the keys that were to come, and brings new ones for now and for later", () => {
    const { server, first } = bench({ activationDelaySeconds: 5 });
    first.register();
    const [now, later] = teks(server);
    server.command({ do: "rekey", group: "plant", what: "tek" });
    const [push] = pushes(server);
    const opened = first.push(push?.bytes ?? new Uint8Array(0));
    expect(opened.deletes.flatMap((d) => d.spis.map(hex))).toEqual([later?.spi]);
    const sats = opened.sa?.attributes.filter((a) => a.kind === "SAT") ?? [];
    expect(times(sats)).toEqual([
      [5, 3_605],
      [2_885, 6_485],
    ]);
    expect(teks(server)).toMatchObject([now ?? {}, {}, {}]);
  });
});

test.each(["none", "lkh"] as const)("an eviction replaces both keys (%s)", (management) => {
  const { server, all, first } = bench({ kek: { management, ack: 1 } }, 3);
  for (const member of all) member.register();
  const before = new Set(teks(server).map(({ spi }) => spi));
  server.command({ do: "evict", group: "plant", members: [memberAddress(1)], reason: "stolen" });
  server.pass(30_000);
  expect(teks(server)).toHaveLength(2);
  expect(teks(server).some(({ spi }) => before.has(spi))).toBe(false);
  expect(times(first.register().sa.sats)[0]?.[0]).toBe(0);
});

test("several streams of one group follow each other together", () => {
  const selector = new Uint8Array([4, 2, 1, 1]);
  const streams = [streamTek(), streamTek({ oidSpecificPayload: selector }), streamTek({ oid: "1.2.3", encAlg: 2 })];
  const { server, first } = bench({ teks: streams });
  const { sa } = first.register();
  expect(times(sa.sats).map(([use]) => use)).toEqual([0, 0, 0, 2_880, 2_880, 2_880]);
  expect(new Set(teks(server).map(({ spi }) => spi)).size).toBe(6);
});

test("a group that hands out no next keys keeps its two generations", () => {
  const { server, first } = bench({ handOutNext: false });
  expect(times(first.register().sa.sats)).toEqual([[0, 3_600]]);
  server.pass(48 * minute);
  expect(teks(server)).toHaveLength(2);
});
