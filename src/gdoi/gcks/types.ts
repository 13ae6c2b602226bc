/** What the key server is told, and what it shows. */
import type { Endpoint } from "../../core/engine.ts";
import type { Phase1Policy } from "../../ikev1/types.ts";
import type { GroupPolicy } from "../policy.ts";

export interface GcksPolicy {
  readonly phase1: Phase1Policy;
  /** The local socket that pushes leave by when a member's own is not known (multicast). */
  readonly listen: readonly Endpoint[];
  readonly groups: readonly GroupPolicy[];
}

export type GcksCommand =
  /** Makes new TEKs, or a new KEK (roll-over) and pushes them. Reply: { group, rekeys: [{ spi, seq }] } as planned. */
  | { readonly do: "rekey"; readonly group: string; readonly what: "tek" | "kek" }
  /** Puts members out for good. Reply: { group, evicted: [...], rekeys: [...] }. */
  | { readonly do: "evict"; readonly group: string; readonly members: readonly string[]; readonly reason: string }
  /** Lets evicted members register again. */
  | { readonly do: "admit"; readonly group: string; readonly members: readonly string[] }
  | { readonly do: "reconfigure"; readonly policy: GcksPolicy };

export type MemberAckState = "pending" | "acked" | "missing" | "reregistered" | "left";

export interface RekeyMemberView {
  readonly member: string;
  readonly address: string;
  readonly state: MemberAckState;
  /** Milliseconds from the first send to the acknowledgement. */
  readonly afterMs?: number;
  /** 1 for the first send. */
  readonly attempt?: number;
  /** Milliseconds since the epoch: since when no acknowledgement came from it, for missing ones. */
  readonly silentSince?: number;
  readonly everAcked: boolean;
}

export interface RekeyView {
  readonly group: string;
  /** Hex of the KEK SPI it was sent under. */
  readonly spi: string;
  readonly seq: number;
  readonly kind: "tek" | "kek" | "lkh" | "delete";
  readonly cause: string;
  readonly sentAt: number;
  readonly ackRequested: boolean;
  readonly targets: number;
  readonly acked: number;
  readonly pending: number;
  readonly missing: number;
  /** Nothing more will be sent or waited for. */
  readonly settled: boolean;
  readonly attempts: number;
}

export interface MemberView {
  readonly name: string;
  readonly identity: string;
  readonly address: string;
  readonly port: number;
  readonly registeredAt: number;
  readonly registrations: number;
  readonly sids: readonly number[];
  readonly leaf?: number;
  readonly lastAckAt?: number;
  readonly lastAckSeq?: number;
  readonly everAcked: boolean;
  readonly consecutiveMissed: number;
  readonly state: "registered" | "missing" | "removed" | "evicted";
  readonly reason?: string;
}

/** A rekey that is decided, and waits until the one before it is settled. */
export interface WaitingRekeyView {
  /** Where it will stand, unless an eviction or another configuration goes before it. */
  readonly spi: string;
  readonly seq: number;
  readonly kind: "tek" | "kek";
  readonly cause: string;
}

export interface GroupView {
  readonly name: string;
  readonly id: string;
  readonly members: number;
  readonly kek: {
    readonly spi: string;
    readonly seq: number;
    readonly createdAt: number;
    readonly expiresAt: number;
    readonly management: string;
    readonly ack: string;
  };
  readonly teks: readonly {
    readonly name: string;
    readonly spi: string;
    readonly protocol: string;
    readonly activateAt: number;
    readonly expiresAt: number;
    /** How many of the members have it; with key delivery assurance alone. */
    readonly delivery?: { readonly percent: number; readonly holders: number; readonly members: number };
  }[];
  readonly nextSid: number;
  /** The last ones, oldest first. */
  readonly rekeys: readonly RekeyView[];
  /** Those that follow, in their order. */
  readonly waiting: readonly WaitingRekeyView[];
}

export interface GcksStatus {
  readonly role: "key-server";
  readonly groups: number;
  readonly members: number;
  readonly phase1: number;
  readonly halfOpen: number;
  /** Counted drops and successes, by name: `drop.malformed`, `ack.accepted`, `ack.duplicate` ... */
  readonly counters: Readonly<Record<string, number>>;
}
