/** The AUTH payload: RFC 7296 2.15 and 3.8, RFC 4754, RFC 7427, RFC 8420. */
import type {
  CryptoProvider,
  CurveName,
  HashName,
  KeyAlgorithm,
  SecretKey,
  SignatureScheme,
  Signer,
  Verifier,
} from "../crypto/provider.ts";
import {
  encodeSignatureAlgorithm,
  type IdentifiedScheme,
  isWeak,
  readSignatureAlgorithm,
} from "../crypto/signature-algorithm.ts";
import { AuthenticationMethod, HashAlgorithm } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { concat, utf8 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { AuthPayload } from "../wire/ikev2/payloads.ts";
import type { Prf } from "./suite.ts";

/** What one side signs, or makes its MAC over. */
export interface SignedInput {
  /** Its IKE_SA_INIT message, the latest if there were several, without a non-ESP marker. */
  readonly message: Uint8Array;
  /** The other side's nonce. */
  readonly peerNonce: Uint8Array;
  /** Its ID payload without the generic header: RestOfInitIDPayload, RestOfRespIDPayload. */
  readonly identity: Uint8Array;
  /** SK_pi of the initiator, SK_pr of the responder. */
  readonly skP: SecretKey;
}

/** InitiatorSignedOctets or ResponderSignedOctets (RFC 7296 2.15): RealMessage | NonceData | prf(SK_p, ID'). */
export function signedOctets(crypto: CryptoProvider, prf: Prf, input: SignedInput): Uint8Array<ArrayBuffer> {
  const macedId = crypto.hmac(prf.hash, input.skP, input.identity);
  return concat(input.message, input.peerNonce, macedId);
}

const keyPad = utf8("Key Pad for IKEv2");

/** prf(Shared Secret, "Key Pad for IKEv2") by shared secret and prf: the same in all handshakes with it. */
const paddedKeys = new WeakMap<SecretKey, Map<HashName, SecretKey>>();

function paddedKey(crypto: CryptoProvider, { hash }: Prf, psk: SecretKey): SecretKey {
  const known = paddedKeys.get(psk) ?? new Map<HashName, SecretKey>();
  const key = known.get(hash) ?? crypto.importSecret(crypto.hmac(hash, psk, keyPad));
  paddedKeys.set(psk, known.set(hash, key));
  return key;
}

/** AUTH with a shared key (RFC 7296 2.15): prf(prf(Shared Secret, "Key Pad for IKEv2"), octets). */
export function pskAuth(crypto: CryptoProvider, prf: Prf, psk: SecretKey, octets: Uint8Array): Uint8Array {
  return crypto.hmac(prf.hash, paddedKey(crypto, prf, psk), octets);
}

/** Whether AUTH data is what pskAuth makes; in constant time. */
export function verifyPskAuth(
  crypto: CryptoProvider,
  prf: Prf,
  psk: SecretKey,
  octets: Uint8Array,
  received: Uint8Array,
): boolean {
  return crypto.equal(pskAuth(crypto, prf, psk, octets), received);
}

/** How RSA is used with peers, beyond what they leave open. */
export interface SignatureOptions {
  /** With a peer that has RFC 7427. PSS is what it must verify (RFC 8247 3.2); some have PKCS #1 v1.5 alone. */
  readonly rsaPadding: "pss" | "pkcs1";
  /**
   * Whether SHA-1 counts in method 1, and is what we sign with there: old peers know nothing else (RFC 7296 3.8). Without
   * it method 1 is signed with SHA-256, and any SHA-2 is taken.
   */
  readonly rsaSha1: boolean;
}

export const defaultSignatureOptions: SignatureOptions = { rsaPadding: "pss", rsaSha1: false };

/** What our SIGNATURE_HASH_ALGORITHMS says (RFC 7427 4, RFC 8420 2); SHA-1 is not in it (RFC 8247 3.2). */
export const supportedHashes: readonly number[] = [
  HashAlgorithm.SHA2_256,
  HashAlgorithm.SHA2_384,
  HashAlgorithm.SHA2_512,
  HashAlgorithm.IDENTITY,
];

const hashNumbers: Readonly<Record<HashName, number>> = {
  sha1: HashAlgorithm.SHA1,
  sha256: HashAlgorithm.SHA2_256,
  sha384: HashAlgorithm.SHA2_384,
  sha512: HashAlgorithm.SHA2_512,
};

const hashOctets = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 } as const satisfies Record<HashName, number>;

