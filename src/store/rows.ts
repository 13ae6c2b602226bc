/** Many rows by few statements: what a statement costs apart from its rows is more than they do. */
import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";

/** Rows of one statement. */
const TOGETHER = 32;

/** Rows to be inserted into one table, which wait until they are written; the caller holds the transaction. */
export class Rows {
  readonly #columns: number;
  readonly #one: StatementSync;
  readonly #many: StatementSync;
  #values: SQLInputValue[] = [];

  /** @param columns of `table`, in which the values of a row come */
  constructor(database: DatabaseSync, table: string, columns: readonly string[]) {
    const into = `INSERT INTO ${table} (${columns.join()}) VALUES `;
    const row = `(${columns.map(() => "?").join()})`;
    this.#columns = columns.length;
    this.#one = database.prepare(into + row);
    this.#many = database.prepare(into + Array(TOGETHER).fill(row).join());
  }

  add(...row: readonly SQLInputValue[]): void {
    this.#values.push(...row);
  }

  /** Inserts what waits, in its order. */
  write(): void {
    const values = this.#values;
    this.#values = [];
    const together = TOGETHER * this.#columns;
    let at = 0;
    for (; at + together <= values.length; at += together) this.#many.run(...values.slice(at, at + together));
    for (; at < values.length; at += this.#columns) this.#one.run(...values.slice(at, at + this.#columns));
  }

  /** After a transaction that did not happen. */
  forget(): void {
    this.#values = [];
  }
}
