/**
 * What an endpoint of IKEv2 holds. Everything here is changed in place by functions that are given the whole (`ike`) and
 * the SA in question; README.md tells which file does what, and how one is added.
 */
import type { Deadlines } from "../core/deadlines.ts";
import type { Endpoint, Env, Instant, JobResult, Output, WorkId } from "../core/engine.ts";
import type { Identity } from "../core/identity.ts";
import type { Reports } from "../core/reports.ts";
import type { CertificateReference, KeyExchange, SecretKey } from "../crypto/provider.ts";
import type { DeleteCause } from "../ledger/delete-reasons.ts";
import type { AddressSelector, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import type { AddressPools } from "./address-pool.ts";
import type { CookieSecrets } from "./cookies.ts";
import type { Reassembly } from "./fragments.ts";
import type { HalfOpen } from "./half-open.ts";
import type { IkeKeys, Nonces } from "./keys.ts";
import type { Protection, Sending } from "./protect.ts";
import type { Redirections } from "./redirect.ts";
import type { EspSuite, Group, IkeSuite } from "./suite.ts";
import type { ChildPolicy, Connection, Ikev2Policy } from "./types.ts";
import type { Window } from "./window.ts";

/** The endpoint. */
export interface Ikev2 {
  policy: Ikev2Policy;
  /** By name. */
  readonly connections: Map<string, ConnectionState>;
  /** All IKE SAs in all phases, by our own SPI in hex. */
  readonly ikeSas: Map<string, IkeSa>;
  /** IKE SAs that are no more, for a while: they repeat their last answer to a peer that has not got it. */
  readonly ended: Map<string, Ended>;
  /** All Child SAs, by their inbound SPI in hex. */
  readonly childSas: Map<string, ChildSa>;
  /** Established IKE SAs by the proven identity of the peer (`identityKey`). */
  readonly byPeer: Map<string, Set<IkeSa>>;
  /** Exchanges as responder that nobody has proven anything in. */
  readonly halfOpen: HalfOpen;
  /** Addresses for clients. */
  readonly pools: AddressPools;
  readonly cookies: CookieSecrets;
  /** What a finished job continues with. */
  readonly works: Map<WorkId, (result: JobResult) => void>;
  /** Who is told when an IKE SA, by its key, has ended. */
  readonly endings: Map<string, (() => void)[]>;
  /** What happens to an IKE SA, by its key, after a pause: the deadline `pause:KEY`. */
  readonly pauses: Map<string, () => void>;
  /** `WHAT:ID`: what is done is in the table of engine.ts, ID the key of an IKE SA, a Child SA or a connection's name. */
  readonly deadlines: Deadlines<string>;
  readonly reports: Reports;
  /** Set by `shutdown`: nothing new starts. */
  closing: boolean;
  nextWorkId: () => WorkId;
  env: Env;
  out: Output[];
}

/** A connection of the configuration, and what becomes of it. */
export interface ConnectionState {
  config: Connection;
  /** It is to be up: of start `always`, or asked for; not after `down`. Brought up again whenever it is not. */
  wanted: boolean;
  /** Names of children that the operator took down: they stay so until they are asked for. */
  readonly stopped: Set<string>;
  /** IKE SAs in all phases, but those of a responder that knows not yet whom it talks to. */
  readonly ikeSas: Set<IkeSa>;
  /** Attempts that failed, one after another. */
  failures: number;
  /** IKE SAs that ended as soon as they stood, one after another. */
  shortLived: number;
  lastError: string | undefined;
  /** The peer, or we, said that it is down, and it has not come back yet. Persisted. */
  outage: Outage | undefined;
  /** As a client: the addresses that a gateway gave last, which are asked for again. */
  addresses: readonly Uint8Array[];
  /** When gateways sent us on, as a client, the last few times (RFC 5685 7). */
  redirections: Redirections;
  /** Where to, until that is begun: the deadline `redirect:NAME`. */
  redirect: Attempt | undefined;
  /** `up` commands that wait for it, or for one of its children. */
  waiting: Waiter[];
}

/** How an attempt of ours differs from a plain one. */
export interface Attempt {
  /** Where to, instead of the configured peer. */
  readonly endpoint?: Endpoint;
  readonly redirectedFrom?: string;
  readonly replaces?: Replaces;
}

/** A command that is answered later. */
export interface Waiter {
  readonly id: number;
  /** Name of the child that is to be up; undefined: the connection with all that start with it. */
  readonly child: string | undefined;
}

/** An end that was told, or that just happened: held against when the connection is back. */
export interface Outage {
  readonly since: Instant;
  readonly by: "peer" | "us";
  /** Sanitised. */
  readonly reason: string | undefined;
  /** 0: no estimate. */
  readonly downtimeSeconds: number;
}

export type Role = "initiator" | "responder";

export interface IkeSa {
  /** Our own SPI in hex: its key in `ikeSas` and in deadlines. */
  readonly key: string;
  /** Whether we began it (RFC 7296 2.2: the I flag of all that we send in it). */
  readonly role: Role;
  readonly spiI: Uint8Array;
  /** Zeros until the responder has answered. */
  spiR: Uint8Array;
  local: Endpoint;
  remote: Endpoint;
  readonly window: Window;
  /** What is to be asked of the peer, in this order; the first leaves when nothing is in flight. */
  readonly queue: Task[];
  /** The request in flight is of this task. */
  current: Task | undefined;
  /** Fragments of a request, and of a response, that is not complete (RFC 7383 2.6). */
  readonly fragments: { request: Reassembly | undefined; response: Reassembly | undefined };
  /** When IKE_SA_INIT left, or came. */
  readonly beganAt: Instant;
  /** When the last genuine message of the peer came, and when we last sent something. */
  heardAt: Instant;
  sentAt: Instant;
  phase: Phase;
}

/** Where an IKE SA is: each phase holds what is valid in it. */
export type Phase = SaInitSent | SaInitAnswered | AuthSent | Verifying | Established | Deleting;
export type PhaseName = Phase["at"];
/** An IKE SA in one of the phases. */
export type IkeSaIn<P extends Phase> = IkeSa & { phase: P };
export type EstablishedSa = IkeSaIn<Established>;

/** Narrows an IKE SA to the phase it is in. */
export function isIn<N extends PhaseName>(sa: IkeSa, at: N): sa is IkeSaIn<Extract<Phase, { at: N }>> {
  return sa.phase.at === at;
}

/** The IKE SA goes on to another phase. */
export function enter<P extends Phase>(sa: IkeSa, phase: P): IkeSaIn<P> {
  return Object.assign<IkeSa, { phase: P }>(sa, { phase });
}

/** The SA can carry exchanges of our choice. */
export function isEstablished(sa: IkeSa): sa is EstablishedSa {
  return sa.phase.at === "ESTABLISHED";
}

/** It is established, and does not merely wait for the peer's Delete after a rekey. */
export function isInUse(sa: IkeSa): sa is EstablishedSa {
  return isEstablished(sa) && !sa.phase.redundant && !sa.phase.successor?.inherited;
}

/** Whether one of the IKE SAs of a connection is in use. */
export function stands({ ikeSas }: ConnectionState): boolean {
  for (const sa of ikeSas) if (isInUse(sa)) return true;
  return false;
}

/** What protects messages: undefined before IKE_SA_INIT is through. */
export function securedOf(sa: IkeSa): Secured | undefined {
  return sa.phase.at === "SA_INIT_SENT" ? undefined : sa.phase.secured;
}

/** The connection that an IKE SA belongs to, if it is known by now. */
export function connectionOf(sa: IkeSa): ConnectionState | undefined {
  return "connection" in sa.phase ? sa.phase.connection : undefined;
}

/** What IKE_SA_INIT agreed on. */
export interface Secured {
  readonly suite: IkeSuite;
  /** SK_d */
  readonly d: SecretKey;
  readonly sending: Sending;
  readonly receiving: Protection;
  readonly nat: Nat;
  /** Both sides can do RFC 7383. */
  readonly fragmentation: boolean;
  /** The peer lets itself be sent to another gateway (RFC 5685). */
  readonly redirects: boolean;
}

/** Who is behind a NAT (RFC 7296 2.23). */
export interface Nat {
  readonly local: boolean;
  readonly remote: boolean;
  /** ESP goes inside UDP without need: our side pretended to be behind one. */
  readonly forced: boolean;
}

/** What AUTH covers, kept until both sides have proven who they are (RFC 7296 2.15). */
export interface InitExchange {
  readonly nonces: Nonces;
  /** Octets of the IKE_SA_INIT messages, without a non-ESP marker: RealMessage1 and RealMessage2. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly pi: IkeKeys["pi"];
  readonly pr: IkeKeys["pr"];
  /** Authorities that the responder asked certificates of: SHA-1 of their keys. */
  readonly requested: readonly Uint8Array[];
  /** Numbers of HashAlgorithm that the peer can verify; undefined: it does not do RFC 7427. */
  readonly peerHashes: readonly number[] | undefined;
}

/** Initiator: IKE_SA_INIT is out. */
export interface SaInitSent {
  readonly at: "SA_INIT_SENT";
  readonly connection: ConnectionState;
  readonly ke: KeyExchange;
  readonly nonce: Uint8Array;
  readonly group: Group;
  readonly request: Uint8Array;
  /** What a responder demanded of us (RFC 7296 2.6). */
  readonly cookie: Uint8Array | undefined;
  /** How often it began again, for a cookie or another group: bounded. */
  readonly restarts: number;
  /** Why it was refused in the clear, by somebody who proved nothing (RFC 7296 2.21.1), and after how many sends. */
  refusal: { readonly code: string; readonly why: string; readonly sent: number } | undefined;
  /** The gateway that sent us here (RFC 5685 5). */
  readonly redirectedFrom: string | undefined;
  /** This SA takes the place of that one, by its key: re-authentication (RFC 7296 2.8.3), redirection (RFC 5685 5). */
  readonly replaces: Replaces | undefined;
}

/** An IKE SA that is deleted when its successor stands. */
export interface Replaces {
  /** Another one after it was rekeyed meanwhile. */
  key: string;
  readonly cause: Extract<DeleteCause, "reauthentication" | "redirected">;
}

/** Responder: IKE_SA_INIT is answered. */
export interface SaInitAnswered {
  readonly at: "SA_INIT_ANSWERED";
  readonly secured: Secured;
  readonly init: InitExchange;
  /** Connections that it may be, by address; IDi decides. */
  readonly candidates: readonly ConnectionState[];
  /** The gateway that sent it here. */
  readonly redirectedFrom: string | undefined;
}

/** Initiator: IKE_AUTH is out. */
export interface AuthSent {
  readonly at: "AUTH_SENT";
  readonly connection: ConnectionState;
  readonly secured: Secured;
  readonly init: InitExchange;
  /** The Child SA that goes with it. */
  readonly offer: ChildOffer | undefined;
  readonly replaces: Replaces | undefined;
}

/** Either side: the peer's certificates are being validated; as responder also: its proof is refused, after a pause. */
export interface Verifying {
  readonly at: "VERIFYING";
  /** Undefined when the peer is nobody whom we know. */
  readonly connection: ConnectionState | undefined;
  readonly secured: Secured;
}

/** Both sides have proven who they are. */
export interface Established {
  readonly at: "ESTABLISHED";
  readonly connection: ConnectionState;
  readonly secured: Secured;
  readonly peer: Peer;
  /** When the peer was authenticated last: a rekey does not change it. */
  readonly authenticatedAt: Instant;
  /** When it is to be authenticated anew, if one side has told the other: a rekey does not change it (RFC 4478 2). */
  reauthenticateAt?: Instant;
  /** When this IKE SA was made. */
  readonly since: Instant;
  /** By inbound SPI in hex. */
  readonly children: Map<string, ChildSa>;
  /** Addresses by configuration payload: ours as a client, the client's as a gateway. */
  virtualAddresses: readonly Uint8Array[];
  /** It is being replaced, or may be to replace another: Child SAs are not made under it now (RFC 7296 2.25.2). */
  rekeying: boolean;
  /** What takes its place: the newer one of a rekey, until the old one is deleted. */
  successor?: Successor;
  /** A rekey of the peer made it in the place of that one, by its key, which may have gone since. */
  readonly replaces: string | undefined;
  /** It lost a simultaneous rekey (RFC 7296 2.8.2): the peer, who made it, deletes it. */
  redundant?: true;
  /** Since when the peer has answered TEMPORARY_FAILURE and nothing else (RFC 7296 2.25). */
  refusedSince?: Instant;
  /** What this one is replaced by from scratch, as soon as that stands (RFC 7296 2.8.3). */
  replacement?: Replaces;
  /**
   * While a request of ours is out: SPIs, in hex, that the peer deletes and that are of no Child SA here. Its Delete may have
   * overtaken its answer.
   */
  deletedEarly?: string[];
}

/** An IKE SA in the place of another. */
export interface Successor {
  readonly sa: EstablishedSa;
  /** Of the exchange that made it, for a collision (RFC 7296 2.8.2). */
  readonly nonces: Nonces;
  /** It has the Child SAs. */
  inherited?: true;
}

/** Who the peer proved to be. */
export interface Peer {
  readonly identity: Identity;
  /** How: `psk`, or the scheme of its signature. */
  readonly authentication: string;
  readonly certificate: CertificateReference | undefined;
}

/** The last request of ours is queued or out: our Delete of it, or that the peer has not proven who it is. */
export interface Deleting {
  readonly at: "DELETING";
  readonly connection: ConnectionState;
  readonly secured: Secured;
  /** Undefined when it did not prove who it is. */
  readonly peer: Peer | undefined;
  /** What our Delete says; absent when it is none. */
  readonly why?: DeleteWhy;
}

/** What is left of an IKE SA for a while. */
export interface Ended {
  readonly sa: IkeSa;
  readonly secured: Secured;
}

/** Why we delete something: what DELETE_REASON says, and the ledger. */
export interface DeleteWhy {
  readonly cause: DeleteCause;
  /** Instead of the cause's own text. */
  readonly text?: string;
  /** Instead of what is configured for the cause. */
  readonly downtimeSeconds?: number;
}

/** The addresses that IKE goes between, as this side sees them: those of transport mode. */
export interface Path {
  readonly local: Uint8Array;
  readonly remote: Uint8Array;
  readonly nat: Nat;
}

/** A Child SA as we offer it: the request's half of a negotiation. */
export interface ChildOffer {
  readonly policy: ChildPolicy;
  readonly spiIn: Uint8Array;
  readonly local: readonly AddressSelector[];
  readonly remote: readonly AddressSelector[];
  /** Where the request left. */
  readonly path: Path;
}

/** What both sides agreed on for a Child SA. */
export interface ChildAgreement {
  readonly policy: ChildPolicy;
  readonly mode: "tunnel" | "transport";
  readonly suite: EspSuite;
  readonly spiIn: Uint8Array;
  readonly spiOut: Uint8Array;
  readonly local: readonly AddressSelector[];
  readonly remote: readonly AddressSelector[];
}

/** A pair of ESP SAs that stands. Its keys are the data plane's alone. */
export interface ChildSa extends Omit<ChildAgreement, "policy"> {
  /** Its inbound SPI in hex. */
  readonly key: string;
  policy: ChildPolicy;
  /** The IKE SA that it belongs to: another one after that was rekeyed. */
  ikeSa: EstablishedSa;
  readonly encapsulated: boolean;
  readonly since: Instant;
  /** `rekeyed`: a successor stands, its Delete follows. */
  state: "installed" | "rekeying" | "rekeyed" | "deleting";
  /** What a rekey of the peer put in its place, with the nonces of that exchange (RFC 7296 2.8.1). */
  successor?: { readonly child: ChildSa; readonly nonces: Nonces };
  /** The key of the one in whose place it was put, which may have gone since. */
  readonly replaces: string | undefined;
  /** What our Delete of it says. */
  deletion?: DeleteWhy;
  /** The peer refused its last rekey, and not for the moment only. */
  refused?: true;
  /** It carried as much as it may: its rekey was asked for. */
  usedUp?: true;
  /** As the data plane reported last. */
  octets: number;
  packets: number;
}

/** Why there is no answer to a request. */
export type Failure =
  /** None came, after the last try: the IKE SA is ended behind it. */
  | "unanswered"
  /** The IKE SA ended otherwise before there was one, or before the request left. */
  | "ended";

/** A request of ours: what an exchange is as its initiator, in one file of its own. */
export interface Task {
  /** For the ledger and for finding it in a queue, `delete-child`. */
  readonly kind: string;
  /** ExchangeType. */
  readonly exchange: number;
  /** It is about this IKE SA itself, and not left to one that takes its place. */
  readonly ofIkeSa?: true;
  /** Its payloads, when its turn comes; undefined: there is nothing to do any more, the next one's turn. */
  build(ike: Ikev2, sa: IkeSa): readonly Payload[] | undefined;
  /** The response, genuine and held against the table of contents.ts. */
  answered(ike: Ikev2, sa: IkeSa, response: Received): void;
  failed(ike: Ikev2, sa: IkeSa, why: Failure): void;
}

/** A genuine message. */
export interface Received {
  readonly exchange: number;
  readonly messageId: number;
  readonly payloads: readonly ReceivedPayload[];
  /** Where it came from, and by which socket: the answer goes back that way (RFC 7296 2.11). */
  readonly from: Endpoint;
  readonly via: Endpoint;
}

/** The answer to a request. */
export interface Answer {
  readonly payloads: readonly Payload[];
  /** Done when the answer is out: what follows from it, new requests and the end of the SA among it. */
  readonly after?: () => void;
}

/**
 * The responder's half of an exchange. Undefined: the answer comes later, by `respond`, or not at all because the SA has
 * ended.
 */
export type RequestHandler = (ike: Ikev2, sa: IkeSa, request: Received) => Answer | undefined;
