import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadConfiguration } from "../../src/config/load.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { Ikev2Engine } from "../../src/ikev2/engine.ts";
import { parseKeyLogLine } from "../../src/ikev2/key-log.ts";
import { boundSocket, SocketHost } from "../support/socket-host.ts";
import { type Home, home, laboratory, somePort, writeConfiguration, writePsk } from "./support/files.ts";
import { Spawned, type SpawnOptions, until } from "./support/spawned.ts";
import { type Side, type TunnelOptions, tunnelSections, withoutConnections } from "./support/tunnel.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

let lab: ReturnType<typeof laboratory>;
let berlin: Side;
let paris: Side;
const running: Spawned[] = [];

beforeEach(() => {
  lab = laboratory();
  const port = somePort();
  berlin = { name: "berlin", at: { address: "127.0.0.61", port } };
  paris = { name: "paris", at: { address: "127.0.0.62", port } };
  writePsk(lab.directory, "tunnel");
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.kill()));
  lab.remove();
});

const homeOf = (own: Side, peer: Side, options?: TunnelOptions) =>
  home(lab.directory, own.name, tunnelSections(own, peer, options));

async function started(of: Home, options?: SpawnOptions): Promise<Spawned> {
  const process = new Spawned(of.file, of.socket, options);
  running.push(process);
  return await process.ready();
}

/** Berlin keeps the tunnel up; Paris waits to be called. */
async function bothUp(options: TunnelOptions = {}, parisOptions?: SpawnOptions) {
  const homes = {
    berlin: homeOf(berlin, paris, { ...options, start: "always" }),
    paris: homeOf(paris, berlin, options),
  };
  const gateways = { paris: await started(homes.paris, parisOptions), berlin: await started(homes.berlin) };
  await up(gateways.berlin, "paris", options.children?.length);
  return { homes, ...gateways };
}

/** Resolves when the connection has an established IKE SA with so many Child SAs, and nothing else. */
function up(gateway: Spawned, name: string, children = 1) {
  return until(`${name} is up`, async () => {
    const connection = await gateway.client.call("connection", {}, { name });
    const [sa, ...others] = connection.ikeSas;
    return sa?.state === "established" && others.length === 0 && sa.children.length === children ? sa : undefined;
  });
}

/** The connection's story, as far as it goes, when `part` is in it. */
function told(gateway: Spawned, subject: string, part: string): Promise<string[]> {
  return until(`"${part}" in the story of ${subject}`, async () => {
    const lines = (await gateway.client.call("why", {}, { subject })).lines.map(({ text }) => text);
    return lines.some((line) => line.includes(part)) ? lines : undefined;
  });
}

function keyherald(of: Pick<Home, "socket">, ...args: string[]) {
  const env = { ...process.env, NO_COLOR: "1", KEYHERALD_SOCKET: of.socket };
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [cli, ...args], { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test("two gateways bring a tunnel up, show it alike, and tell how it began", async () => {
  const { berlin: one, paris: other, homes } = await bothUp({ children: ["lan", "dmz"] });
  const [ours, theirs] = [await up(one, "paris", 2), await up(other, "berlin", 2)];
  expect(ours.id).toBe(theirs.id);
  expect([ours.role, theirs.role]).toEqual(["initiator", "responder"]);
  const spis = (sa: typeof ours, way: "spiIn" | "spiOut") => sa.children.map((child) => child[way]).sort();
  expect(spis(ours, "spiIn")).toEqual(spis(theirs, "spiOut"));
  const pairs = await one.client.call("recordedPairs", {});
  expect(pairs.map(({ spiIn }) => spiIn).sort()).toEqual(spis(ours, "spiIn"));

  const status = await keyherald(homes.berlin, "status");
  expect(status.stdout).toContain("1 of 1 connection up, 1 IKE SA, 2 Child SAs");
  const shown = await keyherald(homes.berlin, "sas", "paris");
  expect(shown.stdout).toContain(ours.id);
  for (const subject of ["paris", "paris/lan", "127.0.0.62", "paris.example", ours.id]) {
    const why = await keyherald(homes.berlin, "why", subject);
    expect(why.stdout, subject).toMatch(
      /IKE SA with fqdn:paris\.example at 127\.0\.0\.62:\d+ established as initiator/,
    );
  }
  expect(await keyherald(homes.berlin, "why", ours.children[0]?.spiIn ?? "")).toMatchObject({ status: 0 });
});

test("down tells the peer the operator's words and the time, and the peer holds both against what happens", async () => {
  const { homes, berlin: one } = await bothUp();
  const done = await keyherald(homes.paris, "down", "berlin", "--reason", "new fibre", "--for", "10m");
  expect(done).toMatchObject({ status: 0, stderr: "" });
  expect(done.stdout).toBe('berlin is down. The peer was told: "new fibre", 10 min.\n');
  await told(one, "paris", "re-established");
  const { stdout } = await keyherald(homes.berlin, "why", "paris");
  expect(stdout).toMatch(
    /^\d\d:\d\d:\d\dZ {2}peer deleted the IKE SA: "new fibre", expects to be back in about 600 s \(\d\d:\d\d:\d\d UTC\)$/m,
  );
  expect(stdout).toMatch(/re-established after \d+ s, (9 min \d+ s|10 min) earlier than announced/);
});

test("a tunnel of this side's will stays down until up", async () => {
  const { homes, berlin: one } = await bothUp();
  const down = await keyherald(homes.berlin, "down", "paris", "--json");
  expect(JSON.parse(down.stdout)).toMatchObject({ name: "paris", state: "stopped", ikeSas: [] });
  const tried = Number((await one.client.call("status", {})).counters["socket.sent"]);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  expect((await one.client.call("status", {})).counters["socket.sent"]).toBe(tried);
  const again = await keyherald(homes.berlin, "up", "paris");
  expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^paris is up with Child SA lan/) as string });
  expect(await keyherald(homes.berlin, "up", "rome")).toMatchObject({ status: 1 });
});

