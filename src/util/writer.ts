/** Writing octets: big-endian integers and octet strings into one growing buffer. */

/**
 * Messages are written one behind the other into slabs, of which their octets are views: a small piece of memory from
 * outside the heap of JavaScript would be the most expensive part of a message. What is kept for long keeps its whole slab.
 */
let slab = new Uint8Array(0);
/** Where the next writer begins. */
let free = 0;
const SLAB_SIZE = 8192;
/** A writer that would have less begins a new slab. */
const LEAST_ROOM = 512;

const NOTHING = new Uint8Array(0);

/** Values that do not fit their field are errors of the caller and throw RangeError. A writer ends with `finish`. */
export class Writer {
  /** What is written to: only octets that were reserved may be filled in, and before anything else is written. */
  octets: Uint8Array<ArrayBuffer>;
  /** Where this writer's octets begin, and the next one stands. */
  #start: number;
  #at: number;

  constructor() {
    if (slab.length - free < LEAST_ROOM) {
      slab = new Uint8Array(SLAB_SIZE);
      free = 0;
    }
    this.octets = slab;
    this.#start = free;
    this.#at = free;
    // none other begins before this one is finished
    free = SLAB_SIZE;
  }

  /** Octets written so far. */
  get length(): number {
    return this.#at - this.#start;
  }

  /** Room for `count` octets, which are to be filled in at once. @returns where they begin in `octets` */
  reserve(count: number): number {
    if (this.#at + count > this.octets.length) this.#grow(count);
    const at = this.#at;
    this.#at = at + count;
    return at;
  }

  u8(value: number): void {
    fits(value, 0xff);
    const at = this.reserve(1);
    this.octets[at] = value;
  }

  u16(value: number): void {
    fits(value, 0xffff);
    const at = this.reserve(2);
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value;
  }

  u32(value: number): void {
    fits(value, 0xffffffff);
    const at = this.reserve(4);
    this.octets[at] = value >>> 24;
    this.octets[at + 1] = value >>> 16;
    this.octets[at + 2] = value >>> 8;
    this.octets[at + 3] = value;
  }

  /** `value` in one to six octets. */
  uint(value: number, octets: number): void {
    fits(value, 2 ** (8 * octets) - 1);
    const at = this.reserve(octets);
    let left = value;
    for (let i = at + octets - 1; i >= at; i--) {
      this.octets[i] = left % 256;
      left = Math.floor(left / 256);
    }
  }

  bytes(octets: Uint8Array): void {
    if (octets.length === 0) return;
    const at = this.reserve(octets.length);
    this.octets.set(octets, at);
  }

  /** `count` octets of zero. */
  zeros(count: number): void {
    this.reserve(count);
  }

  /** Writes `value` over the two octets at `at`, which were written before. */
  setU16(at: number, value: number): void {
    fits(value, 0xffff);
    const place = this.#start + at;
    this.octets[place] = value >>> 8;
    this.octets[place + 1] = value;
  }

  /** Writes `value` over the four octets at `at`, which were written before. */
  setU32(at: number, value: number): void {
    fits(value, 0xffffffff);
    const { octets } = this;
    const place = this.#start + at;
    octets[place] = value >>> 24;
    octets[place + 1] = value >>> 16;
    octets[place + 2] = value >>> 8;
    octets[place + 3] = value;
  }

  /** What was written; nothing more can be. */
  finish(): Uint8Array<ArrayBuffer> {
    const whole = this.octets;
    const octets = new Uint8Array(whole.buffer, this.#start, this.length);
    if (whole === slab) free = this.#at;
    this.octets = NOTHING;
    this.#at = this.#start = 0;
    // one that has grown has room that nobody will use
    return whole.length > SLAB_SIZE ? octets.slice() : octets;
  }

  #grow(by: number): void {
    const old = this.octets;
    if (old === NOTHING) throw new RangeError("the writer is finished");
    const length = this.length;
    const larger = new Uint8Array(Math.max(SLAB_SIZE, 2 * (length + by)));
    larger.set(old.subarray(this.#start, this.#at));
    old.fill(0, this.#start, this.#at);
    if (old === slab && larger.length === SLAB_SIZE) slab = larger;
    this.octets = larger;
    this.#start = 0;
    this.#at = length;
  }
}

function fits(value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) misfit(value, most);
}

/** @throws RangeError for a value that its field cannot carry. */
export function misfit(value: number, most: number): never {
  throw new RangeError(`${value} does not fit a field from 0 to ${most}`);
}
