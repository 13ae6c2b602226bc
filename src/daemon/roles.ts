/** One engine with everything that it runs on. */
import type { Engine, StoreRecord } from "../core/engine.ts";
import type { CryptoProvider, RandomSource } from "../crypto/provider.ts";
import type { GcksCommand, GcksStatus, GroupView, MemberView, RekeyMemberView, RekeyView } from "../gdoi/gcks/types.ts";
import type { GmCommand, GmStatus } from "../gdoi/gm/types.ts";
import type { ConnectionView, Ikev2Command, Ikev2Status } from "../ikev2/types.ts";
import type { SadChange } from "../sad/sad.ts";
import type { Store } from "../store/store.ts";
import type { SteadyClock } from "./clock.ts";
import type { Counters } from "./drops.ts";
import type { Journal } from "./journal.ts";
import { Network, type SocketTrouble } from "./network.ts";
import { Shell, type StoreCondition } from "./shell.ts";

/** The key server's engine as the daemon uses it. */
export interface KeyServerEngine extends Engine<GcksCommand> {
  snapshot(): StoreRecord[];
  status(): GcksStatus;
  groups(): GroupView[];
  group(name: string): GroupView | undefined;
  members(group: string): MemberView[];
  rekey(group: string, spi: string, seq: number): RekeyView | undefined;
  rekeyMembers(group: string, spi: string, seq: number): RekeyMemberView[];
}

/** The member's engine as the daemon uses it. */
export interface MemberEngine extends Engine<GmCommand> {
  status(): GmStatus;
}

/** The engine of an endpoint of IKEv2 as the daemon uses it. */
export interface Ikev2Engine extends Engine<Ikev2Command> {
  status(): Ikev2Status;
  connections(): readonly ConnectionView[];
}

/** What all roles of a daemon share. */
export interface Ground {
  readonly store: Store;
  readonly clock: SteadyClock;
  readonly random: RandomSource;
  readonly crypto: CryptoProvider;
  readonly journal: () => Journal;
  readonly sad: (change: SadChange) => void;
  readonly keyLog?: (line: string) => void;
  readonly storeChanged: (condition: StoreCondition) => void;
  readonly socketTrouble: SocketTrouble;
  readonly broken: (error: unknown) => void;
}

export interface Role<E extends Engine<C>, C> {
  readonly engine: E;
  readonly shell: Shell<C>;
  readonly network: Network;
  /** What this role had in the store. */
  readonly records: readonly StoreRecord[];
}

export type KeyServerRole = Role<KeyServerEngine, GcksCommand>;
export type MemberRole = Role<MemberEngine, GmCommand>;
/** Whatever its engine is. */
export type AnyRole = KeyServerRole | MemberRole | Role<Ikev2Engine, Ikev2Command>;

/**
 * Sets an engine up with sockets that are still to be bound; nothing is given to it before `restore` of its shell.
 * @param prefix of the kinds of this role's records, `gcks.`, `gm.` or `ikev2.`.
 */
export function openRole<E extends Engine<C>, C>(
  ground: Ground,
  engine: E,
  prefix: string,
  snapshot?: () => StoreRecord[],
): Role<E, C> {
  const records = [...ground.store.load()].filter((record) => record.kind.startsWith(prefix));
  const network: Network = new Network((datagram) => shell.datagram(datagram), ground.socketTrouble);
  const shell: Shell<C> = new Shell<C>({
    engine,
    journal: ground.journal(),
    carrier: network,
    now: () => ground.clock.now(),
    wall: () => ground.clock.wall(),
    random: ground.random,
    crypto: ground.crypto,
    sad: ground.sad,
    ...(ground.keyLog === undefined ? {} : { keyLog: ground.keyLog }),
    storeChanged: ground.storeChanged,
    broken: ground.broken,
    ...(snapshot === undefined ? {} : { snapshot }),
  });
  return { engine, shell, network, records };
}

/** The counters of a role: the engine's own, those of its sockets, and what was refused with a failed store. */
export function roleCounters(role: AnyRole): Counters {
  const socket = role.network.counters();
  return {
    ...role.engine.status().counters,
    "socket.received": socket.received,
    "socket.sent": socket.sent,
    "socket.send-failed": socket.sendFailed,
    "drop.empty": socket.empty,
    "drop.oversized": socket.oversized,
    "drop.unanswerable": socket.unanswerable,
    "drop.send-queue-full": socket.sendQueueFull,
    "drop.store-failed": role.shell.refusedDatagrams,
  };
}
