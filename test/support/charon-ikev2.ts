/**
 * charon as a peer of IKEv2, driven through vici. ESP is its userspace kernel-libipsec, which always goes inside UDP: it
 * pretends that there is a NAT, so every peer of it moves to port 4500.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CharonDaemon } from "./charon-daemon.ts";
import type { Namespace } from "./namespace.ts";
import { type ViciMessage, type ViciReply, viciCall } from "./vici.ts";

const PLUGINS =
  "random nonce drbg openssl aes sha1 sha2 md5 hmac kdf gcm ccm ctr chapoly curve25519 gmp mgf1 pem pkcs1 pkcs8 pubkey " +
  "x509 revocation constraints socket-default kernel-libipsec kernel-netlink vici";

/** A certificate with its key, and what the peer's must come from: PEM. */
export interface CharonCertificates {
  readonly own: readonly string[];
  readonly key: string;
  /** Beside the anchors: CAs that are sent along or needed on the way. */
  readonly intermediates?: readonly string[];
  readonly anchors: readonly string[];
  readonly crls?: readonly string[];
}

export interface CharonSetup {
  readonly local: string;
  readonly remote: string;
  /** Undefined: the subject of its certificate. */
  readonly localId: string | undefined;
  readonly remoteId: string;
  readonly psk?: string;
  readonly certificates?: CharonCertificates;
  /** More of the connection, in the names of swanctl.conf; wins over the defaults here. */
  readonly connection?: ViciMessage;
  /** More of the connection's one child, `net`. */
  readonly child?: ViciMessage;
  /** More children. */
  readonly children?: Readonly<Record<string, ViciMessage>>;
  readonly pools?: Readonly<Record<string, ViciMessage>>;
}

export interface CharonChildSa {
  readonly name: string;
  readonly state: string;
  readonly mode: string;
  readonly spiIn: string;
  readonly spiOut: string;
  readonly encapsulated: boolean;
  /** As charon has it: `AES_GCM_16-128/CURVE_25519/ESN`. */
  readonly suite: string;
  readonly local: readonly string[];
  readonly remote: readonly string[];
}

export interface CharonIkeSa {
  readonly connection: string;
  readonly uniqueId: string;
  readonly state: string;
  readonly initiator: boolean;
  readonly spiI: string;
  readonly spiR: string;
  readonly localHost: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  readonly localId: string;
  readonly remoteId: string;
  /** `AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519`. */
  readonly suite: string;
  readonly natLocal: boolean;
  readonly natRemote: boolean;
  /** Seconds until it authenticates again; undefined when it never does. */
  readonly reauthenticatesIn: number | undefined;
  readonly localVirtual: readonly string[];
  readonly remoteVirtual: readonly string[];
  readonly children: readonly CharonChildSa[];
}

/** In hexadecimal: what the initiator of the exchange sends with, then the responder. */
export interface EspKeys {
  readonly encryption: readonly [string, string];
  /** Empty with a combined mode. */
  readonly integrity: readonly [string, string];
}

export class Ikev2Charon implements AsyncDisposable {
  readonly #daemon: CharonDaemon;

  private constructor(daemon: CharonDaemon) {
    this.#daemon = daemon;
  }

  /**
   * Starts a daemon.
   * @param inner an address of the host behind its tunnels: kernel-libipsec wants to have one that the selectors cover
   * @param settings lines for the `charon` section of strongswan.conf
   */
  static async start(namespace: Namespace, inner: string, settings: readonly string[] = []): Promise<Ikev2Charon> {
    await namespace.exec("ip", "addr", "replace", `${inner}/32`, "dev", "lo");
    // level 4 of `chd` has the keys of Child SAs
    return new Ikev2Charon(await CharonDaemon.start(namespace, { plugins: PLUGINS, settings, logLevels: ["chd = 4"] }));
  }

