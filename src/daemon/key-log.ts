/** The key log of a laboratory: a file that Wireshark reads, and that opens every message to whoever has it. */
import { closeSync, constants, fchmodSync, openSync, writeSync } from "node:fs";
import { messageOf } from "./problems.ts";

const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

export class KeyLog {
  readonly file: string;
  readonly #failed: (reason: string) => void;
  #descriptor: number | undefined;
  #failing = false;

  /** @param failed it could not be written; told once, until it can be again. */
  constructor(file: string, failed: (reason: string) => void) {
    this.file = file;
    this.#failed = failed;
  }

  write(line: string): void {
    try {
      this.#descriptor ??= open(this.file);
      writeSync(this.#descriptor, `${line}\n`);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#failed(messageOf(error));
      this.#failing = true;
    }
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }
}

/** Nobody but the owner reads it, whatever it was before. */
function open(file: string): number {
  const descriptor = openSync(file, flags, 0o600);
  fchmodSync(descriptor, 0o600);
  return descriptor;
}
