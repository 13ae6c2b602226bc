/** A running daemon as its parts see it, and what it is made of. */
import type { ConfigProblem, Configuration } from "../config/types.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import type { GmPolicy } from "../gdoi/gm/types.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { Store } from "../store/store.ts";
import type { Result } from "../util/result.ts";
import type { SteadyClock, TimeSources } from "./clock.ts";
import type { Followers } from "./follow.ts";
import type { Logger } from "./log.ts";
import type { AddressFinder, OwnAddresses } from "./own-address.ts";
import type { KeyServerEngine, KeyServerRole, MemberEngine, MemberRole } from "./roles.ts";
import type { StoreCondition } from "./shell.ts";

/** What a daemon is made of; a test hands in other parts. */
export interface DaemonParts {
  readonly openStore: (options: { file: string; key: Uint8Array }) => Store;
  readonly keyServer: (policy: GcksPolicy) => KeyServerEngine;
  readonly member: (policy: GmPolicy) => MemberEngine;
  readonly load: (file: string) => Result<Configuration, ConfigProblem[]>;
  readonly log: Logger;
  readonly time?: TimeSources;
  readonly ownAddress?: AddressFinder;
}

export interface Running {
  readonly parts: DaemonParts;
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly startedAt: number;
  readonly followers: Followers;
  configuration: Configuration;
  readonly keyServer: KeyServerRole | undefined;
  readonly member: MemberRole | undefined;
  /** What the member is told of its own addresses. */
  readonly addresses: OwnAddresses;
  /** Records an event of the daemon itself. */
  note(
    kind: string,
    level: LedgerEvent["level"],
    cause: LedgerEvent["cause"],
    more: Pick<LedgerEvent, "reason" | "figures">,
  ): void;
  /** Tells a weak spot of the configuration. */
  warn(warning: ConfigProblem): void;
  /** What is counted, over both roles; a name that both have is summed. */
  counters(): Record<string, number>;
  /** The store's condition: the worse one of both roles. */
  storeCondition(): StoreCondition;
  /** Where it listens. */
  listening(): string[];
  /** The key server's policy with signing keys in place of placeholders; new ones are durable when this returns. */
  resolveSigners(configuration: Configuration, policy: GcksPolicy): GcksPolicy;
}
