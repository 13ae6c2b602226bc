/** Main mode exchanges under way: what both roles hold, state by state. */
import type { Endpoint, Env, Instant, Output } from "../core/engine.ts";
import type { Identity } from "../core/identity.ts";
import type { Reports } from "../core/reports.ts";
import { type CertificateReference, CryptoError, type KeyExchange, type SecretKey } from "../crypto/provider.ts";
import { err, ok, type Result } from "../util/result.ts";
import { deriveSkeyids, type Exchanged, encryptionKey, phase1Iv, pskSkeyid, signatureSkeyid } from "./keys.ts";
import type { Choice, TransformMeaning } from "./proposals.ts";
import type { PeerPolicy, Phase1FailureCode, Phase1Policy, Phase1Proposal, Phase1Upcall } from "./types.ts";

/** Octets of our nonces; of a peer's, RFC 2409 5 allows 8 to 256. */
export const NONCE_LENGTH = 32;

/** What a step of the endpoint hands to the handlers of messages. */
export interface Context {
  readonly policy: Phase1Policy;
  readonly env: Env;
  readonly out: Output[];
  readonly upcalls: Phase1Upcall[];
  readonly reports: Reports;
  /** Path validation as work; its result comes back to the handler of the exchange. */
  verify(exchange: Exchange, chain: readonly Uint8Array[]): void;
  /** Makes the SA known. */
  establish(exchange: Exchange, keyed: Keyed, peer: Authenticated, lastBlock: Uint8Array): void;
  /** Whether an SA with this address is established already. */
  known(remote: Endpoint): boolean;
}

/** Why a message was refused. */
export interface Refused {
  readonly code: Phase1FailureCode;
  readonly why: string;
  /** A word more about the code that the peer may know: what is wrong with its certificate. */
  readonly detail?: string;
  /** Last ciphertext block of the message when it decrypted well: then the peer has our keys. */
  readonly lastBlock?: Uint8Array;
}

/** What a peer's message 5 or 6 claims. */
export interface Proof {
  readonly identity: Identity;
  /** IDii_b or IDir_b. */
  readonly body: Uint8Array;
  /** The data of HASH or SIG. */
  readonly evidence: Uint8Array;
  /** X.509, DER, leaf first. */
  readonly certificates: readonly Uint8Array[];
  readonly initialContact: boolean;
  readonly notes: readonly string[];
  /** Last ciphertext block of the message. */
  readonly lastBlock: Uint8Array;
}

/** Who the peer has proven to be. */
export interface Authenticated {
  readonly proof: Proof;
  readonly peer: PeerPolicy;
  readonly certificateSubject?: string;
  readonly certificate?: CertificateReference;
  /** End of the certificate's validity: no SA that it vouches for outlives it. */
  readonly certificateEnd?: Instant;
  /** Notes for the ledger: how the peer reads what the RFCs leave open. */
  readonly notes: readonly string[];
}

/** All that follows from message 4. */
export interface Keyed {
  readonly initiatorCookie: Uint8Array;
  readonly responderCookie: Uint8Array;
  readonly proposal: Phase1Proposal;
  readonly lifeSeconds: number | undefined;
  readonly exchanged: Exchanged;
  readonly psk?: SecretKey;
  readonly skeyid: SecretKey;
  readonly skeyidA: SecretKey;
  readonly encryptionKey: SecretKey;
  /** Of the next message to come. */
  readonly iv: Uint8Array;
}

export type InitiatorProgress =
  | { readonly at: "SA-SENT" }
  | {
      readonly at: "KE-SENT";
      readonly responderCookie: Uint8Array;
      readonly meaning: TransformMeaning;
      readonly keyExchange: KeyExchange;
      readonly nonce: Uint8Array;
    }
  | { readonly at: "ID-SENT"; readonly keyed: Keyed }
  | { readonly at: "VERIFYING-RESPONDER"; readonly keyed: Keyed; readonly proof: Proof }
  | { readonly at: "OVER" };