/** The methods that are tied to a curve and its hash (RFC 4754 3). */
const ecdsaMethods: readonly { readonly curve: CurveName; readonly hash: HashName; readonly method: number }[] = [
  { curve: "P-256", hash: "sha256", method: AuthenticationMethod.ECDSA_SHA256_P256 },
  { curve: "P-384", hash: "sha384", method: AuthenticationMethod.ECDSA_SHA384_P384 },
  { curve: "P-521", hash: "sha512", method: AuthenticationMethod.ECDSA_SHA512_P521 },
];

/** What an AUTH payload holds, and how it reads. */
export interface Proof extends Pick<AuthPayload, "method" | "data"> {
  /** `RSASSA-PSS with sha256`, for people. */
  readonly text: string;
}

/**
 * AUTH with a private key.
 * @param peerHashes what the peer's SIGNATURE_HASH_ALGORITHMS says, undefined when it sent none. When both sides sent it,
 *   method 14 must be used (RFC 7427 3), else the method that goes with the key.
 * @returns why the key cannot serve this peer, when it cannot.
 */
export function signAuth(
  signer: Signer,
  octets: Uint8Array,
  peerHashes: readonly number[] | undefined,
  options: SignatureOptions = defaultSignatureOptions,
): Result<Proof, string> {
  const { algorithm } = signer;
  if (peerHashes === undefined) return signClassic(signer, octets, options);
  const scheme = digitalScheme(algorithm, peerHashes, options);
  if (scheme === undefined) {
    const theirs = peerHashes.map((hash) => nameOf(HashAlgorithm, hash)).join(", ");
    return err(`our ${keyText(algorithm)} signs with no hash that the peer can verify: it has ${theirs || "none"}`);
  }
  const identifier = encodeSignatureAlgorithm(scheme);
  const data = concat(Uint8Array.of(identifier.length), identifier, signer.sign(scheme, octets));
  return ok({ method: AuthenticationMethod.DIGITAL_SIGNATURE, data, text: schemeText(scheme) });
}

/** The scheme of method 14 for a key: of the hashes that the peer has, the one that is as strong as the key comes first. */
function digitalScheme(
  algorithm: KeyAlgorithm,
  peerHashes: readonly number[],
  { rsaPadding }: SignatureOptions,
): IdentifiedScheme | undefined {
  const first = (...names: readonly HashName[]) => names.find((name) => peerHashes.includes(hashNumbers[name]));
  switch (algorithm.kind) {
    case "rsa": {
      const hash = first("sha256", "sha384", "sha512");
      if (hash === undefined) return undefined;
      // RFC 4055 3.1: a salt as long as the hash
      return rsaPadding === "pss"
        ? { name: "rsa-pss", hash, saltOctets: hashOctets[hash] }
        : { name: "rsa-pkcs1", hash };
    }
    case "ecdsa": {
      const tied = ecdsaMethods.find(({ curve }) => curve === algorithm.curve);
      const hash = first(...(tied === undefined ? [] : [tied.hash]), "sha256", "sha384", "sha512");
      return hash === undefined ? undefined : { name: "ecdsa-der", hash };
    }
    case "ed25519":
      // RFC 8420 2: never to a peer that has not said so
      return peerHashes.includes(HashAlgorithm.IDENTITY) ? { name: "ed25519" } : undefined;
    case "other":
      return undefined;
  }
}

function signClassic(signer: Signer, octets: Uint8Array, { rsaSha1 }: SignatureOptions): Result<Proof, string> {
  const { algorithm } = signer;
  if (algorithm.kind === "rsa") {
    const scheme = { name: "rsa-pkcs1", hash: rsaSha1 ? "sha1" : "sha256" } as const;
    const data = signer.sign(scheme, octets);
    return ok({ method: AuthenticationMethod.RSA_SIGNATURE, data, text: schemeText(scheme) });
  }
  const tied = algorithm.kind === "ecdsa" ? ecdsaMethods.find(({ curve }) => curve === algorithm.curve) : undefined;
  if (tied === undefined) return err(`our ${keyText(algorithm)} needs a peer with signatures by RFC 7427`);
  const scheme = { name: "ecdsa", curve: tied.curve } as const;
  return ok({ method: tied.method, data: signer.sign(scheme, octets), text: schemeText(scheme) });
}

