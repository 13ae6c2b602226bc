/** Policy (SA) and keys (KD) of a message judged together, before anything changes (READINGS 31). Pure. */
import type { Env } from "../../core/engine.ts";
import type { Verifier } from "../../crypto/provider.ts";
import { TekProtocol } from "../../iana/gdoi.ts";
import { SaDirection } from "../../iana/ipsec.ts";
import { equal, hex } from "../../util/octets.ts";
import { ok, type Result } from "../../util/result.ts";
import type { GdoiSaPayload } from "../../wire/payloads.ts";
import type { KeyDownload, Sids, TekKeys } from "../key-packets.ts";
import { applyUpdates, type NodeKey, readDownload } from "../lkh/update.ts";
import { type GroupDelays, type PolicyExchange, type RekeySa, readGap, readSa, readSak } from "../policy-payloads.ts";
import { readPublicKey } from "../public-key.ts";
import { type PolicyError, refuse } from "../refusal.ts";
import { fitKeys, readSat, type TekDescription } from "../tek-payloads.ts";

/** What an SA payload says. */
export interface GroupContents {
  readonly rekey?: RekeySa;
  readonly delays?: GroupDelays;
  readonly teks: readonly TekDescription[];
  /** Security protocols that are carried and not interpreted. */
  readonly otherProtocols: readonly number[];
}

/** Reads all of an SA payload; the first thing that is not acceptable is the answer (RFC 6407 3.3). */
export function readContents(sa: GdoiSaPayload, exchange: PolicyExchange): Result<GroupContents, PolicyError> {
  const parts = readSa(sa);
  if (!parts.ok) return parts;
  const { sak, gap, sats } = parts.value;
  const rekey = sak === undefined ? undefined : readSak(sak, exchange);
  if (rekey?.ok === false) return rekey;
  const delays = gap === undefined ? undefined : readGap(gap);
  if (delays?.ok === false) return delays;
  const teks: TekDescription[] = [];
  const otherProtocols: number[] = [];
  for (const sat of sats) {
    const tek = readSat(sat);
    if (!tek.ok) return tek;
    if (tek.value === undefined) otherProtocols.push(sat.protocolId);
    else teks.push(tek.value);
  }
  if (new Set(teks.map((t) => hex(t.spi))).size !== teks.length) {
    return refuse("malformed", "RFC 6407 5.5", "two SATs have one SPI");
  }
  return ok({ ...(rekey && { rekey: rekey.value }), ...(delays && { delays: delays.value }), teks, otherProtocols });
}

/** A TEK with its keys. */
export interface TekInstall {
  readonly description: TekDescription;
  readonly keys: TekKeys;
  /** Where SAT and keys are not as they are sent here, and what deserves attention. */
  readonly notes: readonly string[];
}

/**
 * Brings SATs and TEK packets together by SPI (RFC 6407 3.3). Without any TEK packet a PULL's TEKs are to come by push
 * (5.6.1). Packets that no SAT explains are passed over only when there are SATs of other protocols.
 */
export function matchTeks(
  contents: GroupContents,
  keys: KeyDownload,
  exchange: PolicyExchange,
): Result<readonly TekInstall[], PolicyError> {
  const section = "RFC 6407 5.6.1";
  if (keys.teks.length === 0 && exchange === "pull") return ok([]);
  const left = new Map(keys.teks.map((t) => [hex(t.spi), t]));
  const matched: TekInstall[] = [];
  for (const description of contents.teks) {
    const name = hex(description.spi);
    const found = left.get(name);
    if (found === undefined) return refuse("mismatch", section, `no keys for the TEK with SPI ${name}`);
    left.delete(name);
    const fit = fitKeys(description, found);
    if (!fit.ok) return fit;
    matched.push({ description, keys: found, notes: [...(description.notes ?? []), ...fit.value] });
  }
  if (left.size > 0 && contents.otherProtocols.length === 0) {
    return refuse("mismatch", section, "TEK keys for an SPI that no SAT names");
  }
  return ok(matched);
}

/** A new Rekey SA's key, the verifier that came with it, and the LKH path after it. */
export interface KekInstall {
  readonly ivAndKey: Uint8Array;
  readonly verifier?: Verifier;
  readonly path?: readonly NodeKey[];
}

