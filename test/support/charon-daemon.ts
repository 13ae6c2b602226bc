/**
 * strongSwan's charon (Debian 12: charon-systemd and the plugin packages) in a network namespace, without systemd and
 * beside any other: a configuration, a vici socket and a log of its own.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { end, type Namespace } from "./namespace.ts";

const DAEMON = "/usr/sbin/charon-systemd";

/** What swanctl and pki need. */
export const TOOL_PLUGINS = "pem pkcs1 pkcs8 x509 pubkey openssl random nonce";

export interface CharonOptions {
  /** Plugins to load, in the order in which they are asked. */
  readonly plugins: string;
  /** Lines for the `charon` section of strongswan.conf, behind the defaults of the tests: the last one counts. */
  readonly settings?: readonly string[];
  /** Log levels beyond the defaults: `chd = 4`. */
  readonly logLevels?: readonly string[];
}

export class CharonDaemon implements AsyncDisposable {
  readonly directory: string;
  /** Path of its vici socket. */
  readonly socket: string;
  readonly #process: ChildProcess;

  private constructor(directory: string, process: ChildProcess) {
    this.directory = directory;
    this.socket = viciSocket(directory);
    this.#process = process;
  }

  /** Starts a daemon; it answers on UDP 500 and 4500 of the namespace. @throws with its log when it does not come up */
  static async start(namespace: Namespace, options: CharonOptions): Promise<CharonDaemon> {
    const directory = await mkdtemp(join(tmpdir(), "keyherald-charon-"));
    await writeFile(join(directory, "strongswan.conf"), configuration(directory, options));
    const process = namespace.start("env", [`STRONGSWAN_CONF=${directory}/strongswan.conf`, DAEMON], {
      stdio: "ignore",
    });
    const daemon = new CharonDaemon(directory, process);
    for (let tries = 0; !(await answers(daemon.socket)); tries++) {
      if (tries > 400) throw new Error(`charon did not start:\n${await daemon.log()}`);
      await sleep(25);
    }
    return daemon;
  }

  /** The daemon's log so far. */
  log(): Promise<string> {
    return readFile(join(this.directory, "charon.log"), "utf8").catch(() => "no log");
  }

  /** The process ends without a word to its peers, as in a power failure. */
  async kill(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const gone = once(this.#process, "exit");
      this.#process.kill("SIGKILL");
      await gone;
    }
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Ends it with SIGTERM: it deletes its IKE SAs. */
  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#process);
    await rm(this.directory, { recursive: true, force: true });
  }
}

function viciSocket(directory: string): string {
  return join(directory, "charon.vici");
}

function configuration(directory: string, { plugins, settings = [], logLevels = [] }: CharonOptions): string {
  return `charon {
  load_modular = no
  load = ${plugins}
  retransmit_tries = 3
  retransmit_timeout = 1.0
  retransmit_base = 1.5
  half_open_timeout = 10
  block_threshold = 0
  cookie_threshold = 0
  install_routes = no
${lines(settings)}  filelog {
    f {
      path = ${directory}/charon.log
      flush_line = yes
      default = 1
      ike = 2
${lines(logLevels)}    }
  }
  syslog { daemon { default = -1 } auth { default = -1 } }
  journal { default = -1 }
  plugins {
    vici { socket = unix://${viciSocket(directory)} }
    kernel-libipsec { allow_peer_ts = yes }
    kernel-netlink { fwmark = !0x42 }
    socket-default { fwmark = 0x42 }
  }
}
swanctl { load = ${TOOL_PLUGINS} }
`;
}

function lines(all: readonly string[]): string {
  return all.map((line) => `  ${line}\n`).join("");
}

/** Whether somebody accepts connections there: the file alone is there a little earlier. */
async function answers(path: string): Promise<boolean> {
  const socket = createConnection(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
