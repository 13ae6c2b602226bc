import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeStore } from "../../test/support/fake-store.ts";
import type { Endpoint, Engine, Env, Input, Output, StoreRecord } from "../core/engine.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { issueCa, issueCertificate } from "../crypto/node/issue.ts";
import { seededRandom } from "../crypto/seeded.ts";
import { Journal } from "./journal.ts";
import { RefusedError, Shell } from "./shell.ts";

const local: Endpoint = { address: "127.0.0.1", port: 848 };
const peer: Endpoint = { address: "127.0.0.2", port: 848 };
const bytes = new Uint8Array([1, 2, 3]);

type Command = { readonly do: "speak" };

/** An engine that answers with what the test has put down. */
class Script implements Engine<Command> {
  readonly inputs: Input<Command>[] = [];
  next: Output[] = [];
  breaks = false;

  step(input: Input<Command>, _env: Env): Output[] {
    this.inputs.push(input);
    if (this.breaks) throw new Error("a rule is broken");
    return [...this.next, { out: "wake", at: Number.POSITIVE_INFINITY }];
  }

  restore(): Output[] {
    return [{ out: "wake", at: Number.POSITIVE_INFINITY }];
  }
}

const record = (key: string): Output => ({ out: "persist", record: { kind: "gcks.kek", key, value: 1 } });
const send: Output = { out: "send", from: local, to: peer, bytes };
const event: Output = {
  out: "event",
  event: { kind: "x.y", subjects: [{ kind: "server", name: "server" }], cause: "timer", level: "info" },
};

let clockAhead = 0;

