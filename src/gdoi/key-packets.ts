/** The key packets of a KD payload between octets and typed values: RFC 6407 5.6. */
import { KdType, KekKeyAttribute, LkhAttribute, SidAttribute, TekKeyAttribute } from "../iana/gdoi.ts";
import { hex } from "../util/octets.ts";
import { ok, type Result } from "../util/result.ts";
import { numberOf } from "../wire/attributes.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload, encodeLkhUpdate } from "../wire/gdoi/lkh.ts";
import type { Attribute, KdPayload, KeyPacket, LkhDownloadArray, LkhUpdateArray } from "../wire/payloads.ts";
import type { PolicyExchange } from "./policy-payloads.ts";
import { type PolicyError, refuse } from "./refusal.ts";

/** Keys of one TEK (RFC 6407 5.6.1). */
export interface TekKeys {
  /** Four octets. */
  readonly spi: Uint8Array;
  readonly algorithmKey?: Uint8Array;
  readonly integrityKey?: Uint8Array;
}

/** RFC 6407 5.6.2. */
export interface KekKeys {
  readonly spi: Uint8Array;
  /** KEK_ALGORITHM_KEY: IV | key. */
  readonly ivAndKey: Uint8Array;
  /** SIG_ALGORITHM_KEY; absent in a push: the old key stays (READINGS 13). */
  readonly publicKey?: Uint8Array;
}

/** RFC 6407 5.6.3. */
export interface LkhKeys {
  readonly spi: Uint8Array;
  readonly download?: LkhDownloadArray;
  readonly updates: readonly LkhUpdateArray[];
  readonly publicKey?: Uint8Array;
}

/** RFC 6407 5.6.4. */
export interface Sids {
  readonly bits: number;
  readonly values: readonly number[];
}

/** Everything a KD payload carries. */
export interface KeyDownload {
  readonly teks: readonly TekKeys[];
  readonly kek?: KekKeys;
  readonly lkh?: LkhKeys;
  readonly sids?: Sids;
}

/** The KD payload of what is there, in the order KEK, LKH, TEKs, SIDs. */
export function buildKd(keys: KeyDownload): KdPayload {
  const packets: KeyPacket[] = [];
  const { kek, lkh, sids } = keys;
  if (kek !== undefined) {
    packets.push({
      kdType: KdType.KEK,
      spi: kek.spi,
      attributes: some([
        [KekKeyAttribute.KEK_ALGORITHM_KEY, kek.ivAndKey],
        [KekKeyAttribute.SIG_ALGORITHM_KEY, kek.publicKey],
      ]),
    });
  }
  if (lkh !== undefined) {
    packets.push({
      kdType: KdType.LKH,
      spi: lkh.spi,
      attributes: some([
        [LkhAttribute.LKH_DOWNLOAD_ARRAY, lkh.download && encodeLkhDownload(lkh.download)],
        ...lkh.updates.map((u): [number, Uint8Array] => [LkhAttribute.LKH_UPDATE_ARRAY, encodeLkhUpdate(u)]),
        [LkhAttribute.SIG_ALGORITHM_KEY, lkh.publicKey],
      ]),
    });
  }
  for (const tek of keys.teks) {
    packets.push({
      kdType: KdType.TEK,
      spi: tek.spi,
      attributes: some([
        [TekKeyAttribute.TEK_ALGORITHM_KEY, tek.algorithmKey],
        [TekKeyAttribute.TEK_INTEGRITY_KEY, tek.integrityKey],
      ]),
    });
  }
  if (sids !== undefined) packets.push(sidPacket(sids));
  return { kind: "KD", packets };
}

/** A SID_VALUE is an integer in (bits + 7) / 8 octets (READINGS 16). */
function sidPacket(sids: Sids): KeyPacket {
  const octets = Math.ceil(sids.bits / 8);
  const encode = (sid: number) => Uint8Array.from({ length: octets }, (_, i) => (sid / 256 ** (octets - 1 - i)) & 0xff);
  return {
    kdType: KdType.SID,
    spi: new Uint8Array(0),
    attributes: [
      { type: SidAttribute.NUMBER_OF_SID_BITS, value: sids.bits },
      ...sids.values.map((sid) => ({ type: SidAttribute.SID_VALUE, value: encode(sid) })),
    ],
  };
}

function some(list: readonly (readonly [number, Uint8Array | undefined])[]): Attribute[] {
  return list.flatMap(([type, value]) => (value === undefined ? [] : [{ type, value }]));
}

/**
 * Reads a KD payload: at most one KEK, one LKH and one SID packet; a download array and SIDs only in a PULL
 * (RFC 6407 5.6.3.1, 5.6.4); no attribute that is not understood. LKH arrays are decoded here, before anything changes.
 */
export function readKd(kd: KdPayload, exchange: PolicyExchange): Result<KeyDownload, PolicyError> {
  const teks = new Map<string, TekKeys>();
  let kek: KekKeys | undefined;
  let lkh: LkhKeys | undefined;
  let sids: Sids | undefined;
  for (const packet of kd.packets) {
    if (packet.kdType === KdType.TEK) {
      const tek = readTek(packet);
      if (!tek.ok) return tek;
      const key = hex(packet.spi);
      if (teks.has(key)) return refuse("malformed", "RFC 6407 5.6", "two TEK packets with one SPI");
      teks.set(key, tek.value);
    } else if (packet.kdType === KdType.KEK) {
      if (kek !== undefined) return refuse("malformed", "RFC 6407 5.6.2", "two KEK packets");
      const read = readKek(packet);
      if (!read.ok) return read;
      kek = read.value;
    } else if (packet.kdType === KdType.LKH) {
      if (lkh !== undefined) return refuse("malformed", "RFC 6407 5.6.3", "two LKH packets");
      const read = readLkh(packet, exchange);
      if (!read.ok) return read;
      lkh = read.value;
    } else if (packet.kdType === KdType.SID) {
      if (exchange === "push") return refuse("malformed", "RFC 6407 5.6.4", "SIDs in a GROUPKEY-PUSH");
      if (sids !== undefined) return refuse("malformed", "RFC 6407 5.6.4", "two SID packets");
      const read = readSids(packet);
      if (!read.ok) return read;
      sids = read.value;
    } else {
      return refuse("unsupported", "RFC 6407 5.6", `KD has a key packet of type ${packet.kdType}`);
    }
  }
  return ok({ teks: [...teks.values()], ...(kek && { kek }), ...(lkh && { lkh }), ...(sids && { sids }) });
}

