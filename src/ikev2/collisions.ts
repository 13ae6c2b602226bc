/** Simultaneous rekeying: two exchanges that make a successor of one SA each (RFC 7296 2.8.1, 2.8.2). */
import type { Nonces } from "./keys.ts";

/**
 * Whether the exchange with the nonces `ours` made the redundant SA: it has the lowest of the four. It is closed by
 * whoever began that exchange. "Lowest" by octets; of two that begin alike the shorter one.
 */
export function isRedundant(ours: Nonces, theirs: Nonces): boolean {
  return Buffer.compare(lowest(ours), lowest(theirs)) < 0;
}

function lowest({ initiator, responder }: Nonces): Uint8Array {
  return Buffer.compare(initiator, responder) < 0 ? initiator : responder;
}
