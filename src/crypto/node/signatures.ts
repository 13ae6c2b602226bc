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
  type KeyAlgorithm,
  type SignatureScheme,
  type Signer,
  type Verifier,
} from "../provider.ts";
import { plain } from "./buffers.ts";
import { signDigest, verifyDigest } from "./ecdsa-raw.ts";
import { algorithmOf, fieldLength, generatePrivateKey, privateKeyFrom, publicKeyFrom, spkiOf } from "./keys.ts";

/** The hash of a curve (RFC 4754 2). */
const hashOf = { "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" } as const satisfies Record<CurveName, string>;

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
  return scheme.name === "rsa-pkcs1-raw" || scheme.name === "rsa-pkcs1"
    ? algorithm.kind === "rsa"
    : algorithm.kind === "ecdsa" && algorithm.curve === scheme.curve;
}

function signerOf(key: KeyObject): Signer {
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
        case "ecdsa":
          return plain(signWith(hashOf[scheme.curve], data, { key, dsaEncoding: "ieee-p1363" }));
        case "ecdsa-raw":
          return signDigest(scheme.curve, key, data);
      }
    },
  };
}

function signRaw(key: KeyObject, data: Uint8Array): Uint8Array {
  try {
    return plain(privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, data));
  } catch {
    throw new CryptoError("unsupported", `${data.length} octets are too many for an RSA signature of this key`);
  }
}

function verifierOf(key: KeyObject): Verifier {
  const algorithm = algorithmOf(key);
  return {
    algorithm,
    // most verifiers are made for one signature, and nobody asks for their octets
    get publicKey() {
      return spkiOf(key);
    },
    verify(scheme, data, signature) {
      if (!fits(scheme, algorithm) || signature.length !== signatureLength(algorithm)) return false;
      try {
        switch (scheme.name) {
          case "rsa-pkcs1-raw":
            return equal(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature), data);
          case "rsa-pkcs1":
            return verifyWith(scheme.hash, data, key, signature);
          case "ecdsa":
            return verifyWith(hashOf[scheme.curve], data, { key, dsaEncoding: "ieee-p1363" }, signature);
          case "ecdsa-raw":
            return verifyDigest(scheme.curve, key, data, signature);
        }
      } catch {
        return false;
      }
    },
  };
}

/** RFC 8017 8.2.2 and RFC 4754 7: both lengths are fixed by the key. */
function signatureLength(algorithm: KeyAlgorithm): number {
  if (algorithm.kind === "rsa") return Math.ceil(algorithm.bits / 8);
  return algorithm.kind === "ecdsa" ? 2 * fieldLength(algorithm.curve) : 0;
}
