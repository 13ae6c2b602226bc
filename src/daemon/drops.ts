/** Counted drops as a log line now and then, however many there are. */

/** Whatever counts by name. */
export type Counters = Readonly<Record<string, number>>;

/** Remembers what was told and tells what came since. */
export class DropReport {
  #told: Counters = {};

  /**
   * What was dropped since the last call, as a sentence: `14 datagrams dropped: 12 malformed, 2 replayed`.
   * @param counters all counters; those whose name starts with `drop.` are looked at.
   * @returns undefined when nothing was.
   */
  since(counters: Counters): string | undefined {
    const drops = Object.entries(counters).filter(([name]) => name.startsWith("drop."));
    const fresh = drops
      .map(([name, value]) => ({ name: name.slice("drop.".length), count: value - (this.#told[name] ?? 0) }))
      .filter((drop) => drop.count > 0)
      .sort((a, b) => b.count - a.count);
    this.#told = Object.fromEntries(drops);
    if (fresh.length === 0) return undefined;
    const total = fresh.reduce((sum, drop) => sum + drop.count, 0);
    const what = fresh.map((drop) => `${drop.count} ${drop.name.replaceAll("-", " ")}`).join(", ");
    return `${total} ${total === 1 ? "datagram" : "datagrams"} dropped: ${what}`;
  }
}
