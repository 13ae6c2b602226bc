/** One `keyherald run` of the demo, as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ControlClient, UnreachableError } from "../../api/client.ts";

/** Something went wrong in the demo; `log` is the end of what the process said. */
export class DemoError extends Error {
  readonly log: readonly string[];
  constructor(message: string, log: readonly string[] = []) {
    super(message);
    this.name = "DemoError";
    this.log = log;
  }
}

const keptLines = 200;
const shownLines = 15;
const startWithinMs = 20_000;
/** A gateway waits for the answer of its peer for four seconds. */
const endWithinMs = 7000;

/** The command line's entry beside this file, in the sources or in dist. */
const entry = fileURLToPath(new URL(`../main${extname(import.meta.url)}`, import.meta.url));

export class DemoProcess {
  readonly name: string;
  readonly client: ControlClient;
  readonly socket: string;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #expected = false;
  #how: string | undefined;

  /** Starts at once. The process ends by itself when this one is gone. */
  constructor(name: string, configuration: string, socket: string) {
    this.name = name;
    this.socket = socket;
    this.client = new ControlClient(socket);
    // a group of its own, so that Ctrl-C reaches the demo alone, which then ends them in order
    this.#child = spawn(process.execPath, [...process.execArgv, entry, "run", "-c", configuration], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      detached: true,
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lines.push(...text.split("\n").filter((line) => line !== ""));
      this.#lines.splice(0, this.#lines.length - keptLines);
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("error", (error) => {
        this.#how = `could not be started: ${error.message}`;
        resolve();
      });
      this.#child.once("exit", (code, signal) => {
        this.#how ??= signal === null ? `ended with exit code ${code ?? 0}` : `was ended by ${signal}`;
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** @throws DemoError when the process ended although nobody told it to. */
  check(): void {
    if (this.#how !== undefined && !this.#expected) throw this.failure(`${this.name} ${this.#how}`);
  }

  /** An error with the end of this process's log. */
  failure(message: string): DemoError {
    return new DemoError(message, this.#lines.slice(-shownLines).map(readable));
  }

  /** Resolves when the control socket answers. @throws DemoError */
  async ready(): Promise<void> {
    const until = Date.now() + startWithinMs;
    for (;;) {
      this.check();
      try {
        await this.client.call("status", {});
        return;
      } catch (error) {
        if (!(error instanceof UnreachableError)) throw error;
      }
      if (Date.now() > until) throw this.failure(`${this.name} did not start within ${startWithinMs / 1000} s`);
      await sleep(50);
    }
  }

  /** Ends without any chance to say goodbye. */
  async kill(): Promise<void> {
    this.#expected = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  /** Resolves when it has ended, as somebody has told it to. */
  async gone(): Promise<void> {
    this.#expected = true;
    await this.#ended;
  }

  /** Ends in order; by force after a while. */
  async stop(): Promise<void> {
    this.#expected = true;
    if (this.#how !== undefined) return;
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), endWithinMs);
    await this.#ended;
    clearTimeout(timer);
  }
}

/** The message of a JSON log line. */
function readable(line: string): string {
  try {
    const { time, msg } = JSON.parse(line) as { time?: string; msg?: string };
    return `${time?.slice(11, 19) ?? ""} ${msg ?? line}`;
  } catch {
    return line;
  }
}
