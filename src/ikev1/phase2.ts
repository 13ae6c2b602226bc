/**
 * Protection of the exchanges under an established Phase 1 SA (GROUPKEY-PULL, Informational): RFC 2409 5.5, 5.7 and
 * App. B. Main mode's own messages 5 and 6 are protected with the same functions under Message ID 0.
 */
import type { Env } from "../core/engine.ts";
import { Flag } from "../iana/isakmp.ts";
import { concat, toUint, u32 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { WireError } from "../wire/error.ts";
import { encodeHeader, HEADER_LENGTH } from "../wire/header.ts";
import type { Header } from "../wire/payloads.ts";
import type { Phase1Sa } from "./types.ts";

/** Octets of an AES block, and of an IV. */
export const BLOCK_LENGTH = 16;

/** What protection of one message takes of an SA. */
export type Protection = Pick<Phase1Sa, "initiatorCookie" | "responderCookie" | "encryptionKey">;

/** The IV of a phase 2 exchange's first message (RFC 2409 App. B): hash(last block of Phase 1 | M-ID). */
export function phase2Iv(sa: Pick<Phase1Sa, "lastBlock" | "proposal">, messageId: number, env: Env): Uint8Array {
  return env.crypto.hash(sa.proposal.hash, sa.lastBlock, u32(messageId)).subarray(0, BLOCK_LENGTH);
}

/** A Message ID for an exchange that we begin: random, other than 0 (RFC 2408 3.1). */
export function freshMessageId(env: Env): number {
  return toUint(env.random.octets(4)) || 1;
}

/** prf(SKEYID_a, parts), the HASH(n) of RFC 2409 5.5 and 5.7 and of RFC 6407 3.2. */
export function phase2Hash(
  sa: Pick<Phase1Sa, "skeyidA" | "proposal">,
  env: Env,
  ...parts: readonly Uint8Array[]
): Uint8Array {
  return env.crypto.hmac(sa.proposal.hash, sa.skeyidA, ...parts);
}

/**
 * Encrypts an encoded payload chain, with zeros up to the block and none when it ends on one (READINGS 4); Length
 * includes them, the Encryption flag is set.
 * @param iv of this message; `nextIv` is that of the exchange's next one, the last block of ciphertext.
 */
export function protect(
  sa: Protection,
  env: Env,
  exchangeType: number,
  messageId: number,
  firstPayload: number,
  chain: Uint8Array,
  iv: Uint8Array,
): { datagram: Uint8Array; nextIv: Uint8Array } {
  const plaintext = new Uint8Array(Math.ceil(chain.length / BLOCK_LENGTH) * BLOCK_LENGTH);
  plaintext.set(chain);
  const ciphertext = env.crypto.aesCbcEncrypt(sa.encryptionKey, iv, plaintext);
  const header = encodeHeader({
    initiatorCookie: sa.initiatorCookie,
    responderCookie: sa.responderCookie,
    nextPayload: firstPayload,
    exchangeType,
    flags: Flag.ENCRYPTION,
    messageId,
    length: HEADER_LENGTH + ciphertext.length,
  });
  return { datagram: concat(header, ciphertext), nextIv: ciphertext.slice(-BLOCK_LENGTH) };
}

/**
 * Decrypts a message; says nothing about its authenticity, which the HASH in it proves. The plaintext keeps its
 * padding.
 * @param iv of this message; `nextIv` is that of the exchange's next one, should this one turn out genuine.
 */
export function unprotect(
  sa: Protection,
  env: Env,
  header: Header,
  datagram: Uint8Array,
  iv: Uint8Array,
): Result<{ plaintext: Uint8Array; nextIv: Uint8Array }, WireError> {
  if ((header.flags & Flag.ENCRYPTION) === 0) return err(refusal("unexpected", "Encryption flag is not set", 19));
  const ciphertext = datagram.subarray(HEADER_LENGTH);
  if (ciphertext.length === 0 || ciphertext.length % BLOCK_LENGTH !== 0) {
    return err(
      refusal(
        "bad-length",
        `${ciphertext.length} octets of ciphertext, expected a multiple of ${BLOCK_LENGTH}`,
        HEADER_LENGTH,
      ),
    );
  }
  const plaintext = env.crypto.aesCbcDecrypt(sa.encryptionKey, iv, ciphertext);
  return ok({ plaintext, nextIv: ciphertext.slice(-BLOCK_LENGTH) });
}

function refusal(code: WireError["code"], message: string, offset: number): WireError {
  return { code, message, offset, path: "HDR", section: "RFC 2409 App. B" };
}
