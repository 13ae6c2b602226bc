/**
 * The shape of every protocol engine. An engine is told what happened and answers what to do, in order. It never looks
 * at a clock, a socket or a file. The shell (daemon/, sim/) carries outputs out in their order: a `persist` is durable
 * before any `send` after it leaves.
 */
import type { ChainRequest, ChainVerdict, CryptoProvider, RandomSource } from "../crypto/provider.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { SadChange } from "../sad/sad.ts";

/** Milliseconds since the epoch on a clock that never steps back, not even over a restart. */
export type Instant = number;

/** An address in its canonical text (RFC 5952 for IPv6) and a UDP port. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Datagram {
  /** Where it came from. */
  readonly from: Endpoint;
  /** The local socket it came in by. */
  readonly via: Endpoint;
  readonly bytes: Uint8Array;
}

/** Slow work that leaves the engine. Private keys are used in place (Signer); only path validation is slow enough. */
export type Job = { readonly job: "verify-chain"; readonly request: ChainRequest };
export type JobResult = { readonly job: "verify-chain"; readonly verdict: ChainVerdict };
export type WorkId = number;

/** Plain data: what a store can keep. Octets stay octets. */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [name: string]: Plain | undefined };

/** One durable record: `kind` is the table, `key` unique in it; without a value it is removed. */
export interface StoreRecord {
  readonly kind: string;
  readonly key: string;
  readonly value?: Plain;
}

export type Input<Command> =
  | ({ readonly in: "datagram" } & Datagram)
  /** env.now has reached the last "wake". Early or late calls do no harm. */
  | { readonly in: "deadline" }
  | { readonly in: "command"; readonly id: number; readonly command: Command }
  | { readonly in: "done"; readonly id: WorkId; readonly result: JobResult };

/** Why a command was refused; `code` is stable, `message` says what to do next. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

export type Output =
  | { readonly out: "persist"; readonly record: StoreRecord }
  /** `from` is the local endpoint to send by; a multicast destination uses the group's interface and TTL. */
  | {
      readonly out: "send";
      readonly from: Endpoint;
      readonly to: Endpoint;
      readonly bytes: Uint8Array;
      readonly multicast?: { readonly interface?: string; readonly ttl: number };
    }
  /** The earliest deadline: exactly one, the last output of a step; Infinity when nothing waits. */
  | { readonly out: "wake"; readonly at: Instant }
  | { readonly out: "work"; readonly id: WorkId; readonly job: Job }
  | { readonly out: "sad"; readonly change: SadChange }
  | { readonly out: "event"; readonly event: LedgerEvent }
  /** A line of the key log of a laboratory, which the policy must ask for: the one output that has keys in it. */
  | { readonly out: "key-log"; readonly line: string }
  /** Join or leave a multicast group on an interface. */
  | { readonly out: "join" | "leave"; readonly group: string; readonly port: number; readonly interface?: string }
  /** The answer to the command of the same id; a command is answered once, in the step that took it or a later one. */
  | { readonly out: "reply"; readonly id: number; readonly reply: Plain }
  | { readonly out: "refuse"; readonly id: number; readonly refusal: Refusal };

export interface Env {
  readonly now: Instant;
  readonly random: RandomSource;
  readonly crypto: CryptoProvider;
}

export interface Engine<Command> {
  /** All outputs must be carried out, in order, before the next input is given. */
  step(input: Input<Command>, env: Env): Output[];
  /** Takes back what an earlier life persisted; outputs resume what was interrupted. Called once, before any step. */
  restore(records: Iterable<StoreRecord>, env: Env): Output[];
}
