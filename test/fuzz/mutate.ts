/** Mutations of valid octets by a seeded generator: what a seed made once it makes again. */

import { hex } from "../../src/util/octets.ts";

/** A generator of integers below a bound. */
export type Dice = (below: number) => number;

/** A small seeded generator (mulberry32). */
export function dice(seed: number): Dice {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xfe, 0xff];

/** `octets` with one to four changes: octets set, bits flipped, pieces cut out, doubled or taken from `other`. */
export function mutate(octets: Uint8Array, other: Uint8Array, roll: Dice): Uint8Array {
  let changed: Uint8Array = octets.slice();
  for (let rounds = 1 + roll(4); rounds > 0; rounds--) changed = change(changed, other, roll);
  return changed;
}

function change(octets: Uint8Array, other: Uint8Array, roll: Dice): Uint8Array {
  const at = roll(octets.length + 1);
  const span = 1 + roll(12);
  switch (roll(7)) {
    case 0:
      return octets.with(Math.min(at, octets.length - 1), roll(256));
    case 1:
      return octets.with(Math.min(at, octets.length - 1), EDGES[roll(EDGES.length)] ?? 0);
    case 2: {
      const place = Math.min(at, octets.length - 1);
      return octets.with(place, (octets[place] ?? 0) ^ (1 << roll(8)));
    }
    case 3:
      return spliced(octets, at, span, new Uint8Array());
    case 4:
      return spliced(octets, at, 0, octets.subarray(at, at + span));
    case 5: {
      const from = roll(other.length + 1);
      return spliced(octets, at, span, other.subarray(from, from + span));
    }
    default:
      return spliced(octets, at, octets.length, new Uint8Array());
  }
}

function spliced(octets: Uint8Array, at: number, cut: number, piece: Uint8Array): Uint8Array {
  const tail = octets.subarray(Math.min(octets.length, at + cut));
  const whole = new Uint8Array(at + piece.length + tail.length);
  whole.set(octets.subarray(0, at));
  whole.set(piece, at);
  whole.set(tail, at + piece.length);
  // at least one octet, so that the next change has something to work on
  return whole.length === 0 ? new Uint8Array(1) : whole;
}

/** One of `list`. @throws Error when there is none */
export function pick<T>(list: readonly T[], roll: Dice): T {
  const value = list[roll(list.length)];
  if (value === undefined) throw new Error("nothing to pick from");
  return value;
}

/** @throws Error when what was decoded encodes to other octets than it came in. */
export function encodesAgain(again: Uint8Array, octets: Uint8Array): void {
  if (hex(again) !== hex(octets)) throw new Error(`encodes again to ${hex(again)}`);
}

/** 0 in an ordinary run. */
const fuzzSeconds = Number(process.env["KEYHERALD_FUZZ_SECONDS"] ?? 0);
/** A failure names it; SEED repeats it. */
export const fuzzSeed = Number(process.env["SEED"] ?? 1);

/** Runs `round` with a seeded generator: `rounds` times, or for as long as KEYHERALD_FUZZ_SECONDS says. */
export function fuzz(rounds: number, round: (roll: Dice, number: number) => void): void {
  const until = performance.now() + 1000 * fuzzSeconds;
  const roll = dice(fuzzSeed);
  for (let i = 0; fuzzSeconds > 0 ? performance.now() < until : i < rounds; i++) round(roll, i);
}

/** How long such a run may take, in milliseconds. */
export const fuzzTimeout = 120_000 + 1000 * fuzzSeconds;
