import { type CipherGCMTypes, createCipheriv, createDecipheriv } from "node:crypto";
import { type AeadName, CryptoError, type SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";
import { keyObject, type Secret, secretOf } from "./secrets.ts";

const blockLength = 16;
const nonceLength = 12;
const tagLength = 16;

/**
 * AES-CBC (RFC 3602) without padding.
 * @throws CryptoError "bad-length" unless the key has 16, 24 or 32 octets, the IV 16, the plaintext a multiple of 16.
 */
export function aesCbcEncrypt(key: SecretKey, iv: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipheriv(cbcName(key, iv, plaintext), keyObject(key), iv).setAutoPadding(false);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return plain(ciphertext);
}

/** The inverse of aesCbcEncrypt. @throws CryptoError "bad-length" under the same conditions. */
export function aesCbcDecrypt(key: SecretKey, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const decipher = createDecipheriv(cbcName(key, iv, ciphertext), keyObject(key), iv).setAutoPadding(false);
  const plaintext = decipher.update(ciphertext);
  decipher.final();
  return plain(plaintext);
}

function cbcName(key: SecretKey, iv: Uint8Array, data: Uint8Array): string {
  const keyLength = secretOf(key).length;
  if (keyLength !== 16 && keyLength !== 24 && keyLength !== 32) {
    throw new CryptoError("bad-length", `an AES key has 16, 24 or 32 octets, not ${keyLength}`);
  }
  if (iv.length !== blockLength) {
    throw new CryptoError("bad-length", `an AES-CBC IV has ${blockLength} octets, not ${iv.length}`);
  }
  if (data.length % blockLength !== 0) {
    throw new CryptoError("bad-length", `${data.length} octets are no multiple of the AES block of ${blockLength}`);
  }
  return keyLength === 16 ? "aes-128-cbc" : keyLength === 24 ? "aes-192-cbc" : "aes-256-cbc";
}

/**
 * Authenticated encryption with associated data: ciphertext, then the ICV of 16 octets (RFC 5282 3.1, RFC 7634 2), behind
 * `front` octets of zero.
 * @throws CryptoError "bad-length" unless the nonce has 12 octets and the key as many as the algorithm takes.
 */
export function aeadSeal(
  name: AeadName,
  key: SecretKey,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
  front = 0,
): Uint8Array<ArrayBuffer> {
  checkAead(name, key, nonce);
  const secret = secretOf(key);
  const cipher =
    name === "aes-gcm"
      ? createCipheriv(gcmName(secret), secret.object, nonce, aeadOptions)
      : createCipheriv("chacha20-poly1305", secret.object, nonce, aeadOptions);
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  const sealed = new Uint8Array(front + plaintext.length + tagLength);
  sealed.set(cipher.update(plaintext), front);
  cipher.final(); // nothing is left over: neither cipher works in blocks
  sealed.set(cipher.getAuthTag(), front + plaintext.length);
  return sealed;
}

/**
 * The plaintext of what aeadSeal made; undefined when key, nonce, ciphertext, ICV or associated data are others. What is
 * not authentic is a peer's doing and common, hence no exception. @throws CryptoError "bad-length" as aeadSeal.
 */
export function aeadOpen(
  name: AeadName,
  key: SecretKey,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | undefined {
  checkAead(name, key, nonce);
  const end = sealed.length - tagLength;
  if (end < 0) return undefined;
  const secret = secretOf(key);
  const decipher =
    name === "aes-gcm"
      ? createDecipheriv(gcmName(secret), secret.object, nonce, aeadOptions)
      : createDecipheriv("chacha20-poly1305", secret.object, nonce, aeadOptions);
  decipher.setAAD(associated, { plaintextLength: end });
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain(plaintext);
}

const aeadOptions = { authTagLength: tagLength };

function checkAead(name: AeadName, key: SecretKey, nonce: Uint8Array): void {
  if (nonce.length !== nonceLength) {
    throw new CryptoError("bad-length", `a nonce has ${nonceLength} octets, not ${nonce.length}`);
  }
  const keyLength = secretOf(key).length;
  if (keyLength === 32 || (name === "aes-gcm" && (keyLength === 16 || keyLength === 24))) return;
  throw new CryptoError("bad-length", `a key of ${keyLength} octets does not fit ${name}`);
}

function gcmName({ length }: Secret): CipherGCMTypes {
  return length === 16 ? "aes-128-gcm" : length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

/**
 * AES-256-GCM (NIST SP 800-38D) for state at rest: ciphertext, then the tag of 16 octets.
 * @throws CryptoError "bad-length" unless the key has 32 octets and the nonce 12.
 */
export function seal(key: SecretKey, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  checkStateKey(key);
  return aeadSeal("aes-gcm", key, nonce, plaintext, associated);
}

/**
 * The plaintext of what seal made.
 * @throws CryptoError "not-authentic" when key, nonce, ciphertext, tag or associated data are others; "bad-length" as seal.
 */
export function open(key: SecretKey, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array {
  checkStateKey(key);
  const plaintext = aeadOpen("aes-gcm", key, nonce, sealed, associated);
  if (plaintext === undefined) throw new CryptoError("not-authentic", "sealed data is not authentic under this key");
  return plaintext;
}

function checkStateKey(key: SecretKey): void {
  if (secretOf(key).length !== 32) throw new CryptoError("bad-length", "an AES-256 key has 32 octets");
}
