/** Everything that Phase 1 of one daemon remembers between two steps. */
import { Deadlines } from "../core/deadlines.ts";
import type { Instant, WorkId } from "../core/engine.ts";
import { Reports } from "../core/reports.ts";
import { EstablishedSas } from "./established.ts";
import type { Exchange } from "./exchange.ts";
import { HalfOpen } from "./half-open.ts";
import { KeptAnswers } from "./kept-answers.ts";

/** What a deadline is for, and the name of it: a cookie, a cookie pair, an attempt's number. */
export type Deadline = "sas" | "answers" | `${"initiator" | "responder" | "attempt"} ${string}`;

export class Book {
  readonly halfOpen = new HalfOpen();
  readonly answers = new KeptAnswers();
  readonly sas = new EstablishedSas();
  readonly deadlines = new Deadlines<Deadline>();
  readonly reports = new Reports("phase1.dropped", (name) => ({ kind: "phase1", name }));
  /** Path validations under way. */
  readonly jobs = new Map<WorkId, Exchange>();

  /** There is an SA to end at `at`. One deadline serves all SAs: of their own each would cost as much as half an SA. */
  expireBy(at: Instant): void {
    if (at < (this.deadlines.get("sas") ?? Number.POSITIVE_INFINITY)) this.deadlines.set("sas", at);
  }
}
