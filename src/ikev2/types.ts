/** What an endpoint of IKEv2 is told, and what it shows. */
import type { Endpoint, Instant } from "../core/engine.ts";
import type { Identity } from "../core/identity.ts";
import type { RetransmissionPolicy } from "../core/retransmission.ts";
import type { SecretKey, Signer } from "../crypto/provider.ts";
import type { DeleteCause } from "../ledger/delete-reasons.ts";
import type { ChildSaTraffic } from "../sad/sad.ts";
import type { AddressSelector } from "../wire/ikev2/payloads.ts";
import type { SignatureOptions } from "./auth.ts";
import type { EspProposal, IkeProposal } from "./suite.ts";

/** How we prove who we are (RFC 7296 2.15). */
export type LocalAuthentication =
  | { readonly method: "psk" }
  /** Leaf first, DER. The method follows from the key and what the peer can verify (RFC 7427). */
  | { readonly method: "signature"; readonly signer: Signer; readonly certificates: readonly Uint8Array[] };

/** How a peer must prove who it is. */
export type PeerAuthentication =
  | { readonly method: "psk" }
  /** Trust anchors and CRLs, DER. */
  | { readonly method: "signature"; readonly anchors: readonly Uint8Array[]; readonly crls: readonly Uint8Array[] };

export interface AddressRange {
  /** Inclusive, 4 or 16 octets. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Addresses that are given to clients by configuration payload (RFC 7296 2.19, 3.15). */
export interface AddressPool {
  readonly name: string;
  readonly range: AddressRange;
  /** DNS servers, 4 or 16 octets each. */
  readonly dns: readonly Uint8Array[];
}

/** What a Child SA of a connection is to be. */
export interface ChildPolicy {
  readonly name: string;
  readonly mode: "tunnel" | "transport";
  /** Empty: the own address, or the virtual address that is given ("dynamic"). */
  readonly localSelectors: readonly AddressSelector[];
  readonly remoteSelectors: readonly AddressSelector[];
  /** A proposal with a group means PFS when it is rekeyed or made by CREATE_CHILD_SA. */
  readonly proposals: readonly EspProposal[];
  /** Rekeyed at random within `jitter` (0 to 1) of it before the end; Infinity: never. */
  readonly rekeyMs: number;
  /** Deleted with "lifetime" when it was not rekeyed by then; Infinity: never. */
  readonly lifetimeMs: number;
  readonly jitter: number;
  /** Octets and packets over both directions after which it is rekeyed; Infinity: never. */
  readonly rekeyOctets: number;
  readonly rekeyPackets: number;
  /** Deleted with "inactivity" after so long without a packet, when the data plane reports traffic; Infinity: never. */
  readonly inactivityMs: number;
  /** With the connection, or only by `up CONNECTION/CHILD`. */
  readonly start: "connection" | "manual";
}

export interface Connection {
  readonly name: string;
  /** Address and ports of ours: one of Ikev2Policy.listen. */
  readonly local: {
    /** Undefined: any of our sockets; that which a request came by, or the first that fits the remote address. */
    readonly address: string | undefined;
    readonly identity: Identity;
    readonly authentication: LocalAuthentication;
  };
  readonly remote: {
    /** Where we send IKE_SA_INIT to; undefined for a connection that only the peer can start. */
    readonly endpoint: Endpoint | undefined;
    /** The port of the peer that NAT traversal moves to (RFC 7296 2.23), 4500. */
    readonly natPort: number;
    /** Acceptable source addresses of a peer that initiates; empty: any. */
    readonly addresses: readonly AddressRange[];
    /** Acceptable identity; undefined: any that authentication binds. */
    readonly identity: Identity | undefined;
    readonly authentication: PeerAuthentication;
  };
  /** When both or one of the sides use one. */
  readonly psk?: SecretKey;
  /** For peers that need other RSA signatures than the default ones. */
  readonly signatures?: SignatureOptions;
  /** Best first (RFC 7296 3.3). */
  readonly ikeProposals: readonly IkeProposal[];
  readonly children: readonly ChildPolicy[];
  /** `always`: brought up at start and again after every end that is not our operator's will; with bounded back-off. */
  readonly start: "always" | "manual";
  readonly retryMs: { readonly first: number; readonly max: number };
  /** As with Child SAs. */
  readonly rekeyMs: number;
  readonly lifetimeMs: number;
  readonly jitter: number;
  /** Re-authenticated instead of rekeyed (RFC 7296 2.8.3), make before break. Infinity: never. */
  readonly reauthenticateMs: number;
  /** An empty INFORMATIONAL after so long without a message of the peer (RFC 7296 2.4); Infinity: never. */
  readonly livenessMs: number;
  /**
   * What becomes of older IKE SAs of the same identity without INITIAL_CONTACT. `keep`: several devices may have it, and we
   * do not say INITIAL_CONTACT ourselves.
   */
  readonly unique: "replace" | "keep";
  /** ESP in UDP even when there is no NAT. */
  readonly encapsulation: "auto" | "force";
  readonly fragmentation: boolean;
  /** As a client: addresses of these families are asked for (RFC 7296 2.19). */
  readonly requestAddress: readonly ("ipv4" | "ipv6")[];
  /** As a gateway: names of pools that addresses are given from. */
  readonly pools: readonly string[];
  /** As a gateway: clients are sent there instead (RFC 5685), at IKE_SA_INIT; undefined: they are served here. */
  readonly redirectTo: string | undefined;
  /** As a client: whether a REDIRECT is followed. */
  readonly followRedirect: boolean;
}

export interface Ikev2Policy {
  /** Pairs of local sockets: one for IKE (500), one for NAT traversal (4500), on the same address. */
  readonly listen: readonly { readonly ike: Endpoint; readonly nat: Endpoint }[];
  readonly connections: readonly Connection[];
  readonly pools: readonly AddressPool[];
  readonly retransmission: RetransmissionPolicy;
  /** Bounds of half-open exchanges as responder: in all, per source address, and from how many a COOKIE is demanded (2.6). */
  readonly halfOpen: {
    readonly total: number;
    readonly perSource: number;
    readonly cookieFrom: number;
    readonly timeoutMs: number;
  };
  /** Largest IP datagram of an IKE message that is sent as one (RFC 7383 2.5.1). */
  readonly fragmentOctets: number;
  /** Behind a NAT an octet 0xff after so long in which nothing was sent (RFC 3948 4). */
  readonly keepaliveMs: number;
  readonly deleteReason: {
    readonly send: boolean;
    /** The notify's number, 40960. */
    readonly notifyType: number;
    /** By cause, in seconds; without an entry 0, no estimate. */
    readonly downtimeSeconds: Readonly<Partial<Record<DeleteCause, number>>>;
  };
  /** For a laboratory: the keys of each IKE SA leave the engine as an output "key-log", in Wireshark's format. */
  readonly keyLog: boolean;
}

/** A name of the configuration (`paris`, `paris/lan`), an SPI of a Child SA in hex, or an IKE SA's SPI or id. */
export type Target = string;

export type Ikev2Command =
  /** Reply when it is up: its view; refused with the reason when it could not be. */
  | { readonly do: "up"; readonly target: Target }
  /** Reply when the peer has answered the Delete or was given up. A connection with start `always` stays down until `up`. */
  | {
      readonly do: "down";
      readonly target: Target;
      /** Replaces the text of "operator". */
      readonly reason?: string;
      /** Announced downtime. */
      readonly downtimeSeconds?: number;
    }
  /** Reply when the new SA stands. */
  | { readonly do: "rekey"; readonly target: Target }
  | { readonly do: "reauthenticate"; readonly target: Target }
  /** Sends the clients of a connection to another gateway (RFC 5685 4). */
  | { readonly do: "redirect"; readonly target: Target; readonly gateway: string }
  /** Deletes all IKE SAs for one reason. Reply when all peers have answered, or after `withinMs`. Nothing new starts after it. */
  | {
      readonly do: "shutdown";
      readonly cause: "service-shutdown" | "service-restart" | "host-shutdown" | "host-restart";
      readonly downtimeSeconds?: number;
      readonly withinMs: number;
    }
  /** From the data plane: counts, and the time since the last packet. Reply at once. */
  | { readonly do: "traffic"; readonly of: readonly ChildSaTraffic[] }
  /** Connections and children that are gone are deleted with their reasons; those that stay keep their SAs. */
  | { readonly do: "reconfigure"; readonly policy: Ikev2Policy };

export interface ChildSaView {
  /** Name of the child in the configuration. */
  readonly name: string;
  /** Hex. */
  readonly spiIn: string;
  readonly spiOut: string;
  readonly mode: "tunnel" | "transport";
  readonly suite: string;
  /** Text of each selector. */
  readonly local: readonly string[];
  readonly remote: readonly string[];
  readonly encapsulated: boolean;
  readonly state: "installed" | "rekeying" | "rekeyed" | "deleting";
  readonly since: Instant;
  /** Absent where it is never. */
  readonly rekeyAt?: Instant;
  readonly expiresAt?: Instant;
  readonly octets: number;
  readonly packets: number;
}

export interface IkeSaView {
  /** `SPIi_SPIr` in hex. */
  readonly id: string;
  readonly connection: string;
  readonly role: "initiator" | "responder";
  readonly state: "connecting" | "established" | "rekeying" | "deleting";
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly localIdentity?: string;
  /** Sanitised text, once it is proven. */
  readonly remoteIdentity?: string;
  readonly authentication?: string;
  readonly suite?: string;
  /** Which side is behind a NAT. */
  readonly nat: "none" | "local" | "remote" | "both" | "forced";
  readonly since?: Instant;
  readonly rekeyAt?: Instant;
  readonly reauthenticateAt?: Instant;
  readonly expiresAt?: Instant;
  /** Virtual addresses: ours as a client, the client's as a gateway. */
  readonly virtualAddresses: readonly string[];
  readonly children: readonly ChildSaView[];
}

/** A peer that said when it would be back, and what became of it. */
export interface OutageView {
  readonly since: Instant;
  /** Sanitised; absent when it gave none. */
  readonly reason?: string;
  readonly downtimeSeconds: number;
  /** Absent without an estimate. */
  readonly expectedAt?: Instant;
}

export interface ConnectionView {
  readonly name: string;
  readonly state: "down" | "connecting" | "up" | "waiting" | "stopped";
  readonly start: "always" | "manual";
  readonly remote: string;
  readonly localIdentity: string;
  readonly remoteIdentity?: string;
  /** Of `waiting`: when the next attempt begins. */
  readonly nextAttemptAt?: Instant;
  readonly lastError?: string;
  /** While the peer, or we, are down after a Delete that said why. */
  readonly outage?: OutageView;
  readonly ikeSas: readonly IkeSaView[];
}

export interface Ikev2Status {
  readonly role: "ikev2";
  readonly connections: number;
  readonly up: number;
  readonly ikeSas: number;
  readonly childSas: number;
  readonly halfOpen: number;
  readonly counters: Readonly<Record<string, number>>;
}
