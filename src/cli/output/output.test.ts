import { afterEach, beforeEach, expect, test } from "vitest";
import { wrapped } from "./print.ts";
import { shorten, table } from "./table.ts";
import { clockTime, duration, parseSince, relative } from "./time.ts";
import { treeLines } from "./tree.ts";
import { groupText, rekeyOutcome } from "./views.ts";

const before = process.stdout.columns;
beforeEach(() => {
  process.stdout.columns = 60;
});
afterEach(() => {
  process.stdout.columns = before;
});

test.each([
  [26, "26 ms"],
  [1500, "1 s"],
  [59_999, "59 s"],
  [125_000, "2 min"],
  [7_500_000, "2 h 5 min"],
  [360_000_000, "4 d 4 h"],
])("%i milliseconds are %s", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test("times are told from now", () => {
  expect(relative(61_000, 1000)).toBe("in 1 min");
  expect(relative(1000, 6000)).toBe("5 s ago");
  const noon = Date.parse("2026-11-23T12:00:05Z");
  expect(clockTime(noon, noon)).toBe("12:00:05Z");
  expect(clockTime(noon, noon + 86_400_000)).toBe("2026-11-23 12:00:05Z");
});

test("--since takes spans and ISO 8601, and nothing else", () => {
  const now = Date.parse("2026-11-23T12:00:00Z");
  expect(parseSince("10m", now)).toBe(now - 600_000);
  expect(parseSince("2 h", now)).toBe(now - 7_200_000);
  expect(parseSince("2026-11-23T11:00:00Z", now)).toBe(now - 3_600_000);
  expect(parseSince("2026-11-23T12:00+01:00", now)).toBe(now - 3_600_000);
  // the zone that times are printed in
  expect(parseSince("2026-11-23 11:00:00Z", now)).toBe(now - 3_600_000);
  expect(parseSince("2026-11-23T11:00", now)).toBe(now - 3_600_000);
  expect(parseSince("2026-11-23", now)).toBe(now - 43_200_000);
  for (const wrong of ["yesterday", "10", "-5m", "5 weeks", "2026-11-23T25:00", "2026-11-23 noon", ""])
    expect(parseSince(wrong, now)).toBeUndefined();
});

test("a table is never wider than the terminal: its widest column is cut in the middle", () => {
  const long = "dn:CN=gm-with-a-very-long-name,OU=Substations,O=Utility of the Northern Regions";
  const lines = table(
    ["MEMBER", "IDENTITY", "STATE"],
    [
      ["gm1", long, "registered"],
      ["gm2", "fqdn:gm2", "missing"],
    ],
  ).split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/^gm1 +dn:CN=gm.*….*Regions +registered$/);
});

test("a short text is left as it is", () => {
  expect(shorten("gm1", 3)).toBe("gm1");
  expect(shorten("abcdefghij", 5)).toBe("ab…ij".padEnd(5));
});

test("a long line is broken between words and goes on below its text", () => {
  const text = "member gm4 has not acknowledged rekey 3; silent since 18:55:34; retransmitted 3 times";
  expect(wrapped(text, 10).split("\n")).toEqual([
    "member gm4 has not acknowledged rekey 3; silent",
    "          since 18:55:34; retransmitted 3 times",
  ]);
});

test("a payload tree is indented by its depth", () => {
  const tree = { name: "SEQ", offset: 28, children: [{ name: "Sequence Number", value: "1", offset: 32 }] };
  expect(treeLines(tree)).toEqual(["SEQ  @28", "  Sequence Number  1  @32"]);
});

test("a group says how many members have each key, where that is assured", () => {
  process.stdout.columns = 120;
  const tek = { name: "goose", spi: "0a0b0c0d", protocol: "IEC_61850", activateAt: 0, expiresAt: 3_600_000 };
  const kek = { spi: "aa".repeat(16), seq: 3, createdAt: 0, expiresAt: 9_000_000, management: "none", ack: "none" };
  const group = { name: "plant", id: "oid:1.2.3", members: 5, kek, teks: [tek], nextSid: 0, rekeys: [], waiting: [] };
  expect(groupText(group, 0)).not.toContain("HAVE IT");
  const teks = [{ ...tek, delivery: { percent: 80, holders: 4, members: 5 } }, tek];
  const lines = groupText({ ...group, teks }, 0).split("\n");
  expect(lines.find((line) => line.includes("HAVE IT"))).toMatch(/ENDS +HAVE IT/);
  expect(lines.filter((line) => line.includes("goose")).map((line) => line.trimEnd().split(/ {2,}/).at(-1))).toEqual([
    "4/5 (80 %)",
    "-",
  ]);
});

test("how a rekey ended is told, and when it is not the one that was asked for", () => {
  const rekey = {
    group: "plant",
    spi: "aa".repeat(16),
    seq: 2,
    kind: "tek",
    cause: "gm4 was put out: stolen",
    sentAt: 0,
    ackRequested: true,
    targets: 5,
    acked: 4,
    pending: 0,
    missing: 1,
    settled: true,
    attempts: 1,
  } as const;
  expect(rekeyOutcome(rekey, "tek")).toBe("4 of 5 acknowledged");
  expect(rekeyOutcome({ ...rekey, ackRequested: false }, "tek")).toBe("sent to 5, no acknowledgements asked for");
  expect(rekeyOutcome({ ...rekey, targets: 0 }, "tek")).toBe("nobody is registered, so it went to nobody");
  const instead = "4 of 5 acknowledged; it went before the one that was asked for: gm4 was put out: stolen";
  expect(rekeyOutcome({ ...rekey, kind: "lkh" }, "tek")).toBe(instead);
});
