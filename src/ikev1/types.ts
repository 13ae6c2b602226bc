/** What Phase 1 is configured with, and what it tells the protocol above it. */
import type { Endpoint, Instant } from "../core/engine.ts";
import type { Identity } from "../core/identity.ts";
import type { RetransmissionPolicy } from "../core/retransmission.ts";
import type { CertificateReference, HashName, SecretKey, Signer } from "../crypto/provider.ts";
import type { NotificationPayload } from "../wire/payloads.ts";

/** One acceptable Phase 1 transform (RFC 2409 App. A). */
export interface Phase1Proposal {
  readonly cipher: "aes-cbc";
  readonly keyBits: 128 | 192 | 256;
  readonly hash: Exclude<HashName, "sha1">;
  /** 14-18, 19-21. */
  readonly group: number;
  readonly authentication: AuthenticationName;
}

export type AuthenticationName = "psk" | "rsa" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";

/** Who we are, and how we prove it. */
export interface LocalCredentials {
  readonly identity: Identity;
  /** Leaf first, DER; sent in CERT payloads. Empty with pre-shared keys alone. */
  readonly certificates: readonly Uint8Array[];
  readonly signer?: Signer;
}

/** How a peer is allowed to authenticate: looked up by its address (pre-shared keys) and checked by its identity. */
export interface PeerPolicy {
  /** For the ledger: the name the configuration gives it. */
  readonly name: string;
  /** Acceptable source addresses as octet ranges (inclusive); empty: any. */
  readonly addresses: readonly { readonly from: Uint8Array; readonly to: Uint8Array }[];
  /** Acceptable identity; undefined: any that authentication binds (the group's own list decides). */
  readonly identity?: Identity;
  readonly psk?: SecretKey;
}

export interface Phase1Policy {
  readonly local: LocalCredentials;
  readonly proposals: readonly Phase1Proposal[];
  readonly peers: readonly PeerPolicy[];
  /** Trust anchors and CRLs, DER. */
  readonly anchors: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  /** DOI that is sent: 2, or 1 for peers that know no other. Both are accepted. */
  readonly doi: 1 | 2;
  readonly lifetimeSeconds: number;
  /** READINGS 2: what ECDSA signs when we sign; a verifier accepts both. */
  readonly ecdsaSigns: "hash-of-HASH" | "HASH";
  readonly sendCertificateRequest: boolean;
  /** A peer sends exactly one certificate, and its identity is the subject of that: ID_DER_ASN1_DN and nothing else. */
  readonly peersAreSubjects?: boolean;
  readonly retransmission: RetransmissionPolicy;
  /** Bounds of half-open exchanges as responder: in all, and per source address. */
  readonly halfOpen: { readonly total: number; readonly perSource: number; readonly timeoutMs: number };
}

/** An established Phase 1 SA: exactly what phase 2 needs. */
export interface Phase1Sa {
  /** Hex of both cookies: a map key, and the name in the ledger. */
  readonly id: string;
  readonly initiatorCookie: Uint8Array;
  readonly responderCookie: Uint8Array;
  readonly role: "initiator" | "responder";
  /** The local socket and the peer, as the last authenticated message had them. */
  local: Endpoint;
  remote: Endpoint;
  readonly localIdentity: Identity;
  readonly peerIdentity: Identity;
  /** Name of the PeerPolicy that matched. */
  readonly peerName: string;
  readonly proposal: Phase1Proposal;
  readonly doi: number;
  readonly skeyidA: SecretKey;
  readonly encryptionKey: SecretKey;
  /** Last ciphertext block of main mode (RFC 2409 App. B): base of every phase 2 IV. */
  readonly lastBlock: Uint8Array;
  readonly establishedAt: Instant;
  readonly expiresAt: Instant;
  /** With certificates: the verified leaf's subject as RFC 4514 text; a peer's text, to be sanitised before it is shown. */
  readonly certificateSubject?: string;
  /** With certificates: the verified leaf, so that it is known when it is revoked or its authority trusted no more. */
  readonly certificate?: CertificateReference;
}

export type Phase1FailureCode =
  | "no-proposal-chosen"
  | "authentication-failed"
  | "invalid-certificate"
  | "invalid-identity"
  | "not-authorized"
  | "timeout"
  | "invalid-key"
  | "malformed"
  | "too-many-half-open"
  | "refused-by-peer";

/** What happened in Phase 1 that the layer above must know. */
export type Phase1Upcall =
  | { readonly up: "established"; readonly sa: Phase1Sa }
  | {
      readonly up: "failed";
      readonly attempt?: number;
      readonly peer: Endpoint;
      readonly code: Phase1FailureCode;
      readonly why: string;
    }
  | { readonly up: "deleted"; readonly sa: Phase1Sa; readonly by: "peer" | "expiry" | "us" }
  /** A protected notification; unprotected ones are only counted and put into the ledger. */
  | { readonly up: "notification"; readonly sa: Phase1Sa; readonly notification: NotificationPayload };
