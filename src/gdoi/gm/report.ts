/** What a member tells: events of its groups, counters, and refused datagrams at a bounded rate. */
import type { Cause, LedgerEvent } from "../../ledger/event.ts";
import type { Gm } from "./state.ts";

/** A kind of refused datagram is reported at most once in this time, with how many there were. */
const REPORT_EVERY_MS = 60_000;

/** Adds an event whose subject is the group. */
export function report(
  gm: Gm,
  group: string,
  kind: string,
  details: {
    readonly cause: Cause;
    readonly level?: LedgerEvent["level"];
    readonly reason?: string;
    readonly figures?: LedgerEvent["figures"];
  },
): void {
  const { cause, level = "info", reason, figures } = details;
  const event: LedgerEvent = {
    kind,
    subjects: [{ kind: "group", name: group }],
    cause,
    level,
    ...(reason !== undefined && { reason }),
    ...(figures !== undefined && { figures }),
  };
  gm.out.push({ out: "event", event });
}

/** Counts something by name. */
export function count(gm: Gm, name: string): void {
  gm.counters.set(name, (gm.counters.get(name) ?? 0) + 1);
}

/**
 * Counts a datagram that was refused as `drop.CODE`, and says so in the ledger, at a bounded rate for each group and code.
 * @param group undefined when it cannot be told.
 */
export function drop(gm: Gm, group: string | undefined, code: string, reason: string, source: string): void {
  count(gm, `drop.${code}`);
  const key = `${group ?? ""}\0${code}`;
  const seen = gm.drops.get(key) ?? { count: 0, reportedAt: Number.NEGATIVE_INFINITY };
  seen.count += 1;
  gm.drops.set(key, seen);
  if (gm.env.now - seen.reportedAt < REPORT_EVERY_MS) return;
  const figures = { code, drops: seen.count, source };
  seen.count = 0;
  seen.reportedAt = gm.env.now;
  if (group === undefined) {
    const subjects: LedgerEvent["subjects"] = [{ kind: "server", name: "server" }];
    gm.out.push({
      out: "event",
      event: { kind: "gm.dropped", subjects, cause: "peer", level: "info", reason, figures },
    });
  } else {
    report(gm, group, "gm.push-refused", { cause: "peer", level: "warning", reason, figures });
  }
}
