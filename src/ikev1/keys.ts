/** Key material of Phase 1: RFC 2409 5 and App. B. */
import type { CryptoProvider, HashName, SecretKey } from "../crypto/provider.ts";
import { concat } from "../util/octets.ts";
import { BLOCK_LENGTH } from "./phase2.ts";
import type { Phase1Proposal } from "./types.ts";

/** What both sides have put into the exchange by message 4. */
export interface Exchanged {
  readonly initiatorCookie: Uint8Array;
  readonly responderCookie: Uint8Array;
  /** Public values g^xi and g^xr as the KE payloads carried them. */
  readonly initiatorPublic: Uint8Array;
  readonly responderPublic: Uint8Array;
  /** Nonce payload bodies Ni_b and Nr_b. */
  readonly initiatorNonce: Uint8Array;
  readonly responderNonce: Uint8Array;
}

/** SKEYID and what is derived from it. */
export interface Skeyids {
  readonly skeyid: SecretKey;
  readonly d: SecretKey;
  readonly a: SecretKey;
  readonly e: SecretKey;
}

/** SKEYID with pre-shared keys (RFC 2409 5): prf(psk, Ni_b | Nr_b). */
export function pskSkeyid(crypto: CryptoProvider, hash: HashName, psk: SecretKey, from: Exchanged): SecretKey {
  return crypto.importSecret(crypto.hmac(hash, psk, from.initiatorNonce, from.responderNonce));
}

/** SKEYID with signatures (RFC 2409 5): prf(Ni_b | Nr_b, g^xy). */
export function signatureSkeyid(
  crypto: CryptoProvider,
  hash: HashName,
  sharedSecret: Uint8Array,
  from: Exchanged,
): SecretKey {
  const nonces = crypto.importSecret(concat(from.initiatorNonce, from.responderNonce));
  return crypto.importSecret(crypto.hmac(hash, nonces, sharedSecret));
}

/** SKEYID_d, SKEYID_a, SKEYID_e (RFC 2409 5): each prf(SKEYID, the one before | g^xy | CKY-I | CKY-R | 0, 1, 2). */
export function deriveSkeyids(
  crypto: CryptoProvider,
  hash: HashName,
  skeyid: SecretKey,
  sharedSecret: Uint8Array,
  from: Exchanged,
): Skeyids {
  const derive = (before: Uint8Array, counter: number): Uint8Array =>
    crypto.hmac(hash, skeyid, before, sharedSecret, from.initiatorCookie, from.responderCookie, Uint8Array.of(counter));
  const d = derive(new Uint8Array(0), 0);
  const a = derive(d, 1);
  const e = derive(a, 2);
  return { skeyid, d: crypto.importSecret(d), a: crypto.importSecret(a), e: crypto.importSecret(e) };
}

/**
 * The key that protects the SA's messages (RFC 2409 App. B): the first octets of SKEYID_e. No cipher offered here needs
 * more than the 32 octets that SHA-256, the shortest hash, gives, so the expansion Ka never comes into play.
 */
export function encryptionKey(crypto: CryptoProvider, skeyidE: SecretKey, keyBits: number): SecretKey {
  return crypto.importSecret(crypto.exportSecret(skeyidE).subarray(0, keyBits / 8));
}

/** The IV of main mode message 5 (RFC 2409 App. B): hash(g^xi | g^xr). */
export function phase1Iv(crypto: CryptoProvider, proposal: Phase1Proposal, from: Exchanged): Uint8Array {
  return crypto.hash(proposal.hash, from.initiatorPublic, from.responderPublic).subarray(0, BLOCK_LENGTH);
}

/** What HASH_I and HASH_R cover beside the key exchange: SA and ID payload bodies without generic header. */
export interface HashInput extends Exchanged {
  /** SAi_b: always the initiator's offer, as it was sent. */
  readonly offer: Uint8Array;
  /** IDii_b for HASH_I, IDir_b for HASH_R. */
  readonly identity: Uint8Array;
}

/**
 * HASH_I (whose is "initiator") or HASH_R (RFC 2409 5): prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b), for
 * HASH_R with public values and cookies the other way round.
 */
export function authenticationHash(
  crypto: CryptoProvider,
  hash: HashName,
  skeyid: SecretKey,
  whose: "initiator" | "responder",
  over: HashInput,
): Uint8Array {
  const { initiatorPublic, responderPublic, initiatorCookie, responderCookie } = over;
  return whose === "initiator"
    ? crypto.hmac(
        hash,
        skeyid,
        initiatorPublic,
        responderPublic,
        initiatorCookie,
        responderCookie,
        over.offer,
        over.identity,
      )
    : crypto.hmac(
        hash,
        skeyid,
        responderPublic,
        initiatorPublic,
        responderCookie,
        initiatorCookie,
        over.offer,
        over.identity,
      );
}
