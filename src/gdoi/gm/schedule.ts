/** When a member registers again: before its keys run out, after what makes its state doubtful, and after failures. */
import type { Instant } from "../../core/engine.ts";
import { hex } from "../../util/octets.ts";
import { count, report } from "./report.ts";
import type { Gm, Group } from "./state.ts";

/** Members do not all come at once after a push that made them come: the delay is spread over this much. */
export const PROMPT_SPREAD_MS = 5_000;

/** Unknown SPIs, gaps and unusable pushes make a member come at most once in this time. */
export const PROMPT_EVERY_MS = 30_000;

/** Never sooner than this after a registration: keys about to be renewed by push are given the time for it. */
const SOONEST_MS = 1_000;

/** Share of the re-registration window that is left for the registration itself. */
const SPREAD_OF_WINDOW = 0.75;

/** When the first of the things that the group needs runs out: the KEK, or the last TEK of a stream. */
export function keysEnd(group: Group): Instant {
  const streams = new Map<string, Instant>();
  for (const { description, expiresAt } of group.teks.values()) {
    const stream = streamOf(description.protocolId, description.policy, description.spi);
    streams.set(stream, Math.max(streams.get(stream) ?? 0, expiresAt));
  }
  return Math.min(group.rekey?.expiresAt ?? Number.POSITIVE_INFINITY, ...streams.values());
}

/** Everything of a SAT up to its SPI: what its generations have in common. */
function streamOf(protocol: number, policy: Uint8Array, spi: Uint8Array): string {
  const text = hex(policy);
  const end = text.indexOf(hex(spi));
  return `${protocol}:${end < 0 ? text : text.slice(0, end)}`;
}

/** Sets the deadlines for re-registration and expiry after keys changed. */
export function scheduleKeys(gm: Gm, group: Group): void {
  const { now, random } = gm.env;
  const ends = [...group.teks.values()].map((tek) => tek.expiresAt);
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
 * Makes the group register again soon, after a random delay; `cause` names the counter. At most once in a while, and not
 * when an attempt is under way or waits for its turn already.
 * @param always the keys are gone: the limit does not hold.
 */
export function registerSoon(gm: Gm, group: Group, cause: string, why: string, always = false): void {
  count(gm, `reregister.${cause}`);
  const { now, random } = gm.env;
  const waiting = ["prompt", "retry"].some((what) => gm.deadlines.get(`${what}:${group.name}`) !== undefined);
  if (group.attempt !== undefined || waiting) return;
  if (!always && group.promptedAt !== undefined && now - group.promptedAt < PROMPT_EVERY_MS) return;
  group.promptedAt = now;
  group.promptedBy = why;
  const delay = random.fraction() * PROMPT_SPREAD_MS;
  gm.deadlines.set(`prompt:${group.name}`, now + delay);
  const figures = { inMs: Math.round(delay), cause };
  report(gm, group.name, "gm.reregistering", { cause: "peer", level: "warning", reason: why, figures });
}