  /** Ends what there is, and replaces the configuration: one connection `lab` with one child `net`. */
  async configure(setup: CharonSetup): Promise<void> {
    for (const sa of await this.sas()) {
      await this.#call("terminate", { "ike-id": sa.uniqueId, force: "yes", timeout: "-1" });
    }
    await this.until("no SA", (sas) => sas.length === 0);
    await this.#call("clear-creds");
    for (const name of Object.keys((await this.#call("get-pools")).response)) {
      await this.#must("unload-pool", { name });
    }
    const { psk, certificates, pools = {} } = setup;
    if (psk !== undefined) await this.#must("load-shared", { type: "IKE", data: psk });
    if (certificates !== undefined) {
      const { key, anchors, intermediates = [], crls = [] } = certificates;
      await this.#must("load-key", { type: "any", data: key });
      for (const data of anchors) await this.#must("load-cert", { type: "X509", flag: "CA", data });
      for (const data of intermediates) await this.#must("load-cert", { type: "X509", flag: "NONE", data });
      for (const data of crls) await this.#must("load-cert", { type: "X509_CRL", flag: "NONE", data });
    }
    for (const [name, pool] of Object.entries(pools)) await this.#must("load-pool", { [name]: pool });
    await this.#must("load-conn", { lab: connection(setup) });
  }

  /** Initiates a child and its IKE SA. @throws with charon's words when it fails */
  async initiate(child = "net", timeoutMs = 15_000): Promise<void> {
    await this.#must("initiate", { child, timeout: String(timeoutMs), loglevel: "0" }, "control-log");
  }

  /** Begins to initiate, and does not wait. */
  async begin(child = "net"): Promise<void> {
    await this.#must("initiate", { child, timeout: "-1" });
  }

  /** Deletes as its operator would, and waits for the answer. @param what `{ike: "lab"}`, `{child: "net"}`, ids too */
  async terminate(what: ViciMessage): Promise<void> {
    await this.#must("terminate", { timeout: "8000", loglevel: "0", ...what }, "control-log");
  }

  /** Begins rekeying, and does not wait. @param what as with `terminate`; `reauth: "yes"` */
  async rekey(what: ViciMessage): Promise<void> {
    await this.#must("rekey", what);
  }

  /** Sends the peers of `lab` to another gateway (RFC 5685 4). */
  async redirect(gateway: string): Promise<void> {
    await this.#must("redirect", { ike: "lab", gateway });
  }

  /** All IKE SAs, half-open ones too. */
  async sas(): Promise<CharonIkeSa[]> {
    const { events } = await this.#call("list-sas", {}, "list-sa");
    return events.flatMap((event) => Object.entries(event).map(([name, sa]) => ikeSa(name, section(sa))));
  }

  /** Waits until the SAs are such. @throws with them and the log when they are not within `timeoutMs` */
  async until(
    what: string,
    done: (sas: readonly CharonIkeSa[]) => boolean,
    timeoutMs = 15_000,
  ): Promise<CharonIkeSa[]> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const sas = await this.sas();
      if (done(sas)) return sas;
      if (Date.now() > end) {
        throw new Error(`charon: not ${what}: ${JSON.stringify(sas, undefined, 1)}\n${await this.log()}`);
      }
      await sleep(20);
    }
  }

  /** The established IKE SA with its one child; of children that were rekeyed it keeps the shell for a while. */
  async up(): Promise<{ ike: CharonIkeSa; child: CharonChildSa }> {
    const [ike] = await this.until("one IKE SA with one Child SA", (sas) => {
      const [one, ...more] = sas;
      if (more.length > 0 || one?.state !== "ESTABLISHED") return false;
      return installed(one).length === 1 && one.children.every(({ state }) => ["INSTALLED", "DELETED"].includes(state));
    });
    const [child] = ike === undefined ? [] : installed(ike);
    if (ike === undefined || child === undefined) throw new Error("until() saw them");
    return { ike, child };
  }

  /** The keys of the Child SA with that SPI of charon's, as it logged them when it derived them. */
  async espKeys(spi: string): Promise<EspKeys> {
    const log = await this.log();
    const made = log.indexOf(`SPI 0x${spi},`);
    if (made < 0) throw new Error(`charon never installed ${spi}`);
    return {
      encryption: [dumped(log, made, "encryption initiator key"), dumped(log, made, "encryption responder key")],
      integrity: [dumped(log, made, "integrity initiator key"), dumped(log, made, "integrity responder key")],
    };
  }

  /** The daemon's log so far. */
  log(): Promise<string> {
    return this.#daemon.log();
  }

  /** A place in the log, for `logged`. */
  async mark(): Promise<number> {
    return (await this.log()).length;
  }

  /** Waits for a line of the log behind `mark`. @throws with the log from there on when it does not come */
  async logged(pattern: RegExp, mark = 0, timeoutMs = 10_000): Promise<RegExpMatchArray> {
    const end = Date.now() + timeoutMs;
    for (;;) {
      const text = (await this.log()).slice(mark);
      const match = text.match(pattern);
      if (match !== null) return match;
      if (Date.now() > end) throw new Error(`charon did not log ${pattern}:\n${text}`);
      await sleep(20);
    }
  }

  /** As in a power failure. */
  kill(): Promise<void> {
    return this.#daemon.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#daemon[Symbol.asyncDispose]();
  }

  #call(command: string, message: ViciMessage = {}, stream?: string) {
    return viciCall(this.#daemon.socket, command, message, stream);
  }

