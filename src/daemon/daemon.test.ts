import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { FakeIkev2, FakeKeyServer, FakeMember } from "../../test/support/fake-engines.ts";
import { FakeStore } from "../../test/support/fake-store.ts";
import { ControlClient } from "../api/client.ts";
import type { ConfigProblem, Configuration } from "../config/types.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import type { GmPolicy } from "../gdoi/gm/types.ts";
import { err, ok, type Result } from "../util/result.ts";
import { Daemon } from "./daemon.ts";
import { createLog } from "./log.ts";
import type { DaemonParts } from "./running.ts";

/** How long a busy machine may take for what happens at once. */
const patience = { timeout: 20_000 };

let directory = "";
const running: Daemon[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keyherald-daemon-"));
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((daemon) => daemon.stop("end of the test")));
  rmSync(directory, { recursive: true });
});

function configured(more: Partial<Configuration> = {}): Configuration {
  return {
    file: "/etc/keyherald.yaml",
    state: { file: "state.db", key: new Uint8Array(32) },
    control: { socket: join(directory, "control.sock") },
    log: { level: "info" },
    generatedSigners: [],
    retention: { maxAgeMs: 1000, maxEvents: 10 },
    warnings: [],
    keyServer: {
      listen: [{ address: "127.0.0.1", port: 0 }],
      groups: [],
      phase1: { peers: [] },
    } as unknown as GcksPolicy,
    ...more,
  };
}

const member = { local: { address: "127.0.0.1", port: 0 }, groups: [] } as unknown as GmPolicy;

async function started(configuration = configured(), store = new FakeStore(), more: Partial<DaemonParts> = {}) {
  const engine = new FakeKeyServer();
  const lines: string[] = [];
  let onDisk: Result<Configuration, ConfigProblem[]> = ok(configuration);
  const daemon = await Daemon.start(configuration, {
    openStore: () => store,
    keyServer: () => engine,
    member: () => new FakeMember(),
    ikev2: (policy) => new FakeIkev2(policy),
    load: () => onDisk,
    log: createLog("info", { write: (line) => lines.push(line) }),
    ...more,
  });
  running.push(daemon);
  const client = new ControlClient(configuration.control.socket);
  const edit = (result: Result<Configuration, ConfigProblem[]>) => {
    onDisk = result;
  };
  return { daemon, engine, store, client, lines, edit };
}

test("the control socket is for its owner alone, and gone after a stop", async () => {
  const { daemon, client, store } = await started();
  const socket = daemon.configuration.control.socket;
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  expect(await client.call("status", {})).toMatchObject({ keyServer: { groups: 1 }, store: { works: true } });
  await running.pop()?.stop("SIGTERM");
  expect(() => statSync(socket)).toThrow();
  expect(store.closed).toBe(true);
  expect(store.ledger.map(({ kind }) => kind)).toEqual(["server.started", "server.stopped"]);
  await expect(client.call("status", {})).rejects.toMatchObject({ code: "unreachable" });
});

test("a socket that a dead daemon left is replaced, a live one and another file are not", async () => {
  const configuration = configured();
  const path = configuration.control.socket;
  writeFileSync(path, "");
  await expect(started(configuration)).rejects.toMatchObject({ code: "not-a-socket" });
  rmSync(path);
  const other = createServer().listen(path);
  await expect(started(configuration)).rejects.toMatchObject({ code: "in-use" });
  await new Promise((resolve) => other.close(resolve));
  await started(configuration);
  await new Promise<void>((resolve) => connect(path, resolve as () => void));
});

test("a failed start releases the store and the sockets", async () => {
  const store = new FakeStore();
  const configuration = configured({ control: { socket: `/tmp/${"x".repeat(120)}` } });
  await expect(started(configuration, store)).rejects.toMatchObject({ code: "too-long" });
  expect(store.closed).toBe(true);
});

