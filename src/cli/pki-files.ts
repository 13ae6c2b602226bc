/** Files of `keyherald pki`: an authority is PREFIX.pem with PREFIX.key. */
import { readFileSync } from "node:fs";
import type { Authority } from "../crypto/node/issue.ts";
import { certificatesFrom } from "../crypto/node/pem.ts";
import { CryptoError } from "../crypto/provider.ts";
import { CommandError, ExitCode } from "./exit.ts";

/** The authority of a prefix. @throws CommandError when one of its files cannot be read. */
export function authorityOf(prefix: string): Authority {
  return { certificate: certificateIn(`${prefix}.pem`), key: readPki(`${prefix}.key`).toString("latin1") };
}

/** The first certificate in a file, DER. @throws CommandError */
export function certificateIn(file: string): Uint8Array {
  const octets = readPki(file);
  const [certificate] = made(() => certificatesFrom(octets), file);
  if (certificate === undefined) throw new CommandError(ExitCode.FAILURE, `${file} has no certificate`);
  return certificate;
}

/** @throws CommandError when it cannot be read. */
export function readPki(file: string): Buffer {
  return attempt(`${file} cannot be read`, () => readFileSync(file));
}

/** What `doing` gives. @throws CommandError that begins with `what`, for whatever it throws. */
export function attempt<T>(what: string, doing: () => T): T {
  try {
    return doing();
  } catch (error) {
    throw new CommandError(ExitCode.FAILURE, `${what}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** What `make` gives. @throws CommandError in place of a CryptoError, with the file's name in front of it. */
export function made<T>(make: () => T, file?: string): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new CommandError(ExitCode.FAILURE, file === undefined ? error.message : `${file}: ${error.message}`);
  }
}

/** A validity in days of `--days`, in milliseconds. @throws CommandError */
export function validity(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 36_500)
    throw new CommandError(ExitCode.USAGE, `--days ${text}: give a number from 1 to 36500`);
  return days * 86_400_000;
}
