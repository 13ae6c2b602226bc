/** A running daemon in one or several roles: store, engines, sockets, control socket, and their lives together. */
import { isDeepStrictEqual } from "node:util";
import { type ControlServer, serveControl } from "../api/server.ts";
import { SocketFileError } from "../api/socket-file.ts";
import type { Farewell } from "../api/views.ts";
import type { ConfigProblem, Configuration } from "../config/types.ts";
import { nodeCrypto, nodeRandom } from "../crypto/node/index.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import { pruneBatch, type Store } from "../store/store.ts";
import { endpointText, isWildcard } from "../util/address.ts";
import { backendOf } from "./backend.ts";
import { machineTime, SteadyClock } from "./clock.ts";
import { DropReport } from "./drops.ts";
import { Followers } from "./follow.ts";
import { Ikev2Endpoint } from "./ikev2-endpoint.ts";
import { Journal } from "./journal.ts";
import { type KeyExport, keyExportOf } from "./key-export.ts";
import { KeyLog } from "./key-log.ts";
import { machineAddresses } from "./listen-addresses.ts";
import { EventLog } from "./log.ts";
import { OwnAddresses } from "./own-address.ts";
import { DaemonError, messageOf, storeProblem } from "./problems.ts";
import { reload } from "./reload.ts";
import { type AnyRole, type Ground, type KeyServerRole, type MemberRole, openRole, roleCounters } from "./roles.ts";
import type { DaemonParts, Running } from "./running.ts";
import { causeOfSystemd } from "./service-manager.ts";
import type { StoreCondition } from "./shell.ts";
import { signerKind, withGeneratedSigners } from "./signers.ts";
import { Syslog } from "./syslog/syslog.ts";
import { version } from "./version.ts";

const tickMs = 1000;
/** Between log lines about exceptions of an engine: whoever found a way to cause one does not fill the disk. */
const quietMs = 10_000;
const brokenText = "an input broke a rule of the engine and was dropped; please report this";
const aheadText =
  "the machine's clock is behind the time of keys and events, which never goes back; certificates are held against the machine's clock";
const reportEveryTicks = 10;
const pruneEveryTicks = 3600;
const addressesEveryTicks = 3;
const trafficEveryTicks = 5;
/** Counters of the data plane by what changes in it. */
const counted: Readonly<Record<string, string>> = {
  install: "sad.installed",
  remove: "sad.removed",
  "install-child": "sad.installed",
  "remove-child": "sad.removed",
};

export class Daemon implements Running {
  readonly parts: DaemonParts;
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly startedAt: number;
  readonly followers = new Followers();
  readonly addresses: OwnAddresses;
  configuration: Configuration;
  keyServer: KeyServerRole | undefined;
  member: MemberRole | undefined;
  ikev2: Ikev2Endpoint | undefined;
  farewell: Farewell | undefined;
  /** Settled when somebody asks for the end by the control socket. */
  readonly stopRequested: Promise<Farewell>;
  readonly requestStop: (farewell: Farewell) => void;
  readonly #events: EventLog;
  readonly #drops = new DropReport();
  readonly #sad: Record<string, number> = { "sad.installed": 0, "sad.removed": 0 };
  #syslog: Syslog | undefined;
  readonly #keyExport: KeyExport | undefined;
  #control: ControlServer | undefined;
  #tick: NodeJS.Timeout | undefined;
  #ticks = 0;
  #broken = 0;
  #brokenQuietUntil = 0;
  #moreToPrune = false;
  #ahead = false;

  private constructor(configuration: Configuration, parts: DaemonParts, store: Store) {
    this.configuration = configuration;
    this.parts = parts;
    this.store = store;
    this.addresses = new OwnAddresses(parts.ownAddress);
    this.clock = new SteadyClock(store.lastInstant(), parts.time ?? machineTime);
    this.startedAt = this.clock.now();
    const { promise, resolve } = Promise.withResolvers<Farewell>();
    this.stopRequested = promise;
    this.requestStop = resolve;
    this.#events = new EventLog(parts.log);
    this.#syslog = this.#openSyslog(configuration);
    this.#keyExport = keyExportOf(this);
  }

