/** A set of member slots, one bit each. */
export class Slots {
  #octets: Uint8Array;

  /** @param octets as `octets` gave them. */
  constructor(octets: Uint8Array = new Uint8Array(0)) {
    this.#octets = octets;
  }

  /** A copy, to be stored. */
  get octets(): Uint8Array {
    return this.#octets.slice();
  }

  has(slot: number): boolean {
    return ((this.#octets[slot >> 3] ?? 0) & (1 << (slot & 7))) !== 0;
  }

  add(slot: number): void {
    const at = slot >> 3;
    if (at >= this.#octets.length) {
      const larger = new Uint8Array(Math.max(at + 1, 2 * this.#octets.length));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    this.#octets[at] = (this.#octets[at] ?? 0) | (1 << (slot & 7));
  }
}
