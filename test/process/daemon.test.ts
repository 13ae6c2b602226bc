import { execFile, execFileSync, spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type Home,
  home,
  keyServerSections,
  laboratory,
  memberSections,
  somePort,
  writeConfiguration,
  writePsk,
} from "./support/files.ts";
import { rekeyed } from "./support/rekey.ts";
import { Spawned, type SpawnOptions, until } from "./support/spawned.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const stepClock = fileURLToPath(new URL("./support/step-clock.mjs", import.meta.url));
const group = { name: "g" };

let lab: ReturnType<typeof laboratory>;
let port = 0;
const running: Spawned[] = [];

beforeEach(() => {
  lab = laboratory();
  port = somePort();
  for (const name of ["gm1", "gm2"]) writePsk(lab.directory, name);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.kill()));
  lab.remove();
});

const at = (last: number) => ({ address: `127.0.0.${last}`, port });
const kek = "management: none, acknowledge: kek-sha256";

function spawned(of: Home, options?: SpawnOptions): Spawned {
  const process = new Spawned(of.file, of.socket, options);
  running.push(process);
  return process;
}

const keyServerText = () => keyServerSections(at(50), { gm1: at(51).address, gm2: at(52).address }, kek);

function keyServerHome(state?: string): Home {
  return home(lab.directory, "ks", keyServerText(), state);
}

async function withMember(of: Home, options?: SpawnOptions) {
  const keyServer = await spawned(of, options).ready();
  const own = home(lab.directory, "gm1", memberSections("gm1", at(51), at(50)));
  const member = await spawned(own).ready();
  await registered(member);
  return { keyServer, member };
}

/** Resolves when the member has the group's keys. */
function registered(member: Spawned) {
  return until("the member is registered", async () => {
    const [own] = (await member.client.call("status", {})).member?.groups ?? [];
    return own?.state === "registered" ? own : undefined;
  });
}

const refusal = (error: unknown) => error;

async function kinds(process: Spawned): Promise<string[]> {
  return (await process.client.call("events", {})).map((event) => event.kind);
}

function keyherald(...args: string[]) {
  const env = { ...process.env, TMPDIR: lab.directory };
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: "utf8", env });
  return { status, stdout, stderr };
}

test("SIGTERM ends a daemon in order, with exit code 0, its socket gone and its state complete", async () => {
  const of = keyServerHome();
  const { keyServer } = await withMember(of);
  await rekeyed(keyServer);
  expect(await keyServer.stop()).toBe(0);
  expect(existsSync(of.socket)).toBe(false);
  const again = await spawned(of).ready();
  expect(await again.client.call("group", {}, group)).toMatchObject({ members: 1, kek: { seq: 1 } });
  expect((await kinds(again)).filter((kind) => kind === "server.stopped")).toHaveLength(1);
});

test("SIGHUP takes a new configuration and keeps members and keys; a bad one is refused and the old one stays", async () => {
  const of = keyServerHome();
  const { keyServer, member } = await withMember(of);
  const before = await keyServer.client.call("group", {}, group);
  const sections = keyServerText();
  writeConfiguration(of, of.directory, sections.replace("cipher: aes-cbc-128", "cipher: rot13"));
  keyServer.signal("SIGHUP");
  await until("the refusal", async () =>
    (await kinds(keyServer)).includes("server.configuration-refused") ? true : undefined,
  );
  await keyServer.logged("keyServer.groups[0].kek.cipher");
  writeConfiguration(of, of.directory, sections.replace("whenMissing: alert", "whenMissing: log"));
  keyServer.signal("SIGHUP");
  await until("the reload", async () => ((await kinds(keyServer)).includes("server.reconfigured") ? true : undefined));
  expect(await keyServer.client.call("group", {}, group)).toMatchObject({ members: 1, kek: { spi: before.kek.spi } });
  expect((await rekeyed(keyServer)).rekey).toMatchObject({ acked: 1, missing: 0 });
  expect((await registered(member)).kek?.seq).toBe(1);
});

test("a port in use is told with what to do", async () => {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(port, at(50).address, resolve));
  const process = spawned(keyServerHome());
  expect(await process.exited).toBe(1);
  expect(process.log).toContain(`${at(50).address}:${port} is in use by another program`);
  await new Promise<void>((resolve) => socket.close(() => resolve()));
});

