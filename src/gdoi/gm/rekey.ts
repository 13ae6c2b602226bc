/**
 * GROUPKEY-PUSH at a member, in the order of RFC 6407 4.4 and 7.3.5: known copy, SPI, decryption and form, sequence
 * number, signature; then everything inside is read before anything changes (READINGS 31).
 */
import type { Datagram } from "../../core/engine.ts";
import { hex } from "../../util/octets.ts";
import { err, ok, type Result } from "../../util/result.ts";
import type { Header } from "../../wire/payloads.ts";
import { spiOf } from "../ack.ts";
import { readKd } from "../key-packets.ts";
import { type OpenedPush, openPush, verifyPush } from "../push.ts";
import type { PolicyError } from "../refusal.ts";
import { acknowledge, isCopy } from "./acknowledge.ts";
import { type Deletions, type KnownKeys, readDeletes } from "./deletes.ts";
import { type GroupContents, type KekOutcome, matchKek, matchTeks, readContents, type TekInstall } from "./download.ts";
import { releaseKept } from "./expiry.ts";
import { installTeks, rekeyState, removeTek, replaceRekey } from "./keys.ts";
import { count, drop, report } from "./report.ts";
import { saveKeys } from "./saved-keys.ts";
import { gapSeen, registerSoon, scheduleKeys, strayCame, strayKnown, sweptClean } from "./schedule.ts";
import type { Gm, Group, RekeyState } from "./state.ts";

/** A datagram of exchange type GROUPKEY-PUSH. */
export function pushArrived(gm: Gm, datagram: Datagram, header: Header): void {
  if (isCopy(gm, datagram)) return;
  const spi = hex(spiOf(header));
  let refused: { readonly group: string; readonly refusal: Refusal } | undefined;
  // another key server may have chosen the same SPI, by ill will at least
  for (const group of gm.groups.values()) {
    const under = [group.rekey, group.handover?.old].find((rekey) => rekey?.spi === spi);
    if (under === undefined) continue;
    const refusal = judge(gm, group, under, datagram, header);
    if (refusal === undefined) return;
    refused ??= { group: group.name, refusal };
  }
  if (refused !== undefined) {
    drop(gm, refused.group, refused.refusal.code, refused.refusal.why, datagram.from.address);
    return;
  }
  const late = [...gm.groups.values()].some((group) => group.retired.includes(spi));
  count(gm, late ? "drop.push-old-kek" : "drop.push-unknown-spi");
  if (!late) unknownSpi(gm, datagram, spi);
}

/** A push under a KEK that never came, from a key server that serves us: a roll-over may have been missed. */
function unknownSpi(gm: Gm, datagram: Datagram, spi: string): void {
  const servers = gm.policy.keyServers.filter((k) => k.endpoint.address === datagram.from.address).map((k) => k.name);
  for (const group of gm.groups.values()) {
    const { registration } = group;
    if (registration === undefined || !servers.some((name) => group.config.keyServers.includes(name))) continue;
    const port = group.joined?.port ?? registration.local.port;
    if (port !== datagram.via.port && registration.local.port !== datagram.via.port) continue;
    strayCame(gm, group, spi);
  }
}

interface Refusal {
  readonly code: string;
  readonly why: string;
}

/** Carries a push out, or says why not: nothing has changed then. */
function judge(gm: Gm, group: Group, under: RekeyState, datagram: Datagram, header: Header): Refusal | undefined {
  const opened = openPush(under.kek, datagram.bytes, header, gm.env);
  if (!opened.ok) return { code: "push-malformed", why: opened.error.message };
  const push = opened.value;
  if (push.seq <= under.seq) return { code: "push-replayed", why: `its SEQ ${push.seq} is not above ${under.seq}` };
  const { verifier, sa } = under;
  if (verifier === undefined || !verifyPush(push, verifier, sa.signatureAlgorithm, sa.signatureHash ?? 0)) {
    const why = verifier === undefined ? "no signature key is known" : "its signature is wrong";
    return { code: "push-signature", why };
  }
  const read = readPush(gm, group, under, push);
  if (!read.ok) {
    registerSoon(gm, group, "unusable-push", "a push could not be used");
    return { code: "push-unusable", why: `SEQ ${push.seq} is genuine but cannot be used: ${read.error.message}` };
  }
  const missed = push.seq - under.seq - 1;
  under.seq = push.seq;
  if (under === group.handover?.old) {
    count(gm, "push.further-part");
    return undefined;
  }
  carryOut(gm, group, under, datagram, push, read.value);
  const { kek, teks, deletions } = read.value;
  if (teks.length > 0 && deletions.named > teks.length) sweptClean(gm, group);
  if (missed > 0) gapSeen(gm, group, missed, push.seq, kek.kek === "new" && kek.path !== undefined);
  return undefined;
}

/** Everything that a push says, read and matched. */
interface Reading {
  readonly deletions: Deletions;
  readonly contents: GroupContents | undefined;
  readonly kek: KekOutcome;
  readonly teks: readonly TekInstall[];
}

