/** Subjects of the ledger as small numbers. */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Subject } from "../ledger/event.ts";
import { Rows } from "./rows.ts";

/** Most subjects that are remembered in memory. */
const remembered = 50_000;

/** The `subject` table with a memory of those used lately. */
export class Subjects {
  readonly #find: StatementSync;
  readonly #rows: Rows;
  readonly #last: StatementSync;
  readonly #byId: StatementSync;
  readonly #byText: StatementSync;
  readonly #ids = new Map<string, number>();
  readonly #subjects = new Map<number, Subject>();
  /** Greatest number in the table, or about to be; undefined until it is looked up. */
  #lastId: number | undefined;

  constructor(database: DatabaseSync) {
    this.#find = database.prepare("SELECT id FROM subject WHERE name = ? AND kind = ?");
    this.#rows = new Rows(database, "subject", ["id", "kind", "name", "tail"]);
    this.#last = database.prepare("SELECT max(id) AS id FROM subject");
    this.#byId = database.prepare("SELECT kind, name FROM subject WHERE id = ?");
    this.#byText = database.prepare(
      "SELECT id FROM subject WHERE name = ?1 UNION SELECT id FROM subject WHERE tail = ?1",
    );
  }

  /** Its number; a new one when it has none, in the table after `write`. */
  number(subject: Subject): number {
    const known = this.find(subject);
    if (known !== undefined) return known;
    const slash = subject.name.indexOf("/");
    const tail = slash < 0 ? null : subject.name.slice(slash + 1);
    this.#lastId = (this.#lastId ?? Number(this.#last.get()?.id ?? 0)) + 1;
    this.#rows.add(this.#lastId, subject.kind, subject.name, tail);
    this.#remember(this.#lastId, subject);
    return this.#lastId;
  }

  /** Puts new ones into the table. */
  write(): void {
    this.#rows.write();
  }

  /** Its number, undefined when the ledger has nothing about it. */
  find(subject: Subject): number | undefined {
    const known = this.#ids.get(memoryKey(subject));
    if (known !== undefined) return known;
    const row = this.#find.get(subject.name, subject.kind);
    if (row === undefined) return undefined;
    this.#remember(Number(row.id), subject);
    return Number(row.id);
  }

  /** Numbers of all that `subject` may mean. */
  matching(subject: Subject | string): number[] {
    if (typeof subject === "string") return this.#byText.all(subject).map((row) => Number(row.id));
    const id = this.find(subject);
    return id === undefined ? [] : [id];
  }

  /** The subject of a number. */
  subject(id: number): Subject {
    const known = this.#subjects.get(id);
    if (known !== undefined) return known;
    const row = this.#byId.get(id);
    const subject: Subject = { kind: kindOf(row?.kind), name: String(row?.name ?? "?") };
    this.#remember(id, subject);
    return subject;
  }

  /** After a transaction that did not happen, or a removal: what is remembered may not be in the table. */
  forget(): void {
    this.#ids.clear();
    this.#subjects.clear();
    this.#rows.forget();
    this.#lastId = undefined;
  }

  #remember(id: number, subject: Subject): void {
    if (this.#subjects.size >= remembered) this.#makeRoom();
    this.#ids.set(memoryKey(subject), id);
    this.#subjects.set(id, subject);
  }

  /** What is not in the table yet could not be found there. */
  #makeRoom(): void {
    this.#rows.write();
    this.#ids.clear();
    this.#subjects.clear();
  }
}

function memoryKey(subject: Subject): string {
  return `${subject.kind}/${subject.name}`;
}

const kinds: readonly Subject["kind"][] = ["phase1", "group", "member", "rekey", "connection", "ike-sa", "child-sa"];

function kindOf(kind: unknown): Subject["kind"] {
  return kinds.find((one) => one === kind) ?? "server";
}
