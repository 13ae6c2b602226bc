/** A store in memory that can be made to fail. */
import type { StoreRecord } from "../../src/core/engine.ts";
import type { StoredEvent } from "../../src/ledger/story.ts";
import { type EventQuery, type NewEvent, type Store, StoreError } from "../../src/store/store.ts";

export class FakeStore implements Store {
  readonly records = new Map<string, StoreRecord>();
  readonly ledger: StoredEvent[] = [];
  /** Every commit as it came, in order. */
  readonly commits: { records: readonly StoreRecord[]; events: readonly NewEvent[] }[] = [];
  failing = false;
  closed = false;
  last = 0;

  load(): Iterable<StoreRecord> {
    return this.records.values();
  }

  commit(records: readonly StoreRecord[], events: readonly NewEvent[]): StoredEvent[] {
    if (this.failing) throw new StoreError("full", "no space left on device");
    this.commits.push({ records, events });
    for (const record of records) {
      const key = `${record.kind} ${record.key}`;
      if (record.value === undefined) this.records.delete(key);
      else this.records.set(key, record);
    }
    return events.map(({ at, event: { because: _, ...told } }) => {
      const stored = { ...told, id: this.ledger.length + 1, at };
      this.ledger.push(stored);
      return stored;
    });
  }

  events(query: EventQuery): StoredEvent[] {
    return this.ledger.filter(
      ({ id, at, subjects }) =>
        id > (query.afterId ?? 0) &&
        at >= (query.since ?? 0) &&
        (typeof query.subject !== "string" || subjects.some(({ name }) => name.split("/").at(-1) === query.subject)),
    );
  }

  lastInstant(): number {
    return this.last;
  }

  prune(): number {
    return 0;
  }

  close(): void {
    this.closed = true;
  }
}
