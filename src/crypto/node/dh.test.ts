import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, hex } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { seededRandom } from "../seeded.ts";
import { nodeCrypto } from "./index.ts";

function vectors(name: string) {
  return JSON.parse(readFileSync(new URL(`../../../test/vectors/data/${name}`, import.meta.url), "utf8"));
}
const rfc5903: { groups: { group: number; i: string; r: string; KEi: string; KEr: string; shared: string }[] } =
  vectors("rfc5903.json");
const rfc3526: { groups: { group: number; prime: string }[] } = vectors("rfc3526.json");
const { phase1 } = vectors("gdoi-push.json");

const refused = expect.objectContaining({ name: "CryptoError", code: "bad-public-value" });

function octetsOf(value: bigint, length: number): Uint8Array {
  return fromHex(value.toString(16).padStart(2 * length, "0"));
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if ((rest & 1n) === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

describe("ECP groups", () => {
  test.each(rfc5903.groups)("group $group gives the values of RFC 5903 8", ({ group, i, r, KEi, KEr, shared }) => {
    const initiator = nodeCrypto.keyExchangeFrom(group, fromHex(i));
    const responder = nodeCrypto.keyExchangeFrom(group, fromHex(r));
    expect(hex(initiator.publicValue)).toBe(KEi);
    expect(hex(responder.publicValue)).toBe(KEr);
    expect(hex(initiator.agree(fromHex(KEr)))).toBe(shared);
    expect(hex(responder.agree(fromHex(KEi)))).toBe(shared);
  });

  test("group 19 gives the values of the Phase 1 vector", () => {
    const initiator = nodeCrypto.keyExchangeFrom(19, fromHex(phase1.dh_private_i));
    expect(hex(initiator.publicValue)).toBe(phase1.ke_i);
    expect(hex(initiator.agree(fromHex(phase1.ke_r)))).toBe(phase1.g_xy);
  });

  test("a private value of zero, or not below the order, is refused", () => {
    for (const octets of [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(0)]) {
      expect(() => nodeCrypto.keyExchangeFrom(19, octets)).toThrow(expect.objectContaining({ code: "bad-key" }));
    }
  });

  test("points that are not on the curve, infinity and every other length are refused", () => {
    for (const { group, KEr } of rfc5903.groups) {
      const mine = nodeCrypto.keyExchange(group);
      const point = fromHex(KEr);
      const off = point.slice();
      off[off.length - 1] = (off.at(-1) ?? 0) ^ 1;
      for (const value of [off, new Uint8Array(point.length), new Uint8Array(point.length).fill(0xff)]) {
        expect(() => mine.agree(value)).toThrow(refused);
      }
      for (let length = 0; length < point.length; length++) {
        expect(() => mine.agree(point.subarray(0, length))).toThrow(refused);
      }
      expect(() => mine.agree(fromHex(`04${KEr}`))).toThrow(refused);
    }
  });
});

describe("MODP groups", () => {
  test.each(rfc3526.groups)("group $group works with prime and generator of RFC 3526", ({ group, prime }) => {
    const p = BigInt(`0x${prime}`);
    const length = prime.length / 2;
    const [x, y] = [0x1234567890abcdefn, 0xfedcba0987654321fedcba09n];
    const mine = nodeCrypto.keyExchangeFrom(group, octetsOf(x, 8));
    const theirs = nodeCrypto.keyExchangeFrom(group, octetsOf(y, 12));
    expect(hex(mine.publicValue)).toBe(hex(octetsOf(power(2n, x, p), length)));
    expect(hex(mine.agree(theirs.publicValue))).toBe(hex(octetsOf(power(2n, x * y, p), length)));
  });

  test.each(rfc3526.groups)("group $group refuses 0, 1, p - 1, p and above, and other lengths", ({ group, prime }) => {
    const p = BigInt(`0x${prime}`);
    const length = prime.length / 2;
    const mine = nodeCrypto.keyExchangeFrom(group, new Uint8Array([3]));
    for (const value of [0n, 1n, p - 1n, p, p + 1n, p + 2n, (1n << BigInt(8 * length)) - 1n]) {
      expect(() => mine.agree(octetsOf(value, length))).toThrow(refused);
    }
    expect(() => mine.agree(octetsOf(2n, length - 1))).toThrow(refused);
    expect(() => mine.agree(octetsOf(2n, length + 1))).toThrow(refused);
    expect(BigInt(`0x${hex(mine.agree(octetsOf(2n, length)))}`)).toBe(8n);
    expect(BigInt(`0x${hex(mine.agree(octetsOf(p - 2n, length)))}`)).toBe(p - 8n);
  });

  test("public values and shared secrets keep their leading zeros", () => {
    const mine = nodeCrypto.keyExchangeFrom(14, new Uint8Array([1, 0]));
    expect(hex(mine.publicValue)).toBe(hex(octetsOf(2n ** 256n, 256)));
    expect(hex(nodeCrypto.keyExchangeFrom(14, new Uint8Array([2])).agree(octetsOf(4n, 256)))).toBe(
      hex(octetsOf(16n, 256)),
    );
  });

  test("a private value of zero, or longer than the prime, is refused", () => {
    for (const octets of [new Uint8Array(4), new Uint8Array(257).fill(1)]) {
      expect(() => nodeCrypto.keyExchangeFrom(14, octets)).toThrow(expect.objectContaining({ code: "bad-key" }));
    }
  });
});

test("both sides of a fresh exchange agree in every group, and no two exchanges are alike", () => {
  for (const group of [14, 15, 16, 17, 18, 19, 20, 21]) {
    const [mine, theirs] = [nodeCrypto.keyExchange(group), nodeCrypto.keyExchange(group)];
    expect(mine.group).toBe(group);
    expect(hex(mine.publicValue)).not.toBe(hex(theirs.publicValue));
    expect(hex(mine.agree(theirs.publicValue))).toBe(hex(theirs.agree(mine.publicValue)));
  }
});

test("other groups are unsupported", () => {
  for (const group of [0, 1, 2, 5, 13, 22, 31, -1, 14.5, Number.NaN]) {
    expect(() => nodeCrypto.keyExchange(group)).toThrow(expect.objectContaining({ code: "unsupported" }));
  }
});

test("arbitrary public values give a secret of the right length or a CryptoError", () => {
  const sides = [14, 19, 21].map((group) => nodeCrypto.keyExchangeFrom(group, seededRandom(group).octets(32)));
  fc.assert(
    fc.property(fc.constantFrom(...sides), fc.uint8Array({ maxLength: 300 }), fc.boolean(), (side, octets, fit) => {
      const value = fit ? new Uint8Array(side.publicValue.length) : octets;
      if (fit) value.set(octets.subarray(0, value.length));
      try {
        expect(side.agree(value).length).toBe(side.group === 14 ? 256 : side.publicValue.length / 2);
      } catch (error) {
        expect(error).toBeInstanceOf(CryptoError);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
});