test("a second daemon on the same state or control socket is refused", async () => {
  const of = keyServerHome();
  await spawned(of).ready();
  const second = spawned(of);
  expect(await second.exited).toBe(1);
  expect(second.log).toContain("is in use by another keyherald");
  const other = home(lab.directory, "ks2", keyServerSections(at(53), { gm1: at(51).address }, kek));
  writeConfiguration(
    { ...other, socket: of.socket },
    other.directory,
    keyServerSections(at(53), { gm1: at(51).address }, kek),
  );
  const third = spawned(other);
  expect(await third.exited).toBe(1);
  expect(third.log).toContain("another keyherald answers on");
});

test("a state file under another key is told as such, and left as it is", async () => {
  const of = keyServerHome();
  await (await spawned(of).ready()).stop();
  writeFileSync(join(of.directory, "state.key"), "00".repeat(32), { mode: 0o600 });
  const other = spawned(of);
  expect(await other.exited).toBe(1);
  expect(other.log).toContain("was written under another key");
});

test("a bad configuration starts nothing, and every problem is named with its line", async () => {
  const of = keyServerHome();
  writeFileSync(
    of.file,
    readFileSync(of.file, "utf8").replace("lifetime: 24h", "lifetime: soon").replace("id: 77", "id: none"),
  );
  const process = spawned(of);
  expect(await process.exited).toBe(1);
  expect(process.log).toMatch(/keyherald\.yaml:\d+:\d+: keyServer\.groups\[0\]\.kek\.lifetime/);
  expect(process.log).toMatch(/keyherald\.yaml:\d+:\d+: keyServer\.groups\[0\]\.id/);
  expect(keyherald("config", "check", of.file)).toMatchObject({ status: 1 });
});

test("a key file that others can read is refused", async () => {
  const of = keyServerHome();
  chmodSync(join(lab.directory, "gm1.psk"), 0o644);
  const process = spawned(of);
  expect(await process.exited).toBe(1);
  expect(process.log).toMatch(/gm1\.psk/);
});

test("a clock set back by an hour changes nothing but is recorded", async () => {
  const of = keyServerHome();
  const { keyServer, member } = await withMember(of, { node: ["--import", stepClock] });
  const before = await keyServer.client.call("status", {});
  keyServer.signal("SIGUSR2");
  await until("the step is seen", async () =>
    (await kinds(keyServer)).includes("server.clock-stepped") ? true : undefined,
  );
  const after = await keyServer.client.call("status", {});
  expect(after.now).toBeGreaterThan(before.now);
  expect((await rekeyed(keyServer)).rekey).toMatchObject({ seq: 1, acked: 1 });
  expect((await registered(member)).kek?.seq).toBe(1);
  const { text = "" } =
    (await keyServer.client.call("events", {})).find(({ kind }) => kind === "server.clock-stepped") ?? {};
  expect(text).toContain("set back by 1 h");
});

