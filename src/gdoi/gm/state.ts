/** What a member holds: of each group, and in all. */
import type { Deadlines } from "../../core/deadlines.ts";
import type { Endpoint, Env, Instant, Output } from "../../core/engine.ts";
import type { SecretKey, Verifier } from "../../crypto/provider.ts";
import type { Phase1Endpoint } from "../../ikev1/endpoint.ts";
import type { Phase1Sa } from "../../ikev1/types.ts";
import type { Sids } from "../key-packets.ts";
import type { NodeKey } from "../lkh/update.ts";
import type { GroupDelays, RekeySa } from "../policy-payloads.ts";
import type { KekKey } from "../push.ts";
import type { TekDescription } from "../tek-payloads.ts";
import type { GroupContents } from "./download.ts";
import type { GmGroup, GmPolicy } from "./types.ts";

/** What a member needs of Phase 1; the engine's own is a Phase1Endpoint. */
export type Phase1Port = Pick<
  Phase1Endpoint,
  | "reconfigure"
  | "receive"
  | "initiate"
  | "deadline"
  | "done"
  | "owns"
  | "next"
  | "find"
  | "sas"
  | "inform"
  | "delete"
  | "counters"
>;

/** A Rekey SA (RFC 6407 1.3): replaced as a whole, but for its sequence number. */
export interface RekeyState {
  readonly sa: RekeySa;
  /** Hex of its SPI. */
  readonly spi: string;
  readonly kek: KekKey;
  /** base_key of acknowledgement types 1 and 3: the key without its IV. */
  readonly baseKey: Uint8Array;
  /** Undefined when no SIG_ALGORITHM_KEY ever came: then no push can be verified. */
  readonly verifier: Verifier | undefined;
  readonly expiresAt: Instant | undefined;
  /** The highest sequence number seen; pushes must be above it. */
  seq: number;
}

/** A Data-Security SA. */
export interface TekState {
  readonly description: TekDescription;
  readonly algorithmKey: SecretKey | undefined;
  readonly integrityKey: SecretKey | undefined;
  readonly activateAt: Instant;
  readonly expiresAt: Instant;
  /** What its generations have in common. */
  readonly stream: string;
  /** It has come to its end and is used further, since no key server answers. */
  readonly kept: boolean;
  /** It was handed to the data plane; counter modes without a SID are not (RFC 6407 4.4). */
  readonly installed: boolean;
}

/** One GROUPKEY-PULL under way. */
export interface Pull {
  readonly sa: Phase1Sa;
  readonly messageId: number;
  readonly ni: Uint8Array;
  /** The message that is waited for. */
  readonly expects: 2 | 4;
  /** IV of that message. */
  readonly iv: Uint8Array;
  /** What was sent last, for retransmission; `sent` counts its sends. */
  readonly datagram: Uint8Array;
  sent: number;
  /** The group's `pushesAccepted` when it began. */
  readonly pushesBefore: number;
  /** With expects 4: Nr_b and the policy of message 2. */
  readonly agreed?: { readonly nr: Uint8Array; readonly contents: GroupContents; readonly asked: number };
}

/** An attempt to register, at one key server at a time. */
export type Attempt = {
  readonly why: string;
  /** Which of the group's key servers. */
  readonly server: number;
  /** How often this key server has asked to begin again. */
  readonly repeats: number;
} & (
  | { readonly at: "phase1" }
  /** Waiting for another group's PULL under the same Phase 1 SA: they go one by one. */
  | { readonly at: "queued"; readonly sa: Phase1Sa; readonly reused: boolean }
  | { readonly at: "pull"; readonly reused: boolean; readonly pull: Pull }
);

/** When and where a group was last registered. */
export interface Registration {
  readonly keyServer: string;
  readonly local: Endpoint;
  readonly at: Instant;
}

