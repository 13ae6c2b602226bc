/** What kind of asymmetric key a KeyObject is, and keys in and out of DER. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { CryptoError, type CurveName, type KeyAlgorithm } from "../provider.ts";
import { plain } from "./buffers.ts";
import { isOneElement } from "./der.ts";

const curveOf: ReadonlyMap<string, CurveName> = new Map([
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

const fieldLengths = { "P-256": 32, "P-384": 48, "P-521": 66 } as const satisfies Record<CurveName, number>;

/** Octets of one coordinate, and of r and s each. */
export function fieldLength(curve: CurveName): number {
  return fieldLengths[curve];
}

/** The algorithm of a public or private key. */
export function algorithmOf(key: KeyObject): KeyAlgorithm {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === "rsa" && details?.modulusLength !== undefined) {
    return { kind: "rsa", bits: details.modulusLength };
  }
  if (key.asymmetricKeyType === "ec") {
    const curve = curveOf.get(details?.namedCurve ?? "");
    return curve === undefined
      ? { kind: "other", name: details?.namedCurve ?? "ec with explicit parameters" }
      : { kind: "ecdsa", curve };
  }
  if (key.asymmetricKeyType === "ed25519") return { kind: "ed25519" };
  return { kind: "other", name: key.asymmetricKeyType ?? "unknown" };
}

/** A private key from PKCS #8 DER, or from PEM text of any unencrypted form. @throws CryptoError "bad-key". */
export function privateKeyFrom(key: Uint8Array | string): KeyObject {
  try {
    if (typeof key === "string") return createPrivateKey(key);
    if (isOneElement(key)) return createPrivateKey({ key: Buffer.from(key), format: "der", type: "pkcs8" });
  } catch {
    // the reason OpenSSL gives may quote the key
  }
  throw new CryptoError("bad-key", "not a private key in PKCS #8 or unencrypted PEM");
}

/** Modulus and public exponent of RSA keys that are worked with: both make verification slow, and a stranger chooses them. */
const MOST_RSA_BITS = 8192;
const MOST_RSA_EXPONENT = 2n ** 64n;

/** Whether a stranger's key is one that is no burden to verify with. */
export function isQuick({ asymmetricKeyDetails: details }: KeyObject): boolean {
  return (details?.modulusLength ?? 0) <= MOST_RSA_BITS && (details?.publicExponent ?? 0n) < MOST_RSA_EXPONENT;
}

/** A public key from SubjectPublicKeyInfo, DER. @throws CryptoError "bad-key"; also for RSA that is slow on purpose. */
export function publicKeyFrom(spki: Uint8Array): KeyObject {
  let key: KeyObject | undefined;
  try {
    if (isOneElement(spki)) key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
  } catch {
    // falls through: no key whatever the reason
  }
  if (key !== undefined && !isQuick(key)) throw new CryptoError("bad-key", "an RSA key larger than any that is in use");
  if (key !== undefined) return key;
  throw new CryptoError("bad-key", "not a public key in SubjectPublicKeyInfo");
}

/** SubjectPublicKeyInfo of a public key, or of the public half of a private one. */
export function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return plain(publicKey.export({ format: "der", type: "spki" }));
}

/** A fresh private key. @throws CryptoError "unsupported" for RSA below 2048 or above 8192 bits, and for other kinds. */
export function generatePrivateKey(algorithm: KeyAlgorithm): KeyObject {
  if (algorithm.kind === "ecdsa") return generateKeyPairSync("ec", { namedCurve: algorithm.curve }).privateKey;
  if (algorithm.kind === "ed25519") return generateKeyPairSync("ed25519").privateKey;
  if (algorithm.kind === "rsa" && algorithm.bits >= 2048 && algorithm.bits <= 8192) {
    return generateKeyPairSync("rsa", { modulusLength: algorithm.bits }).privateKey;
  }
  const what = algorithm.kind === "rsa" ? `RSA with ${algorithm.bits} bits` : algorithm.name;
  throw new CryptoError("unsupported", `no signing key is made for ${what}`);
}
