import type { RandomSource } from "./provider.ts";

/**
 * A random source that repeats itself for the same seed: xoshiro128** (Blackman, Vigna), its state filled by splitmix32.
 * For simulation and tests. It is predictable, so nothing that protects a real group may draw from it.
 * @param seed an integer; its low 32 bits count
 */
export function seededRandom(seed: number): RandomSource {
  const state = splitmix32(seed | 0);

  const next = (): number => {
    const [a, b, c, d] = state;
    const result = Math.imul(rotl(Math.imul(b, 5), 7), 9) >>> 0;
    const c1 = c ^ a;
    const d1 = d ^ b;
    state[0] = a ^ d1;
    state[1] = b ^ c1;
    state[2] = c1 ^ (b << 9);
    state[3] = rotl(d1, 11);
    return result;
  };

  return {
    octets(length) {
      const octets = new Uint8Array(length);
      let word = 0;
      for (let i = 0; i < length; i++) {
        word = i % 4 === 0 ? next() : word >>> 8;
        octets[i] = word & 0xff;
      }
      return octets;
    },
    fraction: () => next() / 2 ** 32,
  };
}

function rotl(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function splitmix32(seed: number): [number, number, number, number] {
  let counter = seed;
  const word = (): number => {
    counter = (counter + 0x9e3779b9) | 0;
    let mixed = counter ^ (counter >>> 16);
    mixed = Math.imul(mixed, 0x21f0aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a2d97);
    return mixed ^ (mixed >>> 15);
  };
  return [word(), word(), word(), word()];
}
