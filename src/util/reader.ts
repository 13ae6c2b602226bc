/** Reading octets with a bound: nothing is read past an end, and what was not read is not passed over in silence. */

/** What may be wrong with octets. */
export type MalformedCode =
  | "truncated"
  | "bad-length"
  | "bad-value"
  | "reserved"
  | "unexpected"
  | "too-many"
  | "version";

/**
 * Thrown inside decoders and caught at their surface; it never leaves them. Not an Error: a peer's octets cause it, so
 * that a stack trace would cost much and say nothing. `path` and `section` are filled in on the way out.
 */
export class Malformed {
  readonly code: MalformedCode;
  readonly message: string;
  /** From the start of the octets that the decoder was given. */
  readonly offset: number;
  /** Innermost name last. */
  readonly path: string[] = [];
  section = "";

  constructor(code: MalformedCode, message: string, offset: number) {
    this.code = code;
    this.message = message;
    this.offset = offset;
  }
}

const NONE = new Uint8Array(0);

/** Reads big-endian integers and octet strings between two offsets of an octet string. Octet strings are views. */
export class Reader {
  readonly #octets: Uint8Array;
  #at: number;
  #end: number;

  /** Over `octets` from `start` up to `end`. */
  constructor(octets: Uint8Array, start = 0, end = octets.length) {
    this.#octets = octets;
    this.#at = start;
    this.#end = end;
  }

  /** Where the next octet stands in the octets that the outermost reader was given. */
  get offset(): number {
    return this.#at;
  }

  /** Octets not read yet. */
  get left(): number {
    return this.#end - this.#at;
  }

  /** What is read from: only octets that `pass` went over may be looked at. */
  get octets(): Uint8Array {
    return this.#octets;
  }

  /** Goes over `count` octets. @returns where they begin in `octets` @throws Malformed "truncated" when fewer are left. */
  pass(count: number): number {
    return this.#advance(count);
  }

  /** @throws Malformed "truncated" when nothing is left. */
  u8(): number {
    return this.#octets[this.#advance(1)] ?? 0;
  }

  /** @throws Malformed "truncated" when fewer than two octets are left. */
  u16(): number {
    const at = this.#advance(2);
    return ((this.#octets[at] ?? 0) << 8) | (this.#octets[at + 1] ?? 0);
  }

  /** @throws Malformed "truncated" when fewer than four octets are left. */
  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** An unsigned integer of up to six octets. @throws Malformed "truncated" when fewer are left. */
  uint(octets: number): number {
    const at = this.#advance(octets);
    let value = 0;
    for (let i = at; i < at + octets; i++) value = value * 256 + (this.#octets[i] ?? 0);
    return value;
  }

  /**
   * A view of the next `length` octets.
   * @throws Malformed "truncated" when fewer are left.
   */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    if (length === 0) return NONE;
    // half the time of `subarray`, which looks for a species first
    return new Uint8Array(this.#octets.buffer, this.#octets.byteOffset + at, length);
  }

  /** A view of all that is left. @throws Malformed "truncated" when the reader began behind its end. */
  rest(): Uint8Array {
    return this.take(Math.max(0, this.left));
  }

  /**
   * A reader of the next `length` octets only, which count as read here.
   * @throws Malformed "truncated" when fewer are left.
   */
  sub(length: number): Reader {
    const at = this.#advance(length);
    return new Reader(this.#octets, at, at + length);
  }

  /**
   * Lets this reader end `length` octets further on: a part is read, used up (`expectEnd`), and left with `release`.
   * @returns what `release` takes
   * @throws Malformed "truncated" when fewer are left.
   */
  limit(length: number): number {
    const end = this.#end;
    if (length > end - this.#at) this.#advance(length);
    this.#end = this.#at + length;
    return end;
  }

  /** Puts the end back to where it was before `limit`. */
  release(end: number): void {
    this.#end = end;
  }

  /** A reader of the same octets that moves on its own, to try a reading. */
  fork(): Reader {
    return new Reader(this.#octets, this.#at, this.#end);
  }

  /** A view of the octets from `start` up to where this reader stands. */
  since(start: number): Uint8Array {
    return this.#octets.subarray(start, this.#at);
  }

  /** @throws Malformed "bad-length" when octets are left. */
  expectEnd(): void {
    if (this.left !== 0) throw this.fault("bad-length", `${this.left} octets are left over`);
  }

  /** An error at `offset`, where this reader stands when none is given. */
  fault(code: MalformedCode, message: string, offset = this.#at): Malformed {
    return new Malformed(code, message, offset);
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) {
      throw this.fault("truncated", `${length} octets wanted, ${Math.max(0, this.#end - at)} left`);
    }
    this.#at = at + length;
    return at;
  }
}
