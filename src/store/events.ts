/** The ledger's tables. */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Cause, LedgerEvent, Subject } from "../ledger/event.ts";
import type { StoredEvent } from "../ledger/stored.ts";
import { Rows } from "./rows.ts";
import type { EventQuery, NewEvent } from "./store.ts";
import { Subjects, subjectKey } from "./subjects.ts";

/** Most events of one answer, unless the query says otherwise. */
const defaultLimit = 10_000;
/** How far back, in events about the subject, a cause is looked for in the table. */
const causeHorizon = 20_000;
/** Most events that are remembered as possible causes. */
const rememberedCauses = 50_000;

type Row = Record<string, SQLOutputValue>;

/** Appends, finds and removes events; the caller holds the transaction. */
export class EventTable {
  readonly #database: DatabaseSync;
  readonly #subjects: Subjects;
  readonly #events: Rows;
  readonly #links: Rows;
  readonly #cause: StatementSync;
  readonly #last: StatementSync;
  /** Greatest id that was ever given; undefined until it is looked up. */
  #lastId: number | undefined;
  /** Kinds that were asked for as causes, which most never are. */
  readonly #causes = new Set<string>();
  /** Newest event by kind and subject, of these kinds; 0 where there is none. */
  readonly #newest = new Map<string, number>();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#subjects = new Subjects(database);
    const columns = ["id", "at", "kind", "subjects", "cause", "level", "reason", "figures", "because"];
    this.#events = new Rows(database, "event", columns);
    this.#links = new Rows(database, "event_subject", ["subject", "event"]);
    // of AUTOINCREMENT: also of events that are no more
    this.#last = database.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'event'");
    this.#cause = database.prepare(
      `SELECT max(event.id) AS id FROM event JOIN
         (SELECT event FROM event_subject WHERE subject = ? ORDER BY event DESC LIMIT ${causeHorizon}) AS about
       ON about.event = event.id WHERE event.kind = ?`,
    );
  }

  /** Appends events in their order. @returns them with their ids */
  append(events: readonly NewEvent[]): StoredEvent[] {
    const stored = events.map((event) => this.#add(event));
    this.#write();
    return stored;
  }

  #add({ at, event }: NewEvent): StoredEvent {
    const { kind, cause, level, reason, figures } = event;
    const because = event.because && this.#newestOf(event.because.kind, event.because.subject);
    this.#lastId = (this.#lastId ?? Number(this.#last.get()?.seq ?? 0)) + 1;
    const id = this.#lastId;
    const subjects = this.#numbers(event.subjects);
    const plain = figures === undefined ? null : JSON.stringify(figures);
    this.#events.add(id, at, kind, `[${subjects.join()}]`, cause, level, reason ?? null, plain, because ?? null);
    for (const subject of subjects) this.#links.add(subject, id);
    if (this.#causes.has(kind)) for (const subject of event.subjects) this.#newest.set(causeKey(kind, subject), id);
    if (this.#newest.size > rememberedCauses) this.#newest.clear();
    const stored: { -readonly [K in keyof StoredEvent]: StoredEvent[K] } = {
      id,
      at,
      kind,
      subjects: event.subjects,
      cause,
      level,
    };
    if (reason !== undefined) stored.reason = reason;
    if (figures !== undefined) stored.figures = figures;
    if (because !== undefined) stored.because = because;
    return stored;
  }

  /** Each once. */
  #numbers(subjects: readonly Subject[]): readonly number[] {
    const numbers: number[] = [];
    for (const subject of subjects) {
      const number = this.#subjects.number(subject);
      if (!numbers.includes(number)) numbers.push(number);
    }
    return numbers;
  }

  #write(): void {
    this.#subjects.write();
    this.#events.write();
    this.#links.write();
  }

  #newestOf(kind: string, subject: Subject): number | undefined {
    const key = causeKey(kind, subject);
    const known = this.#newest.get(key);
    if (known !== undefined) return known > 0 ? known : undefined;
    this.#causes.add(kind);
    this.#write();
    let newest = 0;
    for (const number of this.#subjects.matching(subject)) {
      newest = Math.max(newest, Number(this.#cause.get(number, kind)?.id ?? 0));
    }
    this.#newest.set(key, newest);
    return newest > 0 ? newest : undefined;
  }

  find(query: EventQuery): StoredEvent[] {
    const conditions: string[] = [];
    const values: SQLInputValue[] = [];
    if (query.subject !== undefined) {
      const ids = this.#subjects.matching(query.subject);
      if (ids.length === 0) return [];
      conditions.push(`id IN (SELECT event FROM event_subject WHERE subject IN (${ids.map(() => "?").join()}))`);
      values.push(...ids);
    }
    if (query.afterId !== undefined) {
      conditions.push("id > ?");
      values.push(query.afterId);
    }
    if (query.since !== undefined) {
      conditions.push("at >= ?");
      values.push(query.since);
    }
    if (query.kinds !== undefined) {
      conditions.push(`kind IN (${query.kinds.map(() => "?").join()})`);
      values.push(...query.kinds);
    }
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const order = query.afterId === undefined ? "DESC" : "ASC";
    const rows = this.#database
      .prepare(`SELECT * FROM event ${where} ORDER BY id ${order} LIMIT ?`)
      .all(...values, Math.max(0, query.limit ?? defaultLimit));
    if (order === "DESC") rows.reverse();
    return rows.map((row) => this.#event(row));
  }

  #event(row: Row): StoredEvent {
    const [first = 0, ...others] = subjectIds(row);
    return {
      id: Number(row.id),
      at: Number(row.at),
      kind: String(row.kind),
      subjects: [this.#subjects.subject(first), ...others.map((id) => this.#subjects.subject(id))],
      cause: causeOf(row.cause),
      level: levelOf(row.level),
      ...(typeof row.reason === "string" ? { reason: row.reason } : {}),
      ...(typeof row.figures === "string" ? { figures: JSON.parse(row.figures) } : {}),
      ...(typeof row.because === "number" ? { because: row.because } : {}),
    };
  }

  /** The greatest time in the table, 0 in an empty one. */
  greatestInstant(): number {
    return Number(this.#database.prepare("SELECT max(at) AS at FROM event").get()?.at ?? 0);
  }

  /** Removes the oldest events that are older than `before`, or beyond the newest `most`: at most `batch` of them. */
  remove(before: number, most: number, batch: number): number {
    const newest = Number(this.#database.prepare("SELECT max(id) AS id FROM event").get()?.id ?? 0);
    const rows = this.#database
      .prepare("SELECT id, at, subjects FROM event ORDER BY id LIMIT ?")
      .all(batch)
      .filter((row) => Number(row.at) < before || Number(row.id) <= newest - most);
    const unlink = this.#database.prepare("DELETE FROM event_subject WHERE subject = ? AND event = ?");
    const remove = this.#database.prepare("DELETE FROM event WHERE id = ?");
    const touched = new Set<number>();
    for (const row of rows) {
      for (const subject of subjectIds(row)) {
        unlink.run(subject, Number(row.id));
        touched.add(subject);
      }
      remove.run(Number(row.id));
    }
    const orphan = this.#database.prepare(
      "DELETE FROM subject WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM event_subject WHERE subject = ?1)",
    );
    for (const subject of touched) orphan.run(subject);
    this.forget();
    return rows.length;
  }

  /** After a transaction that did not happen. */
  forget(): void {
    this.#subjects.forget();
    this.#events.forget();
    this.#links.forget();
    this.#newest.clear();
    this.#lastId = undefined;
  }
}

function causeKey(kind: string, subject: Subject): string {
  return `${kind} ${subjectKey(subject)}`;
}

function subjectIds(row: Row): number[] {
  const ids: unknown = JSON.parse(String(row.subjects));
  return Array.isArray(ids) ? ids.map(Number) : [];
}

function causeOf(value: unknown): Cause {
  return value === "peer" || value === "operator" || value === "timer" || value === "policy" ? value : "failure";
}

function levelOf(value: unknown): LedgerEvent["level"] {
  return value === "warning" || value === "alert" ? value : "info";
}
