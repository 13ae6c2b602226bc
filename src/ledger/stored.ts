import type { Instant } from "../core/engine.ts";
import type { Told } from "./event.ts";

/** An event as the ledger keeps it. */
export interface StoredEvent extends Told {
  /** Ascending in the order of recording; never used twice in one ledger. */
  readonly id: number;
  readonly at: Instant;
  /** Id of the event that caused it. */
  readonly because?: number;
}
