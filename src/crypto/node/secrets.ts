import { createSecretKey, KeyObject, timingSafeEqual } from "node:crypto";
import { CryptoError, type SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";

/** A symmetric key from its octets, which are copied. */
export function importSecret(octets: Uint8Array): SecretKey {
  return createSecretKey(octets);
}

/** The octets of a symmetric key. @throws CryptoError "bad-key" when it is not one of this provider. */
export function exportSecret(key: SecretKey): Uint8Array {
  return plain(keyObject(key).export());
}

/** The KeyObject behind `key`. @throws CryptoError "bad-key" when it is not one of this provider. */
export function keyObject(key: SecretKey): KeyObject {
  if (key instanceof KeyObject && key.type === "secret") return key;
  throw new CryptoError("bad-key", "the key is not a secret key of this provider");
}

/** Comparison in a time that does not depend on where the octets differ; false when lengths differ. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
