/** The embedded store: one SQLite file, records encrypted, WAL with a sync at every commit. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Instant, StoreRecord } from "../core/engine.ts";
import { nodeCrypto, nodeRandom } from "../crypto/node/index.ts";
import { CryptoError } from "../crypto/provider.ts";
import type { StoredEvent } from "../ledger/stored.ts";
import { openDatabase, schemaVersion, storeError } from "./database.ts";
import { EventTable } from "./events.ts";
import { decodePlain, encodePlain } from "./plain.ts";
import { Sealing } from "./sealing.ts";
import { type CommitOptions, type EventQuery, type NewEvent, pruneBatch, type Store, StoreError } from "./store.ts";

export interface StoreOptions {
  /** Made when it does not exist, with its folder. */
  readonly file: string;
  /** 32 octets. */
  readonly key: Uint8Array;
  /** Most octets that the file may have: beyond it commits fail with "full". */
  readonly maxBytes?: number;
}

/**
 * Opens or makes a store and locks it until it is closed or the process ends.
 *
 * ```ts
 * const store = openStore({ file: "/var/lib/keyherald/state.db", key });
 * store.commit([{ kind: "gcks.group", key: "substation", value: { seq: 3 } }], []);
 * ```
 * @throws StoreError, with "wrong-key" when it was made under another key
 */
export function openStore(options: StoreOptions): Store {
  const sealing = new Sealing(nodeCrypto, nodeRandom, options.key, schemaVersion);
  const database = openDatabase(options.file, options.maxBytes);
  try {
    checkKey(database, sealing, options.file);
    return new SqliteStore(database, sealing, options.file);
  } catch (error) {
    database.close();
    throw storeError(error, options.file);
  }
}

/** A sealed text in every store tells a wrong key from damage. */
function checkKey(database: DatabaseSync, sealing: Sealing, file: string): void {
  const value = database.prepare("SELECT value FROM meta WHERE name = 'check'").get()?.value;
  if (value === undefined) {
    database
      .prepare("INSERT INTO meta (name, value) VALUES ('check', ?)")
      .run(sealing.seal("meta", "check", "keyherald"));
    return;
  }
  try {
    if (value instanceof Uint8Array && sealing.open("meta", "check", value) === "keyherald") return;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
  }
  throw new StoreError("wrong-key", `${file} is encrypted under another key than the one configured in state.key`);
}

class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #sealing: Sealing;
  readonly #file: string;
  readonly #events: EventTable;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #setLast: StatementSync;
  #last: Instant;

  constructor(database: DatabaseSync, sealing: Sealing, file: string) {
    this.#database = database;
    this.#sealing = sealing;
    this.#file = file;
    this.#events = new EventTable(database);
    this.#put = database.prepare(
      "INSERT INTO record (kind, key, value) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    );
    this.#remove = database.prepare("DELETE FROM record WHERE kind = ? AND key = ?");
    this.#setLast = database.prepare(
      "INSERT INTO meta VALUES ('last', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    );
    const last = database.prepare("SELECT value FROM meta WHERE name = 'last'").get()?.value;
    this.#last = Math.max(Number(last ?? 0), this.#events.greatestInstant());
  }

  *load(): Iterable<StoreRecord> {
    const rows = this.#attempt(() =>
      this.#database.prepare("SELECT kind, key, value FROM record ORDER BY kind, key").all(),
    );
    for (const row of rows) {
      const kind = String(row.kind);
      const key = String(row.key);
      yield { kind, key, value: this.#open(kind, key, row.value) };
    }
  }

  #open(kind: string, key: string, sealed: unknown): NonNullable<StoreRecord["value"]> | null {
    try {
      if (sealed instanceof Uint8Array) return decodePlain(this.#sealing.open(kind, key, sealed));
    } catch (error) {
      if (!(error instanceof CryptoError || error instanceof SyntaxError)) throw error;
    }
    const message = `the record ${kind} ${key} in ${this.#file} is damaged`;
    throw new StoreError("corrupt", message);
  }

  commit(records: readonly StoreRecord[], events: readonly NewEvent[], options: CommitOptions = {}): StoredEvent[] {
    let last = Math.max(this.#last, options.now ?? 0);
    for (const { at } of events) last = Math.max(last, at);
    const stored = this.#transaction(() => {
      for (const { kind, key, value } of records) {
        if (value === undefined) this.#remove.run(kind, key);
        else this.#put.run(kind, key, this.#sealing.seal(kind, key, encodePlain(value)));
      }
      if (last > this.#last) this.#setLast.run(last);
      return this.#events.append(events);
    });
    this.#last = last;
    return stored;
  }

  events(query: EventQuery): StoredEvent[] {
    return this.#attempt(() => this.#events.find(query));
  }

  lastInstant(): Instant {
    return this.#last;
  }

  prune(policy: { readonly maxAgeMs: number; readonly maxEvents: number }): number {
    const before = this.#last - policy.maxAgeMs;
    const removed = this.#transaction(() => this.#events.remove(before, policy.maxEvents, pruneBatch));
    if (removed > 0) this.#attempt(() => this.#database.exec("PRAGMA incremental_vacuum"));
    return removed;
  }

  close(): void {
    this.#database.close();
  }

  #transaction<T>(work: () => T): T {
    return this.#attempt(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        this.#events.forget();
        // some errors, a full disk among them, have rolled it back already
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw storeError(error, this.#file);
    }
  }
}