  /** Brings everything up in the order in which it depends on each other. @throws DaemonError */
  static async start(configuration: Configuration, parts: DaemonParts): Promise<Daemon> {
    refuseSharedEndpoints(configuration);
    const daemon = new Daemon(configuration, parts, openState(configuration, parts));
    try {
      await daemon.#open();
    } catch (error) {
      await daemon.#abandon();
      throw error;
    }
    return daemon;
  }

  /** Records an event of the daemon itself. */
  note(
    kind: string,
    level: LedgerEvent["level"],
    cause: LedgerEvent["cause"],
    more: Pick<LedgerEvent, "reason" | "figures">,
  ): void {
    this.roles()[0]?.shell.note({ kind, subjects: [{ kind: "server", name: "server" }], cause, level, ...more });
  }

  roles(): AnyRole[] {
    return [this.keyServer, this.member, this.ikev2?.role].filter((role) => role !== undefined);
  }

  /** What is counted, over all roles; a name that several have is summed. */
  counters(): Record<string, number> {
    const sum: Record<string, number> = {
      ...this.#sad,
      ...this.#syslog?.counters(),
      "drop.engine-error": this.#broken,
    };
    for (const role of this.roles()) {
      for (const [name, value] of Object.entries(roleCounters(role))) sum[name] = (sum[name] ?? 0) + value;
    }
    return sum;
  }

  /** The store's condition: the worst one of all roles. */
  storeCondition(): StoreCondition {
    const conditions = this.roles().map(({ shell }) => shell.condition);
    return conditions.find(({ works }) => !works) ?? { works: true };
  }

  /** Where it listens. */
  listening(): string[] {
    return this.roles().flatMap(({ network }) => network.endpoints.map(endpointText));
  }

  /** Reads the configuration file again; sessions stay. A bad one changes nothing. */
  async reload(): Promise<void> {
    const before = this.configuration.syslog;
    await reload(this);
    if (isDeepStrictEqual(before, this.configuration.syslog)) return;
    await this.#syslog?.close();
    this.#syslog = this.#openSyslog(this.configuration);
  }