function stage(snapshot?: () => StoreRecord[]) {
  const engine = new Script();
  const store = new FakeStore();
  const log: string[] = [];
  const commit = store.commit.bind(store);
  store.commit = (records, events) => {
    const done = commit(records, events);
    log.push(`commit ${records.map(({ key }) => key).join(" ")}`.trim());
    return done;
  };
  const shell = new Shell<Command>({
    engine,
    journal: new Journal(store, Date.now, () => {}),
    carrier: { send: () => log.push("send"), join: () => {}, leave: () => {} },
    now: Date.now,
    wall: () => Date.now() - clockAhead,
    random: seededRandom(1),
    crypto: nodeCrypto,
    sad: () => {},
    keyLog: (line) => log.push(`key log: ${line}`),
    storeChanged: ({ works }) => log.push(works ? "store works" : "store failed"),
    broken: () => log.push("broken"),
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  shell.restore([]);
  const datagram = () => shell.datagram({ from: peer, via: local, bytes });
  return { engine, store, shell, log, datagram };
}

beforeEach(() => {
  vi.useFakeTimers();
  clockAhead = 0;
});
afterEach(() => void vi.useRealTimers());

test("what was persisted before a send is durable before it leaves, in one transaction", () => {
  const { engine, log, datagram } = stage();
  engine.next = [record("a"), event, record("b"), send, record("c"), send];
  datagram();
  expect(log).toEqual(["commit a b", "send", "commit c", "send"]);
});

test("records that nothing was sent after are written together within 50 ms", () => {
  const { engine, log, datagram } = stage();
  for (const key of ["a", "b", "c"]) {
    engine.next = [record(key)];
    datagram();
  }
  expect(log).toEqual([]);
  vi.advanceTimersByTime(50);
  expect(log).toEqual(["commit a b c"]);
});

test("an event alone holds up no send: those of many steps are written together", () => {
  const { engine, log, store, datagram } = stage();
  engine.next = [event, send];
  datagram();
  datagram();
  expect(log).toEqual(["send", "send"]);
  vi.advanceTimersByTime(50);
  expect(log).toEqual(["send", "send", "commit"]);
  expect(store.ledger).toHaveLength(2);
});

test("lines of the key log go to whoever takes them, and into no transaction", () => {
  const { engine, log, datagram } = stage();
  engine.next = [record("a"), { out: "key-log", line: "aa,bb" }, send];
  datagram();
  expect(log).toEqual(["key log: aa,bb", "commit a", "send"]);
});

test("a reply is given when what it says is durable", async () => {
  const { engine, log, shell } = stage();
  engine.next = [record("a"), { out: "reply", id: 1, reply: "done" }];
  await expect(shell.command({ do: "speak" })).resolves.toBe("done");
  expect(log).toEqual(["commit a"]);
});

test("with a failed store nothing is sent, nothing reaches the key server's engine and commands are refused", async () => {
  const { engine, store, log, shell, datagram } = stage(() => []);
  store.failing = true;
  engine.next = [record("a"), send];
  datagram();
  datagram();
  expect(log).toEqual(["store failed"]);
  expect(engine.inputs).toHaveLength(1);
  expect(shell.refusedDatagrams).toBe(1);
  expect(shell.condition).toMatchObject({ works: false, code: "full" });
  await expect(shell.command({ do: "speak" })).rejects.toThrow(RefusedError);
  await expect(shell.command({ do: "speak" })).rejects.toMatchObject({ code: "store-failed" });
});

test("a store that works again gets the engine's whole state before the held datagram leaves", () => {
  const { engine, store, log, shell, datagram } = stage(() => [{ kind: "gcks.kek", key: "whole", value: 2 }]);
  store.failing = true;
  engine.next = [record("a"), send];
  datagram();
  vi.advanceTimersByTime(7000);
  engine.next = [];
  store.failing = false;
  vi.advanceTimersByTime(3000);
  expect(log).toEqual(["store failed", "commit a whole", "store works", "send", "commit"]);
  expect(shell.condition.works).toBe(true);
  expect(engine.inputs.at(-1)).toEqual({ in: "deadline" });
  expect(store.ledger.map(({ kind }) => kind)).toEqual(["server.store-failed", "server.store-recovered"]);
});

test("a datagram that the store held up for more than a minute is not sent any more", () => {
  const { engine, store, log, datagram } = stage(() => [{ kind: "gcks.kek", key: "whole", value: 2 }]);
  store.failing = true;
  engine.next = [record("a"), send];
  datagram();
  vi.advanceTimersByTime(62_000);
  engine.next = [];
  store.failing = false;
  vi.advanceTimersByTime(3000);
  expect(log).not.toContain("send");
  expect(engine.inputs.at(-1)).toEqual({ in: "deadline" });
});

test("a command during which the store fails is refused although the engine answered", async () => {
  const { engine, store, shell } = stage(() => []);
  store.failing = true;
  engine.next = [record("a"), { out: "reply", id: 1, reply: "done" }];
  await expect(shell.command({ do: "speak" })).rejects.toMatchObject({ code: "store-failed" });
});

test("a member speaks on with a failed store", () => {
  const { engine, store, log, datagram } = stage();
  store.failing = true;
  engine.next = [record("a"), send];
  datagram();
  datagram();
  expect(log).toEqual(["store failed", "send", "send"]);
});

test("an exception that escapes the engine costs its input and nothing else", () => {
  const { engine, log, datagram } = stage(() => [{ kind: "gcks.kek", key: "whole", value: 2 }]);
  engine.breaks = true;
  datagram();
  engine.breaks = false;
  engine.next = [send];
  datagram();
  expect(log).toEqual(["broken", "commit whole", "send"]);
});

test("a command that breaks the engine is refused", async () => {
  const { engine, shell, log } = stage(() => []);
  engine.breaks = true;
  await expect(shell.command({ do: "speak" })).rejects.toMatchObject({ code: "internal-error" });
  expect(log[0]).toBe("broken");
});

test("certificates are held against the machine's clock, and the engine gets their dates on its own", async () => {
  const year = 365 * 86_400_000;
  clockAhead = 10 * year;
  const wall = Date.now() - clockAhead;
  const end = Math.floor((wall + year) / 1000) * 1000;
  const valid = { algorithm: { kind: "ecdsa", curve: "P-256" } as const, notBefore: wall - year, notAfter: end };
  const ca = issueCa({ ...valid, subject: "CN=CA" });
  const { certificate } = issueCertificate({ ...valid, subject: "CN=gm1", ca });
  const leaf = { chain: [certificate], anchors: [ca.certificate], crls: [], at: Date.now() };
  const { engine, datagram } = stage();
  engine.next = [{ out: "work", id: 7, job: { job: "verify-chain", request: leaf } }];
  datagram();
  engine.next = [];
  await vi.waitFor(() => expect(engine.inputs.at(-1)?.in).toBe("done"));
  const done = engine.inputs.at(-1);
  const verdict = done?.in === "done" ? done.result.verdict : undefined;
  if (verdict?.ok !== true) throw new Error(verdict?.why);
  expect(verdict.leaf.notAfter).toBe(end + 10 * year);
});

test("closing makes durable what waits and refuses what was not answered", async () => {
  const { engine, log, shell, datagram } = stage();
  const open = shell.command({ do: "speak" });
  engine.next = [record("a")];
  datagram();
  shell.close();
  expect(log).toEqual(["commit a"]);
  await expect(open).rejects.toMatchObject({ code: "stopping" });
});

test("a deadline is given when its time has come, and a far one does not overflow the timer", () => {
  const { engine, datagram } = stage();
  engine.step = function step(input) {
    this.inputs.push(input);
    return [{ out: "wake", at: this.inputs.length === 1 ? Date.now() + 30 : Date.now() + 90 * 86_400_000 }];
  };
  datagram();
  vi.advanceTimersByTime(29);
  expect(engine.inputs).toHaveLength(1);
  vi.advanceTimersByTime(1);
  expect(engine.inputs.at(-1)).toEqual({ in: "deadline" });
  vi.advanceTimersByTime(3_599_000);
  expect(engine.inputs).toHaveLength(2);
});
