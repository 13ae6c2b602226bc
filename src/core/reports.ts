/**
 * What peers cause without having proven anything: every refused datagram is counted, and told at a bounded rate, at
 * most one event of a kind and source in ten seconds and a bounded number in all. Notifications to strangers are bounded
 * alike.
 */
import type { LedgerEvent, Subject } from "../ledger/event.ts";
import type { Endpoint, Env, Instant, Output } from "./engine.ts";

const WINDOW_MS = 10_000;
const SOURCES = 1024;
const EVENTS_IN_A_WINDOW = 100;

interface Held {
  readonly until: Instant;
  count: number;
}

export class Reports {
  readonly #droppedKind: string;
  readonly #subject: (address: string) => Subject;
  readonly #counters = new Map<string, number>();
  readonly #recent = new Map<string, Held>();
  #windowEnd: Instant = Number.NEGATIVE_INFINITY;
  #inWindow = 0;

  /**
   * @param droppedKind kind of the event of a refused datagram
   * @param subject whom it is about, by the address that it came from
   */
  constructor(droppedKind: string, subject: (address: string) => Subject) {
    this.#droppedKind = droppedKind;
    this.#subject = subject;
  }

  /** How often what was counted has occurred: drops as `drop.CODE`. */
  get counters(): ReadonlyMap<string, number> {
    return this.#counters;
  }

  /**
   * Counts a refused datagram and tells of it, unless the same was told lately; the next event has the number of those
   * that were not told.
   * @param code stable name of the reason, @param why the sentence for people, free of unsanitised foreign text.
   */
  drop(code: string, why: string, from: Endpoint, env: Env, out: Output[]): void {
    this.count(`drop.${code}`);
    this.tell(code, from, env, out, (drops) => ({
      kind: this.#droppedKind,
      subjects: [this.#subject(from.address)],
      cause: "peer",
      reason: why,
      figures: { code, source: from.address, drops },
      level: "warning",
    }));
  }

  /** Counts without telling. */
  count(code: string): void {
    this.#counters.set(code, (this.#counters.get(code) ?? 0) + 1);
  }

  /** Puts out the event unless one of the same `topic` and source was put out lately; `make` gets how many it stands for. */
  tell(topic: string, from: Endpoint, env: Env, out: Output[], make: (times: number) => LedgerEvent): void {
    const held = this.permit(topic, from, env);
    if (held !== undefined) out.push({ out: "event", event: make(held + 1) });
  }

  /**
   * Whether `topic` may happen again for this source.
   * @returns how many were held back since the last one, undefined when this one must be held back too.
   */
  permit(topic: string, from: Endpoint, env: Env): number | undefined {
    const key = `${topic} ${from.address}`;
    const last = this.#recent.get(key);
    if (last !== undefined && env.now < last.until) {
      last.count += 1;
      return undefined;
    }
    if (env.now >= this.#windowEnd) {
      this.#windowEnd = env.now + WINDOW_MS;
      this.#inWindow = 0;
    }
    if (this.#inWindow >= EVENTS_IN_A_WINDOW) return undefined;
    this.#inWindow += 1;
    this.#recent.delete(key);
    for (const oldest of this.#recent.keys()) {
      if (this.#recent.size < SOURCES) break;
      this.#recent.delete(oldest);
    }
    this.#recent.set(key, { until: env.now + WINDOW_MS, count: 0 });
    return last?.count ?? 0;
  }
}