test("rekey-sa and reauthenticate bring new SAs, and the old ones go", async () => {
  const { homes, berlin: one } = await bothUp();
  const first = await up(one, "paris");
  expect(await keyherald(homes.berlin, "rekey-sa", "paris/lan")).toMatchObject({ status: 0 });
  const second = await up(one, "paris");
  expect(second.children[0]?.spiIn).not.toBe(first.children[0]?.spiIn);
  expect(second.id).toBe(first.id);
  expect(await keyherald(homes.berlin, "rekey-sa", "paris")).toMatchObject({ status: 0 });
  const third = await up(one, "paris");
  expect(third.id).not.toBe(first.id);
  expect(third.children[0]?.spiIn).toBe(second.children[0]?.spiIn);
  expect(await keyherald(homes.berlin, "reauthenticate", "paris")).toMatchObject({ status: 0 });
  await told(one, "paris", "IKE SA is re-authenticated");
  expect((await up(one, "paris")).id).not.toBe(third.id);
});

test("SIGTERM is the service's shutdown", async () => {
  const { paris: other, berlin: one } = await bothUp();
  expect(await other.stop()).toBe(0);
  await told(one, "paris", 'peer deleted the IKE SA: "IKE service is shutting down"');
  const { outage } = await one.client.call("connection", {}, { name: "paris" });
  expect(outage).toMatchObject({ reason: "IKE service is shutting down", downtimeSeconds: 0 });
});

test("restart is the service's restart: the same process begins anew, and the tunnel is back", async () => {
  const { homes, berlin: one, paris: other } = await bothUp();
  const before = await other.client.call("status", {});
  const done = await keyherald(homes.paris, "restart", "--for", "2s");
  expect(done).toMatchObject({ status: 0, stderr: "" });
  expect(done.stdout).toContain(`(process ${before.pid}) has started anew; 1 peer was told: service restart, 2 s`);
  const after = await other.client.call("status", {});
  expect(after.pid).toBe(before.pid);
  expect(after.startedAt).toBeGreaterThan(before.startedAt);
  const lines = await told(one, "paris", "re-established");
  expect(lines).toContainEqual(
    expect.stringMatching(/^peer deleted the IKE SA: "IKE service is restarting", expects to be back in about 2 s/),
  );
  expect(await other.stop()).toBe(0);
});

test("what is marked is said by whatever ends it, and stop says it at once", async () => {
  const { homes, berlin: one, paris: other } = await bothUp();
  const marked = await keyherald(homes.paris, "stop", "--mark", "--host-restart", "--for", "2m");
  expect(marked.stdout).toMatch(/^When process \d+ is ended, its peers are told: host restart, 120 s\.\n$/);
  expect((await keyherald(homes.paris, "status")).stdout).toContain("peers are told when this is ended: host restart");
  expect(await other.stop()).toBe(0);
  await told(one, "paris", '"host is restarting", expects to be back in about 120 s');
  const stopped = await keyherald(homes.berlin, "stop", "--host-shutdown", "--json");
  expect(JSON.parse(stopped.stdout)).toMatchObject({ cause: "host-shutdown", mark: false });
  expect(await one.exited).toBe(0);
});

test("systemd says whether the machine is restarted", async () => {
  const bin = join(lab.directory, "bin");
  mkdirSync(bin);
  const job = "1201 reboot.target start waiting\\n1202 keyherald.service stop running\\n";
  writeFileSync(join(bin, "systemctl"), `#!/bin/sh\n[ "$1" = list-jobs ] && printf '${job}'\n`);
  chmodSync(join(bin, "systemctl"), 0o755);
  const environment = { PATH: `${bin}:${process.env["PATH"]}`, INVOCATION_ID: "0".repeat(32) };
  const more = "  deleteReason: { downtime: { host-restart: 90s } }\n";
  const { paris: other, berlin: one } = await bothUp({ more }, { environment });
  expect(await other.stop()).toBe(0);
  await told(one, "paris", '"host is restarting", expects to be back in about 90 s');
});