function readPush(gm: Gm, group: Group, under: RekeyState, push: OpenedPush): Result<Reading, PolicyError> {
  const known: KnownKeys = { kek: under.spi, teks: [...group.teks.keys()] };
  const deletions = readDeletes(push.deletes, known);
  if (!deletions.ok) return deletions;
  if (push.sa === undefined || push.kd === undefined) {
    if (under === group.handover?.old) return furtherPartOnly();
    return ok({ deletions: deletions.value, contents: undefined, kek: { kek: "none" }, teks: [] });
  }
  const contents = readContents(push.sa, "push");
  if (!contents.ok) return contents;
  const keys = readKd(push.kd, "push");
  if (!keys.ok) return keys;
  const { rekey } = contents.value;
  if (under === group.handover?.old) {
    // the rest of the update that replaced this KEK: nothing in it is for us any more
    const sameUpdate = rekey !== undefined && hex(rekey.spi) === group.handover.newSpi && keys.value.lkh !== undefined;
    if (!sameUpdate || contents.value.teks.length > 0 || push.deletes.length > 0) return furtherPartOnly();
    return ok({ deletions: deletions.value, contents: undefined, kek: { kek: "none" }, teks: [] });
  }
  const kek = matchKek(rekey, keys.value, group.path, gm.env);
  if (!kek.ok) return kek;
  const teks = matchTeks(contents.value, keys.value, "push");
  if (!teks.ok) return teks;
  if (kek.value.kek === "new" && kek.value.verifier === undefined && rekey !== undefined && !staysFit(under, rekey)) {
    const message = "SIG_ALGORITHM changed without a key for it";
    return err({ code: "mismatch", message, notify: 0, section: "RFC 6407 5.6.2.2" });
  }
  return ok({ deletions: deletions.value, contents: contents.value, kek: kek.value, teks: teks.value });
}

function furtherPartOnly(): Result<never, PolicyError> {
  const message = "this KEK was replaced, only further parts of the same LKH update may come under it";
  return err({ code: "malformed", message, notify: 0, section: "RFC 6407 4" });
}

function staysFit(under: RekeyState, rekey: RekeyState["sa"]): boolean {
  return under.sa.signatureAlgorithm === rekey.signatureAlgorithm;
}

/** D first, then SA and KD of the same message (READINGS 28). */
function carryOut(
  gm: Gm,
  group: Group,
  under: RekeyState,
  datagram: Datagram,
  push: OpenedPush,
  { deletions, contents, kek, teks }: Reading,
): void {
  const { now } = gm.env;
  // the request of the most recent SAK: this message's own, if it has one (READINGS 34, 35)
  const asked = contents?.rekey !== undefined && kek.kek === "new" ? contents.rekey.ack : under.sa.ack;
  const [leaf] = group.path ?? [];
  if (contents?.delays !== undefined) group.delays = contents.delays;
  const unusable = withoutSid(group);
  const waits = teks.length > 0 && !deletions.everything;
  const removeAt = now + (waits ? 1000 * (group.delays.deactivationSeconds ?? 0) : 0);
  for (const name of deletions.teks) removeTek(gm, group, name, removeAt);
  if (deletions.kek) {
    replaceRekey(gm, group, undefined);
    group.handover = undefined;
  }
  if (contents?.rekey !== undefined && kek.kek === "new") {
    const next = rekeyState(gm, group, contents.rekey, kek, 0);
    const verifier = next.verifier ?? under.verifier;
    // a SAK with the SPI in use is a violation; the sequence number goes on (READINGS 30)
    const rolled = next.spi !== under.spi;
    group.handover = rolled && kek.path !== undefined ? { old: under, newSpi: next.spi } : undefined;
    replaceRekey(gm, group, { ...next, verifier, seq: rolled ? 0 : push.seq });
    if (kek.path !== undefined) group.path = kek.path;
    strayKnown(gm, group, next.spi);
  } else if (group.handover !== undefined) {
    group.handover = undefined;
  }
  const fresh = installTeks(gm, group, teks);
  releaseKept(gm, group);
  // what an acknowledgement says must be true after a crash
  saveKeys(gm);
  group.pushesAccepted += 1;
  count(gm, "push.accepted");
  report(gm, group.name, "gm.rekeyed", {
    cause: "peer",
    figures: {
      seq: push.seq,
      spi: under.spi,
      teks: fresh.length,
      removed: deletions.teks.length,
      ...(kek.kek === "new" && group.rekey && { kek: group.rekey.spi }),
      ...(deletions.kek && { kekDeleted: true }),
    },
  });
  acknowledge(gm, group, under, asked, leaf?.data, datagram, push.seq, kek.kek !== "not-for-us");
  afterwards(gm, group, kek, deletions);
  // RFC 6407 4.4; a registration that brought none before would bring none again
  if (!unusable && withoutSid(group)) {
    registerSoon(gm, group, "no-sid", "a counter mode came by push, and no SID is held to use it with");
  }
}

/** Whether a TEK is held that must not be used without a SID. */
function withoutSid(group: Group): boolean {
  return [...group.teks.values()].some((tek) => !tek.installed);
}

function afterwards(gm: Gm, group: Group, kek: KekOutcome, deletions: Deletions): void {
  scheduleKeys(gm, group);
  if (kek.kek === "not-for-us") {
    const reason = "an LKH update came with no array for this member: it was put out, or its part is to come";
    report(gm, group.name, "gm.update-not-for-us", { cause: "peer", level: "warning", reason });
  }
  if (group.rekey === undefined) {
    registerSoon(gm, group, "deleted", "the key server deleted the KEK", { atOnce: true });
  } else if (deletions.everything && group.teks.size === 0) {
    registerSoon(gm, group, "deleted", "the key server deleted all keys", { atOnce: true });
  }
}