/** Why a peer's AUTH does not prove anything. */
export interface AuthFault {
  /** "wrong": it does not verify. "unsupported": the method or algorithm is not taken here. "malformed": it cannot be read. */
  readonly code: "wrong" | "unsupported" | "malformed";
  readonly why: string;
}

/**
 * Verifies AUTH with a peer's public key, whichever method and algorithm it uses.
 * @param digital whether both sides sent SIGNATURE_HASH_ALGORITHMS; method 14 counts only then (RFC 7427 3).
 * @returns how it was signed, for the ledger.
 */
export function verifySignatureAuth(
  verifier: Verifier,
  octets: Uint8Array,
  { method, data }: Pick<AuthPayload, "method" | "data">,
  digital: boolean,
  { rsaSha1 }: Pick<SignatureOptions, "rsaSha1"> = defaultSignatureOptions,
): Result<string, AuthFault> {
  if (method === AuthenticationMethod.DIGITAL_SIGNATURE) {
    if (!digital) return err({ code: "unsupported", why: "a digital signature (method 14) that was not negotiated" });
    return verifyDigital(verifier, octets, data);
  }
  const candidates: readonly SignatureScheme[] =
    method === AuthenticationMethod.RSA_SIGNATURE
      ? rsaHashes(rsaSha1).map((hash) => ({ name: "rsa-pkcs1", hash }))
      : ecdsaMethods.filter((one) => one.method === method).map(({ curve }) => ({ name: "ecdsa", curve }));
  if (candidates.length === 0) {
    return err({ code: "unsupported", why: `method ${nameOf(AuthenticationMethod, method)} is not supported` });
  }
  const scheme = candidates.find((one) => verifier.verify(one, octets, data));
  return scheme === undefined ? err(wrong(verifier)) : ok(schemeText(scheme));
}

/** The hash stands inside an RSA signature (RFC 8017 9.2): each that is taken is tried. */
function rsaHashes(sha1: boolean): readonly HashName[] {
  return sha1 ? ["sha256", "sha1", "sha384", "sha512"] : ["sha256", "sha384", "sha512"];
}

/** ASN.1 Length, AlgorithmIdentifier, Signature Value (RFC 7427 3). */
function verifyDigital(verifier: Verifier, octets: Uint8Array, data: Uint8Array): Result<string, AuthFault> {
  const [length = 0] = data;
  const identifier = data.subarray(1, 1 + length);
  if (identifier.length < length || length === 0) {
    return err({ code: "malformed", why: `ASN.1 Length says ${length} octets, ${identifier.length} follow` });
  }
  const scheme = readSignatureAlgorithm(identifier);
  if (scheme === undefined) return err({ code: "unsupported", why: "the signature's algorithm is not supported" });
  if (isWeak(scheme)) return err({ code: "unsupported", why: `${schemeText(scheme)} is refused: SHA-1 is too weak` });
  return verifier.verify(scheme, octets, data.subarray(1 + length)) ? ok(schemeText(scheme)) : err(wrong(verifier));
}

function wrong({ algorithm }: Verifier): AuthFault {
  return { code: "wrong", why: `the signature does not verify with the ${keyText(algorithm)}` };
}

function keyText(algorithm: KeyAlgorithm): string {
  switch (algorithm.kind) {
    case "rsa":
      return `RSA key of ${algorithm.bits} bits`;
    case "ecdsa":
      return `ECDSA key on ${algorithm.curve}`;
    case "ed25519":
      return "Ed25519 key";
    case "other":
      return `key of kind ${algorithm.name}`;
  }
}

function schemeText(scheme: SignatureScheme): string {
  switch (scheme.name) {
    case "rsa-pss":
      return `RSASSA-PSS with ${scheme.hash}`;
    case "rsa-pkcs1":
      return `RSA PKCS #1 v1.5 with ${scheme.hash}`;
    case "ecdsa-der":
      return `ECDSA with ${scheme.hash}`;
    case "ecdsa":
      return `ECDSA on ${scheme.curve}`;
    case "ed25519":
      return "Ed25519";
    default:
      return scheme.name;
  }
}
