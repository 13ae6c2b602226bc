/**
 * strongSwan's charon (Debian 12: charon-systemd, strongswan-swanctl, strongswan-pki and the plugin packages) in a network
 * namespace, without systemd and beside any other: a configuration, a vici socket and a log of its own.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { end, type Namespace } from "./namespace.ts";

const run = promisify(execFile);

const DAEMON = "/usr/sbin/charon-systemd";

const PLUGINS =
  "random nonce drbg openssl aes sha1 sha2 md5 hmac kdf gcm pem pkcs1 pkcs8 pubkey x509 revocation constraints " +
  "socket-default kernel-netlink vici";

const TOOL_PLUGINS = "pem pkcs1 pkcs8 x509 pubkey openssl random nonce";

/** One connection, Phase 1 of IKEv1 only. */
export interface CharonConnection {
  readonly localAddress: string;
  readonly remoteAddress: string;
  readonly remotePort?: number;
  /** swanctl's spelling: `aes256-sha256-ecp256`. */
  readonly proposal: string;
  readonly authentication: "psk" | "pubkey";
  /** Left out: the subject of its certificate. */
  readonly localId?: string;
  readonly remoteId: string;
  readonly psk?: string;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
  readonly anchors?: readonly string[];
}

export class Charon implements AsyncDisposable {
  readonly #namespace: Namespace;
  readonly #directory: string;
  readonly #stop: () => Promise<void>;

  private constructor(namespace: Namespace, directory: string, stop: () => Promise<void>) {
    this.#namespace = namespace;
    this.#directory = directory;
    this.#stop = stop;
  }

  /** Starts a daemon; it answers on UDP 500 of the namespace. @throws with its log when it does not come up */
  static async start(namespace: Namespace): Promise<Charon> {
    const directory = await mkdtemp(join(tmpdir(), "keyherald-charon-"));
    await writeFile(join(directory, "strongswan.conf"), daemonConfiguration(directory));
    const daemon = namespace.start("env", [`STRONGSWAN_CONF=${directory}/strongswan.conf`, DAEMON], {
      stdio: "ignore",
    });
    const charon = new Charon(namespace, directory, () => end(daemon));
    for (let tries = 0; !(await exists(join(directory, "charon.vici"))); tries++) {
      if (tries > 100) throw new Error(`charon did not start:\n${await charon.log()}`);
      await sleep(100);
    }
    return charon;
  }

