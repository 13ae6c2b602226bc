/** Retransmission with exponential back-off, the same for every exchange. */

/** Back-off: `firstMs`, then each time `factor` longer up to `maxMs`; `tries` sends in all. */
export interface RetransmissionPolicy {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly tries: number;
}

/**
 * How long to wait for an answer after the `sent`-th send (1 is the first).
 * @returns milliseconds; after the last try this is how long to wait before giving up.
 */
export function retransmissionDelay(policy: RetransmissionPolicy, sent: number): number {
  return Math.min(policy.maxMs, policy.firstMs * policy.factor ** (sent - 1));
}