/** The same without waiting for its end. */
function started(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [cli, ...args], (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

const disk = process.getuid?.() === 0 && process.platform === "linux";

test.runIf(disk)(
  "with a full disk the key server issues nothing, says so, and goes on when there is room again",
  async () => {
    const mount = join(lab.directory, "disk");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", mount]);
    try {
      const of = keyServerHome(join(mount, "state.db"));
      const { keyServer, member } = await withMember(of);
      await rekeyed(keyServer);
      const filler = join(mount, "filler");
      spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1k"]);
      const order = () => keyServer.client.call("rekey", { what: "tek" }, group);
      const refused = await until("a rekey is refused", () => order().then(() => undefined, refusal));
      expect(refused).toMatchObject({ code: "store-failed" });
      const { store, counters } = await keyServer.client.call("status", {});
      expect(store).toMatchObject({ works: false, code: "full" });
      await keyServer.logged("no keys are issued until it works again");
      const kept = (await registered(member)).kek;
      await expect(order()).rejects.toMatchObject({ code: "store-failed" });
      const sent = (await keyServer.client.call("status", {})).counters["socket.sent"];
      expect(sent).toBe(counters["socket.sent"]);
      rmSync(filler);
      await until("the store works again", async () =>
        (await keyServer.client.call("status", {})).store.works ? true : undefined,
      );
      expect((await rekeyed(keyServer)).rekey).toMatchObject({ acked: 1, missing: 0 });
      const own = await until("the member has it", async () => {
        const now = (await registered(member)).kek;
        return now !== undefined && now.seq > (kept?.seq ?? 0) ? now : undefined;
      });
      expect(own.seq).toBe((await keyServer.client.call("group", {}, group)).kek.seq);
      expect(await kinds(keyServer)).toEqual(expect.arrayContaining(["server.store-failed", "server.store-recovered"]));
      expect(await keyServer.stop()).toBe(0);
    } finally {
      await Promise.all(running.splice(0).map((process) => process.kill()));
      execFileSync("umount", [mount]);
    }
  },
);

test("the demo answers with one JSON object and leaves nothing behind", () => {
  const { status, stdout, stderr } = keyherald("demo", "--once", "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const result: unknown = JSON.parse(stdout);
  expect(result).toMatchObject({
    members: 5,
    rekeys: [
      { seq: 1, acked: 5, missing: [] },
      { seq: 2, acked: 5, missing: [] },
      { seq: 3, acked: 4, missing: ["gm4"] },
    ],
    tunnels: [{ name: "berlin-paris", deletedBy: "peer", reason: "host is restarting", downtimeSeconds: 4 }],
  });
  const { tunnels } = result as { tunnels: { reestablishedAfterSeconds: number }[] };
  expect(tunnels[0]?.reestablishedAfterSeconds).toBeGreaterThan(2);
  const { stdout: processes } = spawnSync("ps", ["-eo", "args"], { encoding: "utf8" });
  expect(processes.split("\n").filter((line) => line.includes(lab.directory))).toEqual([]);
  expect(readdirSync(lab.directory).filter((name) => name.startsWith("keyherald-demo-"))).toEqual([]);
});

test("rekey --wait ends with exit code 3 when a member is missing, and evict puts it out", async () => {
  const of = keyServerHome();
  const { keyServer, member } = await withMember(of);
  const own = home(lab.directory, "gm2", memberSections("gm2", at(52), at(50)));
  const lost = await spawned(own).ready();
  await registered(lost);
  expect(keyherald("rekey", "g", "--wait", "--socket", of.socket)).toMatchObject({ status: 0 });
  await lost.kill();
  const missed = keyherald("rekey", "g", "--wait", "--json", "--socket", of.socket);
  expect(missed.status).toBe(3);
  expect(JSON.parse(missed.stdout)).toMatchObject({ missing: ["gm2"] });
  expect(keyherald("evict", "g", "gm2", "--reason", "stolen", "--socket", of.socket)).toMatchObject({ status: 0 });
  const members = await keyServer.client.call("members", {}, group);
  expect(members.find((one) => one.name === "gm2")).toMatchObject({ state: "evicted", reason: "stolen" });
  expect(keyherald("why", "gm2", "--socket", of.socket).stdout).toContain("stolen");
  expect((await registered(member)).state).toBe("registered");
});

test("rekey --wait waits for its turn, and tells when an eviction went before it", async () => {
  const of = home(lab.directory, "ks", keyServerText().replace("missingAfter: 10s", "missingAfter: 2m"));
  const { keyServer } = await withMember(of);
  const lost = await spawned(home(lab.directory, "gm2", memberSections("gm2", at(52), at(50)))).ready();
  await registered(lost);
  await lost.kill();
  // as long as nothing else happens, it is not settled before two minutes are over
  await keyServer.client.call("rekey", { what: "tek" }, group);
  const commands: ReturnType<typeof started>[] = [];
  for (const seq of [2, 3]) {
    commands.push(started("rekey", "g", "--wait", "--socket", of.socket));
    await until(`rekey ${seq} is planned`, async () => {
      const { waiting } = await keyServer.client.call("group", {}, group);
      return waiting.at(-1)?.seq === seq ? true : undefined;
    });
  }
  expect(keyherald("group", "g", "--socket", of.socket).stdout).toMatch(/^3 .*waits.*\n2 .*waits.*\n1 /m);
  expect(keyherald("evict", "g", "gm2", "--reason", "stolen", "--socket", of.socket)).toMatchObject({ status: 0 });
  const [second, third] = await Promise.all(commands);
  expect(second).toMatchObject({ status: 0, stderr: "" });
  expect(second?.stdout).toBe(
    `Rekey 2 of g is sent when the one before it is settled; keyherald group g shows both.
Rekey 2 of g: 1 of 1 acknowledged; it went before the one that was asked for: gm2 was put out: stolen.
`,
  );
  expect(third).toMatchObject({ status: 1, stderr: expect.stringContaining("Rekey 3 of g was not sent") as string });
});
