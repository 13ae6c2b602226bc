import { expect, test } from "vitest";
import { streamSa } from "../../test/support/group-sa.ts";
import type { GroupSa } from "../sad/sad.ts";
import { hex } from "../util/octets.ts";
import { KeyTable } from "./key-table.ts";

function tableOf(...all: readonly GroupSa[]): KeyTable {
  const table = new KeyTable();
  for (const sa of all) table.apply({ change: "install", sa }, 0);
  return table;
}

const shown = (table: KeyTable, now: number) => table.held(now).map(({ sa, state }) => `${hex(sa.spi)} ${state}`);

const first = streamSa(1, { activateAt: 0, expiresAt: 2_000 });
const second = streamSa(2, { activateAt: 1_500, expiresAt: 3_500 });

test("of a stream's generations the newest active one is current, later ones next, earlier ones old", () => {
  const table = tableOf(first, second);
  expect(shown(table, 100)).toEqual(["00000001 current", "00000002 next"]);
  expect(shown(table, 1_500)).toEqual(["00000001 old", "00000002 current"]);
});

test("a key that has come to its end stays until the member says whether it goes or is kept", () => {
  const table = tableOf(first);
  expect(shown(table, 2_000)).toEqual(["00000001 current"]);
  table.apply({ change: "install", sa: { ...first, kept: true } }, 2_001);
  expect(shown(table, 2_001)).toEqual(["00000001 current"]);
  const { group, protocol, spi } = first;
  table.apply({ change: "remove", group, protocol, spi, at: 2_002 }, 2_002);
  expect(shown(table, 2_002)).toEqual([]);
});

test("one that is about to be removed does not outlive its end", () => {
  const table = tableOf(first);
  const { group, protocol, spi } = first;
  table.apply({ change: "remove", group, protocol, spi, at: 9_000 }, 1_000);
  expect(table.next(1_000)).toBe(2_000);
  expect(shown(table, 2_000)).toEqual([]);
});

test("streams and groups do not replace each other's keys", () => {
  const table = tableOf(first, streamSa(3, { stream: "sv" }), streamSa(1, { group: "other" }));
  expect(shown(table, 1_200)).toEqual(["00000001 current", "00000001 current", "00000003 current"]);
});

test("it tells when the next change comes by itself", () => {
  const table = tableOf(first, second);
  expect(table.next(0)).toBe(1_500);
  expect(table.next(1_500)).toBe(Number.POSITIVE_INFINITY);
});

test("a removal takes effect when it is due, and a new installation takes it back", () => {
  const table = tableOf(first);
  const { group, protocol, spi } = first;
  table.apply({ change: "remove", group, protocol, spi, at: 500 }, 100);
  expect(shown(table, 499)).toEqual(["00000001 current"]);
  expect(table.next(100)).toBe(500);
  table.apply({ change: "install", sa: first }, 499);
  expect(shown(table, 600)).toEqual(["00000001 current"]);
  table.apply({ change: "remove", group, protocol, spi, at: 600 }, 600);
  expect(shown(table, 600)).toEqual([]);
});

test("a kept key stays past its end until it is taken away, one without an end for ever", () => {
  const table = tableOf({ ...first, kept: true }, streamSa(9, { stream: "x", expiresAt: Number.POSITIVE_INFINITY }));
  expect(shown(table, 1e12)).toEqual(["00000001 current", "00000009 current"]);
  const { group, protocol, spi } = first;
  table.apply({ change: "remove", group, protocol, spi, at: 0 }, 1e12);
  expect(shown(table, 1e12)).toEqual(["00000009 current"]);
});
