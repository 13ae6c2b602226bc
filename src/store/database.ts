/** The SQLite file: opened, locked, made or checked, and its errors in the store's words. */
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StoreError } from "./store.ts";
import { subjectIndex } from "./subjects.ts";

/** Layout of the tables, in PRAGMA user_version. */
export const schemaVersion = 1;
/** "KEYH", in PRAGMA application_id. */
const applicationId = 0x4b455948;

const schema = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
  CREATE TABLE record (kind TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (kind, key)) STRICT, WITHOUT ROWID;
  -- subjects: their ids as a JSON list; AUTOINCREMENT so that no id is used again
  CREATE TABLE event (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL, subjects TEXT NOT NULL,
    cause TEXT NOT NULL, level TEXT NOT NULL, reason TEXT, figures TEXT, because INTEGER
  ) STRICT;
  CREATE INDEX event_at ON event (at);
  -- tail: what follows the first '/' of the name
  CREATE TABLE subject (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, tail TEXT) STRICT;
  CREATE INDEX subject_tail ON subject (tail) WHERE tail IS NOT NULL;
  CREATE TABLE event_subject (subject INTEGER, event INTEGER, PRIMARY KEY (subject, event)) STRICT, WITHOUT ROWID;
`;

/**
 * Opens or makes the file (mode 0600, a new folder 0700) and locks it against every other process.
 * `maxBytes` bounds its size, like a full disk.
 * @throws StoreError
 */
export function openDatabase(file: string, maxBytes: number | undefined): DatabaseSync {
  makePrivate(file);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    // before the first access, so that the lock is held from it on and no shared memory file is needed
    database.exec("PRAGMA locking_mode = EXCLUSIVE");
    database.exec("PRAGMA auto_vacuum = INCREMENTAL");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    database.exec("PRAGMA trusted_schema = OFF");
    if (maxBytes !== undefined) {
      const pageSize = pragma(database, "page_size");
      database.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / pageSize))}`);
    }
    // a write transaction takes the exclusive lock even where nothing is to be written
    database.exec("BEGIN IMMEDIATE");
    prepare(database, file);
    database.exec("COMMIT");
    return database;
  } catch (error) {
    database?.close();
    throw storeError(error, file);
  }
}

/** Makes the tables in an empty file; refuses one that is not ours, or newer. @throws StoreError */
function prepare(database: DatabaseSync, file: string): void {
  const version = pragma(database, "user_version");
  const id = pragma(database, "application_id");
  if (version === 0 && id === 0 && database.prepare("SELECT 1 FROM sqlite_schema").get() === undefined) {
    database.exec(schema);
    database.exec(`PRAGMA application_id = ${applicationId}`);
    database.exec(`PRAGMA user_version = ${schemaVersion}`);
    database.exec(subjectIndex);
    return;
  }
  if (id !== applicationId) throw new StoreError("corrupt", `${file} is a database, but none of Keyherald`);
  if (version > schemaVersion) {
    throw new StoreError(
      "newer-version",
      `${file} was written by a newer Keyherald (layout ${version}, this one knows ${schemaVersion}); install that one`,
    );
  }
  database.exec(subjectIndex);
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function makePrivate(file: string): void {
  try {
    const folder = dirname(file);
    if (!existsSync(folder)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
    // the files that SQLite puts beside it take over its mode
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
  } catch (error) {
    throw storeError(error, file);
  }
}

/** Result codes of SQLite; the low octet of an extended one. */
const sqlite = { BUSY: 5, LOCKED: 6, CORRUPT: 11, FULL: 13, NOTADB: 26 };

/** What went wrong in SQLite or the file system, in the store's words. */
export function storeError(error: unknown, file: string): StoreError {
  if (error instanceof StoreError) return error;
  const errcode = property(error, "errcode");
  const code = property(error, "code");
  const result = typeof errcode === "number" ? errcode & 0xff : undefined;
  const message = error instanceof Error ? error.message : String(error);
  if (result === sqlite.FULL || code === "ENOSPC" || code === "EDQUOT") {
    return new StoreError("full", `no space is left for ${file}; free some, nothing has been lost`);
  }
  if (result === sqlite.BUSY || result === sqlite.LOCKED) {
    return new StoreError("locked", `${file} is in use by another process; stop that one, or configure another file`);
  }
  if (result === sqlite.CORRUPT || result === sqlite.NOTADB) {
    return new StoreError("corrupt", `${file} is damaged or no store (${message})`);
  }
  return new StoreError("io", `${file} cannot be read or written (${message})`);
}

function property(error: unknown, name: string): unknown {
  return error instanceof Error ? Reflect.get(error, name) : undefined;
}
