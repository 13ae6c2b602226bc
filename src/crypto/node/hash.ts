import { createHash, createHmac, hash as hashOnce, hkdfSync } from "node:crypto";
import { concat } from "../../util/octets.ts";
import type { HashName, SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";
import { keyObject, secretOf } from "./secrets.ts";

/** Parts of so many octets are put together: one call costs less than a state that is fed. */
const TOGETHER = 4096;

/** The hash over all parts, one after the other. */
export function hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return plain(hashOnce(name, only, "buffer"));
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= TOGETHER) return plain(hashOnce(name, concat(...parts), "buffer"));
  const state = createHash(name);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

/**
 * HMAC (RFC 2104) over all parts, one after the other. Every packet and every acknowledgement comes through here, hence
 * the two named parts: with them no array is made for the usual calls.
 */
export function hmac(
  name: HashName,
  key: SecretKey,
  first?: Uint8Array,
  second?: Uint8Array,
  ...more: readonly Uint8Array[]
): Uint8Array {
  const secret = secretOf(key);
  if (more.length === 0 && secret.length <= BLOCK && secret.isFresh()) {
    return ofTwoHashes(name, secret.octets, first ?? nothing, second ?? nothing);
  }
  const state = createHmac(name, secret.object);
  if (first !== undefined) state.update(first);
  if (second !== undefined) state.update(second);
  for (const part of more) state.update(part);
  return plain(state.digest());
}

const nothing = new Uint8Array(0);
/** Octets of the shortest block of a hash here (RFC 2104 2): no longer key is padded as it is. */
const BLOCK = 64;
const blocks = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 } as const satisfies Record<HashName, number>;
const INNER = 0x36;
const OUTER = 0x5c;

/** HMAC as RFC 2104 2 defines it: H(K XOR opad, H(K XOR ipad, text)). */
function ofTwoHashes(name: HashName, key: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array {
  const block = blocks[name];
  const inner = new Uint8Array(block + first.length + second.length);
  const padded = inner.subarray(0, block);
  padded.fill(INNER);
  for (let i = 0; i < key.length; i++) padded[i] = INNER ^ (key[i] ?? 0);
  inner.set(first, block);
  inner.set(second, block + first.length);
  const digest = hashOnce(name, inner, "buffer");
  const outer = new Uint8Array(block + digest.length);
  for (let i = 0; i < block; i++) outer[i] = OUTER ^ INNER ^ (padded[i] ?? 0);
  outer.set(digest, block);
  const mac = hashOnce(name, outer, "buffer");
  // both hold the key
  padded.fill(0);
  outer.fill(0);
  return plain(mac);
}

/** HKDF (RFC 5869): HMAC upon HMAC in one call of OpenSSL, which costs less than two of them made here. */
export function hkdf(
  name: HashName,
  input: SecretKey,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync(name, keyObject(input), salt, info, length));
}
