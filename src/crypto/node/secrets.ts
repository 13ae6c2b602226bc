import { createSecretKey, type KeyObject, timingSafeEqual } from "node:crypto";
import { CryptoError, type SecretKey } from "../provider.ts";

/**
 * A symmetric key. Most are used once or never: of the ten that a handshake of IKEv2 derives, two stay in use. So the
 * KeyObject that OpenSSL's ciphers want, which costs more than an HMAC and takes half a kilobyte, is made when one asks.
 */
export class Secret implements SecretKey {
  readonly type = "secret";
  /** Private: nothing prints it. */
  readonly #octets: Uint8Array;
  #object: KeyObject | undefined;

  /** @param octets its own from now on */
  constructor(octets: Uint8Array) {
    this.#octets = octets;
  }

  get length(): number {
    return this.#octets.length;
  }

  get octets(): Uint8Array {
    return this.#octets;
  }

  get object(): KeyObject {
    this.#object ??= createSecretKey(this.#octets);
    return this.#object;
  }
}

/** A symmetric key from its octets, which are copied. */
export function importSecret(octets: Uint8Array): SecretKey {
  const own = new Uint8Array(octets.length);
  own.set(octets);
  return new Secret(own);
}

/** The octets of a symmetric key, copied. @throws CryptoError "bad-key" when it is not one of this provider. */
export function exportSecret(key: SecretKey): Uint8Array {
  return secretOf(key).octets.slice();
}

/** What is behind `key`. @throws CryptoError "bad-key" when it is not one of this provider. */
export function secretOf(key: SecretKey): Secret {
  if (key instanceof Secret) return key;
  throw new CryptoError("bad-key", "the key is not a secret key of this provider");
}

/** The KeyObject behind `key`. @throws CryptoError "bad-key" when it is not one of this provider. */
export function keyObject(key: SecretKey): KeyObject {
  return secretOf(key).object;
}

/** Comparison in a time that does not depend on where the octets differ; false when lengths differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
