/** A member's keys: taken over from a judged message, handed to the data plane, removed and expired. */
import type { Instant } from "../../core/engine.ts";
import { IdType } from "../../iana/isakmp.ts";
import type { GroupSa } from "../../sad/sad.ts";
import { addressText } from "../../util/address.ts";
import { hex } from "../../util/octets.ts";
import type { RekeySa } from "../policy-payloads.ts";
import { kekKey, keyOfIvAndKey } from "../push.ts";
import { type KekInstall, mayInstall, type TekInstall } from "./download.ts";
import { report } from "./report.ts";
import type { Gm, Group, RekeyState, TekState } from "./state.ts";
import { streamOf } from "./stream.ts";

/** SPIs of old KEKs that are remembered, so that a late datagram under one is told from an unknown SPI. */
const RETIRED_KEPT = 16;

/** The map key of a TEK. */
export function tekName(protocol: number, spi: Uint8Array): string {
  return `${protocol}:${hex(spi)}`;
}

/** Makes a Rekey SA; without a new signature key the old one stays (READINGS 13). */
export function rekeyState(gm: Gm, group: Group, sa: RekeySa, keys: KekInstall, seq: number): RekeyState {
  return {
    sa,
    spi: hex(sa.spi),
    kek: kekKey(sa.spi, keys.ivAndKey, gm.env),
    baseKey: keyOfIvAndKey(keys.ivAndKey),
    verifier: keys.verifier ?? group.rekey?.verifier ?? group.handover?.old.verifier,
    expiresAt: sa.lifetimeSeconds === undefined ? undefined : gm.env.now + sa.lifetimeSeconds * 1000,
    seq,
  };
}

/**
 * Puts a Rekey SA in the place of the old one, whose SPI is remembered. Without a new one its multicast group stays
 * joined: the acknowledgement of the push that deleted it leaves by that port, and a new one is to come.
 */
export function replaceRekey(gm: Gm, group: Group, rekey: RekeyState | undefined): void {
  const old = group.rekey;
  if (old !== undefined && old.spi !== rekey?.spi) {
    group.retired = [...group.retired.filter((spi) => spi !== old.spi), old.spi].slice(-RETIRED_KEPT);
  }
  group.rekey = rekey;
  if (rekey !== undefined) followMulticast(gm, group);
}

/**
 * Takes TEKs over: those already held keep their keys and activation, the rest are handed to the data plane.
 * @returns names of those that are new.
 */
export function installTeks(gm: Gm, group: Group, teks: readonly TekInstall[]): string[] {
  const { now } = gm.env;
  const fresh: string[] = [];
  const withoutSid: string[] = [];
  const noted: TekInstall[] = [];
  for (const tekInstall of teks) {
    const { description, keys } = tekInstall;
    const name = tekName(description.protocolId, description.spi);
    const held = group.teks.get(name);
    const installed = mayInstall(description, group.sids);
    const tek: TekState = {
      description,
      algorithmKey: keys.algorithmKey && gm.env.crypto.importSecret(keys.algorithmKey),
      integrityKey: keys.integrityKey && gm.env.crypto.importSecret(keys.integrityKey),
      activateAt:
        held?.activateAt ?? now + 1000 * (description.activationSeconds ?? group.delays.activationSeconds ?? 0),
      expiresAt: now + 1000 * description.lifetimeSeconds,
      stream: streamOf(description),
      kept: false,
      installed,
    };
    if (held === undefined) {
      fresh.push(name);
      if (tekInstall.notes.length > 0) noted.push(tekInstall);
    }
    group.teks.set(name, tek);
    group.unsaved = true;
    handOver(gm, group, tek);
    if (!installed) withoutSid.push(hex(description.spi));
  }
  if (withoutSid.length > 0) {
    const reason = "no SID was given, and a counter mode must not be used for sending without one";
    const figures = { spis: withoutSid };
    report(gm, group.name, "gm.tek-not-installed", { cause: "peer", level: "alert", reason, figures });
  }
  reportNotes(gm, group, noted);
  return fresh;
}

