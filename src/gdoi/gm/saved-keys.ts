/**
 * TEKs over a restart: a member that comes up while its key servers are away goes on with those that it had. They alone
 * are kept, no KEK and no SID: pushes are read again after the next registration, and a counter mode that needs a SID is
 * not taken back, since its counters are gone (RFC 6407 3.5, 4.4).
 */
import type { Plain, StoreRecord } from "../../core/engine.ts";
import { identityKey } from "../../core/identity.ts";
import type { Iec61850Stream } from "../iec61850.ts";
import { Fields } from "../plain.ts";
import type { TekDescription } from "../tek-payloads.ts";
import { mayInstall } from "./download.ts";
import { removeEnded } from "./expiry.ts";
import { handOver, tekName } from "./keys.ts";
import { report } from "./report.ts";
import { scheduleKeys } from "./schedule.ts";
import type { Gm, Group, TekState } from "./state.ts";
import { streamOf } from "./stream.ts";

/** Kind of the records; the key is the group's name. */
const KIND = "gm.keys";

/** Makes the TEKs of every group durable that changed since this was last done. */
export function saveKeys(gm: Gm): void {
  for (const group of gm.groups.values()) {
    if (!group.unsaved) continue;
    group.unsaved = false;
    const teks = [...group.teks.values()].map((tek) => tekPlain(tek, gm));
    const value = { id: identityKey(group.config.id), teks };
    gm.out.push({ out: "persist", record: { kind: KIND, key: group.name, ...(teks.length > 0 && { value }) } });
  }
}

/** Forgets what is kept of a group. */
export function forgetSaved(gm: Gm, name: string): void {
  gm.out.push({ out: "persist", record: { kind: KIND, key: name } });
}

/**
 * Takes back what an earlier life had. Groups that are no longer configured, or are others now, are forgotten.
 * @throws Error when a record is not of the form that it was written in.
 */
export function restoreKeys(gm: Gm, records: Iterable<StoreRecord>): void {
  for (const { kind, key, value } of records) {
    if (kind !== KIND) continue;
    const fields = new Fields(value, `${kind} ${key}`);
    const group = gm.groups.get(key);
    if (group === undefined || identityKey(group.config.id) !== fields.text("id")) {
      forgetSaved(gm, key);
      report(gm, key, "gm.left", { cause: "operator" });
    } else {
      for (const tek of fields.list("teks")) takeBack(gm, group, tek);
      settle(gm, group);
    }
  }
}

function takeBack(gm: Gm, group: Group, fields: Fields): void {
  const description = readDescription(fields);
  if (!mayInstall(description, undefined)) return;
  const key = (name: string) => (fields.has(name) ? gm.env.crypto.importSecret(fields.octets(name)) : undefined);
  const tek: TekState = {
    description,
    algorithmKey: key("algorithmKey"),
    integrityKey: key("integrityKey"),
    activateAt: fields.number("activateAt"),
    expiresAt: fields.has("expiresAt") ? fields.number("expiresAt") : Number.POSITIVE_INFINITY,
    stream: streamOf(description),
    // whether it stays past its end is for the configuration of now to say
    kept: false,
    installed: true,
  };
  group.teks.set(tekName(description.protocolId, description.spi), tek);
}

function settle(gm: Gm, group: Group): void {
  if (group.teks.size === 0) return;
  group.restored = true;
  removeEnded(gm, group);
  for (const tek of group.teks.values()) if (!tek.kept) handOver(gm, group, tek);
  scheduleKeys(gm, group);
  if (group.teks.size === 0) return;
  const ends = [...group.teks.values()].map(({ expiresAt }) => expiresAt);
  const until = Math.max(...ends);
  const figures = { teks: group.teks.size, ...(Number.isFinite(until) && { keysUntil: until }) };
  report(gm, group.name, "gm.keys-restored", { cause: "policy", figures });
}

function tekPlain({ description, algorithmKey, integrityKey, activateAt, expiresAt }: TekState, gm: Gm): Plain {
  const { protocolId, spi, counterMode, algorithmKeyOctets, integrityKeyOctets, direction, iec61850, policy } =
    description;
  const { crypto } = gm.env;
  return {
    protocolId,
    spi,
    counterMode,
    algorithmKeyOctets,
    integrityKeyOctets,
    ...(direction !== undefined && { direction }),
    policy,
    ...(iec61850 && { iec61850: { ...iec61850 } }),
    ...(algorithmKey && { algorithmKey: crypto.exportSecret(algorithmKey) }),
    ...(integrityKey && { integrityKey: crypto.exportSecret(integrityKey) }),
    activateAt,
    ...(Number.isFinite(expiresAt) && { expiresAt }),
  };
}

function readDescription(fields: Fields): TekDescription {
  return {
    protocolId: fields.number("protocolId"),
    spi: fields.octets("spi"),
    // what came in the SAT; what is left of it is in `expiresAt`
    lifetimeSeconds: Number.POSITIVE_INFINITY,
    counterMode: fields.flag("counterMode"),
    algorithmKeyOctets: fields.number("algorithmKeyOctets"),
    integrityKeyOctets: fields.number("integrityKeyOctets"),
    ...(fields.has("direction") && { direction: fields.number("direction") }),
    policy: fields.octets("policy"),
    ...(fields.has("iec61850") && { iec61850: readStream(fields.fields("iec61850")) }),
  };
}

function readStream(fields: Fields): Iec61850Stream {
  const assurance = "keyDeliveryAssurance";
  return {
    oid: fields.octets("oid"),
    oidSpecificPayload: fields.octets("oidSpecificPayload"),
    authAlg: fields.number("authAlg"),
    encAlg: fields.number("encAlg"),
    ...(fields.has(assurance) && { keyDeliveryAssurance: fields.number(assurance) }),
    unprotected: fields.flag("unprotected"),
  };
}
