import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { StoreRecord } from "../core/engine.ts";
import type { LedgerEvent, Subject } from "../ledger/event.ts";
import { openStore } from "./sqlite.ts";
import { type NewEvent, type Store, StoreError } from "./store.ts";

const key = new Uint8Array(32).fill(7);
const open: Store[] = [];
let folder = "";
let file = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keyherald-store-"));
  file = join(folder, "state", "state.db");
});
afterEach(() => {
  for (const store of open.splice(0)) store.close();
  rmSync(folder, { recursive: true });
});

function store(options: { key?: Uint8Array; maxBytes?: number } = {}): Store {
  const opened = openStore({ file, key, ...options });
  open.push(opened);
  return opened;
}

function reopened(): Store {
  open.pop()?.close();
  return store();
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof StoreError) return error.code;
    throw error;
  }
  return "none";
}

const group: Subject = { kind: "group", name: "substation" };
const member: Subject = { kind: "member", name: "substation/gm3" };
const rekey: Subject = { kind: "rekey", name: "substation/3" };

function event(at: number, kind: string, subjects: LedgerEvent["subjects"], more: Partial<LedgerEvent> = {}): NewEvent {
  return { at, event: { kind, subjects, cause: "timer", level: "info", ...more } };
}

test("records come back after closing, changed and removed ones as they were last", () => {
  store().commit(
    [
      { kind: "gcks.group", key: "a", value: { seq: 1 } },
      { kind: "gcks.group", key: "b", value: { seq: 1 } },
      { kind: "gcks.kek", key: "a", value: { key: new Uint8Array([1, 2, 3]) } },
      { kind: "gcks.group", key: "a", value: { seq: 2 } },
      { kind: "gcks.group", key: "b" },
    ],
    [],
  );
  expect([...reopened().load()]).toEqual([
    { kind: "gcks.group", key: "a", value: { seq: 2 } },
    { kind: "gcks.kek", key: "a", value: { key: new Uint8Array([1, 2, 3]) } },
  ]);
});

test("neither the value of a record nor the key is in the files", () => {
  const secret = "the-secret-of-the-group-is-here";
  const opened = store();
  opened.commit(
    [{ kind: "gcks.kek", key: "substation", value: { secret, octets: new Uint8Array(32).fill(0x5a) } }],
    [],
  );
  const octets = [file, `${file}-wal`].filter(existsSync).map((name) => readFileSync(name));
  const all = Buffer.concat(octets);
  expect(all.includes("substation")).toBe(true);
  expect(all.includes(secret)).toBe(false);
  expect(all.includes(Buffer.alloc(32, 0x5a))).toBe(false);
  expect(all.includes(Buffer.from(key))).toBe(false);
});

test("the same value is never sealed into the same octets twice", () => {
  const opened = store();
  opened.commit([{ kind: "k", key: "a", value: 1 }], []);
  opened.commit([{ kind: "k", key: "b", value: 1 }], []);
  open.pop()?.close();
  const database = new DatabaseSync(file);
  const values = database
    .prepare("SELECT value FROM record")
    .all()
    .map((row) => Buffer.from(Object(row.value)).toString("hex"));
  database.close();
  expect(new Set(values).size).toBe(2);
});

test("the file is for its owner alone, and so is a folder made for it", () => {
  store().commit([{ kind: "k", key: "a", value: 1 }], []);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(`${file}-wal`).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, "state")).mode & 0o777).toBe(0o700);
});

test("another key is told as such, and changes nothing", () => {
  store().commit([{ kind: "k", key: "a", value: 1 }], []);
  open.pop()?.close();
  expect(codeOf(() => store({ key: new Uint8Array(32).fill(8) }))).toBe("wrong-key");
  expect([...store().load()]).toEqual([{ kind: "k", key: "a", value: 1 }]);
});

test("a store that is open cannot be opened again", () => {
  store();
  expect(codeOf(() => openStore({ file, key }))).toBe("locked");
});

test("a full disk refuses the commit as a whole, and the next one that fits succeeds", () => {
  const opened = store({ maxBytes: 200_000 });
  opened.commit([{ kind: "k", key: "small", value: 1 }], [event(5, "server.started", [group])]);
  const large: StoreRecord[] = Array.from({ length: 100 }, (_, i) => ({
    kind: "k",
    key: `large${i}`,
    value: "x".repeat(10_000),
  }));
  expect(codeOf(() => opened.commit(large, [event(9, "server.stopped", [member])]))).toBe("full");
  expect([...opened.load()]).toEqual([{ kind: "k", key: "small", value: 1 }]);
  expect(opened.events({}).map((e) => e.kind)).toEqual(["server.started"]);
  expect(opened.lastInstant()).toBe(5);
  opened.commit([{ kind: "k", key: "small", value: 2 }], [event(10, "server.stopped", [member])]);
  expect(opened.events({ subject: member })).toHaveLength(1);
  expect([...reopened().load()]).toEqual([{ kind: "k", key: "small", value: 2 }]);
});

