import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { catalogue } from "./catalogue/index.ts";
import type { LedgerEvent } from "./event.ts";
import { type StoredEvent, sentence, story } from "./story.ts";

const start = Date.UTC(2026, 5, 1, 14, 0, 0);
const group = "substation";

let nextId = 0;
function stored(
  seconds: number,
  kind: string,
  figures: NonNullable<LedgerEvent["figures"]>,
  more: Partial<StoredEvent> = {},
): StoredEvent {
  nextId += 1;
  const subjects = [{ kind: "group", name: group }] as const;
  return {
    id: nextId,
    at: start + 1000 * seconds,
    kind,
    subjects,
    cause: "timer",
    level: "info",
    figures: { group, ...figures },
    ...more,
  };
}

const ack = (seconds: number, member: string, seq: number, afterMs: number) =>
  stored(seconds, "gcks.ack-received", { member, seq, afterMs, attempt: 1, late: false });
const told = (events: readonly StoredEvent[]) => story(events).map((line) => line.text);

test("acknowledgements in a row are one line, at the time of the last", () => {
  const events = [
    stored(
      0,
      "gcks.rekey-sent",
      { seq: 2, kind: "tek", targets: 3, transport: "unicast" },
      { reason: "an operator asked for it" },
    ),
    ack(0.2, "gm1", 2, 200),
    ack(0.5, "gm2", 2, 500),
    ack(0.8, "gm3", 2, 812),
    stored(0.8, "gcks.rekey-settled", {
      seq: 2,
      targets: 3,
      acked: 3,
      missing: 0,
      reregistered: 0,
      left: 0,
      attempts: 1,
      afterMs: 812,
      members: [],
    }),
  ];
  expect(story(events)).toEqual([
    { at: start, text: "rekey 2 with new TEKs sent to 3 members by unicast: an operator asked for it" },
    { at: start + 800, text: "3 members acknowledged rekey 2 within 0.8 s (gm1, gm2 and gm3)" },
    { at: start + 800, text: "all 3 members acknowledged rekey 2 within 0.8 s" },
  ]);
});

test("acknowledgements of different rekeys, and a single one, keep their own lines", () => {
  expect(told([ack(1, "gm1", 2, 100), ack(2, "gm1", 3, 300), ack(2, "gm2", 3, 400), ack(9, "gm3", 4, 50)])).toEqual([
    "member gm1 acknowledged rekey 2 after 0.1 s",
    "2 members acknowledged rekey 3 within 0.4 s (gm1 and gm2)",
    "member gm3 acknowledged rekey 4 after 50 ms",
  ]);
});

test("a late acknowledgement counts, and is told to be one", () => {
  const late = { member: "gm1", seq: 3, afterMs: 13_000, attempt: 4, late: true };
  expect(told([stored(13, "gcks.ack-received", late)])).toEqual([
    "member gm1 acknowledged rekey 3 after 13 s, at attempt 4, when it was no longer waited for",
  ]);
});

test("ten thousand acknowledgements name a few and count the rest", () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ack(i / 10_000, `gm${i}`, 7, i / 10));
  expect(told(many)).toEqual([
    "10000 members acknowledged rekey 7 within 1.0 s (gm0, gm1, gm2, gm3, gm4 and 9995 more)",
  ]);
});

test("a member that did not answer is named, with its silence and what was done", () => {
  const missing = { member: "gm3", seq: 3, waitedMs: 30_000, attempts: 4, missed: 1 };
  const heard = { everAcked: true, lastAckAt: Date.UTC(2026, 5, 1, 14, 2, 11), lastAckSeq: 2 };
  expect(told([stored(60, "gcks.ack-missing", { ...missing, ...heard }, { level: "alert" })])).toEqual([
    "member gm3 has not acknowledged rekey 3; silent since 14:02:11 UTC; retransmitted 3 times; alert raised",
  ]);
  expect(told([stored(60, "gcks.ack-missing", { ...missing, attempts: 1, everAcked: false })])).toEqual([
    "member gm3 has not acknowledged rekey 3; it has never acknowledged anything; sent once",
  ]);
});

