/** What the key server counts: drops, refusals and successes by name. Names are constants of the code, so they are few. */
export class Counters {
  readonly #values: Record<string, number> = {};

  /** Adds one to `name`. */
  count(name: string): void {
    this.#values[name] = (this.#values[name] ?? 0) + 1;
  }

  /** A copy, for people. */
  view(): Record<string, number> {
    return { ...this.#values };
  }
}
