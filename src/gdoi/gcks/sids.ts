/** Sender-IDs for counter modes (RFC 6407 3.5): sequential from zero, never twice while the group's TEKs live. */

/** A run of SIDs handed out together. */
export interface SidRange {
  readonly from: number;
  readonly count: number;
}

/** The share of all SIDs that one registration may ask for. */
const SHARE = 16;

/**
 * What one member may have in all while the TEKs live that it was given SIDs for, so that it cannot force the delete-all
 * step alone: the same share by asking for several at once, and twice that, or so many, by asking for one at a time.
 */
const SINGLE_SHARE = 8;
const LEAST_SINGLE = 16;

export class SidCounter {
  /** Counts resets; SIDs of an earlier epoch belong to TEKs that were deleted. */
  epoch: number;
  /** Width in bits of the SIDs handed out in this epoch. */
  bits: number;
  next: number;

  constructor(bits: number, epoch = 1, next = 0) {
    this.bits = bits;
    this.epoch = epoch;
    this.next = next;
  }

  /** The most SIDs that one request may ask for. */
  get limit(): number {
    return Math.max(1, 2 ** this.bits / SHARE);
  }

  /** The most SIDs that a member may have in all, with those of this request. */
  share(count: number): number {
    return count === 1 ? Math.max(LEAST_SINGLE, 2 ** this.bits / SINGLE_SHARE) : this.limit;
  }

  /** Whether `count` more can be handed out before the counter reaches its end (RFC 6407 3.5, step 5). */
  has(count: number): boolean {
    return this.next + count <= 2 ** this.bits;
  }

  /** Takes the next `count`. Call `has` before. */
  take(count: number): SidRange {
    const range = { from: this.next, count };
    this.next += count;
    return range;
  }

  /** After the delete-all step: from zero again, under new TEKs only. */
  reset(bits: number): void {
    this.epoch += 1;
    this.bits = bits;
    this.next = 0;
  }

  /** What an earlier life handed out in the same epoch stays used. */
  raise(epoch: number, range: SidRange): void {
    if (epoch === this.epoch) this.next = Math.max(this.next, range.from + range.count);
  }
}

/** The values of a range, one by one. */
export function sidValues(range: SidRange): number[] {
  return Array.from({ length: range.count }, (_, i) => range.from + i);
}
