/** Times and durations for people. */

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["min", 60_000],
  ["s", 1000],
] as const;

/** `850 ms`, `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  for (const [i, [unit, size]] of units.entries()) {
    if (ms < size) continue;
    const whole = Math.floor(ms / size);
    const next = units[i + 1];
    const rest = next === undefined || i > 1 ? 0 : Math.floor((ms - whole * size) / next[1]);
    return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next?.[0] ?? ""}`;
  }
  return "0 s";
}

/** `in 5 min` or `5 min ago`, seen from `now`. */
export function relative(at: number, now: number): string {
  return at >= now ? `in ${duration(at - now)}` : `${duration(now - at)} ago`;
}

/** `14:02:11Z` today, `2026-11-23 14:02:11Z` on another day. In UTC, as the sentences of the ledger are. */
export function clockTime(at: number, now: number): string {
  const [date = "", time = ""] = new Date(at).toISOString().split("T");
  const second = `${time.slice(0, 8)}Z`;
  return date === new Date(now).toISOString().slice(0, 10) ? second : `${date} ${second}`;
}

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `10m`, `2h` or `1d`, undefined when it is none. */
export function parseSpan(text: string): number | undefined {
  const span = /^(\d+)\s*(s|m|min|h|d)$/.exec(text);
  return span === null ? undefined : Number(span[1]) * (unitMs[span[2] ?? ""] ?? 0);
}

/**
 * A point in time as an operator writes it: `10m`, `2h`, `1d` (before now), or ISO 8601, in UTC when no zone is given.
 * @returns milliseconds since the epoch, undefined when it is neither.
 */
export function parseSince(text: string, now: number): number | undefined {
  const span = parseSpan(text);
  if (span !== undefined) return now - span;
  const iso = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:?\d\d)?)?$/.exec(text);
  if (iso === null) return undefined;
  const at = Date.parse(`${iso[1]}T${iso[2] ?? "00:00"}${iso[3] ?? "Z"}`);
  return Number.isNaN(at) ? undefined : at;
}