export interface Group {
  readonly name: string;
  config: GmGroup;
  attempt: Attempt | undefined;
  registration: Registration | undefined;
  rekey: RekeyState | undefined;
  /** The KEK that was replaced by an LKH update to `newSpi`: further parts of that update come under it (READINGS 26). */
  handover: { readonly old: RekeyState; readonly newSpi: string } | undefined;
  /** SPIs (hex) of KEKs that were replaced or deleted, the latest last. */
  retired: string[];
  /** By protocol and SPI. */
  readonly teks: Map<string, TekState>;
  delays: GroupDelays;
  sids: Sids | undefined;
  /** The key server gives no more SIDs than one until a registration has succeeded. */
  oneSid: boolean;
  /** Keys from the member's leaf to the root, with LKH. */
  path: readonly NodeKey[] | undefined;
  joined: { readonly group: string; readonly port: number; readonly interface?: string } | undefined;
  /** Commands that wait for the registration. */
  commands: number[];
  /** Rounds over all key servers that failed, one after another, and since when. */
  failedRounds: number;
  failingSince: Instant | undefined;
  /** When a push last made the member re-register (at most once in a while), and why it will or did. */
  promptedAt: Instant | undefined;
  promptedBy: string;
  /**
   * Pushes under KEKs that never came: how far apart they make it re-register, when they last did and whether for nothing;
   * the SPI of the one that it is about to re-register for.
   */
  strays: { readonly everyMs: number; readonly askedAt: Instant; readonly asking: boolean; readonly spi?: string };
  /** The planned re-registration is for a gap in front of an LKH update. */
  gapBehindUpdate: boolean;
  /** When an SPI that was seen last led to a PULL, and one that waits for the next. */
  seen: { readonly pulledAt: Instant; readonly waiting?: string } | undefined;
  /** When it was last told that keys are used without a key server. */
  keptToldAt: Instant | undefined;
  /** Its TEKs are those of an earlier life, and no key server has spoken since. */
  restored: boolean;
  /** When the round over all key servers began that is under way. */
  askingSince: Instant | undefined;
  /** TEKs changed since they were last made durable. */
  unsaved: boolean;
  pushesAccepted: number;
  acksSent: number;
  lastError: string | undefined;
}

/** A push that was accepted, so that its copies are told at once (RFC 6407 7.3.4). */
export interface AcceptedPush {
  readonly digest: string;
  readonly group: string;
  readonly from: Endpoint;
  readonly seq: number;
  /** The acknowledgement it got, if any. */
  readonly ack: PendingAck | undefined;
  /** How often that went to an endpoint, and when it last did. */
  readonly answered: Map<string, { readonly times: number; readonly at: Instant }>;
}

/** An acknowledgement ready to leave. */
export interface PendingAck {
  readonly group: string;
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly type: number;
  readonly seq: number;
  readonly multicast: boolean;
}

/** Everything of the member; `env` and `out` are those of the current step. */
export interface Gm {
  policy: GmPolicy;
  readonly phase1: Phase1Port;
  readonly groups: Map<string, Group>;
  readonly deadlines: Deadlines<string>;
  /** Phase 1 attempts under way: attempt number to key server name. */
  readonly dialling: Map<number, string>;
  readonly accepted: AcceptedPush[];
  readonly acks: Map<string, { readonly ack: PendingAck; readonly attempt: number }>;
  ackCount: number;
  readonly counters: Map<string, number>;
  readonly drops: Map<string, { count: number; reportedAt: Instant }>;
  env: Env;
  out: Output[];
}

/** A group that knows nothing yet. */
export function newGroup(config: GmGroup): Group {
  return {
    name: config.name,
    config,
    attempt: undefined,
    registration: undefined,
    rekey: undefined,
    handover: undefined,
    retired: [],
    teks: new Map(),
    delays: {},
    sids: undefined,
    oneSid: false,
    path: undefined,
    joined: undefined,
    commands: [],
    failedRounds: 0,
    failingSince: undefined,
    promptedAt: undefined,
    promptedBy: "",
    strays: { everyMs: 0, askedAt: Number.NEGATIVE_INFINITY, asking: false },
    gapBehindUpdate: false,
    seen: undefined,
    keptToldAt: undefined,
    restored: false,
    askingSince: undefined,
    unsaved: false,
    pushesAccepted: 0,
    acksSent: 0,
    lastError: undefined,
  };
}
