import { createCipheriv, createDecipheriv } from "node:crypto";
import { concat } from "../../util/octets.ts";
import { CryptoError, type SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";
import { keyObject } from "./secrets.ts";

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
  const keyLength = keyObject(key).symmetricKeySize;
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
 * AES-256-GCM (NIST SP 800-38D) for state at rest: ciphertext, then the tag of 16 octets.
 * @throws CryptoError "bad-length" unless the key has 32 octets and the nonce 12.
 */
export function seal(key: SecretKey, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
  checkGcm(key, nonce);
  const cipher = createCipheriv("aes-256-gcm", keyObject(key), nonce, { authTagLength: tagLength });
  cipher.setAAD(associated);
  return concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/**
 * The plaintext of what seal made.
 * @throws CryptoError "not-authentic" when key, nonce, ciphertext, tag or associated data are others; "bad-length" as seal.
 */
export function open(key: SecretKey, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array {
  checkGcm(key, nonce);
  const end = sealed.length - tagLength;
  if (end < 0) throw new CryptoError("not-authentic", "sealed data is shorter than its tag");
  const decipher = createDecipheriv("aes-256-gcm", keyObject(key), nonce, { authTagLength: tagLength });
  decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = decipher.update(sealed.subarray(0, end));
  try {
    decipher.final();
  } catch {
    throw new CryptoError("not-authentic", "sealed data is not authentic under this key");
  }
  return plain(plaintext);
}

function checkGcm(key: SecretKey, nonce: Uint8Array): void {
  if (keyObject(key).symmetricKeySize !== 32) throw new CryptoError("bad-length", "an AES-256 key has 32 octets");
  if (nonce.length !== nonceLength) {
    throw new CryptoError("bad-length", `an AES-GCM nonce has ${nonceLength} octets, not ${nonce.length}`);
  }
}
