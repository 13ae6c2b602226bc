/** One timer that can be set anew. */
import type { Instant } from "../core/engine.ts";

/** Beyond this setTimeout would fire at once (32 bits); waking early does no harm. */
const longestMs = 3_600_000;
/** A timer is left as it is for so long: it does not follow a machine that was asleep. */
const freshMs = 1000;

export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** What `at` was last told, and when. */
  #told = { at: Number.NaN, now: Number.NaN };

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings at `at` (or an hour from `now` when that is earlier), never for Infinity; replaces what was set. */
  at(at: Instant, now: Instant): void {
    // said with every datagram, and mostly the same: timers are not free
    if (this.#timer !== undefined && at === this.#told.at && Math.abs(now - this.#told.now) < freshMs) return;
    this.clear();
    this.#told = { at, now };
    if (at === Number.POSITIVE_INFINITY) return;
    this.#set(Math.min(Math.max(0, at - now), longestMs));
  }

  /** Rings in `ms` milliseconds unless it is set already. */
  within(ms: number): void {
    if (this.#timer === undefined) this.#set(ms);
  }

  clear(): void {
    this.#told = { at: Number.NaN, now: Number.NaN };
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
