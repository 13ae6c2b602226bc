/** The signature of a GROUPKEY-PUSH: RFC 6407 5.3.5 and 5.3.6, RFC 4754 for ECDSA. */
import type { HashName, KeyAlgorithm, SignatureScheme } from "../crypto/provider.ts";
import { SigAlgorithm, SigHash } from "../iana/gdoi.ts";

const curves = {
  [SigAlgorithm.ECDSA_256]: { curve: "P-256", octets: 64 },
  [SigAlgorithm.ECDSA_384]: { curve: "P-384", octets: 96 },
  [SigAlgorithm.ECDSA_521]: { curve: "P-521", octets: 132 },
} as const;

const hashes: Readonly<Record<number, HashName>> = {
  [SigHash.SHA256]: "sha256",
  [SigHash.SHA384]: "sha384",
  [SigHash.SHA512]: "sha512",
};

/**
 * The scheme that SIG_ALGORITHM and SIG_HASH_ALGORITHM stand for: RSA is EMSA-PKCS1-v1_5 with DigestInfo; ECDSA has its
 * curve's hash, whatever SIG_HASH_ALGORITHM says. Undefined for what is not supported (MD5, SHA-1, DSS, ECDSS).
 */
export function pushScheme(algorithm: number, hash: number): SignatureScheme | undefined {
  if (algorithm === SigAlgorithm.RSA) {
    const name = hashes[hash];
    return name === undefined ? undefined : { name: "rsa-pkcs1", hash: name };
  }
  const found = Object.entries(curves).find(([code]) => Number(code) === algorithm);
  return found === undefined ? undefined : { name: "ecdsa", curve: found[1].curve };
}

/** Octets of a signature: known before signing, since HDR Length is signed. Undefined when key and algorithm do not fit. */
export function signatureOctets(algorithm: number, key: KeyAlgorithm): number | undefined {
  if (key.kind === "rsa" && algorithm === SigAlgorithm.RSA) return Math.ceil(key.bits / 8);
  if (key.kind !== "ecdsa") return undefined;
  const fit = Object.entries(curves).find(([code, c]) => Number(code) === algorithm && c.curve === key.curve);
  return fit?.[1].octets;
}

/** SIG_KEY_LENGTH in bits of a key (RFC 6407 5.3.7), undefined for keys that sign no pushes. */
export function signatureKeyBits(key: KeyAlgorithm): number | undefined {
  if (key.kind === "rsa") return key.bits;
  if (key.kind === "ecdsa") return Number(key.curve.slice(2));
  return undefined;
}
