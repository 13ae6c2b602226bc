/** The payloads of pushes and of GROUPKEY-PULL messages 2 and 4, made of a group's state. */
import type { Endpoint, Env, Instant } from "../../core/engine.ts";
import { Doi, IdType } from "../../iana/isakmp.ts";
import { addressOctets } from "../../util/address.ts";
import { equal } from "../../util/octets.ts";
import type {
  DeletePayload,
  GapPayload,
  GdoiSaPayload,
  KdPayload,
  LkhUpdateArray,
  Payload,
  SaKekPayload,
  SaTekPayload,
  SelectorId,
} from "../../wire/payloads.ts";
import { buildKd, type KekKeys, type LkhKeys, type Sids, type TekKeys } from "../key-packets.ts";
import type { GroupPolicy } from "../policy.ts";
import { buildGap, buildSa, buildSak, PUSH_PROTOCOL, unicastSelector } from "../policy-payloads.ts";
import { signatureKeyBits } from "../signature.ts";
import { buildSat } from "../tek-payloads.ts";
import { deliveryOf } from "./assurance.ts";
import type { Group } from "./group.ts";
import { type Kek, type Tek, type TekGeneration, tekEnd } from "./keys.ts";
import type { Member } from "./members.ts";
import { sidValues } from "./sids.ts";

const SPI_OCTETS = { kek: 16, tek: 4 } as const;

/** Whole seconds until `end`, at least one: what is left of a life is handed out, never an absolute time. */
function remaining(end: Instant, now: Instant): number {
  return Math.max(1, Math.floor((end - now) / 1000));
}

function selector(endpoint: { readonly address: string; readonly port: number }): SelectorId {
  const data = addressOctets(endpoint.address);
  if (data === undefined) return unicastSelector;
  return { idType: data.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, port: endpoint.port, data };
}

function sak(kek: Kek, listen: Endpoint | undefined, now: Instant, lkh: boolean): SaKekPayload {
  const { keyBits, ack, signature } = kek.policy;
  const { push } = kek;
  const bits = signatureKeyBits(signature.signer.algorithm);
  const multicast = push.transport === "multicast";
  return buildSak({
    spi: kek.key.spi,
    protocol: PUSH_PROTOCOL,
    source: multicast && listen !== undefined ? selector(listen) : unicastSelector,
    destination: multicast ? selector(push) : unicastSelector,
    keyBits,
    lifetimeSeconds: remaining(kek.expiresAt, now),
    signatureAlgorithm: signature.algorithm,
    signatureHash: signature.hash,
    ...(bits !== undefined && { signatureKeyBits: bits }),
    ...(ack !== undefined && { ack }),
    ...(lkh && { management: "lkh" as const }),
  });
}

/** With `handOutNext` every SAT has its own activation time, absent when its TEK may be used now. */
function gap({ activationDelaySeconds, deactivationDelaySeconds, handOutNext }: GroupPolicy): GapPayload | undefined {
  const delayed = activationDelaySeconds !== undefined && handOutNext !== true;
  return buildGap({
    ...(delayed && { activationSeconds: activationDelaySeconds }),
    ...(deactivationDelaySeconds !== undefined && { deactivationSeconds: deactivationDelaySeconds }),
  });
}

/** In the profile of IEC 62351-9 SA_ATD is there always (its 8.5.10). @param tells whether SA_KDA says how many members have the keys. */
function sats(group: Group, generation: TekGeneration, tells: boolean, now: Instant): SaTekPayload[] {
  const { activatesAt } = generation;
  const waits = Math.max(0, Math.ceil((activatesAt - now) / 1000));
  const attributes = {
    ...((waits > 0 || group.policy.profile !== undefined) && { activationSeconds: waits }),
    ...(tells && { keyDeliveryAssurance: deliveryOf(group, generation).percent }),
  };
  return generation.teks
    .filter((tek) => tekEnd(generation, tek) > now)
    .map((tek) => buildSat(tek.policy, tek.spi, remaining(tekEnd(generation, tek), now), attributes));
}

function tekKeys(tek: Tek, env: Env): TekKeys {
  return {
    spi: tek.spi,
    ...(tek.algorithmKey && { algorithmKey: env.crypto.exportSecret(tek.algorithmKey) }),
    ...(tek.integrityKey && { integrityKey: env.crypto.exportSecret(tek.integrityKey) }),
  };
}

function kekKeys(kek: Kek, env: Env): KekKeys {
  return { spi: kek.key.spi, ivAndKey: kek.ivAndKey(env), publicKey: kek.policy.signature.signer.publicKey };
}

/**
 * The policy of the group for one member that joins: SAK, [GAP,] SATs of all live TEKs, oldest first (RFC 6407 5.2.1).
 * @param publisher whether it is told how many members have the keys.
 */