/** How the key server reads a standard where it leaves a choice, and streams without protection: once for each new TEK. */
function reportNotes(gm: Gm, group: Group, noted: readonly TekInstall[]): void {
  if (noted.length === 0) return;
  const level = noted.some(({ description }) => description.iec61850?.unprotected === true) ? "warning" : "info";
  const reason = [...new Set(noted.flatMap((tek) => tek.notes))].join("; ");
  const figures = { spis: noted.map(({ description }) => hex(description.spi)) };
  report(gm, group.name, "gm.tek-noted", { cause: "peer", level, reason, figures });
}

/** Gives a TEK to the data plane, unless it must not be used (RFC 6407 4.4). */
export function handOver(gm: Gm, group: Group, tek: TekState): void {
  if (tek.installed) gm.out.push({ out: "sad", change: { change: "install", sa: groupSa(group, tek) } });
}

function groupSa(group: Group, tek: TekState): GroupSa {
  const { description, algorithmKey, integrityKey, activateAt, expiresAt, stream, kept } = tek;
  const { iec61850 } = description;
  const { sids } = group;
  return {
    group: group.name,
    protocol: description.protocolId,
    spi: description.spi,
    ...(algorithmKey && { algorithmKey }),
    ...(integrityKey && { integrityKey }),
    activateAt,
    expiresAt,
    stream,
    ...(kept && { kept }),
    policy: description.policy,
    ...(iec61850 && { iec61850 }),
    sids: description.counterMode ? (sids?.values ?? []) : [],
    sidBits: description.counterMode ? (sids?.bits ?? 0) : 0,
  };
}

/** Takes a TEK away, from the data plane at `at`. */
export function removeTek(gm: Gm, group: Group, name: string, at: Instant): void {
  const tek = group.teks.get(name);
  if (tek === undefined) return;
  group.teks.delete(name);
  group.unsaved = true;
  if (!tek.installed) return;
  const { protocolId: protocol, spi } = tek.description;
  gm.out.push({ out: "sad", change: { change: "remove", group: group.name, protocol, spi, at } });
}

/** Takes away everything that the group has. */
export function forgetGroup(gm: Gm, group: Group): void {
  for (const name of [...group.teks.keys()]) removeTek(gm, group, name, gm.env.now);
  replaceRekey(gm, group, undefined);
  group.handover = undefined;
  followMulticast(gm, group);
}

/** Joins the multicast group that the SAK sends pushes to, and leaves the one before. */
export function followMulticast(gm: Gm, group: Group): void {
  const wanted = multicastOf(group);
  const { joined } = group;
  if (joined?.group === wanted?.group && joined?.port === wanted?.port && joined?.interface === wanted?.interface)
    return;
  group.joined = wanted;
  const others = [...gm.groups.values()].filter((g) => g !== group);
  const shared = (m: Group["joined"]) => others.some((g) => g.joined?.group === m?.group && g.joined?.port === m?.port);
  if (joined !== undefined && !shared(joined)) gm.out.push({ out: "leave", ...joined });
  if (wanted !== undefined && !shared(wanted)) gm.out.push({ out: "join", ...wanted });
}

function multicastOf(group: Group): Group["joined"] {
  const destination = group.rekey?.sa.destination;
  if (destination === undefined || !isMulticast(destination)) return undefined;
  const address = addressText(destination.data);
  if (address === undefined) return undefined;
  const { interface: name } = group.config;
  return { group: address, port: destination.port, ...(name !== undefined && { interface: name }) };
}

/** 224.0.0.0/4 or ff00::/8. */
function isMulticast({ idType, data }: { readonly idType: number; readonly data: Uint8Array }): boolean {
  const [first = 0] = data;
  if (idType === IdType.ID_IPV4_ADDR && data.length === 4) return first >> 4 === 0xe;
  return idType === IdType.ID_IPV6_ADDR && data.length === 16 && first === 0xff;
}