test("a reload without a child, and one without the connection, say so; what stays keeps its SAs", async () => {
  const { homes, berlin: one, paris: other } = await bothUp({ children: ["lan", "dmz"] });
  const before = await up(one, "paris", 2);
  writeConfiguration(homes.paris, homes.paris.directory, tunnelSections(paris, berlin, { children: ["lan"] }));
  other.signal("SIGHUP");
  await told(one, "paris", 'peer deleted Child SA dmz: "Child SA configuration was removed"');
  const after = await one.client.call("connection", {}, { name: "paris" });
  expect(after.ikeSas.map(({ id }) => id)).toEqual([before.id]);
  expect(after.ikeSas[0]?.children.some(({ name }) => name === "lan")).toBe(true);
  writeConfiguration(homes.paris, homes.paris.directory, withoutConnections(paris));
  other.signal("SIGHUP");
  await told(one, "paris", 'peer deleted the IKE SA: "IKE SA configuration was removed"');
  expect(await other.client.call("connections", {})).toEqual([]);
});

test("a peer that was killed comes back with INITIAL_CONTACT, and the survivor tells why the old SA went", async () => {
  const { homes, berlin: one, paris: other } = await bothUp();
  const old = await up(other, "berlin");
  await one.kill();
  running.splice(running.indexOf(one), 1);
  const again = await started(homes.berlin);
  await up(again, "paris");
  const fresh = await up(other, "berlin");
  expect(fresh.id).not.toBe(old.id);
  const lines = await told(other, "berlin", "replaced after INITIAL_CONTACT");
  expect(lines).toContainEqual(
    expect.stringMatching(/IKE SA ended after .* without a Delete: replaced after INITIAL_CONTACT/),
  );
});

const hostile =
  "\u001b]0;owned\u0007\u001b[2J\u202egnirotser\u202c \u0000\r\n$(reboot) `reboot` <script>alert(1)</script>";
/** What a terminal would act upon, and what turns the direction of text; lines end with a line feed. */
const dangerous = /[[\p{Cc}\p{Cf}]--[\n]]/v;

test("words of a hostile peer reach neither a terminal nor the log as they are", async () => {
  const own = homeOf(berlin, paris);
  const survivor = await started(own);
  const sockets = await Promise.all([boundSocket(paris.at.address), boundSocket(paris.at.address)]);
  const [ike, nat] = sockets.map(({ local }) => local.port);
  const text = tunnelSections(paris, berlin).replace(/ports: .*/, `ports: { ike: ${ike}, nat: ${nat} }`);
  const loaded = loadConfiguration(home(lab.directory, "mallory", text).file, {});
  if (!loaded.ok || loaded.value.ikev2 === undefined) throw new Error("the configuration is wrong");
  using mallory = new SocketHost(new Ikev2Engine(loaded.value.ikev2), sockets, nodeCrypto);
  await mallory.ask({ do: "up", target: "berlin" });
  await mallory.ask({ do: "down", target: "berlin", reason: hostile, downtimeSeconds: 65_535 });
  await told(survivor, "paris", "peer deleted the IKE SA");

  for (const command of [
    ["why", "paris"],
    ["events"],
    ["connections"],
    ["events", "--json"],
    ["connections", "--json"],
  ]) {
    const { status, stdout } = await keyherald(own, ...command);
    expect(status).toBe(0);
    expect(stdout.length).toBeGreaterThan(0);
    expect(stdout).not.toMatch(dangerous);
    expect(stdout).not.toContain("$(reboot)");
    expect(stdout).not.toContain("`reboot`");
  }
  expect((await keyherald(own, "why", "paris")).stdout).toMatch(/peer deleted the IKE SA: ".*gnirotser.*"/);
  expect(survivor.log).toContain("peer deleted the IKE SA");
  expect(survivor.log).not.toMatch(dangerous);
  const [deleted] = (await survivor.client.call("events", {})).filter(({ kind }) => kind === "ikev2.deleted");
  expect(Buffer.from(String(deleted?.figures?.["raw"]), "hex").toString()).toContain("\u001b[2J");
});

test("a key log is loud, for its owner alone, and has the keys of the IKE SA", async () => {
  const file = join(lab.directory, "keys");
  const { berlin: one, homes, paris: other } = await bothUp({ more: `  keyLog: { file: ${file} }\n` });
  const sa = await up(one, "paris");
  await up(other, "berlin");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const lines = readFileSync(file, "utf8").trim().split("\n");
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) {
    expect(line.split(",").slice(0, 2).join("_")).toBe(sa.id);
    expect(parseKeyLogLine(line, nodeCrypto).ok).toBe(true);
  }
  expect(one.log).toContain("ALL KEYS OF IKE SAs ARE WRITTEN TO");
  expect((await keyherald(homes.berlin, "status")).stdout).toContain("ALL KEYS OF IKE SAs ARE WRITTEN TO");
});