test("key server and member of one daemon may not share a socket", async () => {
  const local = { address: "0.0.0.0", port: 848 };
  const keyServer = { listen: [{ address: "127.0.0.1", port: 848 }], groups: [] } as unknown as GcksPolicy;
  await expect(started(configured({ keyServer, member: { ...member, local } }))).rejects.toMatchObject({
    code: "shared-endpoint",
  });
});

test("each role gets back its own records", async () => {
  const store = new FakeStore();
  store.commit(
    [
      { kind: "gcks.group", key: "g", value: 1 },
      { kind: "gm.group", key: "g", value: 1 },
    ],
    [],
  );
  const { engine } = await started(configured({ member }), store);
  expect(engine.restored.map(({ kind }) => kind)).toEqual(["gcks.group"]);
  expect(store.ledger).toEqual([]);
});

test("commands reach the engines and their refusals come back with code and message", async () => {
  const { client, engine, store } = await started(configured({ member }));
  const name = "substation";
  expect(await client.call("rekey", { what: "kek" }, { name })).toEqual({
    group: name,
    rekeys: [{ spi: "aa".repeat(16), seq: 4 }],
  });
  expect(engine.commands).toEqual([{ do: "rekey", group: name, what: "kek" }]);
  expect(store.records.get("gcks.group substation")?.value).toBe(4);
  await expect(client.call("evict", { members: ["gm9"], reason: "lost" }, { name })).rejects.toMatchObject({
    code: "unknown-member",
    message: "nobody of that name",
  });
  expect(await client.call("register", { group: name })).toMatchObject({ state: "registered" });
});

test("a rekey that is planned waits for its turn, and one in no place is unknown", async () => {
  const { client } = await started();
  const at = { name: "substation", spi: "aa".repeat(16) };
  await expect(client.call("rekeyDetail", {}, { ...at, seq: "5" })).rejects.toMatchObject({ code: "rekey-waits" });
  for (const other of [{ seq: "6" }, { seq: "5", spi: "bb".repeat(16) }, { seq: "five" }]) {
    const asked = client.call("rekeyDetail", {}, { ...at, ...other });
    await expect(asked).rejects.toMatchObject({ code: "unknown-rekey" });
  }
});

test("an unknown group is told with those that there are", async () => {
  const { client } = await started();
  await expect(client.call("group", {}, { name: "a/b c" })).rejects.toMatchObject({
    code: "unknown-group",
    message: "there is no group a/b c; there is substation",
  });
});

test("a full disk stops the key server, and the status says since when and why", async () => {
  const { client, store, lines } = await started();
  store.failing = true;
  await expect(client.call("rekey", { what: "tek" }, { name: "substation" })).rejects.toMatchObject({
    code: "store-failed",
  });
  const { store: state } = await client.call("status", {});
  expect(state).toMatchObject({ works: false, code: "full", message: "no space left on device" });
  expect(lines.join("")).toContain("no keys are issued until it works again");
  store.failing = false;
});

test("a new configuration goes to the engine without a restart", async () => {
  const { daemon, engine, edit, store } = await started();
  const keyServer = { ...daemon.configuration.keyServer, groups: [] } as unknown as GcksPolicy;
  edit(ok({ ...daemon.configuration, keyServer }));
  await daemon.reload();
  expect(engine.commands).toEqual([{ do: "reconfigure", policy: keyServer }]);
  await vi.waitFor(() => expect(store.ledger.at(-1)?.kind).toBe("server.reconfigured"), patience);
});

test("a bad new configuration is logged and recorded, and the old one stays", async () => {
  const { daemon, engine, edit, lines, store } = await started();
  const before = daemon.configuration;
  const problem = { line: 7, column: 3, path: "keyServer.listen", expected: "an address", severity: "error" } as const;
  edit(err([{ ...problem, message: "is no address" }]));
  await daemon.reload();
  edit(ok({ ...before, control: { socket: "/elsewhere" } }));
  await daemon.reload();
  expect(daemon.configuration).toBe(before);
  expect(engine.commands).toEqual([]);
  expect(lines.join("")).toContain("/etc/keyherald.yaml:7:3: keyServer.listen: is no address");
  expect(lines.join("")).toContain("control.socket");
  const refusals = () => store.ledger.filter(({ kind }) => kind === "server.configuration-refused");
  await vi.waitFor(() => expect(refusals()).toHaveLength(2), patience);
});