export interface InitiatorExchange {
  readonly role: "initiator";
  readonly attempt: number;
  readonly initiatorCookie: Uint8Array;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly peer: PeerPolicy;
  readonly doi: number;
  /** SAi_b, and what it says. */
  readonly offer: Uint8Array;
  readonly offered: readonly Phase1Proposal[];
  state: InitiatorProgress;
  /** The last message sent, and how often. */
  sent: { readonly bytes: Uint8Array; tries: number };
  /** When to send it again, or to give up. */
  dueAt: Instant;
  /** Digests of the peer's messages that led on: late copies of any of them may come. */
  taken: readonly Uint8Array[];
  /** Digest of the last message that was refused, and why. */
  refused: (Refused & { readonly digest: Uint8Array }) | undefined;
  refusals: number;
  /** What an unprotected notification said: nothing is done because of it, but it may be the reason why no answer comes. */
  hint: string | undefined;
  /** What a protected notification said. */
  refusal: string | undefined;
}

export type ResponderProgress =
  | { readonly at: "SA-ANSWERED" }
  | { readonly at: "KE-ANSWERED"; readonly keyed: Keyed }
  | { readonly at: "VERIFYING-INITIATOR"; readonly keyed: Keyed; readonly proof: Proof }
  | { readonly at: "OVER" };

export interface ResponderExchange {
  readonly role: "responder";
  /** Cookies in hex, and source address with the initiator's cookie: names before and after message 2. */
  readonly id: string;
  readonly first: string;
  readonly initiatorCookie: Uint8Array;
  readonly responderCookie: Uint8Array;
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly doi: number;
  /** SAi_b */
  readonly offer: Uint8Array;
  readonly choice: Choice;
  state: ResponderProgress;
  /** Digest of the last message that led on, and the answer that it gets again. */
  taken: Uint8Array;
  answer: Uint8Array;
  refused: (Refused & { readonly digest: Uint8Array }) | undefined;
  refusals: number;
}

export type Exchange = InitiatorExchange | ResponderExchange;

/** Messages of one exchange that may be refused before it is ended: each costs cryptography. */
export const REFUSALS_AT_MOST = 6;

/** Sends to the peer of an exchange. */
export function sendTo(exchange: Exchange, bytes: Uint8Array, ctx: Context): void {
  ctx.out.push({ out: "send", from: exchange.local, to: exchange.remote, bytes });
}

/** The refusal of a message that decrypted well. */
export function refusedBehindKeys(refused: Refused | undefined, proof: Proof): Refused | undefined {
  return refused === undefined ? undefined : { ...refused, lastBlock: proof.lastBlock };
}

/** Completes the key exchange with the peer's public value; the error is for a value that must not be used. */
export function agree(keyExchange: KeyExchange, peerPublic: Uint8Array): Result<Uint8Array, Refused> {
  try {
    return ok(keyExchange.agree(peerPublic));
  } catch (thrown) {
    if (!(thrown instanceof CryptoError)) throw thrown;
    return err({ code: "invalid-key", why: `key exchange value refused: ${thrown.message}` });
  }
}

/** A nonce of allowed length (RFC 2409 5). */
export function nonceRefusal(nonce: Uint8Array): Refused | undefined {
  if (nonce.length >= 8 && nonce.length <= 256) return undefined;
  return { code: "malformed", why: `nonce of ${nonce.length} octets, allowed are 8 to 256` };
}

/** Derives all keys; with a pre-shared key when `psk` is given, else for signatures. */
export function keyed(
  env: Env,
  meaning: TransformMeaning,
  exchanged: Exchanged,
  sharedSecret: Uint8Array,
  psk: SecretKey | undefined,
): Keyed {
  const { crypto } = env;
  const { proposal, lifeSeconds } = meaning;
  const skeyid =
    psk === undefined
      ? signatureSkeyid(crypto, proposal.hash, sharedSecret, exchanged)
      : pskSkeyid(crypto, proposal.hash, psk, exchanged);
  const { a, e } = deriveSkeyids(crypto, proposal.hash, skeyid, sharedSecret, exchanged);
  return {
    initiatorCookie: exchanged.initiatorCookie,
    responderCookie: exchanged.responderCookie,
    proposal,
    lifeSeconds,
    exchanged,
    ...(psk === undefined ? {} : { psk }),
    skeyid,
    skeyidA: a,
    encryptionKey: encryptionKey(crypto, e, proposal.keyBits),
    iv: phase1Iv(crypto, proposal, exchanged),
  };
}
