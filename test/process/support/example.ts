/** An example of the repository, run as real processes in a folder of its own. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "../../support/documents.ts";
import { end } from "../../support/namespace.ts";

const program = join(repository, "src/cli/main.ts");

/** Folder of the examples. */
export const examples = join(repository, "examples");

/** How a program ended. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One example with its secrets, in a folder of its own, and its daemons. */
export class Example {
  readonly #root = mkdtempSync(join(tmpdir(), "keyherald-example-"));
  /** Where its copy is. */
  readonly folder: string;
  readonly #daemons = new Map<string, ChildProcess>();

  constructor(name: string) {
    this.folder = join(this.#root, name);
    cpSync(examples, this.#root, { recursive: true, filter: (path) => !/\/(secrets|state)$/u.test(path) });
  }

  /** Runs a program to its end, the key server's control socket in its environment. */
  run(file: string, ...args: string[]): Promise<Result> {
    const env = {
      ...process.env,
      KEYHERALD: `${process.execPath} ${program}`,
      KEYHERALD_SOCKET: join(this.folder, "state/key-server.sock"),
    };
    return new Promise((resolve) => {
      execFile(file, args, { env, cwd: this.#root, timeout: 120_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr });
      });
    });
  }

  keyherald(...args: string[]): Promise<Result> {
    return this.run(process.execPath, program, ...args);
  }

  setup(): Promise<Result> {
    return this.run("sh", join(this.#root, "setup.sh"), this.folder.split("/").at(-1) ?? "");
  }

  /** Starts a daemon for each configuration, the key server first; or for these alone. */
  start(...only: readonly string[]): string[] {
    const files = only.length > 0 ? only : globSync("*.yaml", { cwd: this.folder }).sort();
    for (const file of files) {
      const args = [program, "run", "-c", join(this.folder, file)];
      this.#daemons.set(file, spawn(process.execPath, args, { stdio: "ignore" }));
    }
    return files.filter((file) => file.startsWith("member-"));
  }

  /** A file of the example. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Replaces a piece of a file, wherever it stands. @throws Error when it is not there */
  edit(name: string, from: string, to: string): void {
    const text = readFileSync(this.path(name), "utf8");
    if (!text.includes(from)) throw new Error(`${name} has no ${from}`);
    writeFileSync(this.path(name), text.replaceAll(from, to));
  }

  signal(file: string, signal: NodeJS.Signals): void {
    this.#daemons.get(file)?.kill(signal);
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
