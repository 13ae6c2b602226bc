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
  /** What is read from: only what lies between `offset` and `end` may be looked at. */
  readonly octets: Uint8Array;
  /** Where the next octet stands in the octets that the outermost reader was given. Who moves it has looked at `end`. */
  offset: number;
  /** Behind the last octet that may be read. A part is read by putting it nearer, and back when the part is used up. */
  end: number;
  /** What `octets` are a view of, and from where on: asking them takes longer than reading most fields. */
  readonly #buffer: ArrayBufferLike;
  readonly #origin: number;

  /** Over `octets` from `start` up to `end`. */
  constructor(octets: Uint8Array, start = 0, end = octets.length) {
    this.octets = octets;
    this.offset = start;
    this.end = end;
    this.#buffer = octets.buffer;
    this.#origin = octets.byteOffset;
  }

  /** Octets not read yet. */
  get left(): number {
    return this.end - this.offset;
  }

  /** Goes over `count` octets. @returns where they begin in `octets` @throws Malformed "truncated" when fewer are left. */
  pass(count: number): number {
    const at = this.offset;
    if (count > this.end - at) throw this.#truncated(count);
    this.offset = at + count;
    return at;
  }

  /** @throws Malformed "truncated" when nothing is left. */
  u8(): number {
    return this.octets[this.pass(1)] ?? 0;
  }

  /** @throws Malformed "truncated" when fewer than two octets are left. */
  u16(): number {
    const at = this.pass(2);
    return ((this.octets[at] ?? 0) << 8) | (this.octets[at + 1] ?? 0);
  }

  /** @throws Malformed "truncated" when fewer than four octets are left. */
  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  /** An unsigned integer of up to six octets. @throws Malformed "truncated" when fewer are left. */
  uint(octets: number): number {
    const at = this.pass(octets);
    let value = 0;
    for (let i = at; i < at + octets; i++) value = value * 256 + (this.octets[i] ?? 0);
    return value;
  }

  /**
   * A view of the next `length` octets.
   * @throws Malformed "truncated" when fewer are left.
   */
  take(length: number): Uint8Array {
    const at = this.offset;
    if (length > this.end - at) throw this.#truncated(length);
    this.offset = at + length;
    return this.view(at, length);
  }

  /** A view of all that is left. @throws Malformed "truncated" when the reader began behind its end. */
  rest(): Uint8Array {
    const at = this.offset;
    const length = this.end - at;
    if (length < 0) throw this.#truncated(0);
    this.offset = this.end;
    return this.view(at, length);
  }

  /**
   * A reader of the next `length` octets only, which count as read here.
   * @throws Malformed "truncated" when fewer are left.
   */
  sub(length: number): Reader {
    const at = this.pass(length);
    return new Reader(this.octets, at, at + length);
  }

  /** A reader of the same octets that moves on its own, to try a reading. */
  fork(): Reader {
    return new Reader(this.octets, this.offset, this.end);
  }

  /** A view of `length` octets from `start` on, which must be there. */
  view(start: number, length: number): Uint8Array {
    // half the time of `subarray`, which looks for a species first
    return length === 0 ? NONE : new Uint8Array(this.#buffer, this.#origin + start, length);
  }

  /** A view of the octets from `start` up to where this reader stands. */
  since(start: number): Uint8Array {
    return this.octets.subarray(start, this.offset);
  }

  /** @throws Malformed "bad-length" when octets are left. */
  expectEnd(): void {
    if (this.offset !== this.end) throw this.fault("bad-length", `${this.left} octets are left over`);
  }

  /** An error at `offset`, where this reader stands when none is given. */
  fault(code: MalformedCode, message: string, offset = this.offset): Malformed {
    return new Malformed(code, message, offset);
  }

  #truncated(wanted: number): Malformed {
    return this.fault("truncated", `${wanted} octets wanted, ${Math.max(0, this.left)} left`);
  }
}