test("how many members have a key is told with its activation, and an alert with the level", () => {
  const figures = { generation: 3, percent: 66, holders: 2, members: 3, level: 90, activateAt: start + 60_000 };
  expect(told([stored(20, "gcks.key-delivery", { ...figures, when: "settled" })])).toEqual([
    "2 of 3 members (66 %) have the TEKs of group substation to be used from 14:01:00 UTC",
  ]);
  expect(told([stored(60, "gcks.key-delivery-low", { ...figures, when: "activated" }, { level: "alert" })])).toEqual([
    "2 of 3 members (66 %) have the TEKs of group substation now in use, under the level of 90 %; alert raised",
  ]);
});

test("a push that is too old to be sent again says so", () => {
  expect(told([stored(20, "gcks.rekey-outdated", { seq: 7, spi: "aa", pending: 1, afterMs: 600_000 })])).toEqual([
    "rekey 7 was made 10 min ago and is not retransmitted: another takes its place",
  ]);
});

test("a rekey that not all acknowledged says how many did, and who did not", () => {
  const figures = {
    seq: 3,
    targets: 5,
    acked: 3,
    missing: 1,
    reregistered: 1,
    left: 0,
    attempts: 4,
    afterMs: 30_000,
    members: ["gm3"],
  };
  expect(sentence(stored(0, "gcks.rekey-settled", figures))).toBe(
    "3 of 5 members acknowledged rekey 3 within 30 s; 1 registered again instead; missing: gm3",
  );
});

test("registrations in a row are one line", () => {
  const registered = (member: string) =>
    stored(0, "gcks.member-registered", { member, address: "192.0.2.7", registrations: 1, seq: 0, sids: 1 });
  expect(told([registered("gm1")])).toEqual(["member gm1 registered from 192.0.2.7, KEK at SEQ 0, with 1 SID"]);
  expect(told([registered("gm1"), registered("gm2")])).toEqual(["2 members registered (gm1 and gm2)"]);
});

test("a kind that nobody declared is still readable", () => {
  expect(sentence(stored(0, "other.thing-happened", { list: ["a", "b"] }, { reason: "because" }))).toBe(
    "thing happened: because (group substation, list a b)",
  );
  expect(sentence(stored(0, "constructor", {}))).toContain("constructor");
});

test("an empty ledger tells nothing", () => {
  expect(story([])).toEqual([]);
});

test("every declared kind has a sentence even when all its figures are gone, one line without a full stop", () => {
  for (const [kind, form] of Object.entries(catalogue)) {
    const event = { kind, subjects: [{ kind: "group", name: group }], cause: "timer", level: "info" } as const;
    const run = [
      { ...event, id: 1, at: 0 },
      { ...event, id: 2, at: 1 },
    ];
    for (const text of [form.sentence(event), ...(form.fold === undefined ? [] : [form.fold.sentence(run)])]) {
      expect(text, kind).toMatch(/^\S[^\n]*[^.\s]$/);
      expect(text, kind).not.toMatch(/undefined|NaN|Infinity|\[object/);
    }
  }
});

test("every kind of event that the sources record is declared", () => {
  const root = new URL("../", import.meta.url);
  const kinds = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !/^ledger|[/]testing[/]/u.test(file))
    .flatMap((file) => [
      ...readFileSync(new URL(file, root), "utf8").matchAll(
        /^(?! *[*/]).*(?:kind: |, )"((?:gcks|gm|phase1|server)\.[a-z-]+)"/gm,
      ),
    ])
    .map((match) => match[1] ?? "");
  expect(kinds.length).toBeGreaterThan(10);
  expect(kinds.filter((kind) => !(kind in catalogue))).toEqual([]);
});
