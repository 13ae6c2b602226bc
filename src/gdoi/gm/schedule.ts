/** When a member registers again: before its keys run out, after what makes its state doubtful, and after failures. */
import type { Instant } from "../../core/engine.ts";
import { count, report } from "./report.ts";
import type { Gm, Group } from "./state.ts";

/** Members do not all come at once after a push that made them come: the delay is spread over this much. */
export const PROMPT_SPREAD_MS = 5_000;

/** Unknown SPIs, gaps and unusable pushes make a member come at most once in this time. */
export const PROMPT_EVERY_MS = 30_000;

/** Anybody can send pushes under KEKs that nobody has: re-registrations that they cause for nothing become as rare as this. */
const STRAYS_RAREST_MS = 3_600_000;

/** A gap in front of an LKH update waits for the push of TEKs that follows, and may concern many on a bad network. */
const AFTER_UPDATE = { afterMs: 30_000, spreadMs: 60_000 };

/** Never sooner than this after a registration: keys about to be renewed by push are given the time for it. */
const SOONEST_MS = 1_000;

/** Share of the re-registration window that is left for the registration itself. */
const SPREAD_OF_WINDOW = 0.75;

/** When the first of the things that the group needs runs out: the KEK, or the last TEK of a stream. */
export function keysEnd(group: Group): Instant {
  const streams = new Map<string, Instant>();
  for (const { stream, expiresAt, kept } of group.teks.values()) {
    if (!kept) streams.set(stream, Math.max(streams.get(stream) ?? 0, expiresAt));
  }
  return Math.min(group.rekey?.expiresAt ?? Number.POSITIVE_INFINITY, ...streams.values());
}

/** Sets the deadlines for re-registration and expiry after keys changed. */
export function scheduleKeys(gm: Gm, group: Group): void {
  const { now, random } = gm.env;
  const ends = [...group.teks.values()].filter((tek) => !tek.kept).map((tek) => tek.expiresAt);
  const firstEnd = Math.min(group.rekey?.expiresAt ?? Number.POSITIVE_INFINITY, ...ends);
  if (Number.isFinite(firstEnd)) gm.deadlines.set(`expire:${group.name}`, firstEnd);
  else gm.deadlines.clear(`expire:${group.name}`);
  const end = keysEnd(group);
  if (!Number.isFinite(end)) return;
  const window = (end - now) * gm.policy.reregisterWithin;
  const at = Math.max(now + SOONEST_MS, end - window + window * SPREAD_OF_WINDOW * random.fraction());
  gm.deadlines.set(`renew:${group.name}`, at);
}

/**
 * Makes the group register again soon, after a random delay; `cause` names the counter. At most once in a while: what
 * comes sooner is put off until then. Nothing is added when an attempt is under way or planned for sooner already.
 * @param how `atOnce`: the keys are gone, nothing is put off; `afterMs`: the shortest delay; `spreadMs`: what is added at
 * random.
 * @returns whether that is planned for this cause now.
 */
export function registerSoon(
  gm: Gm,
  group: Group,
  cause: string,
  why: string,
  how: { readonly atOnce?: boolean; readonly afterMs?: number; readonly spreadMs?: number } = {},
): boolean {
  count(gm, `reregister.${cause}`);
  const { now, random } = gm.env;
  if (group.attempt !== undefined || gm.deadlines.get(`retry:${group.name}`) !== undefined) return false;
  const putOff = how.atOnce === true ? 0 : (group.promptedAt ?? Number.NEGATIVE_INFINITY) + PROMPT_EVERY_MS - now;
  const delay = Math.max(putOff, how.afterMs ?? 0) + random.fraction() * (how.spreadMs ?? PROMPT_SPREAD_MS);
  const planned = gm.deadlines.get(`prompt:${group.name}`) ?? Number.POSITIVE_INFINITY;
  if (planned <= now + delay) return false;
  gm.deadlines.set(`prompt:${group.name}`, now + delay);
  group.promptedBy = why;
  group.gapBehindUpdate = how === AFTER_UPDATE;
  group.strays = { ...group.strays, asking: false };
  const figures = { inMs: Math.round(delay), cause };
  report(gm, group.name, "gm.reregistering", { cause: "peer", level: "warning", reason: why, figures });
  return true;
}

/** A push came under a KEK that never did: a roll-over may have been missed, or somebody wants us to think so. */
export function strayCame(gm: Gm, group: Group, spi: string): void {
  const { everyMs, askedAt } = group.strays;
  const why = "the key server sent a push under a KEK that is not known here";
  const afterMs = Math.max(0, askedAt + everyMs - gm.env.now);
  if (registerSoon(gm, group, "unknown-spi", why, { afterMs })) group.strays = { ...group.strays, asking: true, spi };
}

/** The KEK of that push came after all, with an update of the key tree that was late: pushes under it come again. */
export function strayKnown(gm: Gm, group: Group, spi: string): void {
  if (!group.strays.asking || group.strays.spi !== spi) return;
  gm.deadlines.clear(`prompt:${group.name}`);
  group.strays = { ...group.strays, asking: false };
}

/** A re-registration begins that was planned before. */
export function prompted(gm: Gm, group: Group): void {
  const { now } = gm.env;
  group.promptedAt = now;
  if (group.strays.asking) group.strays = { ...group.strays, askedAt: now };
}

/** A registration is through. @param news whether it brought a KEK or TEKs that were not there before. */
export function straysJudged(group: Group, news: boolean): void {
  const { everyMs, askedAt, asking } = group.strays;
  const rarer = Math.min(STRAYS_RAREST_MS, 2 * Math.max(everyMs, PROMPT_EVERY_MS));
  group.strays = { everyMs: news ? 0 : asking ? rarer : everyMs, askedAt, asking: false };
}

/**
 * A gap in SEQ before an accepted push. In front of an LKH update that fitted it may be nothing but parts for others,
 * which are not repeated for us.
 */
export function gapSeen(gm: Gm, group: Group, missed: number, before: number, update: boolean): void {
  const why = `${missed} of the pushes before SEQ ${before} did not arrive`;
  registerSoon(gm, group, "gap", why, update ? AFTER_UPDATE : {});
}

/**
 * New TEKs came, and more were deleted than they replace: the clean sweep after an eviction (RFC 6407 7.4.1). Whatever a
 * gap in front of the LKH update held is of no more use.
 */
export function sweptClean(gm: Gm, group: Group): void {
  if (group.gapBehindUpdate) gm.deadlines.clear(`prompt:${group.name}`);
  group.gapBehindUpdate = false;
}
