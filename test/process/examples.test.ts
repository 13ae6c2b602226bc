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
