/** Writing octets: big-endian integers and octet strings into one growing buffer. */

/** Values that do not fit their field are errors of the caller and throw RangeError. */
export class Writer {
  #octets = new Uint8Array(256);
  #length = 0;

  /** Octets written so far. */
  get length(): number {
    return this.#length;
  }

  u8(value: number): void {
    fits(value, 0xff);
    this.#grow(1);
    this.#octets[this.#length++] = value;
  }

  u16(value: number): void {
    fits(value, 0xffff);
    this.#grow(2);
    this.#octets[this.#length++] = value >>> 8;
    this.#octets[this.#length++] = value & 0xff;
  }

  u32(value: number): void {
    fits(value, 0xffffffff);
    this.u16(value >>> 16);
    this.u16(value & 0xffff);
  }

  bytes(octets: Uint8Array): void {
    this.#grow(octets.length);
    this.#octets.set(octets, this.#length);
    this.#length += octets.length;
  }

  /** `count` octets of zero. */
  zeros(count: number): void {
    this.#grow(count);
    this.#length += count;
  }

  /** Writes `value` over the two octets at `at`, which were written before. */
  setU16(at: number, value: number): void {
    fits(value, 0xffff);
    this.#octets[at] = value >>> 8;
    this.#octets[at + 1] = value & 0xff;
  }

  /** A copy of what was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#octets.slice(0, this.#length);
  }

  #grow(by: number): void {
    const needed = this.#length + by;
    if (needed <= this.#octets.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#octets.length));
    larger.set(this.#octets.subarray(0, this.#length));
    this.#octets = larger;
  }
}

function fits(value: number, most: number): void {
  if (!Number.isInteger(value) || value < 0 || value > most) {
    throw new RangeError(`${value} does not fit a field from 0 to ${most}`);
  }
}
