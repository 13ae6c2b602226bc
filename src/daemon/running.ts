/** A running daemon as its parts see it, and what it is made of. */
import type { Farewell } from "../api/views.ts";
import type { ConfigProblem, Configuration } from "../config/types.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import type { GmPolicy } from "../gdoi/gm/types.ts";
import type { Ikev2Policy } from "../ikev2/types.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { Store } from "../store/store.ts";
import type { Result } from "../util/result.ts";
import type { SteadyClock, TimeSources } from "./clock.ts";
import type { Followers } from "./follow.ts";
import type { Ikev2Endpoint } from "./ikev2-endpoint.ts";
import type { MachineAddresses } from "./listen-addresses.ts";
import type { Logger } from "./log.ts";
import type { AddressFinder, OwnAddresses } from "./own-address.ts";
import type { AnyRole, Ikev2Engine, KeyServerEngine, KeyServerRole, MemberEngine, MemberRole } from "./roles.ts";
import type { StoreCondition } from "./shell.ts";

/** What a daemon is made of; a test hands in other parts. */
export interface DaemonParts {
  readonly openStore: (options: { file: string; key: Uint8Array }) => Store;
  readonly keyServer: (policy: GcksPolicy) => KeyServerEngine;
  readonly member: (policy: GmPolicy) => MemberEngine;
  readonly ikev2: (policy: Ikev2Policy) => Ikev2Engine;
  readonly load: (file: string) => Result<Configuration, ConfigProblem[]>;
  readonly log: Logger;
  readonly time?: TimeSources;
  readonly ownAddress?: AddressFinder;
  readonly machineAddresses?: MachineAddresses;
  /** Why the service manager ends the daemon, if it says. */
  readonly causeOfEnd?: () => Promise<Farewell["cause"] | undefined>;
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
  readonly ikev2: Ikev2Endpoint | undefined;
  /** What the peers are told when a signal ends the daemon, where an operator said so. */
  farewell: Farewell | undefined;
  /** Ends the daemon soon. */
  readonly requestStop: (farewell: Farewell) => void;
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
  /** What is counted, over all roles; a name that several have is summed. */
  counters(): Record<string, number>;
  /** The store's condition: the worst one of all roles. */
  storeCondition(): StoreCondition;
  /** All roles that there are. */
  roles(): AnyRole[];
  /** Where it listens. */
  listening(): string[];
  /** The key server's policy with signing keys in place of placeholders; new ones are durable when this returns. */
  resolveSigners(configuration: Configuration, policy: GcksPolicy): GcksPolicy;
}
