/** Decryption of one captured message with keys that the user has: for `keyherald decode`. */
import { nodeCrypto } from "../crypto/node/index.ts";
import type { HashName } from "../crypto/provider.ts";
import { ExchangeType, Flag } from "../iana/isakmp.ts";
import { concat, u32 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { WireError } from "../wire/error.ts";
import { decodeHeader, HEADER_LENGTH } from "../wire/header.ts";
import { contextOf, decodeChain, decodeMessage } from "../wire/message.ts";
import type { Header, ReceivedPayload } from "../wire/payloads.ts";

/** Octets of an AES block, and of an IV. */
const block = 16;

/** Keys that may fit. */
export interface DecodeKeys {
  /** Phase 1 encryption key, with the IV of this message or the last ciphertext block of main mode. */
  readonly phase1?:
    | { readonly key: Uint8Array; readonly iv: Uint8Array }
    | { readonly key: Uint8Array; readonly lastBlock: Uint8Array; readonly hash: HashName };
  /** KEK_ALGORITHM_KEY: IV | key (RFC 6407 5.6.2.1). */
  readonly kek?: Uint8Array;
}

export interface Decoded {
  readonly header: Header;
  readonly payloads: readonly ReceivedPayload[];
  readonly decrypted: boolean;
}

/** What is said about a message that could not be decoded. */
export type DecodeProblem =
  | { readonly what: "wire"; readonly error: WireError; readonly decrypted?: boolean }
  | { readonly what: "encrypted"; readonly header: Header };

/**
 * Decodes a message; an encrypted one with the key that its exchange type asks for. Offsets in the result are those of
 * the message. Nothing is authenticated.
 */
export function decodeWith(datagram: Uint8Array, keys: DecodeKeys): Result<Decoded, DecodeProblem> {
  const header = decodeHeader(datagram);
  if (!header.ok) return err({ what: "wire", error: header.error });
  if ((header.value.flags & Flag.ENCRYPTION) === 0) {
    const message = decodeMessage(datagram);
    return message.ok ? ok({ ...message.value, decrypted: false }) : err({ what: "wire", error: message.error });
  }
  const chosen = keyAndIv(header.value, keys);
  if (chosen === undefined) return err({ what: "encrypted", header: header.value });
  const ciphertext = datagram.subarray(HEADER_LENGTH);
  if (ciphertext.length === 0 || ciphertext.length % block !== 0) {
    const message = `${ciphertext.length} octets of ciphertext, expected a multiple of ${block}`;
    return err({
      what: "wire",
      error: { code: "bad-length", message, offset: HEADER_LENGTH, path: "HDR", section: "RFC 2409 App. B" },
    });
  }
  const plaintext = nodeCrypto.aesCbcDecrypt(nodeCrypto.importSecret(chosen.key), chosen.iv, ciphertext);
  const whole = concat(datagram.subarray(0, HEADER_LENGTH), plaintext);
  const { nextPayload, exchangeType } = header.value;
  const chain = decodeChain(nextPayload, whole, HEADER_LENGTH, contextOf(exchangeType), "zeros");
  if (!chain.ok) return err({ what: "wire", error: chain.error, decrypted: true });
  return ok({ header: header.value, payloads: chain.value.payloads, decrypted: true });
}

function keyAndIv(header: Header, { phase1, kek }: DecodeKeys): { key: Uint8Array; iv: Uint8Array } | undefined {
  if (header.exchangeType === ExchangeType.GROUPKEY_PUSH) {
    return kek === undefined ? undefined : { iv: kek.subarray(0, block), key: kek.subarray(block) };
  }
  if (phase1 === undefined || "iv" in phase1) return phase1;
  const iv = nodeCrypto.hash(phase1.hash, phase1.lastBlock, u32(header.messageId)).subarray(0, block);
  return { key: phase1.key, iv };
}