test("followers see events as they become durable, and those of their subject only", async () => {
  const { daemon, client, store } = await started();
  await vi.waitFor(() => expect(store.ledger.at(-1)?.kind).toBe("server.started"), patience);
  const live = client.follow("server");
  const first = live.next();
  await client.call("status", {});
  daemon.note("server.clock-stepped", "warning", "failure", { figures: { stepMs: -3_600_000 } });
  expect((await first).value).toMatchObject({
    kind: "server.clock-stepped",
    text: "the system clock was set back by 1 h; time goes on without the step",
  });
  await live.return(undefined);
});

test("a clock behind the last recorded time is recorded, and time goes on from there", async () => {
  const store = new FakeStore();
  store.last = Date.now() + 3_600_000;
  const { daemon, client, lines } = await started(configured(), store);
  expect(daemon.clock.now()).toBeGreaterThanOrEqual(store.last);
  await client.call("rekey", { what: "tek" }, { name: "substation" });
  expect(store.ledger.map(({ kind }) => kind)).toContain("server.clock-stepped");
  expect((await client.call("status", {})).clockAheadMs).toBeGreaterThan(3_500_000);
  await vi.waitFor(() => expect(lines.join("")).toContain("behind the time of keys and events"), patience);
});

test("security events go to the syslog server that the configuration names, also to another one after a reload", async () => {
  const servers = await Promise.all(
    [0, 1].map(async () => {
      const socket = createSocket("udp4").bind(0, "127.0.0.1");
      await once(socket, "listening");
      const got: string[] = [];
      socket.on("message", (message) => got.push(message.toString()));
      const to = { transport: "udp", endpoint: { address: "127.0.0.1", port: socket.address().port } } as const;
      return { socket, got, syslog: { to, facility: 10, format: "rfc5424" } as const };
    }),
  );
  const [first, second] = servers;
  if (first === undefined || second === undefined) throw new Error("no servers");
  const { daemon, edit, client } = await started(configured({ syslog: first.syslog }));
  edit(ok({ ...daemon.configuration, syslog: second.syslog }));
  await vi.waitFor(() => expect(first.got.join()).toMatch(/ server\.started .* notice: server: Keyherald/), patience);
  await daemon.reload();
  await vi.waitFor(() => expect(second.got.join()).toContain(' MNEMONIC="CONFIG_CHANGE" '), patience);
  expect((await client.call("status", {})).counters).toMatchObject({ "syslog.lost": 0 });
  await running.pop()?.stop("SIGTERM");
  await vi.waitFor(() => expect(second.got.at(-1)).toContain(" server.stopped "), patience);
  for (const { socket } of servers) socket.close();
});

test("events that are shown say which security event they are, and how severe, under the operator's names if there are any", async () => {
  const { client, daemon, edit } = await started();
  const [first] = await client.call("events", {});
  expect(first).toMatchObject({ kind: "server.started", securityEvent: "server.started", severity: "notice" });
  expect(first).not.toHaveProperty("securityEventId");
  const securityEvents = new Map([
    ["server.started", { name: "STARTED", id: "IEC62351-14:8.4", severity: "alarm" as const }],
  ]);
  edit(ok({ ...daemon.configuration, securityEvents }));
  await daemon.reload();
  const [same] = await client.call("events", {});
  expect(same).toMatchObject({ securityEvent: "STARTED", securityEventId: "IEC62351-14:8.4", severity: "alarm" });
  const newest = (await client.call("events", {})).at(-1);
  expect(newest).toMatchObject({ securityEvent: "CONFIG_CHANGE", securityEventId: "IEC62351-14:6.10" });
});
