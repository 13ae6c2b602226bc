import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const run = promisify(execFile);

/** One network namespace: commands run in it see its interfaces and nothing else. */
export interface Namespace {
  readonly name: string;
  /** Address on the link to the other namespace, without prefix length. */
  readonly address: string;
  /** Runs to the end. @throws when the exit code is not 0 */
  exec(file: string, ...args: string[]): Promise<{ stdout: string; stderr: string }>;
  /** Starts a process that `close` of the pair ends. */
  start(file: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
}

/** Two namespaces joined by one link, each with loopback up. */
export interface NamespacePair extends AsyncDisposable {
  readonly left: Namespace;
  readonly right: Namespace;
  /** Interface name of the link, the same on both sides. */
  readonly link: string;
  /** Ends what was started in them and removes them. */
  close(): Promise<void>;
}

let made = 0;

/**
 * Makes 10.96.N.1/24 (left) and 10.96.N.2/24 (right), with fd96:N::1/64 and fd96:N::2/64 beside them.
 * Needs root, in the machine or in a user namespace (`.ci/run` makes one when it is not root).
 * @throws with the words of `ip` when namespaces cannot be made here
 */
export async function namespacePair(): Promise<NamespacePair> {
  made += 1;
  const net = (process.pid + made) % 250;
  const prefix = `kh${process.pid}-${made}`;
  const link = "eth0";
  const names = [`${prefix}a`, `${prefix}b`] as const;
  const children: ChildProcess[] = [];

  const close = async (): Promise<void> => {
    await Promise.all(children.map(end));
    for (const name of names) {
      await run("ip", ["netns", "del", name]).catch(() => undefined);
    }
  };

  try {
    for (const name of names) {
      await run("ip", ["netns", "add", name]);
      await run("ip", ["-n", name, "link", "set", "lo", "up"]);
    }
    await run("ip", ["link", "add", link, "netns", names[0], "type", "veth", "peer", "name", link, "netns", names[1]]);
    for (const [index, name] of names.entries()) {
      const host = index + 1;
      await run("ip", ["-n", name, "addr", "add", `10.96.${net}.${host}/24`, "dev", link]);
      await run("ip", ["-n", name, "addr", "add", `fd96:${net}::${host}/64`, "dev", link, "nodad"]);
      await run("ip", ["-n", name, "link", "set", link, "up"]);
    }
  } catch (error) {
    await close();
    throw error;
  }

  const namespace = (name: string, address: string): Namespace => ({
    name,
    address,
    exec: (file, ...args) => run("ip", ["netns", "exec", name, file, ...args], { maxBuffer: 64 * 1024 * 1024 }),
    start: (file, args, options = {}) => {
      // `ip netns exec` becomes the command, so the pid is the command's own
      const child = spawn("ip", ["netns", "exec", name, file, ...args], options);
      children.push(child);
      return child;
    },
  });

  return {
    left: namespace(names[0], `10.96.${net}.1`),
    right: namespace(names[1], `10.96.${net}.2`),
    link,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** SIGTERM, and SIGKILL five seconds later. */
export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await gone;
  clearTimeout(hard);
}

/**
 * Waits until a process has written `pattern` to stdout or stderr.
 * @throws with everything it wrote, when it ends first or `timeoutMs` pass
 */
export function written(child: ChildProcess, pattern: RegExp, timeoutMs = 60_000): Promise<RegExpMatchArray> {
  let text = "";
  return new Promise((resolve, reject) => {
    const stop = (why: string) => {
      clearTimeout(timer);
      reject(new Error(`${why}; it wrote:\n${text}`));
    };
    const timer = setTimeout(() => stop(`no ${pattern} within ${timeoutMs} ms`), timeoutMs);
    const take = (chunk: Buffer) => {
      text += chunk.toString();
      const match = text.match(pattern);
      if (match) {
        clearTimeout(timer);
        resolve(match);
      }
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("error", (error) => stop(error.message));
    child.once("exit", (code) => stop(`ended with ${code} before ${pattern}`));
  });
}
