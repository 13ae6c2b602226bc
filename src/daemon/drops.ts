/** Datagrams that were dropped or refused, as the counters have them: for people, and as a log line now and then. */

/** Whatever counts by name. */
export type Counters = Readonly<Record<string, number>>;

/** Datagrams of one sort: `{ what: "malformed (Phase 1)", count: 12 }`. */
export interface Drops {
  readonly what: string;
  readonly count: number;
}

/** What stands in front of a name: where the datagram was refused. */
const places: Readonly<Record<string, string>> = { phase1: "Phase 1", pull: "GROUPKEY-PULL", ack: "acknowledgement" };

/** What was dropped or refused, most first: `drop.CODE`, `PLACE.drop.CODE` and `PLACE.refused.CODE` among the counters. */
export function dropsOf(counters: Counters): Drops[] {
  return Object.entries(counters)
    .filter(([name, count]) => count > 0 && /(?:^|\.)(?:drop|refused)\./u.test(name))
    .map(([name, count]) => ({ what: wordsOf(name), count }))
    .sort((a, b) => b.count - a.count);
}

/** `12 malformed (Phase 1), 2 replayed` */
export function dropsText(drops: readonly Drops[]): string {
  return drops.map(({ what, count }) => `${count} ${what}`).join(", ");
}

function wordsOf(name: string): string {
  const parts = name.split(".");
  const code = (parts.at(-1) ?? "").replaceAll("-", " ");
  const place = places[parts[0] ?? ""];
  return place === undefined ? code : `${code} (${place})`;
}

/** Remembers what was told and tells what came since. */
export class DropReport {
  #told: Counters = {};

  /**
   * What was dropped since the last call, as a sentence: `14 datagrams dropped: 12 malformed, 2 replayed`.
   * @returns undefined when nothing was.
   */
  since(counters: Counters): string | undefined {
    const before = this.#told;
    const fresh = dropsOf(
      Object.fromEntries(Object.entries(counters).map(([name, count]) => [name, count - (before[name] ?? 0)])),
    );
    this.#told = counters;
    if (fresh.length === 0) return undefined;
    const total = fresh.reduce((sum, { count }) => sum + count, 0);
    return `${total} ${total === 1 ? "datagram" : "datagrams"} dropped: ${dropsText(fresh)}`;
  }
}
