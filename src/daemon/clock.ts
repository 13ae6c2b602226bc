/** Time for engines: it never steps back, whatever is done to the machine's clock. */
import { uptime } from "node:os";
import { performance } from "node:perf_hooks";
import type { Instant } from "../core/engine.ts";

/** Where a SteadyClock looks; milliseconds. */
export interface TimeSources {
  /** The machine's clock, since the epoch; anybody may set it. */
  readonly wall: () => number;
  /** Time that only runs forward, at the rate of seconds, while the machine is awake. */
  readonly awake: () => number;
  /** The same with the time that the machine slept. */
  readonly asleepToo: () => number;
}

/** The clocks of this machine. */
export const machineTime: TimeSources = {
  wall: () => Date.now(),
  awake: () => performance.now(),
  asleepToo: () => uptime() * 1000,
};

/** Below this a difference between two clocks is noise. */
const noticeableMs = 2000;
/** So far ahead of the machine's clock, times that are shown mislead. */
const tellingMs = 60_000;

/**
 * Starts at the machine's clock, or at `floor` where that is later, and then runs on its own: lifetimes and
 * retransmissions are durations, and a clock that is set must not end or prolong one. Only the time that the machine
 * slept is added.
 */
export class SteadyClock {
  /** How far the machine's clock stood behind the last recorded time at the start, in milliseconds; 0 if it did not. */
  readonly behindAtStart: number;
  readonly #sources: TimeSources;
  readonly #awakeAtStart: number;
  readonly #start: number;
  #slept = 0;
  #sleepBase: number;
  /** Wall clock less this clock when it was last looked at. */
  #lead: number;

  /** @param floor the greatest time ever recorded (Store.lastInstant), 0 for none. */
  constructor(floor: Instant, sources: TimeSources = machineTime) {
    const wall = sources.wall();
    this.#sources = sources;
    this.#awakeAtStart = sources.awake();
    this.#sleepBase = sources.asleepToo() - this.#awakeAtStart;
    this.#start = Math.max(wall, floor);
    this.behindAtStart = Math.max(0, floor - wall);
    this.#lead = wall - this.#start;
  }

  /** Milliseconds since the epoch, never less than before. */
  now(): Instant {
    return Math.floor(this.#start + this.#slept + (this.#sources.awake() - this.#awakeAtStart));
  }

  /** The machine's clock as it is set now, milliseconds since the epoch. */
  wall(): number {
    return this.#sources.wall();
  }

  /** How far this clock is before the machine's, in milliseconds; 0 when it is not, or by less than a minute. */
  aheadMs(): number {
    const ahead = this.now() - this.wall();
    return ahead > tellingMs ? Math.round(ahead) : 0;
  }

  /**
   * To be called every second or so: takes in a sleep of the machine and looks whether somebody set its clock.
   * @returns how far it was set since the last look (negative: back), undefined when it was not.
   */
  observe(): number | undefined {
    const sleepBase = this.#sources.asleepToo() - this.#sources.awake();
    if (sleepBase - this.#sleepBase > noticeableMs) {
      this.#slept += sleepBase - this.#sleepBase;
      this.#sleepBase = sleepBase;
    }
    const lead = this.#sources.wall() - this.now();
    const step = lead - this.#lead;
    if (Math.abs(step) < noticeableMs) return undefined;
    this.#lead = lead;
    return Math.round(step);
  }
}
