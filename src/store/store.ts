/** What a key server or member must still know after a crash, and the ledger beside it. */
import type { Instant, StoreRecord } from "../core/engine.ts";
import type { LedgerEvent, Subject } from "../ledger/event.ts";
import type { StoredEvent } from "../ledger/stored.ts";

export type StoreErrorCode = "full" | "locked" | "corrupt" | "wrong-key" | "io" | "newer-version";

/** Why the store did not do it; the message says what to do. Nothing of the failed call has been recorded. */
export class StoreError extends Error {
  readonly code: StoreErrorCode;
  constructor(code: StoreErrorCode, message: string) {
    super(message);
    this.name = "StoreError";
    this.code = code;
  }
}

/** An event as it is handed in. */
export interface NewEvent {
  readonly at: Instant;
  readonly event: LedgerEvent;
}

/** Conditions that must all hold. */
export interface EventQuery {
  /** Not before that time. */
  readonly since?: Instant;
  /** Newer than that one. */
  readonly afterId?: number;
  /** A subject; or a text: the whole name of one of any kind, or what follows the first `/` of it. */
  readonly subject?: Subject | string;
  readonly kinds?: readonly string[];
  /** At most so many: with `afterId` the oldest of them, otherwise the newest. Default 10 000. */
  readonly limit?: number;
}

export interface CommitOptions {
  /** The time now, when no event tells it: raises lastInstant. */
  readonly now?: Instant;
}

export interface Store {
  /** Every record, by kind and key. @throws StoreError "corrupt" when one is not as it was written. */
  load(): Iterable<StoreRecord>;
  /**
   * One transaction, durable when it returns. Records in order: a later one of the same kind and key wins, one without
   * a value is removed. A failed one leaves the store as it was.
   * @returns the events with their ids. @throws StoreError
   */
  commit(records: readonly StoreRecord[], events: readonly NewEvent[], options?: CommitOptions): StoredEvent[];
  /** Oldest first. @throws StoreError */
  events(query: EventQuery): StoredEvent[];
  /** The greatest time ever recorded; 0 in a new store. A clock that starts from it never steps back. */
  lastInstant(): Instant;
  /**
   * Forgets events older than `maxAgeMs` before lastInstant, and the oldest ones beyond `maxEvents`; gives space back.
   * At most `pruneBatch` of them in one call, so that it is short.
   * @returns how many. @throws StoreError
   */
  prune(policy: { readonly maxAgeMs: number; readonly maxEvents: number }): number;
  /** Checkpoints and unlocks; nothing may be called after it. */
  close(): void;
}

/** Most events that one call of prune removes: call again while it returns this number. */
export const pruneBatch = 20_000;