/** The KEK of a message: `none` without SAK; `not-for-us` when only update arrays came and none fits. */
export type KekOutcome =
  | { readonly kek: "none" }
  | { readonly kek: "not-for-us" }
  | ({ readonly kek: "new" } & KekInstall);

/**
 * Brings the SAK and its KEK or LKH packet together. With LKH the root is the KEK; a KEK packet beside it must agree
 * (READINGS 11).
 * @param path the member's LKH keys so far.
 */
export function matchKek(
  rekey: RekeySa | undefined,
  keys: KeyDownload,
  path: readonly NodeKey[] | undefined,
  env: Pick<Env, "crypto">,
): Result<KekOutcome, PolicyError> {
  const section = "RFC 6407 5.6.2";
  const { kek, lkh } = keys;
  if (rekey === undefined) {
    if (kek ?? lkh) return refuse("mismatch", section, "KEK or LKH keys without a SAK");
    return ok({ kek: "none" });
  }
  if (kek === undefined && lkh === undefined) return refuse("mismatch", section, "a SAK without KEK or LKH keys");
  for (const packet of [kek, lkh]) {
    if (packet !== undefined && !equal(packet.spi, rekey.spi)) {
      return refuse("mismatch", section, "KEK keys for another SPI than that of the SAK");
    }
  }
  if (kek !== undefined && kek.ivAndKey.length !== 16 + rekey.keyBits / 8) {
    return refuse("mismatch", "RFC 6407 5.6.2.1", `KEK_ALGORITHM_KEY of ${kek.ivAndKey.length} octets`);
  }
  const fromLkh = lkh === undefined ? undefined : lkhRoot(lkh, path, rekey.keyBits, env);
  if (fromLkh?.ok === false) return fromLkh;
  const root = fromLkh?.value?.ivAndKey;
  if (root !== undefined && kek !== undefined && !equal(root, kek.ivAndKey)) {
    return refuse("mismatch", "RFC 6407 3.3", "the LKH root is not the KEK");
  }
  const octets = kek?.publicKey ?? lkh?.publicKey;
  const key = octets === undefined ? undefined : readPublicKey(octets, rekey.signatureAlgorithm, env);
  if (octets !== undefined && key === undefined) {
    return refuse("mismatch", "RFC 6407 5.6.2.2", "SIG_ALGORITHM_KEY does not fit SIG_ALGORITHM");
  }
  const ivAndKey = root ?? kek?.ivAndKey;
  if (ivAndKey === undefined) return ok({ kek: "not-for-us" });
  const after = fromLkh?.value?.path;
  return ok({
    kek: "new",
    ivAndKey: ivAndKey.slice(),
    ...(key && { verifier: key.verifier }),
    ...(after && { path: after }),
  });
}

function lkhRoot(
  lkh: NonNullable<KeyDownload["lkh"]>,
  path: readonly NodeKey[] | undefined,
  keyBits: number,
  env: Pick<Env, "crypto">,
): Result<{ ivAndKey: Uint8Array; path: readonly NodeKey[] } | undefined, PolicyError> {
  let held = path;
  let root: Uint8Array | undefined;
  if (lkh.download !== undefined) {
    const read = readDownload(lkh.download, keyBits);
    if (!read.ok) return read;
    held = read.value;
    root = held.at(-1)?.data;
  }
  if (lkh.updates.length > 0) {
    const updated = applyUpdates(held ?? [], lkh.updates, keyBits, env);
    if (!updated.ok) return updated;
    if (updated.value !== undefined) ({ path: held, root } = updated.value);
  }
  return ok(root === undefined || held === undefined ? undefined : { ivAndKey: root, path: held });
}

/**
 * Whether a TEK may be installed: a counter mode in which the member sends needs a SID (RFC 6407 4.4). RFC 8052 does
 * not ask for one (READINGS 17).
 */
export function mayInstall(description: TekDescription, sids: Sids | undefined): boolean {
  const receiverOnly = description.direction === SaDirection.RECEIVER_ONLY;
  if (description.protocolId === TekProtocol.IEC_61850) return true;
  return !description.counterMode || receiverOnly || (sids !== undefined && sids.values.length > 0);
}
