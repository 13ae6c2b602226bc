import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { streamSa } from "../../test/support/group-sa.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { KeyDocument } from "../dataplane/key-document.ts";
import { KeyExport } from "./key-export.ts";

let folder = "";
const told: unknown[] = [];
const running: KeyExport[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keyherald-export-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.close()));
  told.splice(0);
  rmSync(folder, { recursive: true, force: true });
});

function exporting(file = join(folder, "keys.json")): KeyExport {
  const started = Date.now();
  const one = new KeyExport({
    file,
    now: () => Date.now() - started,
    crypto: nodeCrypto,
    written: ({ keys, groups }) => told.push({ keys, groups }),
    failed: (reason) => told.push(reason),
  });
  running.push(one);
  return one;
}

function read(file = join(folder, "keys.json")): KeyDocument {
  return JSON.parse(readFileSync(file, "utf8")) as KeyDocument;
}

const states = () => read().keys.map(({ spi, state }) => `${spi} ${state}`);
const far = 3_600_000;
/** How long a busy machine may take to write a file. */
const patience = { timeout: 20_000 };

test("changes that come together are written once, and told without the keys", async () => {
  const one = exporting();
  for (let spi = 1; spi <= 20; spi++) {
    one.change({ change: "install", sa: streamSa(spi, { stream: `s${spi}`, activateAt: 0, expiresAt: far }) });
  }
  await vi.waitFor(() => expect(told).toHaveLength(1), patience);
  expect(told).toEqual([{ keys: 20, groups: ["substation"] }]);
  expect(read().keys).toHaveLength(20);
});

test("the file is written anew when the next key comes into use", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  try {
    const one = exporting();
    one.change({ change: "install", sa: streamSa(1, { activateAt: 0, expiresAt: far }) });
    one.change({ change: "install", sa: streamSa(2, { activateAt: far / 2, expiresAt: far }) });
    await vi.waitFor(() => expect(states()).toEqual(["00000001 current", "00000002 next"]), patience);
    await vi.advanceTimersByTimeAsync(far / 2);
    await vi.waitFor(() => expect(states()).toEqual(["00000001 old", "00000002 current"]), patience);
  } finally {
    vi.useRealTimers();
  }
});

test("what was not written yet is written at the end", async () => {
  const one = exporting();
  one.change({ change: "install", sa: streamSa(1, { activateAt: 0, expiresAt: far }) });
  await one.close();
  expect(states()).toEqual(["00000001 current"]);
});

test("from its beginning the file has what the member has, and nothing of before", async () => {
  const before = exporting();
  before.change({ change: "install", sa: streamSa(1, { activateAt: 0, expiresAt: far }) });
  before.change({ change: "install", sa: streamSa(2, { group: "gone", activateAt: 0, expiresAt: far }) });
  await before.close();
  expect(states()).toHaveLength(2);
  const after = exporting();
  after.change({ change: "install", sa: streamSa(1, { activateAt: 0, expiresAt: far }) });
  after.begin();
  await vi.waitFor(() => expect(states()).toEqual(["00000001 current"]));
  await after.close();
  const none = exporting();
  none.begin();
  await none.close();
  expect(states()).toEqual([]);
});

test("a file that cannot be written is told once, and written when it can be", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const file = join(folder, "later", "keys.json");
    const one = exporting(file);
    one.change({ change: "install", sa: streamSa(1, { activateAt: 0, expiresAt: far }) });
    await vi.advanceTimersByTimeAsync(10);
    await vi.waitFor(() => expect(told).toHaveLength(1), patience);
    one.change({ change: "install", sa: streamSa(2, { stream: "b", activateAt: 0, expiresAt: far }) });
    await vi.advanceTimersByTimeAsync(10);
    mkdirSync(join(folder, "later"));
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(5000);
      expect(told).toHaveLength(2);
    }, patience);
    expect(told[0]).toContain("ENOENT");
    expect(read(file).keys).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});
