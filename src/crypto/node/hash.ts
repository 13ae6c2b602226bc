import { createHash, createHmac, hash as hashOnce, hkdfSync } from "node:crypto";
import { concat } from "../../util/octets.ts";
import type { HashName, SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";
import { keyObject } from "./secrets.ts";

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
  const state = createHmac(name, keyObject(key));
  if (first !== undefined) state.update(first);
  if (second !== undefined) state.update(second);
  for (const part of more) state.update(part);
  return plain(state.digest());
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
