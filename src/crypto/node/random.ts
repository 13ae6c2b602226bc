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
    if (used + length > poolLength) {
      randomFillSync(pool);
      used = 0;
    }
    octets.set(pool.subarray(used, used + length));
    pool.fill(0, used, used + length); // what was handed out may be a key
    used += length;
    return octets;
  },
  fraction() {
    const octets = nodeRandom.octets(6);
    return Buffer.from(octets.buffer).readUIntBE(0, 6) / 2 ** 48;
  },
};
