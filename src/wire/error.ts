/** What a decoder says of octets that are not what they should be. */
import { Malformed, type MalformedCode, Reader } from "../util/reader.ts";
import { err, ok, type Result } from "../util/result.ts";

export interface WireError {
  readonly code: MalformedCode;
  /** What was expected and what came. */
  readonly message: string;
  /** From the start of the octets that the decoder was given. */
  readonly offset: number;
  /** Payload and field, as `SA.SAK.attributes[2]`. */
  readonly path: string;
  /** Where the format is laid down, as `RFC 6407 5.3`. */
  readonly section: string;
}

/**
 * Runs `decode` over `octets` from `start`: the value, or the WireError in its place. `section` is where the format as a
 * whole is laid down.
 */
export function attempt<T>(
  octets: Uint8Array,
  start: number,
  section: string,
  decode: (reader: Reader) => T,
): Result<T, WireError> {
  const whole = plain(octets);
  if (!mode.exact) {
    try {
      return ok(decode(new Reader(whole, start)));
    } catch (thrown) {
      if (!(thrown instanceof Malformed)) throw thrown;
    }
  }
  // once more, to learn where
  const before = mode.exact;
  mode.exact = true;
  try {
    return ok(decode(new Reader(whole, start)));
  } catch (thrown) {
    if (!(thrown instanceof Malformed)) throw thrown;
    const { code, message, offset, path } = thrown;
    return err({ code, message, offset, path: joined(path), section: thrown.section || section });
  } finally {
    mode.exact = before;
  }
}

/**
 * Good octets are read by compiled tables; of bad ones it is found out by walking the tables what is wrong, and where.
 * `exact`: tables are to be walked, since a failure must say where it is.
 */
export const mode = { exact: false };

/** Adds the name of the enclosing part, and its section when none is known yet, to what was thrown within it. */
export function within(thrown: unknown, segment: string, section: string): unknown {
  if (thrown instanceof Malformed) {
    if (segment !== "") thrown.path.unshift(segment);
    if (thrown.section === "") thrown.section = section;
  }
  return thrown;
}

/** A view without Buffer's behaviour, so that decoded octet strings are plain Uint8Arrays wherever they came from. */
export function plain(octets: Uint8Array): Uint8Array {
  return octets.constructor === Uint8Array
    ? octets
    : new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
}

function joined(path: readonly string[]): string {
  return path.reduce(
    (whole, segment) => (whole === "" || segment.startsWith("[") ? whole + segment : `${whole}.${segment}`),
    "",
  );
}