test("what a refused commit had in it is not there, and the next one has its events under their subjects", () => {
  const small = store({ maxBytes: 200_000 });
  const [first] = small.commit([], [event(1, "gcks.ack", [group])]);
  const many = Array.from({ length: 2000 }, (_, i) =>
    event(2, "gcks.ack", [{ kind: "member", name: `substation/gm${i}` }], { reason: "x".repeat(200) }),
  );
  expect(codeOf(() => small.commit([], many))).toBe("full");
  const [second] = small.commit([], [event(3, "gcks.ack", [{ kind: "member", name: "substation/gm40" }, group])]);
  expect([first?.id, second?.id]).toEqual([1, 2]);
  const again = reopened();
  expect(again.events({ subject: "gm40" })).toEqual([second]);
  expect(again.events({ subject: group })).toEqual([first, second]);
});

test("a file that is no store is refused, and left as it is", () => {
  store();
  open.pop()?.close();
  writeFileSync(file, "not a database, but quite long enough to look at ".repeat(100));
  expect(codeOf(() => store())).toBe("corrupt");
  rmSync(file);
  const foreign = new DatabaseSync(file);
  foreign.exec("CREATE TABLE theirs (x)");
  foreign.close();
  expect(codeOf(() => store())).toBe("corrupt");
});

test("a store of a newer layout is refused", () => {
  store();
  open.pop()?.close();
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 99");
  database.close();
  expect(codeOf(() => store())).toBe("newer-version");
});

test("a record that was changed, or moved to another key, is told as damage", () => {
  for (const change of [
    "UPDATE record SET value = randomblob(60) WHERE key = 'a'",
    "UPDATE record SET value = x'00' WHERE key = 'a'",
    "UPDATE record SET value = (SELECT value FROM record WHERE key = 'b') WHERE key = 'a'",
  ]) {
    const opened = store();
    opened.commit(
      [
        { kind: "k", key: "a", value: 1 },
        { kind: "k", key: "b", value: 2 },
      ],
      [],
    );
    open.pop()?.close();
    const database = new DatabaseSync(file);
    database.exec(change);
    database.close();
    const damaged = store();
    expect(codeOf(() => [...damaged.load()])).toBe("corrupt");
    open.pop()?.close();
  }
});

test("a folder that cannot be written gives an error of the file system", () => {
  writeFileSync(join(folder, "state"), "a file where the folder should be");
  expect(codeOf(() => store())).toBe("io");
});

test("events keep all that they were given, and get ascending ids", () => {
  const given = event(1000.5, "gcks.rekey-sent", [rekey, group], {
    reason: "lifetime",
    figures: { seq: 3, members: ["a", "b"], multicast: false },
  });
  const opened = store();
  const [first] = opened.commit([], [given]);
  const [second] = opened.commit([], [event(2000, "gcks.ack", [member, rekey], { cause: "peer", level: "alert" })]);
  expect(first).toEqual({ ...given.event, at: 1000.5, id: 1 });
  expect(second?.id).toBe(2);
  expect(reopened().events({})).toEqual([first, second]);
});

test("the cause of an event is the newest of that kind and subject, over a restart too", () => {
  const sent = { kind: "gcks.rekey-sent", subject: rekey };
  const opened = store();
  const stored = opened.commit(
    [],
    [
      event(1, "gcks.rekey-sent", [rekey, group]),
      event(2, "gcks.rekey-sent", [rekey, group]),
      event(3, "gcks.ack", [member, rekey], { because: sent }),
      event(4, "gcks.ack", [member, rekey], { because: { kind: "gcks.nothing", subject: rekey } }),
      event(5, "gcks.ack", [member, rekey], {
        because: { kind: "gcks.ack", subject: { kind: "group", name: "other" } },
      }),
    ],
  );
  expect(stored.map((e) => e.because)).toEqual([undefined, undefined, 2, undefined, undefined]);
  const [later] = reopened().commit([], [event(6, "gcks.ack", [member, rekey], { because: sent })]);
  expect(later?.because).toBe(2);
});

test("events are found by subject, part of its name, kind, time and id", () => {
  const opened = store();
  opened.commit(
    [],
    [
      event(10, "a.one", [member, group]),
      event(20, "a.two", [rekey, group]),
      event(30, "a.one", [{ kind: "member", name: "other/gm3" }]),
      event(40, "a.three", [{ kind: "phase1", name: "gm3" }]),
    ],
  );
  const ids = (query: Parameters<Store["events"]>[0]) => opened.events(query).map((e) => e.id);
  expect(ids({})).toEqual([1, 2, 3, 4]);
  expect(ids({ subject: group })).toEqual([1, 2]);
  expect(ids({ subject: "gm3" })).toEqual([1, 3, 4]);
  expect(ids({ subject: "substation/gm3" })).toEqual([1]);
  expect(ids({ subject: "gm" })).toEqual([]);
  expect(ids({ subject: "'; DROP TABLE event; --" })).toEqual([]);
  expect(ids({ kinds: ["a.one"] })).toEqual([1, 3]);
  expect(ids({ kinds: [] })).toEqual([]);
  expect(ids({ since: 20 })).toEqual([2, 3, 4]);
  expect(ids({ afterId: 2 })).toEqual([3, 4]);
  expect(ids({ limit: 2 })).toEqual([3, 4]);
  expect(ids({ afterId: 0, limit: 2 })).toEqual([1, 2]);
  expect(ids({ subject: group, since: 15, kinds: ["a.two"] })).toEqual([2]);
});

