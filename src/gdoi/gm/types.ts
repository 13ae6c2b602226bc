/** What a member is told, and what it shows. */
import type { Endpoint } from "../../core/engine.ts";
import type { Identity } from "../../core/identity.ts";
import type { Phase1Policy } from "../../ikev1/types.ts";

export interface GmGroup {
  readonly name: string;
  readonly id: Identity;
  /** Names of key servers (PeerPolicy names) in the order in which they are tried: the GPAD of RFC 6407 3.1. */
  readonly keyServers: readonly string[];
  /** SIDs to ask for (RFC 6407 3.5); 1 asks for none. */
  readonly sids: number;
  /** Multicast interface for joins, when the SAK names a multicast destination. */
  readonly interface?: string;
  /** Goes on with the last keys after their end, while no key server answers. */
  readonly keepWhenUnreachable?: boolean;
}

export interface GmPolicy {
  readonly phase1: Phase1Policy;
  /** Where it listens; the address may be a wildcard. */
  readonly local: Endpoint;
  readonly keyServers: readonly {
    readonly name: string;
    readonly endpoint: Endpoint;
    /** The member's own address towards it, found out by the daemon when `local` is a wildcard; absent without a route. */
    readonly local?: string;
  }[];
  readonly groups: readonly GmGroup[];
  /** Largest delay of an acknowledgement, at most 5 000 (RFC 8263 6); for unicast pushes only with jitterUnicast. */
  readonly ackJitterMs: number;
  readonly ackJitterUnicast: boolean;
  /** The share of a lifetime within which re-registration is spread at random, e.g. 0.2 of it before the end. */
  readonly reregisterWithin: number;
  /** Between attempts when no key server answers, with back-off up to the second value. */
  readonly retryMs: { readonly first: number; readonly max: number };
}

export type GmCommand =
  /** Registers now (again). Reply when done: the group's view; refused with the reason when no key server serves it. */
  | { readonly do: "register"; readonly group: string }
  /** The data plane saw this SPI (hex). Reply at once: whether its key is known, else in how many ms it is asked for. */
  | { readonly do: "seen"; readonly group: string; readonly spi: string }
  | { readonly do: "reconfigure"; readonly policy: GmPolicy };

export interface GmGroupView {
  readonly name: string;
  readonly id: string;
  readonly state: "idle" | "registering" | "registered" | "retrying" | "expired";
  readonly keyServer?: string;
  readonly registeredAt?: number;
  readonly reregisterAt?: number;
  readonly kek?: { readonly spi: string; readonly seq: number; readonly expiresAt?: number; readonly ack: string };
  readonly teks: readonly {
    readonly spi: string;
    readonly protocol: string;
    readonly activateAt: number;
    readonly expiresAt?: number;
    /** It is used past its end, since no key server answers. */
    readonly kept?: boolean;
    /** Of IEC 61850: the stream, by OID and the OID-specific payload in hex. */
    readonly oid?: string;
    readonly selector?: string;
    /** SA_KDA: percentage of the subscribers that have the key. */
    readonly keyDeliveryAssurance?: number;
  }[];
  readonly sids: readonly number[];
  readonly pushesAccepted: number;
  readonly acksSent: number;
  readonly lastError?: string;
}

export interface GmStatus {
  readonly role: "member";
  readonly groups: readonly GmGroupView[];
  readonly phase1: number;
  readonly counters: Readonly<Record<string, number>>;
}
