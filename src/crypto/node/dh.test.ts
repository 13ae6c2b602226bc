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

describe("Curve25519 and Curve448", () => {
  // RFC 7748 6.1 and 6.2
  const vectors = [
    {
      group: 31,
      a: "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
      A: "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
      b: "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
      B: "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
      shared: "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    },
    {
      group: 32,
      a:
        "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28d" +
        "d9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
      A:
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c" +
        "22c5d9bbc836647241d953d40c5b12da88120d53177f80e532c41fa0",
      b:
        "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d" +
        "6927c120bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
      B:
        "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b430" +
        "27d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
      shared:
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282b" +
        "b60c0b56fd2464c335543936521c24403085d59a449a5037514a879d",
    },
  ];

  test.each(vectors)("group $group gives the values of RFC 7748 6", ({ group, a, A, b, B, shared }) => {
    const alice = nodeCrypto.keyExchangeFrom(group, fromHex(a));
    const bob = nodeCrypto.keyExchangeFrom(group, fromHex(b));
    expect(hex(alice.publicValue)).toBe(A);
    expect(hex(bob.publicValue)).toBe(B);
    expect(hex(alice.agree(fromHex(B)))).toBe(shared);
    expect(hex(bob.agree(fromHex(A)))).toBe(shared);
  });

  const p25519 = 2n ** 255n - 19n;
  const p448 = 2n ** 448n - 2n ** 224n - 1n;
  const littleEndian = (value: bigint, length: number) => octetsOf(value, length).reverse();

  test.each([
    { group: 31, length: 32, values: [0n, 1n, p25519 - 1n, p25519, p25519 + 1n] },
    {
      group: 31,
      length: 32,
      values: [
        325606250916557431795983626356110631294008115727848805560023387167927233504n,
        39382357235489614581723060781553021112529911719440698176882885853963445705823n,
      ],
    },
    { group: 32, length: 56, values: [0n, 1n, p448 - 1n, p448, p448 + 1n] },
  ])(
    "points of low order are refused in group $group: they would make the secret zero",
    ({ group, length, values }) => {
      const mine = nodeCrypto.keyExchange(group);
      for (const value of values) {
        const octets = littleEndian(value, length);
        expect(() => mine.agree(octets)).toThrow(refused);
        // the topmost bit does not count in X25519 (RFC 8031 3.2)
        if (group === 31) expect(() => mine.agree(littleEndian(value + 2n ** 255n, length))).toThrow(refused);
      }
    },
  );

  test("values that are not canonical are taken (RFC 8031 3.2)", () => {
    const mine = nodeCrypto.keyExchange(31);
    const canonical = mine.agree(littleEndian(9n, 32));
    expect(hex(mine.agree(littleEndian(p25519 + 9n, 32)))).toBe(hex(canonical));
    expect(hex(mine.agree(littleEndian(9n + 2n ** 255n, 32)))).toBe(hex(canonical));
    const other = nodeCrypto.keyExchange(32);
    expect(hex(other.agree(littleEndian(p448 + 5n, 56)))).toBe(hex(other.agree(littleEndian(5n, 56))));
  });

  test("public and private values of every other length are refused", () => {
    for (const { group, A } of vectors) {
      const mine = nodeCrypto.keyExchange(group);
      const point = fromHex(A);
      for (let length = 0; length < point.length; length++) {
        expect(() => mine.agree(point.subarray(0, length))).toThrow(refused);
        expect(() => nodeCrypto.keyExchangeFrom(group, point.subarray(0, length))).toThrow(
          expect.objectContaining({ code: "bad-key" }),
        );
      }
      expect(() => mine.agree(fromHex(`${A}00`))).toThrow(refused);
    }
  });
});

test("both sides of a fresh exchange agree in every group, and no two exchanges are alike", () => {
  for (const group of [14, 15, 16, 17, 18, 19, 20, 21, 31, 32]) {
    const [mine, theirs] = [nodeCrypto.keyExchange(group), nodeCrypto.keyExchange(group)];
    expect(mine.group).toBe(group);
    expect(hex(mine.publicValue)).not.toBe(hex(theirs.publicValue));
    expect(hex(mine.agree(theirs.publicValue))).toBe(hex(theirs.agree(mine.publicValue)));
  }
});

test("other groups are unsupported", () => {
  for (const group of [0, 1, 2, 5, 13, 22, 30, 33, -1, 14.5, Number.NaN]) {
    expect(() => nodeCrypto.keyExchange(group)).toThrow(expect.objectContaining({ code: "unsupported" }));
  }
});

test("arbitrary public values give a secret of the right length or a CryptoError", () => {
  const sides = [14, 19, 21, 31, 32].map((group) =>
    nodeCrypto.keyExchangeFrom(group, seededRandom(group).octets(group === 32 ? 56 : 32)),
  );
  fc.assert(
    fc.property(fc.constantFrom(...sides), fc.uint8Array({ maxLength: 300 }), fc.boolean(), (side, octets, fit) => {
      const value = fit ? new Uint8Array(side.publicValue.length) : octets;
      if (fit) value.set(octets.subarray(0, value.length));
      try {
        const { length } = side.publicValue;
        expect(side.agree(value).length).toBe(side.group === 19 || side.group === 21 ? length / 2 : length);
      } catch (error) {
        expect(error).toBeInstanceOf(CryptoError);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
});
