/**
 * The end of keys. A group may want its members to go on with the last ones while no key server answers, since a stream
 * without a key is worse off than one with an old key.
 */
import type { Instant } from "../../core/engine.ts";
import { handOver, removeTek, replaceRekey } from "./keys.ts";
import { report } from "./report.ts";
import type { Gm, Group, TekState } from "./state.ts";

/** A key server that has not answered for this time is called silent where keys depend on it, though it is asked further. */
export const SILENT_AFTER_MS = 10_000;
/** Using old keys is told again after this time. */
const TELL_EVERY_MS = 600_000;

/** Removes what has come to its end; an event when that was the last TEK, or the KEK. */
export function expireKeys(gm: Gm, group: Group): void {
  const { now } = gm.env;
  const ended = removeEnded(gm, group);
  const kekEnded = (group.rekey?.expiresAt ?? Number.POSITIVE_INFINITY) <= now;
  if (kekEnded) {
    replaceRekey(gm, group, undefined);
    group.handover = undefined;
  }
  if (ended > 0 && group.teks.size === 0) {
    const reason = "no key server gave new keys in time";
    report(gm, group.name, "gm.keys-expired", { cause: "timer", level: "alert", reason, figures: { teks: ended } });
  } else if (kekEnded) {
    report(gm, group.name, "gm.kek-expired", { cause: "timer", level: "warning" });
  }
}

/** Removes TEKs that have come to their end; with keepWhenUnreachable the last of each stream stays. @returns how many. */
export function removeEnded(gm: Gm, group: Group): number {
  const { now } = gm.env;
  const lasts = group.config.keepWhenUnreachable === true ? lastOfStreams(group) : new Map<string, TekState>();
  let ended = 0;
  for (const [name, tek] of [...group.teks]) {
    if (tek.expiresAt > now || tek.kept) continue;
    if (lasts.get(tek.stream) === tek) {
      const kept = { ...tek, kept: true };
      group.teks.set(name, kept);
      handOver(gm, group, kept);
    } else {
      removeTek(gm, group, name, now);
      ended++;
    }
  }
  tellKept(gm, group);
  return ended;
}

function lastOfStreams(group: Group): ReadonlyMap<string, TekState> {
  const lasts = new Map<string, TekState>();
  for (const tek of group.teks.values()) {
    const last = lasts.get(tek.stream);
    if (last === undefined || tek.expiresAt >= last.expiresAt) lasts.set(tek.stream, tek);
  }
  return lasts;
}

/**
 * Says that keys are in use which ended, or are those of before a restart, once no key server has answered for a while, and
 * again now and then.
 */
export function tellKept(gm: Gm, group: Group): void {
  const { restored, teks: all } = group;
  const kept = [...all.values()].filter((tek) => tek.kept || restored);
  const { now } = gm.env;
  const silentSince = group.failingSince ?? group.askingSince;
  if (kept.length === 0 || silentSince === undefined) return;
  if (group.failingSince === undefined && now < silentSince + SILENT_AFTER_MS) return;
  const due: Instant = (group.keptToldAt ?? Number.NEGATIVE_INFINITY) + TELL_EVERY_MS;
  if (now < due) return;
  group.keptToldAt = now;
  gm.deadlines.set(`kept:${group.name}`, now + TELL_EVERY_MS);
  const ends = kept.map((tek) => tek.expiresAt);
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  const figures = {
    teks: kept.length,
    ...(first <= now ? { since: first } : Number.isFinite(last) && { until: last }),
    silentMs: now - silentSince,
  };
  const { lastError: reason } = group;
  report(gm, group.name, "gm.keys-kept", { cause: "failure", level: "warning", figures, ...(reason && { reason }) });
}

/** A key server has spoken, and proved that it was it: keys past their end are given up. */
export function releaseKept(gm: Gm, group: Group): void {
  group.keptToldAt = undefined;
  group.restored = false;
  gm.deadlines.clear(`kept:${group.name}`);
  let teks = 0;
  for (const [name, tek] of [...group.teks]) {
    if (!tek.kept) continue;
    removeTek(gm, group, name, gm.env.now);
    teks++;
  }
  if (teks === 0 || group.teks.size > 0) return;
  const reason = "the key server answered without giving new keys";
  report(gm, group.name, "gm.keys-expired", { cause: "peer", level: "alert", reason, figures: { teks } });
}
