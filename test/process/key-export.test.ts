/** Keys in files, between real processes. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { KeyDocument } from "../../src/dataplane/key-document.ts";
import { type Home, home, keyServerSections, laboratory, memberSections, somePort, writePsk } from "./support/files.ts";
import { Spawned, until } from "./support/spawned.ts";

const cli = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const names = ["gm1", "gm2"];
let lab: ReturnType<typeof laboratory>;
let homes: Home[] = [];
let keyServer: Spawned;
let members: Spawned[] = [];

beforeEach(async () => {
  lab = laboratory();
  const port = somePort();
  const at = (last: number) => ({ address: `127.0.0.${last}`, port });
  for (const name of names) writePsk(lab.directory, name);
  const addresses = Object.fromEntries(names.map((name, i) => [name, at(81 + i).address]));
  const own = home(
    lab.directory,
    "ks",
    keyServerSections(at(80), addresses, "management: none, acknowledge: kek-sha256"),
  );
  keyServer = await new Spawned(own.file, own.socket).ready();
  homes = names.map((name, i) =>
    home(lab.directory, name, `${memberSections(name, at(81 + i), at(80))}  export: { file: keys.json }\n`),
  );
  members = await Promise.all(homes.map(({ file, socket }) => new Spawned(file, socket).ready()));
});
afterEach(async () => {
  await Promise.all([keyServer, ...members].map((process) => process.kill()));
  lab.remove();
});

const fileOf = (of: Home) => join(of.directory, "keys.json");
const read = (of: Home) => (JSON.parse(readFileSync(fileOf(of), "utf8")) as KeyDocument).keys;

/** Resolves with the keys that all members have in their files, when those are the key server's. */
function exported() {
  return until("the keys are exported", async () => {
    const spis = (await keyServer.client.call("group", {}, { name: "g" })).teks.map((tek) => tek.spi).sort();
    try {
      const files = homes.map(read);
      const same = files.every(
        (keys) =>
          keys
            .map((key) => key.spi)
            .sort()
            .join() === spis.join(),
      );
      return same ? files : undefined;
    } catch {
      return undefined;
    }
  });
}

/** SA Life Duration (RFC 2407 4.5): what was left of it when the member registered. */
const lifeDuration = /00020004[0-9a-f]{8}/;

/** What all members agree on: everything but times and Sender-IDs. */
function keysOf(keys: KeyDocument["keys"]) {
  const texts = keys.map((key) =>
    key.protocol === "ESP" ? `${key.spi} ${key.algorithmKey} ${key.policy.replace(lifeDuration, "")}` : "",
  );
  return texts.sort();
}

test("members write the same keys, for their owner alone, again with each rekey, and keep the file when they stop", async () => {
  const [first = [], second = []] = await exported();
  expect(first).toMatchObject([{ group: "g", protocol: "ESP", state: "current", kept: false }]);
  expect(keysOf(first)[0]).toMatch(/^[0-9a-f]{8} [0-9a-f]{40} [0-9a-f]+$/);
  expect(keysOf(first)).toEqual(keysOf(second));
  for (const of of homes) {
    expect(statSync(fileOf(of)).mode & 0o777).toBe(0o600);
    expect(readdirSync(of.directory).filter((name) => name.includes("keys"))).toEqual(["keys.json"]);
  }
  await keyServer.client.call("rekey", { what: "tek" }, { name: "g" });
  const [renewed = [], also = []] = await until("the new keys are exported", async () => {
    const files = await exported();
    return files.every((keys) => keys.length === 2) ? files : undefined;
  });
  expect(renewed.map((key) => key.state).sort()).toEqual(["current", "old"]);
  expect(keysOf(renewed)).toEqual(keysOf(also));
  const events = (await members[0]?.client.call("events", {})) ?? [];
  const told = events.filter((event) => event.kind === "server.keys-exported");
  expect(told.length).toBeGreaterThanOrEqual(2);
  const secret = renewed.flatMap((key) => (key.protocol === "ESP" ? [key.algorithmKey] : []));
  for (const one of secret) expect(JSON.stringify(events)).not.toContain(one);
  for (const one of secret) expect(members[0]?.log).not.toContain(one);
  await Promise.all(members.map((member) => member.stop()));
  expect(keysOf(homes.map(read)[0] ?? [])).toEqual(keysOf(renewed));
});

test("an SPI without a key is told by the command line, and the key server asked once", async () => {
  const [[key] = []] = await exported();
  const seen = (spi: string) => {
    const { socket = "" } = homes[0] ?? {};
    const args = [cli, "seen", "g", spi, "--socket", socket];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    return { status, text: stdout + stderr };
  };
  expect(seen(key?.spi ?? "")).toMatchObject({ status: 0, text: expect.stringContaining("is here") as string });
  expect(seen("0x00000001")).toMatchObject({ status: 0, text: expect.stringContaining("is asked now") as string });
  expect(seen("00000002")).toMatchObject({ status: 0, text: expect.stringMatching(/is asked (in \d|now)/) as string });
  expect(seen("none")).toMatchObject({ status: 2, text: expect.stringContaining("8 hexadecimal digits") as string });
  const kinds = (await members[0]?.client.call("events", {}))?.map((event) => event.kind) ?? [];
  expect(kinds.filter((kind) => kind === "gm.unknown-spi")).toHaveLength(1);
  expect(kinds.filter((kind) => kind === "gm.registered").length).toBeGreaterThanOrEqual(1);
});
