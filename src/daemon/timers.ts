/** One timer that can be set anew. */
import type { Instant } from "../core/engine.ts";

/** Beyond this setTimeout would fire at once (32 bits); waking early does no harm. */
const longestMs = 3_600_000;

export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `at` (or an hour from `now` when that is earlier), never for Infinity; replaces what was set. */
  at(at: Instant, now: Instant): void {
    this.clear();
    if (at === Number.POSITIVE_INFINITY) return;
    this.#set(Math.min(Math.max(0, at - now), longestMs));
  }

  /** Rings in `ms` milliseconds unless it is set already. */
  within(ms: number): void {
    if (this.#timer === undefined) this.#set(ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #set(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#ring();
    }, ms);
  }
}
