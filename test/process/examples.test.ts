import { globSync } from "node:fs";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Example, examples } from "./support/example.ts";

const names = globSync("*/key-server.yaml", { cwd: examples }).map((path) => path.split("/")[0] ?? "");

/** How long a busy machine may take to start everything. */
const patience = { timeout: 90_000, interval: 300 };

let example: Example | undefined;
afterEach(async () => {
  await example?.close();
  example = undefined;
});

describe.each(names.sort())("the example %s", (name) => {
  test("runs: every member registers and acknowledges a rekey", async () => {
    const running = new Example(name);
    example = running;
    expect(await running.setup()).toMatchObject({ code: 0 });
    const members = running.start();

    const registered = async () => {
      const { code, stdout } = await running.keyherald("members", "substation", "--json");
      return code === 0 && JSON.parse(stdout).length === members.length;
    };
    await vi.waitUntil(registered, patience);

    const rekey = await running.keyherald("rekey", "substation", "--wait", "--json");
    expect(rekey).toMatchObject({ code: 0 });
    expect(JSON.parse(rekey.stdout)).toMatchObject({
      missing: [],
      rekeys: [{ rekey: { targets: members.length, acked: members.length, missing: 0 } }],
    });
  });
});

test("the example with a key tree puts a member out, and the others go on", async () => {
  const running = new Example("lkh");
  example = running;
  await running.setup();
  const members = running.start();
  const count = async () => {
    const { code, stdout } = await running.keyherald("members", "substation", "--json");
    return code === 0
      ? JSON.parse(stdout).filter((member: { state: string }) => member.state === "registered").length
      : 0;
  };
  await vi.waitUntil(async () => (await count()) === members.length, patience);

  const evicted = await running.keyherald("evict", "substation", "gm3", "--reason", "test");
  expect(evicted).toMatchObject({ code: 0 });
  await vi.waitUntil(async () => (await count()) === members.length - 1, patience);
  const rekey = await running.keyherald("rekey", "substation", "--wait", "--json");
  expect(rekey).toMatchObject({ code: 0 });
  expect((await running.keyherald("why", "substation/gm3")).stdout).toContain("test");
});

/** What a daemon of the example answers to a command, as JSON. */
async function asked(running: Example, daemon: string, ...command: string[]) {
  const socket = running.path(`state/${daemon}.sock`);
  const { code, stdout } = await running.keyherald(...command, "--json", "--socket", socket);
  return code === 0 ? JSON.parse(stdout) : undefined;
}

/** Resolves when the connection of a daemon has so many Child SAs. */
function tunnel(running: Example, daemon: string, childSas: number) {
  const look = async () => {
    const [sa] = (await asked(running, daemon, "sas")) ?? [];
    return sa?.state === "established" && sa.children.length === childSas ? sa : undefined;
  };
  return vi.waitUntil(look, { timeout: 30_000, interval: 300 });
}

test("the example of a tunnel with a pre-shared key runs: two Child SAs, and the words of who takes it down", async () => {
  const running = new Example("tunnel-psk");
  example = running;
  expect(await running.setup()).toMatchObject({ code: 0 });
  running.start();
  const sa = await tunnel(running, "berlin", 2);
  expect(sa.children.map(({ remote }: { remote: string[] }) => remote)).toEqual(
    expect.arrayContaining([["10.2.0.0/16"], ["10.3.0.9/32[tcp/631]"]]),
  );
  await tunnel(running, "paris", 2);
  await asked(running, "paris", "down", "office-berlin", "--reason", "new fibre", "--for", "10m");
  const why = await asked(running, "berlin", "why", "office-paris");
  expect(JSON.stringify(why)).toContain('peer deleted the IKE SA: \\"new fibre\\", expects to be back in about 600 s');
});

test("the example of a tunnel with certificates runs: the client gets an address", async () => {
  const running = new Example("tunnel-certificates");
  example = running;
  expect(await running.setup()).toMatchObject({ code: 0 });
  running.start();
  const sa = await tunnel(running, "client", 1);
  expect(sa).toMatchObject({ remoteIdentity: "fqdn:gateway.example", virtualAddresses: ["10.9.0.1"] });
  expect(await tunnel(running, "gateway", 1)).toMatchObject({ remoteIdentity: "dn:CN=client,O=Example" });
});
