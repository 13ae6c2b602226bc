/** A network that loses, duplicates, delays and, by jitter above the gap between sends, reorders; all from a seed. */
import type { Endpoint } from "../core/engine.ts";
import type { RandomSource } from "../crypto/provider.ts";

export interface Link {
  /** Probability that a datagram is lost. */
  readonly loss: number;
  /** Probability that a datagram arrives twice. */
  readonly duplicate: number;
  readonly delayMs: number;
  /** Added to the delay, uniformly. */
  readonly jitterMs: number;
}

export const perfectLink: Link = { loss: 0, duplicate: 0, delayMs: 1, jitterMs: 0 };

export interface Packet {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
}

/** When each copy of `packet` arrives, in milliseconds from now; empty when it is lost. */
export function arrivals(link: Link, random: RandomSource): number[] {
  const copies = (random.fraction() < link.loss ? 0 : 1) + (random.fraction() < link.duplicate ? 1 : 0);
  return Array.from({ length: copies }, () => link.delayMs + random.fraction() * link.jitterMs);
}
