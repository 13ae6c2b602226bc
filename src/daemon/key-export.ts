/** Carries a member's keys into the file that the configuration names: the one place where keys leave the process. */
import { nodeCrypto } from "../crypto/node/index.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { keyDocument } from "../dataplane/key-document.ts";
import { replaceFile } from "../dataplane/key-file.ts";
import { KeyTable } from "../dataplane/key-table.ts";
import type { GroupSadChange } from "../sad/sad.ts";
import { messageOf } from "./problems.ts";
import type { Running } from "./running.ts";
import { Alarm } from "./timers.ts";

export interface KeyExportParts {
  readonly file: string;
  readonly now: () => number;
  readonly crypto: CryptoProvider;
  /** The file was written. */
  readonly written: (figures: { file: string; keys: number; groups: string[] }) => void;
  /** It could not be written; told once, until it can be again. */
  readonly failed: (reason: string) => void;
}

/** Changes of one message come together. */
const gatherMs = 5;
/** Between attempts to write. */
const retryMs = 5000;

/** Writes the file after every change, and when a key comes into use or ends. */
export class KeyExport {
  readonly file: string;
  readonly #parts: KeyExportParts;
  readonly #table = new KeyTable();
  readonly #soon: Alarm;
  readonly #later: Alarm;
  #writing: Promise<void> | undefined;
  #again = false;
  #failing = false;
  #dirty = false;

  constructor(parts: KeyExportParts) {
    this.file = parts.file;
    this.#parts = parts;
    this.#soon = new Alarm(() => this.#start());
    this.#later = new Alarm(() => this.#start());
  }

  change(change: GroupSadChange): void {
    this.#table.apply(change, this.#parts.now());
    this.#dirty = true;
    this.#soon.within(gatherMs);
  }

  /** The member has what it had before: whatever else the file says is not true any more. */
  begin(): void {
    this.#dirty = true;
    this.#soon.within(gatherMs);
  }

  /** Writes what is not written yet, and ends. The file stays: its keys are in use. */
  async close(): Promise<void> {
    this.#soon.clear();
    await this.#writing;
    if (this.#dirty) await this.#write();
    this.#soon.clear();
    this.#later.clear();
  }

  #start(): void {
    if (this.#writing !== undefined) {
      this.#again = true;
      return;
    }
    this.#writing = this.#write().finally(() => {
      this.#writing = undefined;
      if (this.#again) this.#soon.within(gatherMs);
      this.#again = false;
    });
  }

  async #write(): Promise<void> {
    const { now, crypto, written, failed, file } = this.#parts;
    const at = now();
    const held = this.#table.held(at);
    this.#dirty = false;
    try {
      await replaceFile(file, `${JSON.stringify(keyDocument(held, at, crypto), undefined, 2)}\n`);
    } catch (error) {
      this.#dirty = true;
      if (!this.#failing) failed(messageOf(error));
      this.#failing = true;
      this.#later.at(now() + retryMs, now());
      return;
    }
    this.#failing = false;
    const groups = [...new Set(held.map(({ sa }) => sa.group))];
    written({ file, keys: held.length, groups });
    this.#later.at(this.#table.next(at), now());
  }
}

/** What the configuration of a daemon asks for; undefined when it asks for no file. What is written is told in the ledger. */
export function keyExportOf(daemon: Pick<Running, "configuration" | "clock" | "note">): KeyExport | undefined {
  const file = daemon.configuration.keyExport?.file;
  if (file === undefined) return undefined;
  return new KeyExport({
    file,
    now: () => daemon.clock.now(),
    crypto: nodeCrypto,
    written: (figures) => daemon.note("server.keys-exported", "info", "policy", { figures }),
    failed: (reason) => daemon.note("server.key-export-failed", "alert", "failure", { reason, figures: { file } }),
  });
}