  /**
   * Tells the peers of IKEv2, makes everything durable and ends.
   * @param farewell what they are told; else what was marked, what the service manager knows, or that the service ends.
   */
  async stop(why: string, farewell?: Farewell): Promise<void> {
    clearInterval(this.#tick);
    if (this.ikev2 !== undefined) await this.#sayGoodbye(this.ikev2, farewell ?? this.farewell);
    this.note("server.stopped", "info", "operator", { reason: why });
    await this.#control?.close();
    await this.#keyExport?.close();
    for (const { shell } of this.roles().reverse()) {
      try {
        shell.close();
      } catch (error) {
        this.parts.log.error(`the last records could not be written: ${messageOf(error)}`);
      }
    }
    await Promise.all(this.roles().map(({ network }) => network.close()));
    this.ikev2?.keyLog?.close();
    this.#events.summarise();
    await this.#syslog?.close();
    this.store.close();
    this.parts.log.info(`keyherald stopped (${why})`);
  }

  async #open(): Promise<void> {
    const { configuration, parts } = this;
    const { keyServer, member, ikev2, keyLog } = configuration;
    if (keyServer !== undefined) {
      const policy = this.resolveSigners(configuration, keyServer);
      const engine = parts.keyServer(policy);
      this.keyServer = openRole(this.#ground(), engine, "gcks.", () => engine.snapshot());
      await this.keyServer.network.listen(policy.listen);
    }
    if (member !== undefined) {
      this.member = openRole(this.#ground(), parts.member(await this.addresses.resolve(member)), "gm.");
      await this.member.network.listen([member.local]);
    }
    if (ikev2 !== undefined) {
      this.ikev2 = new Ikev2Endpoint(this.#ground(), ikev2, {
        engine: parts.ikev2,
        addresses: parts.machineAddresses ?? machineAddresses,
        keyLog: keyLog && new KeyLog(keyLog.file, (reason) => this.#keyLogFailed(keyLog.file, reason)),
      });
      await this.ikev2.listen();
    }
    this.#control = await openControl(this);
    this.#announce();
    for (const { shell, records } of this.roles()) shell.restore(records);
    this.#keyExport?.begin();
    this.#tick = setInterval(() => this.#everySecond(), tickMs);
  }

  /** The key server's policy with signing keys in place of placeholders; new ones are durable when this returns. */
  resolveSigners(configuration: Configuration, policy: GcksPolicy): GcksPolicy {
    const { generatedSigners } = configuration;
    if (generatedSigners.length === 0) return policy;
    const resolved = withGeneratedSigners(policy, generatedSigners, [...this.store.load()], nodeCrypto);
    if (resolved.fresh.length > 0) this.store.commit(resolved.fresh, [], { now: this.clock.now() });
    return resolved.policy;
  }

  #announce(): void {
    const { configuration, clock, store } = this;
    const last = store.lastInstant();
    const kept = this.roles().flatMap((role) => role.records);
    const records = kept.filter(({ kind }) => kind !== signerKind).length;
    const roles = [this.keyServer && "key server", this.member && "member", this.ikev2 && "IKEv2 endpoint"];
    const named = roles.filter((role) => role !== undefined);
    this.note("server.started", "info", "operator", { figures: { version, roles: named } });
    if (records > 0) {
      const downMs = clock.behindAtStart > 0 ? 0 : clock.now() - last;
      this.note("server.restored", "info", "policy", { figures: { records, downMs } });
    }
    if (clock.behindAtStart > 2000) this.#stepped(-clock.behindAtStart);
    for (const warning of configuration.warnings) this.warn(warning);
    this.parts.log.info(
      { listen: this.listening(), socket: configuration.control.socket },
      `keyherald ${version} is ready`,
    );
  }

  /** Tells a weak spot of the configuration. */
  warn(warning: ConfigProblem): void {
    const reason = `line ${warning.line}, ${warning.path}: ${warning.message}`;
    this.note("server.configuration-warning", "warning", "policy", { reason, figures: { line: warning.line } });
  }

  #ground(): Ground {
    const { store, clock, parts } = this;
    return {
      store,
      clock,
      random: nodeRandom,
      crypto: nodeCrypto,
      journal: () =>
        new Journal(
          store,
          () => clock.now(),
          (events) => {
            for (const event of events) {
              this.#events.write(event);
              const { securityEvents } = this.configuration;
              this.#syslog?.write(event, securityEvents);
              this.followers.publish(event, securityEvents);
            }
          },
        ),
      sad: (change) => {
        const name = counted[change.change];
        if (name !== undefined) this.#sad[name] = (this.#sad[name] ?? 0) + 1;
        if (change.change === "install" || change.change === "remove") this.#keyExport?.change(change);
      },
      storeChanged: (condition) => {
        if (condition.works) parts.log.warn("the state store works again; keys are issued again");
        else
          parts.log.error(
            { code: condition.code },
            `the state store failed: ${condition.message}; no keys are issued until it works again`,
          );
      },
      socketTrouble: (endpoint, error) => {
        const figures = { endpoint: endpointText(endpoint) };
        this.note("server.socket-failed", "alert", "failure", { reason: error.message, figures });
      },
      broken: (error) => {
        this.#broken += 1;
        if (clock.now() < this.#brokenQuietUntil) return;
        this.#brokenQuietUntil = clock.now() + quietMs;
        parts.log.error({ err: error, sinceStart: this.#broken }, brokenText);
      },
    };
  }

  #openSyslog({ syslog }: Configuration): Syslog | undefined {
    if (syslog === undefined) return undefined;
    return new Syslog(syslog, (what) => {
      if ("fault" in what) this.note("server.syslog-unreachable", "warning", "failure", { reason: what.fault });
      else this.note("server.syslog-reached", what.lost > 0 ? "warning" : "info", "failure", { figures: what });
    });
  }

  #everySecond(): void {
    this.#ticks += 1;
    const step = this.clock.observe();
    if (step !== undefined) this.#stepped(step);
    this.#compareClocks();
    if (this.#ticks % reportEveryTicks === 0) {
      const drops = this.#drops.since(this.counters());
      if (drops !== undefined) this.parts.log.warn(drops);
    }
    if (this.#ticks % addressesEveryTicks === 0) void this.#lookAtAddresses();
    if (this.#ticks % trafficEveryTicks === 0) this.ikev2?.countTraffic().catch(() => undefined);
    if (this.#ticks % pruneEveryTicks === 0 || this.#moreToPrune) this.#prune();
  }

  /** The machine may have got another address, or a route that it did not have. */
  async #lookAtAddresses(): Promise<void> {
    try {
      await this.ikev2?.look();
    } catch (error) {
      this.parts.log.error(`the machine's new addresses cannot be used: ${messageOf(error)}`);
    }
    const policy = await this.addresses.look();
    if (policy === undefined) return;
    try {
      await this.member?.shell.command({ do: "reconfigure", policy });
    } catch (error) {
      this.parts.log.error(`the member could not be told its new address: ${messageOf(error)}`);
    }
  }

  #stepped(stepMs: number): void {
    this.note("server.clock-stepped", "warning", "failure", { figures: { stepMs } });
  }

  /** Says once when the time of keys and events has left that of the machine, and when they agree again. */
  #compareClocks(): void {
    const aheadMs = this.clock.aheadMs();
    if (aheadMs > 0 === this.#ahead) return;
    this.#ahead = aheadMs > 0;
    if (this.#ahead) this.parts.log.warn({ aheadMs }, aheadText);
    else this.parts.log.info("the machine's clock has caught up with the time of keys and events");
  }

  #prune(): void {
    try {
      const removed = this.store.prune(this.configuration.retention);
      this.#moreToPrune = removed === pruneBatch;
      if (removed > 0) this.note("server.ledger-pruned", "info", "policy", { figures: { removed } });
    } catch (error) {
      this.parts.log.error(`old events could not be removed: ${messageOf(error)}`);
    }
  }

  async #sayGoodbye(ikev2: Ikev2Endpoint, known: Farewell | undefined): Promise<void> {
    const causeOfEnd = this.parts.causeOfEnd ?? causeOfSystemd;
    try {
      await ikev2.sayGoodbye(known ?? { cause: (await causeOfEnd()) ?? "service-shutdown" });
    } catch (error) {
      this.parts.log.error(`the peers could not be told: ${messageOf(error)}`);
    }
  }

  #keyLogFailed(file: string, reason: string): void {
    this.note("server.key-log-failed", "warning", "failure", { reason, figures: { file } });
  }

