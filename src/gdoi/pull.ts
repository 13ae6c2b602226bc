/**
 * The messages of GROUPKEY-PULL (RFC 6407 3.2), over the protection of ikev1/phase2.ts:
 *
 *     (1) HDR*, HASH(1), Ni, ID       -->
 *     (2)                             <--  HDR*, HASH(2), Nr, SA
 *     (3) HDR*, HASH(3) [,GAP]        -->
 *     (4)                             <--  HDR*, HASH(4), [SEQ,] KD
 */
import type { Env } from "../core/engine.ts";
import { ExchangeType, PayloadType } from "../iana/isakmp.ts";
import { phase2Hash, phase2Iv, protect, unprotect } from "../ikev1/phase2.ts";
import type { Phase1Sa } from "../ikev1/types.ts";
import { concat, u32 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { WireError } from "../wire/error.ts";
import { decodeChain, encodeChain, encodePayload, payloadType } from "../wire/message.ts";
import type { Header, Payload } from "../wire/payloads.ts";

/** Nonce_b must have 8 to 128 octets (RFC 6407 5.8). */
export const NONCE_OCTETS = { least: 8, most: 128 } as const;

/** HASH(1) = prf(SKEYID_a, M-ID | Ni | ID); `after`: all payloads after HASH with their generic headers, no padding. */
export function hash1(sa: Phase1Sa, env: Env, messageId: number, after: Uint8Array): Uint8Array {
  return phase2Hash(sa, env, u32(messageId), after);
}

/** HASH(2) = prf(SKEYID_a, M-ID | Ni_b | Nr | SA). */
export function hash2(sa: Phase1Sa, env: Env, messageId: number, niB: Uint8Array, after: Uint8Array): Uint8Array {
  return phase2Hash(sa, env, u32(messageId), niB, after);
}

/** HASH(3) = prf(SKEYID_a, M-ID | Ni_b | Nr_b [ | GAP ]). */
export function hash3(
  sa: Phase1Sa,
  env: Env,
  messageId: number,
  niB: Uint8Array,
  nrB: Uint8Array,
  after: Uint8Array,
): Uint8Array {
  return phase2Hash(sa, env, u32(messageId), niB, nrB, after);
}

/** HASH(4) = prf(SKEYID_a, M-ID | Ni_b | Nr_b [ | SEQ ] | KD): the same form as HASH(3). */
export const hash4 = hash3;

/** The IV of message 1: those of the others come out of the message before (RFC 2409 App. B). */
export const firstIv = phase2Iv;

/** A message as it is sent, and the IV of the next one of the exchange. */
export interface SealedPull {
  readonly datagram: Uint8Array;
  readonly nextIv: Uint8Array;
}

/**
 * Makes one message of the exchange.
 * @param nonces Ni_b and Nr_b as far as this message's HASH takes them: none for message 1, Ni_b for 2, both for 3 and 4.
 * @param payloads what follows HASH.
 */
export function buildPull(
  sa: Phase1Sa,
  env: Env,
  messageId: number,
  nonces: readonly Uint8Array[],
  payloads: readonly Payload[],
  iv: Uint8Array,
): SealedPull {
  const after = encodeChain(payloads);
  const data = phase2Hash(sa, env, u32(messageId), ...nonces, after);
  const next = payloads[0] === undefined ? PayloadType.NONE : payloadType(payloads[0]);
  const chain = concat(encodePayload({ kind: "HASH", data }, next), after);
  return protect(sa, env, ExchangeType.GROUPKEY_PULL, messageId, PayloadType.HASH, chain, iv);
}

/** A message that was opened: its HASH is still to be checked with `pullHashFits`. */
export interface OpenedPull {
  readonly hash: Uint8Array;
  /** What follows HASH. */
  readonly payloads: readonly Payload[];
  /** The octets of these payloads, generic headers included, padding left out. */
  readonly after: Uint8Array;
  readonly nextIv: Uint8Array;
}

/** Decrypts and decodes one message; it must begin with HASH (RFC 6407 3.2). */
export function openPull(
  sa: Phase1Sa,
  env: Env,
  header: Header,
  datagram: Uint8Array,
  iv: Uint8Array,
): Result<OpenedPull, WireError> {
  const opened = unprotect(sa, env, header, datagram, iv);
  if (!opened.ok) return opened;
  const { plaintext, nextIv } = opened.value;
  const chain = decodeChain(header.nextPayload, plaintext, 0, "gdoi", "zeros");
  if (!chain.ok) return chain;
  const { payloads, end } = chain.value;
  const [first] = payloads;
  if (first === undefined || first.payload.kind !== "HASH") {
    const message = "a GROUPKEY-PULL message begins with HASH";
    return err({ code: "unexpected", message, offset: 0, path: "HDR", section: "RFC 6407 3.2" });
  }
  return ok({
    hash: first.payload.data,
    payloads: payloads.slice(1).map((p) => p.payload),
    after: plaintext.subarray(first.octets.length, end),
    nextIv,
  });
}

/** Whether HASH is what M-ID, the nonces (as in buildPull) and the payloads yield. */
export function pullHashFits(
  sa: Phase1Sa,
  env: Env,
  messageId: number,
  nonces: readonly Uint8Array[],
  opened: OpenedPull,
): boolean {
  return env.crypto.equal(phase2Hash(sa, env, u32(messageId), ...nonces, opened.after), opened.hash);
}