/** The octets of each attribute type, every one at most once and of a type in `allowed`. */
function octetsByType(
  packet: KeyPacket,
  allowed: readonly number[],
  section: string,
): Result<Map<number, Uint8Array>, PolicyError> {
  const found = new Map<number, Uint8Array>();
  for (const { type, value } of packet.attributes) {
    if (!allowed.includes(type)) return refuse("unsupported", section, `key packet has attribute ${type}`);
    if (typeof value === "number") return refuse("malformed", section, `key packet attribute ${type} is not variable`);
    if (found.has(type)) return refuse("malformed", section, `key packet has attribute ${type} twice`);
    found.set(type, value);
  }
  return ok(found);
}

function readTek(packet: KeyPacket): Result<TekKeys, PolicyError> {
  const { TEK_ALGORITHM_KEY, TEK_INTEGRITY_KEY } = TekKeyAttribute;
  const found = octetsByType(packet, [TEK_ALGORITHM_KEY, TEK_INTEGRITY_KEY], "RFC 6407 5.6.1");
  if (!found.ok) return found;
  const algorithmKey = found.value.get(TEK_ALGORITHM_KEY);
  const integrityKey = found.value.get(TEK_INTEGRITY_KEY);
  return ok({ spi: packet.spi, ...(algorithmKey && { algorithmKey }), ...(integrityKey && { integrityKey }) });
}

function readKek(packet: KeyPacket): Result<KekKeys, PolicyError> {
  const { KEK_ALGORITHM_KEY, SIG_ALGORITHM_KEY } = KekKeyAttribute;
  const found = octetsByType(packet, [KEK_ALGORITHM_KEY, SIG_ALGORITHM_KEY], "RFC 6407 5.6.2");
  if (!found.ok) return found;
  const ivAndKey = found.value.get(KEK_ALGORITHM_KEY);
  const publicKey = found.value.get(SIG_ALGORITHM_KEY);
  if (ivAndKey === undefined) return refuse("malformed", "RFC 6407 5.6.2", "KEK packet without KEK_ALGORITHM_KEY");
  return ok({ spi: packet.spi, ivAndKey, ...(publicKey && { publicKey }) });
}

function readLkh(packet: KeyPacket, exchange: PolicyExchange): Result<LkhKeys, PolicyError> {
  const section = "RFC 6407 5.6.3";
  const updates: LkhUpdateArray[] = [];
  const once: Attribute[] = [];
  for (const a of packet.attributes) {
    if (a.type !== LkhAttribute.LKH_UPDATE_ARRAY) {
      once.push(a);
      continue;
    }
    const update = typeof a.value === "number" ? undefined : decodeLkhUpdate(a.value);
    if (update?.ok !== true) return refuse("malformed", section, "LKH_UPDATE_ARRAY cannot be read");
    updates.push(update.value);
  }
  const { LKH_DOWNLOAD_ARRAY, SIG_ALGORITHM_KEY } = LkhAttribute;
  const found = octetsByType({ ...packet, attributes: once }, [LKH_DOWNLOAD_ARRAY, SIG_ALGORITHM_KEY], section);
  if (!found.ok) return found;
  const array = found.value.get(LKH_DOWNLOAD_ARRAY);
  const publicKey = found.value.get(SIG_ALGORITHM_KEY);
  if (array !== undefined && exchange === "push") {
    return refuse("malformed", "RFC 6407 5.6.3.1", "LKH_DOWNLOAD_ARRAY in a GROUPKEY-PUSH");
  }
  const download = array === undefined ? undefined : decodeLkhDownload(array);
  if (download?.ok === false) return refuse("malformed", section, "LKH_DOWNLOAD_ARRAY cannot be read");
  if (download === undefined && updates.length === 0)
    return refuse("malformed", section, "LKH packet without an array");
  return ok({
    spi: packet.spi,
    ...(download && { download: download.value }),
    updates,
    ...(publicKey && { publicKey }),
  });
}

function readSids(packet: KeyPacket): Result<Sids, PolicyError> {
  const section = "RFC 6407 5.6.4";
  let bits: number | undefined;
  const values: number[] = [];
  for (const a of packet.attributes) {
    if (a.type === SidAttribute.NUMBER_OF_SID_BITS) bits = numberOf(a);
    else if (a.type === SidAttribute.SID_VALUE) {
      if (typeof a.value !== "number" && a.value.length > 6) return refuse("malformed", section, "SID_VALUE too long");
      values.push(numberOf(a));
    } else return refuse("unsupported", section, `SID packet has attribute ${a.type}`);
  }
  if (bits === undefined || bits < 1 || bits > 32)
    return refuse("malformed", section, "NUMBER_OF_SID_BITS missing or wrong");
  const limit = 2 ** bits;
  if (values.length === 0 || values.some((sid) => sid >= limit) || new Set(values).size !== values.length) {
    return refuse("malformed", section, "SID_VALUEs missing, repeated or too large");
  }
  return ok({ bits, values });
}
