/** One GROUPKEY-PUSH and what is known of its receipt, member by member. */
import type { Instant } from "../../core/engine.ts";
import type { Subject } from "../../ledger/event.ts";
import { hex } from "../../util/octets.ts";
import type { MemberAckState } from "./types.ts";

export type RekeyKind = "tek" | "kek" | "lkh" | "delete";

/** States as they stand in a rekey's array. 0: the push was not meant for that slot. */
export const AckState = { NONE: 0, PENDING: 1, ACKED: 2, MISSING: 3, REREGISTERED: 4, LEFT: 5 } as const;
export type AckStateCode = (typeof AckState)[keyof typeof AckState];

const stateNames: Readonly<Record<number, MemberAckState>> = {
  [AckState.PENDING]: "pending",
  [AckState.ACKED]: "acked",
  [AckState.MISSING]: "missing",
  [AckState.REREGISTERED]: "reregistered",
  [AckState.LEFT]: "left",
};

/** The name of a state, undefined for members that the push was not meant for. */
export function stateName(code: number): MemberAckState | undefined {
  return stateNames[code];
}

export interface RekeyTerms {
  /** Ascending over the life of the group. */
  readonly number: number;
  readonly kind: RekeyKind;
  /** Why it was sent, for people. */
  readonly cause: string;
  /** KEK_ACK_REQUESTED that members go by when they have processed it (READINGS 35); 0: none. */
  readonly ackType: number;
  readonly sentAt: Instant;
  /** Slots of the group when it was sent. */
  readonly slots: number;
  /** Numbers of the generations whose TEKs it carries. */
  readonly generations: readonly number[];
  /** It tells how many members have TEKs that they were sent before. */
  readonly announcement: boolean;
}

export class Rekey implements RekeyTerms {
  /** Of the KEK that it was sent under. */
  readonly spi: Uint8Array;
  readonly spiHex: string;
  readonly seq: number;
  readonly number: number;
  readonly kind: RekeyKind;
  readonly cause: string;
  readonly ackType: number;
  readonly sentAt: Instant;
  readonly slots: number;
  readonly generations: readonly number[];
  readonly announcement: boolean;
  /** The octets, until nothing more will be sent. */
  datagram: Uint8Array | undefined;
  /** By member slot. */
  readonly states: Uint8Array;
  readonly afterMs: Uint32Array;
  readonly attemptOf: Uint8Array;
  /** How many members are in each state, by code. */
  readonly counts = new Uint32Array(6);
  targets = 0;
  attempts = 1;
  settled = false;
  /** Another push took its place before it was settled: nothing is repeated, and who is missing is not held against it. */
  superseded = false;
  /** Repeats of the schedule that were sent or skipped. */
  repeats = 0;
  /** What the restart of the key server adds to the time before a member counts as missing. */
  patienceFrom: Instant;
  readonly subject: Subject;
  /** Key of its `gcks.ack` records without the slot. */
  readonly ackPrefix: string;

  constructor(spi: Uint8Array, seq: number, group: string, terms: RekeyTerms, datagram: Uint8Array | undefined) {
    this.spi = spi;
    this.spiHex = hex(spi);
    this.seq = seq;
    this.number = terms.number;
    this.kind = terms.kind;
    this.cause = terms.cause;
    this.ackType = terms.ackType;
    this.sentAt = terms.sentAt;
    this.patienceFrom = terms.sentAt;
    this.slots = terms.slots;
    this.generations = terms.generations;
    this.announcement = terms.announcement;
    this.datagram = datagram;
    this.states = new Uint8Array(terms.slots);
    this.afterMs = new Uint32Array(terms.slots);
    this.attemptOf = new Uint8Array(terms.slots);
    this.subject = { kind: "rekey", name: `${group}/${seq}` };
    this.ackPrefix = `${group}/${terms.number % HISTORY}/`;
  }

  /** Counts a slot among those that the push is meant for. */
  target(slot: number): void {
    this.states[slot] = AckState.PENDING;
    this.counts[AckState.PENDING] = this.pending + 1;
    this.targets += 1;
  }

  /** Takes over stored arrays. @param afterMs as octets, in the machine's order. */
  takeStates(states: Uint8Array, afterMs: Uint8Array, attemptOf: Uint8Array): void {
    this.states.set(states.subarray(0, this.slots));
    this.afterMs.set(new Uint32Array(afterMs.slice().buffer).subarray(0, this.slots));
    this.attemptOf.set(attemptOf.subarray(0, this.slots));
    for (const code of this.states) {
      this.counts[code] = (this.counts[code] ?? 0) + 1;
      if (code !== AckState.NONE) this.targets += 1;
    }
    this.counts[AckState.NONE] = 0;
  }

  /** Moves a slot to another state. */
  move(slot: number, to: AckStateCode): void {
    const from = this.states[slot] ?? AckState.NONE;
    if (from === AckState.NONE) return;
    this.counts[from] = (this.counts[from] ?? 0) - 1;
    this.counts[to] = (this.counts[to] ?? 0) + 1;
    this.states[slot] = to;
  }

  get pending(): number {
    return this.counts[AckState.PENDING] ?? 0;
  }

  /** Slots in a state. */
  *slotsIn(code: AckStateCode): Iterable<number> {
    for (let slot = 0; slot < this.slots; slot++) if (this.states[slot] === code) yield slot;
  }
}

/** So many rekeys of a group are remembered; `gcks.ack` records are overwritten in the same rhythm. */
export const HISTORY = 16;
