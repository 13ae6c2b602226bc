/**
 * strongSwan's charon (Debian 12: charon-systemd, strongswan-swanctl, strongswan-pki and the plugin packages) as a peer of
 * Phase 1.
 */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CharonDaemon } from "./charon-daemon.ts";
import type { Namespace } from "./namespace.ts";

const PLUGINS =
  "random nonce drbg openssl aes sha1 sha2 md5 hmac kdf gcm pem pkcs1 pkcs8 pubkey x509 revocation constraints " +
  "socket-default kernel-netlink vici";

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
  readonly #daemon: CharonDaemon;

  private constructor(namespace: Namespace, daemon: CharonDaemon) {
    this.#namespace = namespace;
    this.#daemon = daemon;
  }

  /** Starts a daemon; it answers on UDP 500 of the namespace. @throws with its log when it does not come up */
  static async start(namespace: Namespace): Promise<Charon> {
    return new Charon(namespace, await CharonDaemon.start(namespace, { plugins: PLUGINS }));
  }

  /** Replaces the configuration, and ends what was established under the old one. */
  async configure(connection: CharonConnection): Promise<void> {
    const swanctl = join(this.#daemon.directory, "swanctl");
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
    await this.#swanctl("--initiate", "--ike", "lab", "--timeout", "60");
  }

  /** Deletes the SA, as its operator would. */
  async terminate(): Promise<void> {
    await this.#swanctl("--terminate", "--ike", "lab", "--timeout", "30");
  }

  /** What swanctl lists: empty when no SA is there. */
  sas(): Promise<string> {
    return this.#swanctl("--list-sas");
  }

  /** Waits until the list of SAs matches. @throws with the list when it does not within `timeoutMs` */
  async listed(pattern: RegExp, timeoutMs = 60_000): Promise<string> {
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
    return this.#daemon.log();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]();
  }

  async #swanctl(command: string, ...args: readonly string[]): Promise<string> {
    const { directory, socket } = this.#daemon;
    const settings = [`STRONGSWAN_CONF=${directory}/strongswan.conf`, `SWANCTL_DIR=${directory}/swanctl`];
    const uri = ["--uri", `unix://${socket}`];
    return (await this.#namespace.exec("env", ...settings, "swanctl", command, ...uri, ...args)).stdout;
  }
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
