/** A real `keyherald run` process under test. */
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ControlClient, UnreachableError } from "../../../src/api/client.ts";

const entry = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));

export interface SpawnOptions {
  /** Further arguments of node, in front of the script. */
  readonly node?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Name of the network namespace to run in. */
  readonly namespace?: string;
}

export class Spawned {
  readonly client: ControlClient;
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  log = "";
  #running = true;

  constructor(file: string, socket: string, options: SpawnOptions = {}) {
    this.client = new ControlClient(socket);
    const command = [process.execPath, ...(options.node ?? []), entry, "run", "-c", file];
    // `ip netns exec` becomes the command, so that signals reach it
    const within = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
    const [program = "", ...args] = [...within, ...command];
    this.#child = spawn(program, args, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...options.environment },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.log += text;
    });
    this.#exit = new Promise((resolve) => {
      this.#child.once("close", (code) => {
        this.#running = false;
        resolve(code);
      });
    });
  }

  /** Resolves when it answers. @throws Error with its log when it ends instead. */
  async ready(): Promise<this> {
    for (;;) {
      if (!this.#running) throw new Error(`keyherald ended:\n${this.log}`);
      try {
        await this.client.call("status", {});
        return this;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
      }
      await sleep(10);
    }
  }

  /** Resolves when a text is in its log, which arrives on a way of its own. */
  async logged(text: string): Promise<void> {
    await until(`"${text}" in the log`, async () => (this.log.includes(text) ? true : undefined));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Its exit code; null after a signal. */
  get exited(): Promise<number | null> {
    return this.#exit;
  }

  /** kill -9, and the end of the process. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }

  /** SIGTERM. @returns the exit code. */
  async stop(): Promise<number | null> {
    this.#child.kill("SIGTERM");
    return await this.#exit;
  }
}

/** Long enough for a machine that is busy with other things: no promise of the product. */
const patienceMs = 60_000;

/** Asks until the answer is what is waited for. @throws Error after `withinMs` */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  withinMs: number = patienceMs,
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    if (Date.now() > end) throw new Error(`${what}: not within ${withinMs} ms`);
    await sleep(20);
  }
}
