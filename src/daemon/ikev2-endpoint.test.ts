import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { somePort } from "../../test/process/support/files.ts";
import { childPair, connection, FakeIkev2, FakeKeyServer, FakeMember } from "../../test/support/fake-engines.ts";
import { FakeStore } from "../../test/support/fake-store.ts";
import { ControlClient } from "../api/client.ts";
import type { ConfigProblem, Configuration } from "../config/types.ts";
import type { Ikev2Policy } from "../ikev2/types.ts";
import { err, ok } from "../util/result.ts";
import { Daemon } from "./daemon.ts";
import { createLog } from "./log.ts";
import type { DaemonParts } from "./running.ts";

let directory = "";
const running: Daemon[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keyherald-endpoint-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.stop("end of the test")));
  rmSync(directory, { recursive: true });
});

/** A policy that listens on these addresses. */
function policy(...addresses: string[]): Ikev2Policy {
  const port = somePort();
  const listen = addresses.map((address) => ({ ike: { address, port }, nat: { address, port: port + 1 } }));
  return { listen, connections: [] } as unknown as Ikev2Policy;
}

async function started(more: Partial<Configuration> = {}, parts: Partial<DaemonParts> = {}) {
  const configuration: Configuration = {
    file: "/etc/keyherald.yaml",
    state: { file: "state.db", key: new Uint8Array(32) },
    control: { socket: join(directory, "control.sock") },
    log: { level: "info" },
    generatedSigners: [],
    retention: { maxAgeMs: 1000, maxEvents: 10 },
    warnings: [],
    ikev2: policy("127.0.0.1"),
    ...more,
  };
  const store = new FakeStore();
  const lines: string[] = [];
  const engines: FakeIkev2[] = [];
  let onDisk = configuration;
  const daemon = await Daemon.start(configuration, {
    openStore: () => store,
    keyServer: () => new FakeKeyServer(),
    member: () => new FakeMember(),
    ikev2: (wanted) => {
      const engine = new FakeIkev2(wanted);
      engines.push(engine);
      return engine;
    },
    load: () => ok(onDisk),
    log: createLog("info", { write: (line) => lines.push(line) }),
    causeOfEnd: () => Promise.resolve(undefined),
    ...parts,
  });
  running.push(daemon);
  const [engine] = engines;
  if (engine === undefined) throw new Error("no engine");
  const edit = (changed: Partial<Configuration>) => {
    onDisk = { ...configuration, ...changed };
  };
  return { daemon, engine, store, lines, edit, client: new ControlClient(configuration.control.socket) };
}

const kinds = ({ ledger }: FakeStore) => ledger.map(({ kind }) => kind);

test("the status tells the role, and the connections are shown with their SAs", async () => {
  const { client } = await started();
  const status = await client.call("status", {});
  expect(status).toMatchObject({ ikev2: { connections: 1, up: 1, ikeSas: 1, childSas: 1 } });
  expect(status.listen).toHaveLength(2);
  expect(status.counters).toMatchObject({ "drop.malformed": 1 });
  expect(await client.call("connections", {})).toEqual([connection]);
  expect(await client.call("connection", {}, { name: "office-paris" })).toEqual(connection);
  await expect(client.call("connection", {}, { name: "rome" })).rejects.toMatchObject({
    code: "unknown-connection",
    message: "there is no connection rome; there is office-paris",
  });
});

test("commands reach the engine, and the connection comes back, also when an SPI named it", async () => {
  const { client, engine } = await started();
  await client.call("up", { target: "office-paris" });
  await client.call("down", { target: "C1D2E3F4", reason: "new fibre", downtimeSeconds: 600 });
  await client.call("rekeySa", { target: "office-paris/lan" });
  await client.call("reauthenticate", { target: "11".repeat(8) });
  const redirected = await client.call("redirect", { target: "office-paris", gateway: "192.0.2.77" });
  await client.call("traffic", { of: [{ spiIn: "c1d2e3f4", octets: 5, packets: 1, idleMs: 0 }] });
  expect(redirected).toEqual(connection);
  expect(engine.commands).toEqual([
    { do: "up", target: "office-paris" },
    { do: "down", target: "C1D2E3F4", reason: "new fibre", downtimeSeconds: 600 },
    { do: "rekey", target: "office-paris/lan" },
    { do: "reauthenticate", target: "11".repeat(8) },
    { do: "redirect", target: "office-paris", gateway: "192.0.2.77" },
    { do: "traffic", of: [{ spiIn: "c1d2e3f4", octets: 5, packets: 1, idleMs: 0 }] },
  ]);
  await expect(client.call("up", { target: "nowhere" })).rejects.toMatchObject({ code: "unknown-target" });
});

