import { createHash, createHmac, hash as hashOnce } from "node:crypto";
import { concat } from "../../util/octets.ts";
import type { HashName, SecretKey } from "../provider.ts";
import { plain } from "./buffers.ts";
import { secretOf } from "./secrets.ts";

/** Parts of so many octets are put together: one call costs less than a state that is fed. */
const TOGETHER = 4096;

/** The hash over all parts, one after the other. */
export function hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return digestOf(name, only);
  let length = 0;
  for (const part of parts) length += part.length;
  if (length <= TOGETHER) return digestOf(name, concat(...parts));
  const state = createHash(name);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

/** By way of a text: the memory of a Buffer would take three times as long as the hash of a short input. */
function digestOf(name: HashName, input: Uint8Array): Uint8Array {
  const digest = new Uint8Array(digestLengths[name]);
  putDigest(name, input, digest, 0);
  return digest;
}

function putDigest(name: HashName, input: Uint8Array, target: Uint8Array, at: number): void {
  const text = hashOnce(name, input, "binary");
  for (let i = 0; i < text.length; i++) target[at + i] = text.charCodeAt(i);
}

const LONGEST_DIGEST = 64;
const digestLengths = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const satisfies Record<HashName, number>;

/** HMAC (RFC 2104) over all parts, one after the other. Every packet and every acknowledgement comes through here. */
export function hmac(name: HashName, key: SecretKey, ...parts: readonly Uint8Array[]): Uint8Array {
  const secret = secretOf(key);
  let text = 0;
  for (const part of parts) text += part.length;
  if (secret.length <= BLOCK && text <= scratch.length - LONGEST_BLOCK) {
    return ofTwoHashes(name, secret.octets, parts, text);
  }
  const state = createHmac(name, secret.object);
  for (const part of parts) state.update(part);
  return plain(state.digest());
}

/** Octets of the shortest block of a hash here (RFC 2104 2): no longer key is padded as it is. */
const BLOCK = 64;
const blocks = { sha1: 64, sha256: 64, sha384: 128, sha512: 128 } as const satisfies Record<HashName, number>;
const LONGEST_BLOCK = 128;
const INNER = 0x36;
const OUTER = 0x5c;

/** Both texts are made here, and wiped: memory for each would cost more than hashing it. */
const scratch = new Uint8Array(2048);

/** HMAC as RFC 2104 2 defines it: H(K XOR opad, H(K XOR ipad, text)). */
function ofTwoHashes(name: HashName, key: Uint8Array, parts: readonly Uint8Array[], text: number): Uint8Array {
  const block = blocks[name];
  const length = block + text;
  scratch.fill(INNER, 0, block);
  for (let i = 0; i < key.length; i++) scratch[i] = INNER ^ (key[i] ?? 0);
  let at = block;
  for (const part of parts) {
    scratch.set(part, at);
    at += part.length;
  }
  const inner = scratch.subarray(0, length);
  putDigest(name, inner, scratch, block);
  for (let i = 0; i < block; i++) scratch[i] = OUTER ^ INNER ^ (scratch[i] ?? 0);
  const mac = digestOf(name, scratch.subarray(0, block + digestLengths[name]));
  scratch.fill(0, 0, Math.max(length, block + LONGEST_DIGEST));
  return mac;
}
