/** Protection of messages inside SK and SKF: RFC 7296 3.14, RFC 5282 for combined modes, RFC 7383 2.5 for fragments. */
import type { Env } from "../core/engine.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { concat } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import { Writer } from "../util/writer.ts";
import type { HeaderFields } from "../wire/ikev2/header.ts";
import { type Envelope, type Enveloped, encodeEnvelope, encodePayloads, firstPayload } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads.ts";
import type { DirectionKeys } from "./keys.ts";
import type { Encryption, Integrity } from "./suite.ts";

/** The algorithms that protect an IKE SA's messages. */
export interface Algorithms {
  readonly encryption: Encryption;
  readonly integrity: Integrity | undefined;
}

/** What one side's messages are protected with. */
export interface Protection extends Algorithms {
  readonly keys: DirectionKeys;
}

/** Protection of what is sent. */
export interface Sending extends Protection {
  /** Messages sealed so far under these keys: the next IV of a combined mode, which never repeats (RFC 5282 3.1). */
  sealed: number;
}

/** What is sent under `keys` of a new IKE SA. */
export function sending({ encryption, integrity }: Algorithms, keys: DirectionKeys): Sending {
  return { encryption, integrity, keys, sealed: 0 };
}

/** Type of the first payload, and all of them encoded. */
export interface Content {
  readonly first: number;
  readonly octets: Uint8Array;
}

/** Payloads as they stand inside SK. @throws RangeError when a value does not fit its field. */
export function contentOf(payloads: readonly Payload[]): Content {
  return { first: firstPayload(payloads), octets: encodePayloads(payloads) };
}

/** A message with `content` in an SK payload. */
export function sealSk(by: Sending, env: Pick<Env, "crypto" | "random">, header: HeaderFields, content: Content) {
  return seal(by, env, header, { kind: "SK", innerFirst: content.first }, content.octets);
}

/**
 * A message that ends in `envelope` around `plaintext`, with the least padding that the cipher allows. Each message has an
 * IV of its own: counted for combined modes, random for CBC.
 */
export function seal(
  by: Sending,
  { crypto, random }: Pick<Env, "crypto" | "random">,
  header: HeaderFields,
  envelope: Envelope,
  plaintext: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { encryption, integrity, keys } = by;
  const padded = pad(plaintext, encryption.blockOctets);
  const bodyOctets = encryption.ivOctets + padded.length + icvOctets(by);
  const associated = encodeEnvelope(header, envelope, bodyOctets);
  if (encryption.aead !== undefined) {
    const iv = counted(by.sealed++);
    const nonce = concat(keys.salt, iv);
    const front = associated.length + iv.length;
    const datagram = crypto.aeadSeal(encryption.aead, keys.encryption, nonce, padded, associated, front);
    datagram.set(associated);
    datagram.set(iv, associated.length);
    return datagram;
  }
  if (integrity === undefined || keys.integrity === undefined) throw new RangeError("a cipher without integrity");
  by.sealed++;
  const iv = random.octets(encryption.ivOctets);
  const covered = concat(associated, iv, crypto.aesCbcEncrypt(keys.encryption, iv, padded));
  const icv = crypto.hmac(integrity.hash, keys.integrity, covered).subarray(0, integrity.icvOctets);
  return concat(covered, icv);
}

/** A 64-bit number. JavaScript's are exact up to 2^53, more messages than any SA lives to send. */
function counted(value: number): Uint8Array {
  const octets = new Uint8Array(8);
  for (let i = 7, left = value; left > 0; i--) {
    octets[i] = left % 256;
    left = Math.floor(left / 256);
  }
  return octets;
}

/** Padding of zeros and Pad Length behind `plaintext`, up to a multiple of `block`. */
function pad(plaintext: Uint8Array, block: number): Uint8Array {
  const length = Math.ceil((plaintext.length + 1) / block) * block;
  const padLength = length - 1 - plaintext.length;
  const writer = new Writer();
  writer.bytes(plaintext);
  writer.zeros(padLength);
  writer.u8(padLength);
  return writer.finish();
}

function icvOctets({ encryption, integrity }: Algorithms): number {
  return encryption.icvOctets + (integrity?.icvOctets ?? 0);
}

/** The most plaintext that fits a body of SK or SKF of so many octets; less than one when none does. */
export function roomIn(bodyOctets: number, by: Algorithms): number {
  const { ivOctets, blockOctets } = by.encryption;
  return Math.floor((bodyOctets - ivOctets - icvOctets(by)) / blockOctets) * blockOctets - 1;
}

/**
 * Why a message cannot be opened. What is "not-authentic" was made by somebody else, or damaged: nobody may take notice
 * of it (RFC 7296 2.21). "bad-padding" is the authenticated peer's own doing.
 */
export type ProtectFault =
  | { readonly code: "not-authentic"; readonly message: string }
  | { readonly code: "bad-padding"; readonly message: string };

/**
 * The plaintext of a received SK or SKF payload, its padding taken off. Nothing is decrypted before it is known to be
 * authentic.
 */
export function open(crypto: CryptoProvider, by: Protection, message: Enveloped): Result<Uint8Array, ProtectFault> {
  const { encryption, integrity, keys } = by;
  const { payload, associatedData } = message;
  const { body } = payload;
  const { ivOctets, blockOctets } = encryption;
  const ciphertextOctets = body.length - ivOctets - icvOctets(by);
  if (ciphertextOctets < 1 || ciphertextOctets % blockOctets !== 0) {
    return err({ code: "not-authentic", message: `${body.length} octets are no body under ${encryption.name}` });
  }
  const iv = body.subarray(0, ivOctets);
  if (encryption.aead !== undefined) {
    const sealed = body.subarray(ivOctets);
    const nonce = concat(keys.salt, iv);
    const plaintext = crypto.aeadOpen(encryption.aead, keys.encryption, nonce, sealed, associatedData);
    return plaintext === undefined ? err(wrongIcv) : unpad(plaintext);
  }
  if (integrity === undefined || keys.integrity === undefined) return err(wrongIcv);
  const end = body.length - integrity.icvOctets;
  const icv = crypto.hmac(integrity.hash, keys.integrity, associatedData, body.subarray(0, end));
  if (!crypto.equal(icv.subarray(0, integrity.icvOctets), body.subarray(end))) return err(wrongIcv);
  return unpad(crypto.aesCbcDecrypt(keys.encryption, iv, body.subarray(ivOctets, end)));
}

const wrongIcv: ProtectFault = { code: "not-authentic", message: "the integrity check fails" };

/** Any amount of padding that there is room for is taken, whatever is in it (RFC 7296 3.14, RFC 5282 3). */
function unpad(padded: Uint8Array): Result<Uint8Array, ProtectFault> {
  const padLength = padded.at(-1) ?? 0;
  const length = padded.length - 1 - padLength;
  if (length >= 0) return ok(padded.subarray(0, length));
  return err({ code: "bad-padding", message: `Pad Length ${padLength} in ${padded.length} octets` });
}