test("a subject is found among many, with all that was told of it before and after a restart", () => {
  const spi = (i: number): Subject => ({ kind: "ike-sa", name: `${(7919 * i) % 3001}` });
  const many = Array.from({ length: 3000 }, (_, i) => event(i, "ikev2.established", [spi(i), group]));
  store().commit([], many);
  const again = reopened();
  again.commit([], [event(5000, "ikev2.deleted", [spi(1234), group]), event(5001, "ikev2.deleted", [spi(2), group])]);
  for (const i of [0, 511, 512, 1234, 2999]) {
    const found = again.events({ subject: spi(i) });
    expect(found.map(({ at }) => at)).toEqual(i === 1234 ? [1234, 5000] : [i]);
    expect(again.events({ subject: spi(i).name })).toEqual(found);
  }
  expect(again.events({ subject: group, since: 2998 }).map(({ at }) => at)).toEqual([2998, 2999, 5000, 5001]);
  expect(again.events({ subject: { kind: "child-sa", name: spi(7).name } })).toEqual([]);
});

test("a file that an earlier version made, with an index of all names, is taken over", () => {
  store().commit([], [event(1, "gcks.ack", [member, group])]);
  open.pop()?.close();
  const raw = new DatabaseSync(file);
  raw.exec("DROP INDEX subject_segment; CREATE UNIQUE INDEX subject_name ON subject (name, kind)");
  raw.close();
  store().commit([], [event(2, "gcks.ack", [member, group])]);
  const again = reopened();
  for (const subject of [member, "gm3", group]) {
    expect(again.events({ subject }).map(({ id }) => id)).toEqual([1, 2]);
  }
});

test("the greatest instant ever recorded survives the events and the restart", () => {
  const opened = store();
  expect(opened.lastInstant()).toBe(0);
  opened.commit([], [event(500, "a.one", [group]), event(400, "a.two", [group])]);
  expect(opened.lastInstant()).toBe(500);
  opened.commit([{ kind: "k", key: "a", value: 1 }], [], { now: 900 });
  expect(opened.lastInstant()).toBe(900);
  opened.commit([], [], { now: 800 });
  expect(reopened().lastInstant()).toBe(900);
});

test("pruning removes what is too old or too much, with its subjects, and ids go on", () => {
  const opened = store();
  const many = Array.from({ length: 1000 }, (_, i) =>
    event(i * 1000, "a.one", [{ kind: "member", name: `g/m${i}` }, group], { reason: "x".repeat(500) }),
  );
  opened.commit([], many);
  expect(opened.prune({ maxAgeMs: 899_000, maxEvents: 1_000_000 })).toBe(100);
  expect(opened.events({})[0]?.id).toBe(101);
  expect(opened.prune({ maxAgeMs: 1e12, maxEvents: 10 })).toBe(890);
  expect(opened.prune({ maxAgeMs: 1e12, maxEvents: 10 })).toBe(0);
  expect(opened.events({ subject: group })).toHaveLength(10);
  expect(opened.events({ subject: "m5" })).toEqual([]);
  const [next] = opened.commit([], [event(2e6, "a.one", [{ kind: "member", name: "g/m5" }])]);
  expect(next?.id).toBe(1001);
  expect(opened.events({ subject: "m5" })).toHaveLength(1);
  open.pop()?.close();
  expect(statSync(file).size).toBeLessThan(150_000);
});

test("ids are not used again when all events are gone", () => {
  const opened = store();
  opened.commit([], [event(1, "a.one", [group]), event(2, "a.one", [group])]);
  opened.prune({ maxAgeMs: 0, maxEvents: 0 });
  expect(reopened().commit([], [event(3, "a.one", [group])])[0]?.id).toBe(3);
});

test("ten thousand records and events are committed in well under a second", () => {
  const opened = store();
  const records = Array.from({ length: 10_000 }, (_, i) => ({
    kind: "gcks.ack",
    key: `substation/3/${i}`,
    value: { at: i, attempt: 1, identity: new Uint8Array(8) },
  }));
  const events = Array.from({ length: 10_000 }, (_, i) =>
    event(i, "gcks.ack-accepted", [{ kind: "member", name: `substation/gm${i}` }, rekey, group], {
      because: { kind: "gcks.rekey-sent", subject: rekey },
      figures: { member: `gm${i}`, seq: 3, afterMs: 812, attempt: 1 },
    }),
  );
  opened.commit([], [event(0, "gcks.rekey-sent", [rekey, group])]);
  // time of this process, not of a machine that is busy with other things
  const start = process.cpuUsage();
  const stored = opened.commit(records, events);
  const { user, system } = process.cpuUsage(start);
  expect(stored.at(-1)?.because).toBe(1);
  expect((user + system) / 1000).toBeLessThan(2_000);
});
