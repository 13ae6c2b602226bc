import {
  constants,
  type KeyObject,
  privateEncrypt,
  publicDecrypt,
  sign as signWith,
  verify as verifyWith,
} from "node:crypto";
import { equal } from "../../util/octets.ts";
import {
  CryptoError,
  type CurveName,
  type HashName,
  type KeyAlgorithm,
  type SignatureScheme,
  type Signer,
  type Verifier,
} from "../provider.ts";
import { plain } from "./buffers.ts";
import { signDigest, verifyDigest } from "./ecdsa-raw.ts";
import { algorithmOf, fieldLength, generatePrivateKey, privateKeyFrom, publicKeyFrom, spkiOf } from "./keys.ts";

/** The hash of a curve (RFC 4754 2). */
export const hashOf = { "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" } as const satisfies Record<
  CurveName,
  string
>;

/** A signer of a private key in PKCS #8 DER, or PEM text. @throws CryptoError "bad-key". */
export function importSigner(key: Uint8Array | string): Signer {
  return signerOf(privateKeyFrom(key));
}

/** A verifier of a public key in SubjectPublicKeyInfo DER. @throws CryptoError "bad-key". */
export function importVerifier(spki: Uint8Array): Verifier {
  return verifierOf(publicKeyFrom(spki));
}

/** A fresh key with its PKCS #8 DER. @throws CryptoError "unsupported", see generatePrivateKey. */
export function generateSigner(algorithm: KeyAlgorithm): { readonly signer: Signer; readonly pkcs8: Uint8Array } {
  const key = generatePrivateKey(algorithm);
  return { signer: signerOf(key), pkcs8: plain(key.export({ format: "der", type: "pkcs8" })) };
}

/** Whether a key of `algorithm` makes signatures of `scheme`. */
function fits(scheme: SignatureScheme, algorithm: KeyAlgorithm): boolean {
  switch (scheme.name) {
    case "rsa-pkcs1-raw":
    case "rsa-pkcs1":
    case "rsa-pss":
      return algorithm.kind === "rsa";
    case "ecdsa":
    case "ecdsa-raw":
      return algorithm.kind === "ecdsa" && algorithm.curve === scheme.curve;
    case "ecdsa-der":
      return algorithm.kind === "ecdsa";
    case "ed25519":
      return algorithm.kind === "ed25519";
  }
}

/** A signer of a private key. */
export function signerOf(key: KeyObject): Signer {
  const algorithm = algorithmOf(key);
  return {
    algorithm,
    publicKey: spkiOf(key),
    sign(scheme, data) {
      if (!fits(scheme, algorithm)) {
        throw new CryptoError("unsupported", `${scheme.name} does not fit a key of kind ${algorithm.kind}`);
      }
      switch (scheme.name) {
        case "rsa-pkcs1-raw":
          return signRaw(key, data);
        case "rsa-pkcs1":
          return plain(signWith(scheme.hash, data, key));
        case "rsa-pss":
          return signPss(key, scheme.hash, scheme.saltOctets, data);
        case "ecdsa":
          return plain(signWith(hashOf[scheme.curve], data, { key, dsaEncoding: "ieee-p1363" }));
        case "ecdsa-der":
          return plain(signWith(scheme.hash, data, key));
        case "ed25519":
          return plain(signWith(null, data, key));
        case "ecdsa-raw":
          return signDigest(scheme.curve, key, data);
      }
    },
  };
}

function signPss(key: KeyObject, hash: HashName, saltOctets: number, data: Uint8Array): Uint8Array {
  try {
    return plain(signWith(hash, data, pss(key, saltOctets)));
  } catch {
    throw new CryptoError("unsupported", `a salt of ${saltOctets} octets does not fit an RSA signature of this key`);
  }
}

function pss(key: KeyObject, saltLength: number): { key: KeyObject; padding: number; saltLength: number } {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function signRaw(key: KeyObject, data: Uint8Array): Uint8Array {
  try {
    return plain(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data));
  } catch {
    throw new CryptoError("unsupported", `${data.length} octets are too many for an RSA signature of this key`);
  }
}

/** A verifier of a public key. */
export function verifierOf(key: KeyObject): Verifier {
  const algorithm = algorithmOf(key);
  return {
    algorithm,
    // most verifiers are made for one signature, and nobody asks for their octets
    get publicKey() {
      return spkiOf(key);
    },
    verify(scheme, data, signature) {
      if (!fits(scheme, algorithm) || !hasLength(signature, scheme, algorithm)) return false;
      try {
        switch (scheme.name) {
          case "rsa-pkcs1-raw":
            return equal(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature), data);
          case "rsa-pkcs1":
            return verifyWith(scheme.hash, data, key, signature);
          case "rsa-pss":
            return verifyWith(scheme.hash, data, pss(key, scheme.saltOctets), signature);
          case "ecdsa":
            return verifyWith(hashOf[scheme.curve], data, { key, dsaEncoding: "ieee-p1363" }, signature);
          case "ecdsa-der":
            return verifyWith(scheme.hash, data, key, signature);
          case "ed25519":
            return verifyWith(null, data, key, signature);
          case "ecdsa-raw":
            return verifyDigest(scheme.curve, key, data, signature);
        }
      } catch {
        return false;
      }
    },
  };
}

/**
 * RFC 8017 8.1.2 and 8.2.2, RFC 4754 7, RFC 8032 5.1.7: lengths are fixed by the key. That of Ecdsa-Sig-Value is not, and
 * OpenSSL holds it against the encoding.
 */
function hasLength({ length }: Uint8Array, scheme: SignatureScheme, algorithm: KeyAlgorithm): boolean {
  if (algorithm.kind === "rsa") return length === Math.ceil(algorithm.bits / 8);
  if (algorithm.kind === "ed25519") return length === 64;
  return scheme.name === "ecdsa-der" || (algorithm.kind === "ecdsa" && length === 2 * fieldLength(algorithm.curve));
}