export function pullSa(group: Group, listen: Endpoint | undefined, publisher: boolean, now: Instant): GdoiSaPayload {
  const { policy } = group;
  const teks = group.live(now).flatMap((generation) => sats(group, generation, publisher, now));
  return buildSa([sak(group.kek, listen, now, false), gap(policy), ...teks]);
}

/** Whether members need SIDs (RFC 6407 3.5). */
export function needsSids(group: Group): boolean {
  return group.generations.some((generation) => generation.teks.some((tek) => tek.policy.counterMode));
}

/** The keys that belong to `pullSa`, and what is the member's own: its path of the tree and its SIDs. */
export function pullKd(group: Group, member: Member, env: Env): KdPayload {
  const teks = liveTeks(group.live(env.now), env);
  const { kek, tree, sids } = group;
  const publicKey = kek.policy.signature.signer.publicKey;
  const lkh: LkhKeys | undefined = tree && {
    spi: kek.key.spi,
    download: tree.downloadArray(member.leaf),
    updates: [],
    publicKey,
  };
  const ranges: Sids | undefined =
    member.sids.count > 0 && needsSids(group) ? { bits: sids.bits, values: sidValues(member.sids) } : undefined;
  return buildKd({ teks, ...(lkh ? { lkh } : { kek: kekKeys(kek, env) }), ...(ranges && { sids: ranges }) });
}

/** New TEKs, and Deletes of those that end: D, SA, KD. */
export function tekPayloads(
  group: Group,
  made: readonly TekGeneration[],
  ended: readonly TekGeneration[],
  env: Env,
): Payload[] {
  return [...deletesOf(ended, env.now), ...againPayloads(group, made, false, env)];
}

/** TEKs of these generations, whether they were pushed before or not: SA, KD. @param tells as of `sats`. */
export function againPayloads(
  group: Group,
  generations: readonly TekGeneration[],
  tells: boolean,
  env: Env,
): [GdoiSaPayload, KdPayload] {
  const all = generations.flatMap((generation) => sats(group, generation, tells, env.now));
  return [buildSa([gap(group.policy), ...all]), buildKd({ teks: liveTeks(generations, env) })];
}

function liveTeks(generations: readonly TekGeneration[], env: Env): TekKeys[] {
  return generations.flatMap((generation) =>
    generation.teks.filter((tek) => tekEnd(generation, tek) > env.now).map((tek) => tekKeys(tek, env)),
  );
}

/**
 * A new KEK: SA with SAK, KD with the key or with update arrays (RFC 6407 4). The public key travels when it is another
 * one than before; without it the old one stays (READINGS 13).
 */
export function kekPayloads(
  group: Group,
  next: Kek,
  arrays: readonly LkhUpdateArray[] | undefined,
  listen: Endpoint | undefined,
  env: Env,
): Payload[] {
  const { publicKey, ...kek } = kekKeys(next, env);
  const before = group.kek.policy.signature.signer.publicKey;
  const changed = publicKey !== undefined && !equal(publicKey, before) ? { publicKey } : {};
  const keys = arrays ? { lkh: { spi: next.key.spi, updates: arrays, ...changed } } : { kek: { ...kek, ...changed } };
  return [buildSa([sak(next, listen, env.now, arrays !== undefined)]), buildKd({ teks: [], ...keys })];
}

/** Deletes of everything: every TEK of the protocols in use, then the KEK, by SPIs of zeros (RFC 6407 5.9). */
export function deleteAllPayloads(group: Group): DeletePayload[] {
  const protocols = new Set(group.generations.flatMap((g) => g.teks.map((tek) => tek.policy.protocolId)));
  return [
    ...[...protocols].sort().map((protocol) => deletePayload(protocol, SPI_OCTETS.tek, [new Uint8Array(4)])),
    deletePayload(0, SPI_OCTETS.kek, [new Uint8Array(16)]),
  ];
}

function deletesOf(ended: readonly TekGeneration[], now: Instant): DeletePayload[] {
  const byProtocol = new Map<number, Uint8Array[]>();
  for (const generation of ended) {
    for (const tek of generation.teks) {
      if (tekEnd(generation, tek) <= now) continue;
      const { protocolId } = tek.policy;
      byProtocol.set(protocolId, [...(byProtocol.get(protocolId) ?? []), tek.spi]);
    }
  }
  return [...byProtocol].map(([protocol, spis]) => deletePayload(protocol, SPI_OCTETS.tek, spis));
}

function deletePayload(protocolId: number, spiSize: number, spis: readonly Uint8Array[]): DeletePayload {
  return { kind: "D", doi: Doi.GDOI, protocolId, spiSize, spis };
}