  async #must(command: string, message: ViciMessage, stream?: string): Promise<void> {
    const { response, events } = await this.#call(command, message, stream);
    if (response["success"] === "yes") return;
    const log = events.map((event) => event["msg"]).join("\n");
    throw new Error(`charon, ${command}: ${String(response["errmsg"])}\n${log}`);
  }
}

/** The children of an IKE SA that carry traffic. */
export function installed(sa: CharonIkeSa): CharonChildSa[] {
  return sa.children.filter(({ state }) => state === "INSTALLED");
}

function connection(setup: CharonSetup): ViciMessage {
  const { local, remote, localId, remoteId, certificates, children = {} } = setup;
  const auth = certificates === undefined ? "psk" : "pubkey";
  return {
    version: "2",
    local_addrs: [local],
    remote_addrs: [remote],
    proposals: ["aes128gcm16-prfsha256-curve25519"],
    send_cert: "always",
    mobike: "no",
    rekey_time: "4h",
    reauth_time: "0",
    keyingtries: "1",
    unique: "no",
    local: { auth, ...(localId !== undefined && { id: localId }), ...(certificates && { certs: certificates.own }) },
    remote: { auth, id: remoteId },
    ...setup.connection,
    children: { net: { ...childDefaults, ...setup.child }, ...withDefaults(children) },
  };
}

const childDefaults: ViciMessage = {
  local_ts: ["10.2.0.0/24"],
  remote_ts: ["10.1.0.0/24"],
  esp_proposals: ["aes128gcm16-curve25519"],
  rekey_time: "1h",
};

function withDefaults(children: Readonly<Record<string, ViciMessage>>): Record<string, ViciMessage> {
  return Object.fromEntries(Object.entries(children).map(([name, child]) => [name, { ...childDefaults, ...child }]));
}

type Member = ViciReply[string] | undefined;

function section(value: Member): ViciReply {
  return typeof value === "object" && !isList(value) ? value : {};
}

function isList(value: Member): value is readonly string[] {
  return Array.isArray(value);
}

function text(value: Member): string {
  return typeof value === "string" ? value : "";
}

function list(value: Member): readonly string[] {
  return isList(value) ? value : [];
}

/** `AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_25519`, of those of the parts that are there. */
function suite(sa: ViciReply, ...parts: readonly string[]): string {
  const names = parts.flatMap((part) => {
    const algorithm = text(sa[part]);
    if (algorithm === "") return [];
    const size = part === "encr-alg" ? text(sa["encr-keysize"]) : "";
    return [size === "" ? algorithm : `${algorithm}-${size}`];
  });
  return [...names, ...(sa["esn"] === "1" ? ["ESN"] : [])].join("/");
}

function ikeSa(connectionName: string, sa: ViciReply): CharonIkeSa {
  return {
    connection: connectionName,
    uniqueId: text(sa["uniqueid"]),
    state: text(sa["state"]),
    initiator: sa["initiator"] === "yes",
    spiI: text(sa["initiator-spi"]),
    spiR: text(sa["responder-spi"]),
    localHost: text(sa["local-host"]),
    remoteHost: text(sa["remote-host"]),
    remotePort: Number(text(sa["remote-port"])),
    localId: text(sa["local-id"]),
    remoteId: text(sa["remote-id"]),
    suite: suite(sa, "encr-alg", "integ-alg", "prf-alg", "dh-group"),
    natLocal: sa["nat-local"] === "yes",
    natRemote: sa["nat-remote"] === "yes",
    reauthenticatesIn: sa["reauth-time"] === undefined ? undefined : Number(text(sa["reauth-time"])),
    localVirtual: list(sa["local-vips"]),
    remoteVirtual: list(sa["remote-vips"]),
    children: Object.values(section(sa["child-sas"])).map((child) => childSa(section(child))),
  };
}

function childSa(sa: ViciReply): CharonChildSa {
  return {
    name: text(sa["name"]),
    state: text(sa["state"]),
    mode: text(sa["mode"]),
    spiIn: text(sa["spi-in"]),
    spiOut: text(sa["spi-out"]),
    encapsulated: sa["encap"] === "yes",
    suite: suite(sa, "encr-alg", "integ-alg", "dh-group"),
    local: list(sa["local-ts"]),
    remote: list(sa["remote-ts"]),
  };
}

/** The octets that charon dumped last before `end` under that label, within what it derived for one Child SA. */
function dumped(log: string, end: number, label: string): string {
  const before = log.slice(log.lastIndexOf("seed => ", end), end);
  const [, lines = ""] = before.match(new RegExp(`${label} => .*\n((?:.*?\\[CHD\\] +\\d+: .*\n)+)`)) ?? [];
  return [...lines.matchAll(/\d+: ((?:[0-9A-F]{2} )+)/g)]
    .map(([, octets = ""]) => octets.replaceAll(" ", ""))
    .join("")
    .toLowerCase();
}