test("a reason is one line that fits its message, and a downtime fits its field", async () => {
  const { client, engine } = await started();
  for (const [reason, downtimeSeconds] of [
    ["two\nlines", 0],
    ["\u001b[2J", 0],
    ["ü".repeat(128), 0],
    ["fine", 65_536],
  ] as const) {
    const asked = client.call("down", { target: "office-paris", reason, downtimeSeconds });
    await expect(asked).rejects.toMatchObject({ code: "bad-request" });
  }
  expect(engine.commands).toEqual([]);
});

test("a daemon of another role says that it is no endpoint of IKEv2", async () => {
  const { daemon, client } = await started();
  daemon.ikev2 = undefined;
  await expect(client.call("connections", {})).rejects.toMatchObject({ code: "not-an-ikev2-endpoint" });
});

test("what the data plane is told stands in the ledger and in the status as plain data, without keys", async () => {
  const { daemon, engine, client, store } = await started();
  const spiIn = childPair.spiIn;
  const moved = { local: { address: "192.0.2.1", port: 4500 }, remote: { address: "203.0.113.9", port: 4500 } };
  const named = { connection: "office-paris", spiIn };
  engine.next = [{ out: "sad", change: { change: "install-child", pair: childPair, outbound: false } }];
  await client.call("up", { target: "office-paris" });
  const [pair] = await client.call("recordedPairs", {});
  expect(pair).toEqual({
    connection: "office-paris",
    child: "lan",
    mode: "tunnel",
    spiIn: "c1d2e3f4",
    spiOut: "0a0b0c0d",
    encryption: "ENCR_AES_GCM_16 256",
    esn: true,
    local: "192.0.2.1:500",
    remote: "203.0.113.9:500",
    localSelectors: ["10.1.0.0/16"],
    remoteSelectors: ["10.2.0.0/16"],
    encapsulated: false,
    outbound: false,
  });
  engine.next = [
    { out: "sad", change: { change: "activate-child", ...named } },
    { out: "sad", change: { change: "move-child", ...named, ...moved, encapsulated: true } },
  ];
  await client.call("up", { target: "office-paris" });
  expect(await client.call("recordedPairs", {})).toEqual([
    { ...pair, outbound: true, local: "192.0.2.1:4500", remote: "203.0.113.9:4500", encapsulated: true },
  ]);
  engine.next = [{ out: "sad", change: { change: "remove-child", ...named, child: "lan" } }];
  await client.call("up", { target: "office-paris" });
  expect(await client.call("recordedPairs", {})).toEqual([]);
  expect(daemon.counters()).toMatchObject({ "sad.installed": 1, "sad.removed": 1 });
  const told = (await client.call("why", {}, { subject: "c1d2e3f4" })).lines.map(({ text }) => text);
  expect(told).toEqual([
    "Child SA c1d2e3f4 (in) and 0a0b0c0d (out) of office-paris/lan recorded in tunnel mode between 10.1.0.0/16 and 10.2.0.0/16, from 192.0.2.1:500 to 203.0.113.9:500, ENCR_AES_GCM_16 256",
    "Child SA c1d2e3f4 (in) and 0a0b0c0d (out) of office-paris/lan is used for sending from now on",
    "Child SA c1d2e3f4 (in) and 0a0b0c0d (out) of office-paris/lan goes from 192.0.2.1:4500 to 203.0.113.9:4500, inside UDP from now on",
    "Child SA c1d2e3f4 (in) and 0a0b0c0d (out) of office-paris/lan removed",
  ]);
  expect(kinds(store).filter((kind) => kind.startsWith("sad."))).toHaveLength(4);
});

