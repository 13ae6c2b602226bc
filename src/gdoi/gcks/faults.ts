/** Failures that peers cause: every one is counted, the ledger gets the first and then one in ten seconds of a sort. */
import type { Instant, Output } from "../../core/engine.ts";
import type { LedgerEvent, Subject } from "../../ledger/event.ts";
import type { Counters } from "./counters.ts";

const PERIOD_MS = 10_000;

interface Sort {
  last: Instant;
  suppressed: number;
}

export interface Fault {
  /** Counter, and with the group the sort that is rate-limited. */
  readonly name: string;
  /** Event kind. */
  readonly kind: string;
  readonly subjects: readonly [Subject, ...Subject[]];
  readonly reason: string;
  readonly figures?: NonNullable<LedgerEvent["figures"]>;
  readonly level?: LedgerEvent["level"];
}

export class Faults {
  readonly #counters: Counters;
  readonly #sorts = new Map<string, Sort>();

  constructor(counters: Counters) {
    this.#counters = counters;
  }

  /** Counts a failure and tells the ledger when it has not heard of this sort for a while. */
  report(fault: Fault, now: Instant, out: Output[]): void {
    this.#counters.count(fault.name);
    const [first] = fault.subjects;
    const group = first.kind === "group" ? first.name : "";
    const sort = this.#sorts.get(`${fault.name}\0${group}`);
    if (sort !== undefined && now < sort.last + PERIOD_MS) {
      sort.suppressed += 1;
      return;
    }
    const suppressed = sort?.suppressed ?? 0;
    this.#sorts.set(`${fault.name}\0${group}`, { last: now, suppressed: 0 });
    out.push({
      out: "event",
      event: {
        kind: fault.kind,
        subjects: fault.subjects,
        cause: "failure",
        reason: fault.reason,
        figures: { ...fault.figures, ...(suppressed > 0 && { suppressed }) },
        level: fault.level ?? "warning",
      },
    });
  }
}
