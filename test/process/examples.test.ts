import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { repository } from "../support/documents.ts";
import { end } from "../support/namespace.ts";

const program = join(repository, "src/cli/main.ts");
const examples = join(repository, "examples");
const names = globSync("*/key-server.yaml", { cwd: examples }).map((path) => path.split("/")[0] ?? "");

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One example with its secrets, in a folder of its own, and its daemons. */
class Example {
  readonly #root = mkdtempSync(join(tmpdir(), "keyherald-example-"));
  readonly #folder: string;
  readonly #daemons = new Map<string, ChildProcess>();

  constructor(name: string) {
    this.#folder = join(this.#root, name);
    cpSync(examples, this.#root, { recursive: true, filter: (path) => !/\/(secrets|state)$/u.test(path) });
  }

  /** Runs a program to its end, the key server's control socket in its environment. */
  run(file: string, ...args: string[]): Promise<Result> {
    const env = {
      ...process.env,
      KEYHERALD: `${process.execPath} ${program}`,
      KEYHERALD_SOCKET: join(this.#folder, "state/key-server.sock"),
    };
    return new Promise((resolve) => {
      execFile(file, args, { env, cwd: this.#root, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      });
    });
  }

  keyherald(...args: string[]): Promise<Result> {
    return this.run(process.execPath, program, ...args);
  }

  setup(): Promise<Result> {
    return this.run("sh", join(this.#root, "setup.sh"), this.#folder.split("/").at(-1) ?? "");
  }

  /** Starts a daemon for each configuration, the key server first. */
  start(): string[] {
    const files = globSync("*.yaml", { cwd: this.#folder }).sort();
    for (const file of files) {
      const args = [program, "run", "-c", join(this.#folder, file)];
      this.#daemons.set(file, spawn(process.execPath, args, { stdio: "ignore" }));
    }
    return files.filter((file) => file.startsWith("member-"));
  }

  stop(file: string): Promise<void> {
    const daemon = this.#daemons.get(file);
    return daemon === undefined ? Promise.resolve() : end(daemon);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#daemons.values()].map(end));
    rmSync(this.#root, { recursive: true });
  }
}

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
    await vi.waitUntil(registered, { timeout: 30_000, interval: 300 });

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
  await vi.waitUntil(async () => (await count()) === members.length, { timeout: 30_000, interval: 300 });

  const evicted = await running.keyherald("evict", "substation", "gm3", "--reason", "test");
  expect(evicted).toMatchObject({ code: 0 });
  await vi.waitUntil(async () => (await count()) === members.length - 1, { timeout: 30_000, interval: 300 });
  const rekey = await running.keyherald("rekey", "substation", "--wait", "--json");
  expect(rekey).toMatchObject({ code: 0 });
  expect((await running.keyherald("why", "substation/gm3")).stdout).toContain("test");
});