test("a wildcard stands for every address that the machine has, and for others when it has others", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  try {
    let addresses = ["127.0.0.2", "127.0.0.3", "::1"];
    const machineAddresses = () => addresses;
    const { engine, client } = await started({ ikev2: policy("0.0.0.0", "127.0.0.3") }, { machineAddresses });
    const listening = (of: Ikev2Policy) => of.listen.map(({ ike }) => ike.address);
    expect(listening(engine.policy)).toEqual(["127.0.0.2", "127.0.0.3"]);
    vi.advanceTimersByTime(3_000);
    addresses = ["127.0.0.4"];
    vi.advanceTimersByTime(3_000);
    await vi.waitFor(() => expect(engine.commands).toHaveLength(1));
    expect(listening(engine.policy)).toEqual(["127.0.0.4", "127.0.0.3"]);
    const { listen } = await client.call("status", {});
    expect(listen).toHaveLength(4);
    expect(listen.filter((text) => text.startsWith("127.0.0.4:"))).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test("a new configuration goes to the engine as it is meant; one that takes a restart does not", async () => {
  const { daemon, engine, edit, lines } = await started();
  const fresh = { ...policy("127.0.0.1"), connections: [{ name: "rome" }] } as unknown as Ikev2Policy;
  edit({ ikev2: fresh });
  await daemon.reload();
  expect(engine.commands).toEqual([{ do: "reconfigure", policy: fresh }]);
  edit({ ikev2: fresh, keyLog: { file: join(directory, "keys") } });
  await daemon.reload();
  expect(engine.commands).toHaveLength(1);
  expect(lines.join("")).toContain("changes ikev2.keyLog, which takes a restart");
});

test("the key log is a file for its owner alone, whatever it was before, and the status shouts", async () => {
  const file = join(directory, "keys");
  writeFileSync(file, "old\n", { mode: 0o644 });
  const { engine, client, store } = await started({ keyLog: { file } });
  engine.next = [{ out: "key-log", line: "aa,bb,cc" }];
  await client.call("up", { target: "office-paris" });
  expect(readFileSync(file, "utf8")).toBe("old\naa,bb,cc\n");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await client.call("status", {})).keyLog).toBe(file);
  expect(JSON.stringify(store.ledger)).not.toContain("aa,bb,cc");
});

test("a key log that cannot be written is told once, and harms nothing", async () => {
  const file = join(directory, "nowhere", "keys");
  const { engine, client, store } = await started({ keyLog: { file } });
  const line = { out: "key-log", line: "aa" } as const;
  engine.next = [line, line, line];
  await client.call("up", { target: "office-paris" });
  await client.call("events", {});
  expect(kinds(store).filter((kind) => kind === "server.key-log-failed")).toHaveLength(1);
  expect(existsSync(file)).toBe(false);
});

test("without a key log in the configuration its lines go nowhere", async () => {
  const { engine, client } = await started();
  engine.next = [{ out: "key-log", line: "aa" }];
  await client.call("up", { target: "office-paris" });
  expect(await client.call("status", {})).not.toHaveProperty("keyLog");
});

test("a signal ends it with the service's shutdown, or with what the service manager knows", async () => {
  const { engine } = await started();
  await running.pop()?.stop("SIGTERM");
  expect(engine.commands).toEqual([{ do: "shutdown", cause: "service-shutdown", withinMs: 4000 }]);
  const rebooting = await started({}, { causeOfEnd: () => Promise.resolve("host-restart") });
  await running.pop()?.stop("SIGTERM");
  expect(rebooting.engine.commands).toMatchObject([{ do: "shutdown", cause: "host-restart" }]);
});

test("what an operator marked goes before it, shows in the status, and ends nothing by itself", async () => {
  const { engine, client, daemon } = await started({}, { causeOfEnd: () => Promise.resolve("host-shutdown") });
  let asked = false;
  void daemon.stopRequested.then(() => {
    asked = true;
  });
  const farewell = { cause: "service-restart", downtimeSeconds: 30 } as const;
  expect(await client.call("stop", { ...farewell, mark: true })).toMatchObject({ told: 1, pid: process.pid });
  expect((await client.call("status", {})).farewell).toEqual(farewell);
  expect(asked).toBe(false);
  await running.pop()?.stop("SIGTERM");
  expect(engine.commands).toEqual([{ do: "shutdown", ...farewell, withinMs: 4000 }]);
});

test("a stop over the control socket is answered before it happens", async () => {
  const { client, daemon } = await started();
  const { startedAt } = await client.call("stop", { cause: "host-shutdown", mark: false });
  expect(startedAt).toBe(daemon.startedAt);
  expect(await daemon.stopRequested).toEqual({ cause: "host-shutdown" });
});

test("it does not begin anew with a configuration that it could not begin with, and goes on", async () => {
  const problem = {
    line: 7,
    column: 3,
    path: "ikev2.listen",
    message: "is no address",
    expected: "",
    severity: "error",
  };
  const load = () => err([problem as ConfigProblem]);
  const { client, daemon } = await started({}, { load });
  await expect(client.call("stop", { cause: "service-restart", mark: false })).rejects.toMatchObject({
    code: "bad-configuration",
    message: expect.stringContaining("line 7, ikev2.listen: is no address") as string,
  });
  expect(daemon.farewell).toBeUndefined();
  expect(await client.call("status", {})).not.toHaveProperty("farewell");
});

test("peers that never answer do not keep it from ending", async () => {
  const { engine, store } = await started();
  engine.deaf = true;
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const ended = running.pop()?.stop("SIGTERM");
    await vi.advanceTimersByTimeAsync(5_000);
    vi.useRealTimers();
    await ended;
  } finally {
    vi.useRealTimers();
  }
  expect(kinds(store).at(-1)).toBe("server.stopped");
});
