/**
 * Subjects of the ledger as small numbers. Most are named by an SPI, once and by chance, and an index of all their names
 * would have another page written for each. So the index is of segments of numbers that follow each other: what is new
 * goes into the newest segment, and a name is looked for in each.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Subject } from "../ledger/event.ts";
import { Remembered } from "./remembered.ts";
import { Rows } from "./rows.ts";

/** Most subjects that are remembered in memory, and as many again for a while. */
const remembered = 25_000;

/** Made in every file, old ones too: their first index was of names alone. */
export const subjectIndex = `
  DROP INDEX IF EXISTS subject_name;
  CREATE INDEX IF NOT EXISTS subject_segment ON subject (id >> 9, name);
`;

const segments = `WITH RECURSIVE segment (number) AS (
  SELECT min(id) >> 9 FROM subject UNION ALL
  SELECT number + 1 FROM segment WHERE number < (SELECT max(id) >> 9 FROM subject)
)`;
const named = "segment CROSS JOIN subject ON id >> 9 = number AND name = ?1";

/**
 * The `subject` table with a memory of those used lately. One that is not remembered gets another number without a look into
 * the table: a subject may have several.
 */
export class Subjects {
  readonly #rows: Rows;
  readonly #last: StatementSync;
  readonly #byId: StatementSync;
  readonly #bySubject: StatementSync;
  readonly #byText: StatementSync;
  readonly #numbers = new Remembered<string, number>(remembered);
  readonly #subjects = new Remembered<number, Subject>(remembered);
  /** Greatest number in the table, or about to be; undefined until it is looked up. */
  #lastId: number | undefined;

  constructor(database: DatabaseSync) {
    this.#rows = new Rows(database, "subject", ["id", "kind", "name", "tail"]);
    this.#last = database.prepare("SELECT max(id) AS id FROM subject");
    this.#byId = database.prepare("SELECT kind, name FROM subject WHERE id = ?");
    this.#bySubject = database.prepare(`${segments} SELECT id FROM ${named} AND kind = ?2`);
    this.#byText = database.prepare(`${segments} SELECT id FROM ${named} UNION SELECT id FROM subject WHERE tail = ?1`);
  }

  /** Its number, in the table after `write`. */
  number(subject: Subject): number {
    const key = subjectKey(subject);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const slash = subject.name.indexOf("/");
    const tail = slash < 0 ? null : subject.name.slice(slash + 1);
    this.#lastId = (this.#lastId ?? Number(this.#last.get()?.id ?? 0)) + 1;
    this.#rows.add(this.#lastId, subject.kind, subject.name, tail);
    this.#numbers.set(key, this.#lastId);
    return this.#lastId;
  }

  /** Puts new ones into the table. */
  write(): void {
    this.#rows.write();
  }

  /** All numbers of a subject, or of all that a text may mean, as they are in the table. */
  matching(subject: Subject | string): number[] {
    const rows =
      typeof subject === "string" ? this.#byText.all(subject) : this.#bySubject.all(subject.name, subject.kind);
    return rows.map((row) => Number(row.id));
  }

  /** The subject of a number. */
  subject(id: number): Subject {
    const known = this.#subjects.get(id);
    if (known !== undefined) return known;
    const row = this.#byId.get(id);
    const subject: Subject = { kind: kindOf(row?.kind), name: String(row?.name ?? "?") };
    this.#subjects.set(id, subject);
    return subject;
  }

  /** After a transaction that did not happen, or a removal: what is remembered may not be in the table. */
  forget(): void {
    this.#numbers.clear();
    this.#subjects.clear();
    this.#rows.forget();
    this.#lastId = undefined;
  }
}

/** A text that is of this subject alone. */
export function subjectKey({ kind, name }: Subject): string {
  return `${kind}/${name}`;
}

const kinds: readonly Subject["kind"][] = ["phase1", "group", "member", "rekey", "connection", "ike-sa", "child-sa"];

function kindOf(kind: unknown): Subject["kind"] {
  return kinds.find((one) => one === kind) ?? "server";
}
