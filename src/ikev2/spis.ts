/** SPIs of our own. */
import { hex, isZero } from "../util/octets.ts";
import type { Ikev2 } from "./state.ts";

/** A random SPI that is not in use here: 8 octets for an IKE SA, 4 for ESP. */
export function freshSpi(ike: Ikev2, octets: 4 | 8): Uint8Array {
  const uses = (spi: string) => (octets === 8 ? ike.ikeSas.has(spi) || ike.ended.has(spi) : ike.childSas.has(spi));
  for (;;) {
    const spi = ike.env.random.octets(octets);
    // zero is none (RFC 7296 3.1), 1 to 255 are reserved (RFC 4303 2.1)
    if (!uses(hex(spi)) && !isZero(spi.subarray(0, octets - 1))) return spi;
  }
}
