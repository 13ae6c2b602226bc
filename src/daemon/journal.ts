/** What waits to be made durable: records and events of one engine, written in one transaction. */
import type { Instant, StoreRecord } from "../core/engine.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { StoredEvent } from "../ledger/story.ts";
import type { Store } from "../store/store.ts";

/** Events that are kept in memory while the store does not take them; the oldest go first. */
const mostEvents = 2000;

export class Journal {
  readonly #store: Pick<Store, "commit">;
  readonly #now: () => Instant;
  readonly #stored: (events: readonly StoredEvent[]) => void;
  /** The last value of a record is the one that counts. */
  #records = new Map<string, StoreRecord>();
  #events: { at: Instant; event: LedgerEvent }[] = [];

  /** @param stored told of every event that became durable, in order. */
  constructor(store: Pick<Store, "commit">, now: () => Instant, stored: (events: readonly StoredEvent[]) => void) {
    this.#store = store;
    this.#now = now;
    this.#stored = stored;
  }

  record(record: StoreRecord): void {
    this.#records.set(`${record.kind}\n${record.key}`, record);
  }

  event(event: LedgerEvent): void {
    this.#events.push({ at: this.#now(), event });
    if (this.#events.length > mostEvents) this.#events.shift();
  }

  /** Records and events that are not durable yet. */
  get waiting(): number {
    return this.#records.size + this.#events.length;
  }

  /** Whether there are records among what waits. */
  get holdsRecords(): boolean {
    return this.#records.size > 0;
  }

  /** Makes everything durable. @throws StoreError; then everything still waits. */
  flush(): void {
    if (this.waiting === 0) return;
    const stored = this.#store.commit([...this.#records.values()], this.#events, { now: this.#now() });
    this.#records = new Map();
    this.#events = [];
    this.#stored(stored);
  }
}
