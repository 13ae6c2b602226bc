/**
 * LKH update arrays (RFC 6407 5.6.3.2): each key is wrapped with the one before it, the first with the key that LKH ID
 * and Key Handle of the header name. Wrapping is AES-CBC over IV | key without padding, with the IV that came with the
 * wrapping key (READINGS 24).
 */
import type { Env } from "../../core/engine.ts";
import { KekAlgorithm } from "../../iana/gdoi.ts";
import { equal } from "../../util/octets.ts";
import { ok, type Result } from "../../util/result.ts";
import type { LkhDownloadArray, LkhKey, LkhUpdateArray } from "../../wire/payloads.ts";
import { type PolicyError, refuse } from "../refusal.ts";

type CryptoEnv = Pick<Env, "crypto">;

const SECTION = "RFC 6407 5.6.3";
const IV_OCTETS = 16;

/** A node's key in the clear: `data` is IV | key. */
export interface NodeKey {
  readonly id: number;
  readonly handle: number;
  readonly data: Uint8Array;
}

/** When keys were made and end, in seconds since 1970; zeros where clocks do not agree (RFC 6407 5.6.3.1). */
export interface KeyDates {
  readonly created: number;
  readonly expires: number;
}

/** Dates that say nothing. */
export const noDates: KeyDates = { created: 0, expires: 0 };

/** Encrypts `data` (IV | key) under a wrapping key given as IV | key. */
export function wrap(data: Uint8Array, wrapping: Uint8Array, env: CryptoEnv): Uint8Array {
  const key = env.crypto.importSecret(wrapping.slice(IV_OCTETS));
  return env.crypto.aesCbcEncrypt(key, wrapping.subarray(0, IV_OCTETS), data);
}

/** The reverse of `wrap`. */
export function unwrap(data: Uint8Array, wrapping: Uint8Array, env: CryptoEnv): Uint8Array {
  const key = env.crypto.importSecret(wrapping.slice(IV_OCTETS));
  return env.crypto.aesCbcDecrypt(key, wrapping.subarray(0, IV_OCTETS), data);
}

/**
 * The array that brings `path` (from the lowest new key to the root) to all who hold `under`.
 * @param wrapped what was wrapped before in the same update, by the nodes' ids: paths share their upper ends.
 */
export function buildUpdate(
  under: NodeKey,
  path: readonly NodeKey[],
  dates: KeyDates,
  env: CryptoEnv,
  wrapped: Map<string, Uint8Array> = new Map(),
): LkhUpdateArray {
  let wrapping = under;
  const keys = path.map((node): LkhKey => {
    const step = `${wrapping.id} ${node.id}`;
    const data = wrapped.get(step) ?? wrap(node.data, wrapping.data, env);
    wrapped.set(step, data);
    wrapping = node;
    return lkhKey(node, data, dates);
  });
  return { lkhId: under.id, keyHandle: under.handle, keys };
}

/** The array of a member's path, from its leaf to the root (RFC 6407 5.6.3.1). */
export function buildDownload(path: readonly NodeKey[], dates: KeyDates): LkhDownloadArray {
  return { keys: path.map((node) => lkhKey(node, node.data, dates)) };
}

function lkhKey(node: NodeKey, data: Uint8Array, dates: KeyDates): LkhKey {
  const { created, expires } = dates;
  return { lkhId: node.id, keyType: KekAlgorithm.AES, created, expires, keyHandle: node.handle, data };
}

/** Takes a download array: leaf first, root (the KEK) last; every id once, every key AES of `keyBits`. */
export function readDownload(array: LkhDownloadArray, keyBits: number): Result<readonly NodeKey[], PolicyError> {
  const form = checkKeys(array.keys, keyBits);
  if (form !== undefined) return form;
  return ok(array.keys.map((k) => ({ id: k.lkhId, handle: k.keyHandle, data: k.data.slice() })));
}

/** What update arrays make of a member's keys. */
export interface Updated {
  /** The member's path after it, leaf first. */
  readonly path: readonly NodeKey[];
  /** IV | key of the new root: the new KEK. */
  readonly root: Uint8Array;
  readonly changed: readonly number[];
}

/**
 * Applies the arrays that fit the member's path, leaf first. `value` undefined: none fits, so the member was put out or
 * its part is to come. An array that fits but is not along the member's path up to the root is refused, as are arrays
 * that disagree about the root.
 */
export function applyUpdates(
  path: readonly NodeKey[],
  arrays: readonly LkhUpdateArray[],
  keyBits: number,
  env: CryptoEnv,
): Result<Updated | undefined, PolicyError> {
  for (const array of arrays) {
    const form = checkKeys(array.keys, keyBits);
    if (form !== undefined) return form;
  }
  let result: Updated | undefined;
  for (const array of arrays) {
    const held = path.find((node) => node.id === array.lkhId && node.handle === array.keyHandle);
    if (held === undefined) continue;
    const next = applyOne(path, held, array, env);
    if (!next.ok) return next;
    if (result !== undefined && !equal(result.root, next.value.root)) {
      return refuse("mismatch", SECTION, "two LKH update arrays lead to different roots");
    }
    if (result === undefined || next.value.changed.length > result.changed.length) result = next.value;
  }
  return ok(result);
}

function applyOne(
  path: readonly NodeKey[],
  held: NodeKey,
  array: LkhUpdateArray,
  env: CryptoEnv,
): Result<Updated, PolicyError> {
  const above = path.slice(path.indexOf(held) + 1);
  const fresh: NodeKey[] = [];
  let wrapping = held.data;
  let from = 0;
  for (const key of array.keys) {
    const at = above.findIndex((node, i) => i >= from && node.id === key.lkhId);
    const old = above[at];
    if (old === undefined) return refuse("mismatch", SECTION, `LKH node ${key.lkhId} is not above node ${array.lkhId}`);
    if (old.handle === key.keyHandle) {
      return refuse("mismatch", SECTION, `LKH node ${key.lkhId} keeps its Key Handle with a new key`);
    }
    from = at + 1;
    wrapping = unwrap(key.data, wrapping, env);
    fresh.push({ id: key.lkhId, handle: key.keyHandle, data: wrapping });
  }
  if (fresh.at(-1)?.id !== path.at(-1)?.id)
    return refuse("mismatch", SECTION, "an LKH update array ends below the root");
  const byId = new Map(fresh.map((node) => [node.id, node]));
  return ok({
    path: path.map((node) => byId.get(node.id) ?? node),
    root: wrapping,
    changed: fresh.map((node) => node.id),
  });
}

function checkKeys(keys: readonly LkhKey[], keyBits: number): Result<never, PolicyError> | undefined {
  if (keys.length === 0) return refuse("malformed", SECTION, "an LKH array without keys");
  if (new Set(keys.map((k) => k.lkhId)).size !== keys.length) {
    return refuse("malformed", SECTION, "an LKH array names a node twice");
  }
  for (const key of keys) {
    if (key.keyType !== KekAlgorithm.AES) return refuse("unsupported", SECTION, `LKH Key Type ${key.keyType}`);
    if (key.data.length !== IV_OCTETS + keyBits / 8 || key.data.length % IV_OCTETS !== 0) {
      return refuse("mismatch", SECTION, `LKH Key Data of ${key.data.length} octets for keys of ${keyBits} bits`);
    }
  }
  return undefined;
}
