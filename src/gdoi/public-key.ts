/**
 * SIG_ALGORITHM_KEY has no defined encoding (RFC 6407 5.6.2.2). SubjectPublicKeyInfo is sent; PKCS #1 and raw points
 * are recognized (READINGS 12).
 */
import type { Env } from "../core/engine.ts";
import type { Verifier } from "../crypto/provider.ts";
import { SigAlgorithm } from "../iana/gdoi.ts";
import { concat, fromHex } from "../util/octets.ts";
import { signatureOctets } from "./signature.ts";

const LEAST_RSA_BITS = 2048;

/** SubjectPublicKeyInfo up to and including the 04 of an uncompressed point, by SIG_ALGORITHM. */
const pointPrefix: Readonly<Record<number, Uint8Array>> = {
  [SigAlgorithm.ECDSA_256]: fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"),
  [SigAlgorithm.ECDSA_384]: fromHex("3076301006072a8648ce3d020106052b8104002203620004"),
  [SigAlgorithm.ECDSA_521]: fromHex("30819b301006072a8648ce3d020106052b8104002303818600 04"),
};
const pointOctets: Readonly<Record<number, number>> = {
  [SigAlgorithm.ECDSA_256]: 64,
  [SigAlgorithm.ECDSA_384]: 96,
  [SigAlgorithm.ECDSA_521]: 132,
};
const rsaAlgorithm = fromHex("300d06092a864886f70d0101010500");

/** How a public key was encoded. */
export type PublicKeyForm = "SubjectPublicKeyInfo" | "PKCS #1" | "point";

/** The key of SIG_ALGORITHM_KEY for a SIG_ALGORITHM; undefined when it is none, or RSA below 2048 bits. */
export function readPublicKey(
  octets: Uint8Array,
  algorithm: number,
  env: Pick<Env, "crypto">,
): { readonly verifier: Verifier; readonly form: PublicKeyForm } | undefined {
  for (const { form, spki } of candidates(octets, algorithm)) {
    const verifier = importKey(spki, env);
    if (verifier === undefined || signatureOctets(algorithm, verifier.algorithm) === undefined) continue;
    if (verifier.algorithm.kind === "rsa" && verifier.algorithm.bits < LEAST_RSA_BITS) return undefined;
    return { verifier, form };
  }
  return undefined;
}

function candidates(octets: Uint8Array, algorithm: number): { form: PublicKeyForm; spki: Uint8Array }[] {
  const found: { form: PublicKeyForm; spki: Uint8Array }[] = [{ form: "SubjectPublicKeyInfo", spki: octets }];
  const prefix = pointPrefix[algorithm];
  const size = pointOctets[algorithm];
  if (prefix !== undefined && size !== undefined) {
    if (octets.length === size) found.push({ form: "point", spki: concat(prefix, octets) });
    if (octets.length === size + 1 && octets[0] === 4) {
      found.push({ form: "point", spki: concat(prefix, octets.subarray(1)) });
    }
  } else if (octets.length < 0x8000) {
    const bits = concat(Uint8Array.of(3), derLength(octets.length + 1), Uint8Array.of(0), octets);
    const body = concat(rsaAlgorithm, bits);
    found.push({ form: "PKCS #1", spki: concat(Uint8Array.of(0x30), derLength(body.length), body) });
  }
  return found;
}

function derLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >>> 8, length & 0xff);
}

function importKey(spki: Uint8Array, env: Pick<Env, "crypto">): Verifier | undefined {
  try {
    return env.crypto.importVerifier(spki);
  } catch {
    return undefined;
  }
}