  /** Replaces the configuration, and ends what was established under the old one. */
  async configure(connection: CharonConnection): Promise<void> {
    const swanctl = join(this.#directory, "swanctl");
    await this.#swanctl("--terminate", "--ike", "lab", "--force").catch(() => undefined);
    await rm(swanctl, { recursive: true, force: true });
    for (const name of ["x509", "x509ca", "private"]) await mkdir(join(swanctl, name), { recursive: true });
    const { certificate, key, anchors = [] } = connection;
    if (certificate !== undefined) await writeFile(join(swanctl, "x509/local.pem"), certificate);
    if (key !== undefined) await writeFile(join(swanctl, "private/local.pem"), key);
    for (const [i, anchor] of anchors.entries()) await writeFile(join(swanctl, `x509ca/${i}.pem`), anchor);
    await writeFile(join(swanctl, "swanctl.conf"), connectionConfiguration(connection));
    await this.#swanctl("--load-all", "--clear", "--file", join(swanctl, "swanctl.conf"));
  }

  /** Initiates Phase 1 and waits for it. @throws with swanctl's words when it fails */
  async initiate(): Promise<void> {
    await this.#swanctl("--initiate", "--ike", "lab", "--timeout", "15");
  }

  /** Deletes the SA, as its operator would. */
  async terminate(): Promise<void> {
    await this.#swanctl("--terminate", "--ike", "lab", "--timeout", "5");
  }

  /** What swanctl lists: empty when no SA is there. */
  sas(): Promise<string> {
    return this.#swanctl("--list-sas");
  }

  /** Waits until the list of SAs matches. @throws with the list when it does not within `timeoutMs` */
  async listed(pattern: RegExp, timeoutMs = 10_000): Promise<string> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const list = await this.sas();
      if (pattern.test(list)) return list;
      if (Date.now() > until) throw new Error(`no ${pattern} in:\n${list}\n${await this.log()}`);
      await sleep(50);
    }
  }

  /** The daemon's log so far. */
  log(): Promise<string> {
    return readFile(join(this.#directory, "charon.log"), "utf8").catch(() => "no log");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #swanctl(command: string, ...args: readonly string[]): Promise<string> {
    const settings = [`STRONGSWAN_CONF=${this.#directory}/strongswan.conf`, `SWANCTL_DIR=${this.#directory}/swanctl`];
    const uri = ["--uri", `unix://${this.#directory}/charon.vici`];
    return (await this.#namespace.exec("env", ...settings, "swanctl", command, ...uri, ...args)).stdout;
  }
}

/** A certification authority made by strongSwan's pki, and one certificate of it: PEM. */
export interface CharonPki {
  readonly anchor: string;
  readonly certificate: string;
  readonly key: string;
}

/** `kind` as pki's --type and --size have it: `rsa 2048`, `ecdsa 384`. */
export async function charonPki(kind: "rsa" | "ecdsa", size: number, name: string): Promise<CharonPki> {
  const directory = await mkdtemp(join(tmpdir(), "keyherald-pki-"));
  const settings = join(directory, "strongswan.conf");
  await writeFile(settings, `pki { load = ${TOOL_PLUGINS} }\n`);
  const pki = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run("pki", [...args], { env: { ...process.env, STRONGSWAN_CONF: settings } });
    return stdout;
  };
  const file = async (label: string, content: string): Promise<string> => {
    const path = join(directory, label);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  try {
    const generate = () => pki("--gen", "--type", kind, "--size", String(size), "--outform", "pem");
    const caKey = await file("ca.key", await generate());
    const dn = ["--dn", `C=CH, O=strongSwan, CN=CA ${kind} ${size}`];
    const anchor = await pki("--self", "--in", caKey, "--type", kind, "--ca", ...dn, "--outform", "pem");
    const ca = await file("ca.pem", anchor);
    const key = await generate();
    const own = await file("own.key", key);
    const subject = ["--dn", `C=CH, O=strongSwan, CN=${name}`, "--san", name];
    const from = ["--in", own, "--type", "priv", "--cacert", ca, "--cakey", caKey];
    const certificate = await pki("--issue", ...from, ...subject, "--outform", "pem");
    return { anchor, certificate, key };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function daemonConfiguration(directory: string): string {
  return `charon {
  load_modular = no
  load = ${PLUGINS}
  retransmit_tries = 3
  retransmit_timeout = 1.0
  retransmit_base = 1.5
  half_open_timeout = 10
  block_threshold = 0
  cookie_threshold = 0
  install_routes = no
  filelog {
    f {
      path = ${directory}/charon.log
      flush_line = yes
      default = 1
      ike = 2
    }
  }
  syslog { daemon { default = -1 } auth { default = -1 } }
  journal { default = -1 }
  plugins { vici { socket = unix://${directory}/charon.vici } }
}
swanctl { load = ${TOOL_PLUGINS} }
`;
}

function connectionConfiguration(connection: CharonConnection): string {
  const { authentication, localId, remoteId, psk } = connection;
  const certificates = authentication === "psk" ? "" : "certs = local.pem";
  const authorities = (connection.anchors ?? []).map((_, i) => `${i}.pem`).join(", ");
  return `connections {
  lab {
    version = 1
    local_addrs = ${connection.localAddress}
    remote_addrs = ${connection.remoteAddress}
    remote_port = ${connection.remotePort ?? 500}
    proposals = ${connection.proposal}
    send_cert = always
    mobike = no
    reauth_time = 0
    rekey_time = 4h
    local {
      auth = ${authentication}
      ${localId === undefined ? "" : `id = "${localId}"`}
      ${certificates}
    }
    remote {
      auth = ${authentication}
      id = "${remoteId}"
      ${authorities === "" ? "" : `cacerts = ${authorities}`}
    }
    children { net { } }
  }
}
secrets {
  ike-lab {
    ${localId === undefined ? "" : `id-l = "${localId}"`}
    id-r = "${remoteId}"
    secret = "${psk ?? "none"}"
  }
}
`;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
