/** Encryption of records at rest: AES-256-GCM under the operator's key, each value bound to its place. */
import type { CryptoProvider, RandomSource, SecretKey } from "../crypto/provider.ts";
import { concat, utf8 } from "../util/octets.ts";

const nonceLength = 12;

/** Octets of the key that a store is encrypted under. */
export const storeKeyLength = 32;

/** Seals and opens what is kept under (`kind`, `key`). */
export class Sealing {
  readonly #crypto: CryptoProvider;
  readonly #random: RandomSource;
  readonly #key: SecretKey;
  readonly #version: number;

  /** @throws RangeError unless `key` has 32 octets. */
  constructor(crypto: CryptoProvider, random: RandomSource, key: Uint8Array, version: number) {
    if (key.length !== storeKeyLength) throw new RangeError(`the store's key has ${storeKeyLength} octets`);
    this.#crypto = crypto;
    this.#random = random;
    this.#key = crypto.importSecret(key);
    this.#version = version;
  }

  /** A random nonce of 96 bits, then ciphertext and tag. */
  seal(kind: string, key: string, text: string): Uint8Array {
    const nonce = this.#random.octets(nonceLength);
    return concat(nonce, this.#crypto.seal(this.#key, nonce, utf8(text), this.#place(kind, key)));
  }

  /** @throws CryptoError "not-authentic": another key, other octets, or octets from another place. */
  open(kind: string, key: string, sealed: Uint8Array): string {
    const nonce = sealed.slice(0, nonceLength);
    const padded = nonce.length === nonceLength ? nonce : new Uint8Array(nonceLength);
    const octets = this.#crypto.open(this.#key, padded, sealed.subarray(nonceLength), this.#place(kind, key));
    return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("utf8");
  }

  /** Associated data: neither a kind nor the version has a NUL in it. */
  #place(kind: string, key: string): Uint8Array {
    return utf8(`${this.#version}\0${kind}\0${key}`);
  }
}
