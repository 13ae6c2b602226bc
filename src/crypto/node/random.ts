import { randomFillSync } from "node:crypto";
import type { RandomSource } from "../provider.ts";

/** Drawn at once, since a call of OpenSSL's generator costs more than the octets. */
const poolLength = 4096;
const pool = new Uint8Array(poolLength);
let used = poolLength;

/** The random source of a running daemon: OpenSSL's generator, read in pieces of 4096 octets. */
export const nodeRandom: RandomSource = {
  octets(length) {
    const octets = new Uint8Array(length);
    if (length > poolLength / 4) return randomFillSync(octets);
    for (let at = draw(length), i = 0; i < length; i++, at++) {
      octets[i] = pool[at] ?? 0;
      pool[at] = 0; // what was handed out may be a key
    }
    return octets;
  },
  fraction() {
    let value = 0;
    for (let at = draw(6), end = at + 6; at < end; at++) value = value * 256 + (pool[at] ?? 0);
    return value / 2 ** 48;
  },
};

/** Where in the pool the next octets stand, which are nobody else's. */
function draw(length: number): number {
  if (used + length > poolLength) {
    randomFillSync(pool);
    used = 0;
  }
  used += length;
  return used - length;
}