  async #abandon(): Promise<void> {
    await Promise.allSettled([...this.roles().map(({ network }) => network.close()), this.#control?.close()]);
    this.store.close();
  }
}

function openState(configuration: Configuration, parts: DaemonParts): Store {
  try {
    return parts.openStore(configuration.state);
  } catch (error) {
    throw storeProblem(configuration.state.file, error);
  }
}

async function openControl(daemon: Daemon): Promise<ControlServer> {
  try {
    return await serveControl(daemon.configuration.control.socket, backendOf(daemon));
  } catch (error) {
    if (error instanceof SocketFileError) throw new DaemonError(error.code, error.message);
    throw error;
  }
}

/** Both roles on one socket could not tell whose a datagram is. @throws DaemonError */
function refuseSharedEndpoints({ keyServer, member }: Configuration): void {
  if (keyServer === undefined || member === undefined) return;
  const { address, port } = member.local;
  const shared = keyServer.listen.find(
    (listen) =>
      port !== 0 &&
      listen.port === port &&
      (listen.address === address || isWildcard(listen.address) || isWildcard(address)),
  );
  if (shared === undefined) return;
  throw new DaemonError(
    "shared-endpoint",
    `key server and member of one daemon need sockets of their own, both want ${endpointText(shared)}; give member.local another address or port`,
  );
}
