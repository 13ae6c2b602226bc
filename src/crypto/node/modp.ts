/** Diffie-Hellman over the MODP groups of RFC 3526. */
import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  getDiffieHellman,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { fromHex, isZero } from "../../util/octets.ts";
import { CryptoError, type KeyExchange } from "../provider.ts";
import { leftPad, plain } from "./buffers.ts";
import { element, elementAt, sequence, unsignedInteger } from "./der.ts";

const lengths = { 14: 256, 15: 384, 16: 512, 17: 768, 18: 1024 } as const;

/** The larger estimate of RFC 3526 8: exponents of 320 to 620 bits, rounded up to octets. */
const exponentLengths = { 14: 40, 15: 53, 16: 60, 17: 68, 18: 78 } as const;

/** IANA numbers of the MODP groups of 2048 to 8192 bits. */
export type ModpGroup = keyof typeof lengths;

interface Group {
  readonly prime: Uint8Array;
  /** AlgorithmIdentifier dhKeyAgreement (PKCS #3) with prime and generator. */
  readonly algorithm: Uint8Array;
}

/** Whether `group` is the IANA number of a supported MODP group. */
export function isModpGroup(group: number): group is ModpGroup {
  return Object.hasOwn(lengths, group);
}

const dhKeyAgreement = fromHex("06 09 2a864886f70d010301");
const groups = new Map<ModpGroup, Group>();

function groupOf(group: ModpGroup): Group {
  const known = groups.get(group);
  if (known !== undefined) return known;
  const named = getDiffieHellman(`modp${group}`);
  const prime = plain(named.getPrime());
  const parameters = sequence(unsignedInteger(prime), unsignedInteger(named.getGenerator()));
  const made = { prime, algorithm: sequence(dhKeyAgreement, parameters) };
  groups.set(group, made);
  return made;
}

/**
 * One side of a MODP exchange, with a fresh private value if none is given.
 * Keys go in and out of OpenSSL as DER: node's DiffieHellman objects take a given private value only after a primality
 * test of the prime, which lasts seconds.
 * @throws CryptoError "bad-key" for a private value of 0, or longer than the prime.
 */
export function modpExchange(group: ModpGroup, privateValue: Uint8Array | undefined): KeyExchange {
  const { prime, algorithm } = groupOf(group);
  const privateKey = importPrivate(group, algorithm, privateValue ?? randomBytes(exponentLengths[group]));
  return {
    group,
    publicValue: publicValueOf(privateKey, prime.length),
    agree(peerPublicValue) {
      checkPublicValue(peerPublicValue, prime);
      const contents = element(0x03, new Uint8Array(1), unsignedInteger(peerPublicValue));
      try {
        const publicKey = createPublicKey({
          key: Buffer.from(sequence(algorithm, contents)),
          format: "der",
          type: "spki",
        });
        return leftPad(plain(diffieHellman({ privateKey, publicKey })), prime.length);
      } catch {
        throw new CryptoError("bad-public-value", `the public value is refused in group ${group}`);
      }
    },
  };
}

function importPrivate(group: ModpGroup, algorithm: Uint8Array, privateValue: Uint8Array): KeyObject {
  if (isZero(privateValue) || privateValue.length > lengths[group]) {
    throw new CryptoError("bad-key", `the private value is out of range for group ${group}`);
  }
  const pkcs8 = sequence(unsignedInteger(new Uint8Array(1)), algorithm, element(0x04, unsignedInteger(privateValue)));
  try {
    return createPrivateKey({ key: Buffer.from(pkcs8), format: "der", type: "pkcs8" });
  } catch {
    throw new CryptoError("bad-key", `the private value is out of range for group ${group}`);
  }
}

/** SubjectPublicKeyInfo is SEQUENCE { algorithm, BIT STRING { INTEGER y } }; y, padded as the KE payload has it. */
function publicValueOf(privateKey: KeyObject, length: number): Uint8Array {
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  const info = elementAt(spki, 0)?.contents ?? spki;
  const bits = elementAt(info, elementAt(info, 0)?.end ?? 0)?.contents;
  const y = bits === undefined ? undefined : elementAt(bits, 1)?.contents;
  if (y === undefined) throw new CryptoError("unsupported", "the public key has an unknown encoding");
  return new Uint8Array(leftPad(y[0] === 0 ? y.subarray(1) : y, length));
}

/** RFC 6989 2.1, for groups whose prime is safe: 1 < y < p - 1. The length is that of the prime (RFC 2409 5). */
function checkPublicValue(value: Uint8Array, prime: Uint8Array): void {
  if (value.length !== prime.length) {
    throw new CryptoError("bad-public-value", `a public value has ${prime.length} octets, not ${value.length}`);
  }
  const order = Buffer.compare(value, prime);
  if (order >= 0) throw new CryptoError("bad-public-value", "the public value is not below the prime");
  const last = value.length - 1;
  const headIsZero = isZero(value.subarray(0, last));
  if (headIsZero && (value[last] ?? 0) <= 1) throw new CryptoError("bad-public-value", "the public value is 0 or 1");
  // the primes of RFC 3526 end in an octet of ones: p - 1 differs from p in the last bit alone
  const headIsPrimes = Buffer.compare(value.subarray(0, last), prime.subarray(0, last)) === 0;
  if (headIsPrimes && value[last] === (prime[last] ?? 0) - 1) {
    throw new CryptoError("bad-public-value", "the public value is p - 1");
  }
}
