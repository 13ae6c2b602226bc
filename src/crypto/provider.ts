/**
 * What the protocols ask of cryptography. The default provider (crypto/node/) is OpenSSL through node:crypto; a test
 * may hand in another. Nothing here is asynchronous but certificate path validation, which leaves an engine as `work`.
 */

export type HashName = "sha1" | "sha256" | "sha384" | "sha512";
export type CurveName = "P-256" | "P-384" | "P-521";

/** A symmetric key inside the provider (a KeyObject in the default one). Its octets are not visible from here. */
export interface SecretKey {
  readonly type: string;
}

/** How a signature is made over a message. */
export type SignatureScheme =
  /** RFC 2409 5.1: PKCS #1 block type 1 over the octets themselves, no DigestInfo. */
  | { readonly name: "rsa-pkcs1-raw" }
  /** RFC 8017 8.2, EMSA-PKCS1-v1_5 with DigestInfo. */
  | { readonly name: "rsa-pkcs1"; readonly hash: HashName }
  /** RFC 8017 8.1, MGF1 with the same hash. */
  | { readonly name: "rsa-pss"; readonly hash: HashName; readonly saltOctets: number }
  /** RFC 4754: the message is hashed with the curve's hash; the signature is r | s, each of the field's size. */
  | { readonly name: "ecdsa"; readonly curve: CurveName }
  /** The octets are taken as the digest itself (strongSwan's reading of RFC 4754); signature r | s. */
  | { readonly name: "ecdsa-raw"; readonly curve: CurveName }
  /** Any curve with any hash; the signature is an ASN.1 Ecdsa-Sig-Value (RFC 3279 2.2.3), as certificates have it. */
  | { readonly name: "ecdsa-der"; readonly hash: HashName }
  /** RFC 8032 5.1, without a hash before it. */
  | { readonly name: "ed25519" };

/** What kind of key it is, so that a scheme can be chosen. */
export type KeyAlgorithm =
  | { readonly kind: "rsa"; readonly bits: number }
  | { readonly kind: "ecdsa"; readonly curve: CurveName }
  | { readonly kind: "ed25519" }
  | { readonly kind: "other"; readonly name: string };

/** A long-term private key that the core may use but never holds. */
export interface Signer {
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** @throws CryptoError "unsupported" when scheme and key do not fit. */
  sign(scheme: SignatureScheme, data: Uint8Array): Uint8Array;
}

/** A public key that signatures are verified with. */
export interface Verifier {
  readonly algorithm: KeyAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** False for a wrong signature, and for one of a wrong length or form; never throws for octets of a peer. */
  verify(scheme: SignatureScheme, data: Uint8Array, signature: Uint8Array): boolean;
}

/** Authenticated encryption: AES-GCM (RFC 4106, 5282) with a key of 16, 24 or 32 octets, or RFC 7634 with one of 32. */
export type AeadName = "aes-gcm" | "chacha20-poly1305";

/** One side of a Diffie-Hellman exchange. */
export interface KeyExchange {
  /** IANA group number (RFC 2409, 3526, 5903, 8031). */
  readonly group: number;
  /** The public value as the KE payload carries it: fixed length; for ECP x | y (RFC 5903 7). */
  readonly publicValue: Uint8Array;
  /**
   * The shared secret g^xy: for MODP padded to the length of the prime, for ECP the x coordinate (RFC 5903 9).
   * @throws CryptoError "bad-public-value" for a wrong length, 0, 1, p-1, values not below p, a point not on the curve,
   * and for Curve25519 and Curve448 where the secret would be zero.
   */
  agree(peerPublicValue: Uint8Array): Uint8Array;
}

/** What a certificate says, as far as key management needs it. */
export interface CertificateView {
  readonly der: Uint8Array;
  /** Subject as DER `Name`, the contents of ID_DER_ASN1_DN. */
  readonly subject: Uint8Array;
  /** RFC 4514 text of the subject, for people. */
  readonly subjectText: string;
  readonly issuerText: string;
  readonly serialHex: string;
  /** subjectAltName entries: addresses in their canonical text; DNS names, and the hosts of mail addresses, in lower case. */
  readonly addresses: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly algorithm: KeyAlgorithm;
}

/** One certificate and no other: by its issuer and the issuer's number for it. */
export interface CertificateReference {
  /** The issuer's certificate, DER; of a trust anchor itself its own. */
  readonly issuer: Uint8Array;
  /** The path above the issuer, up to the trust anchor, DER; empty when the issuer is the anchor. */
  readonly above: readonly Uint8Array[];
  /** Contents of the INTEGER, in hexadecimal. */
  readonly serialHex: string;
}

/** How a certificate that was accepted stands later: `revoked` is it, or one above it; `untrusted`: no anchor is above it. */
export type CertificateStanding = "good" | "revoked" | "untrusted";

export type ChainVerdict =
  | {
      readonly ok: true;
      readonly leaf: CertificateView;
      /** Of the leaf. */
      readonly reference: CertificateReference;
    }
  | {
      readonly ok: false;
      readonly code: "malformed" | "expired" | "not-yet-valid" | "untrusted" | "revoked" | "not-allowed" | "weak";
      /** A sentence for the ledger. */
      readonly why: string;
    };

/** Arguments of path validation (RFC 5280 6). */
export interface ChainRequest {
  /** DER, leaf first; the rest in any order. */
  readonly chain: readonly Uint8Array[];
  /** Trust anchors, DER. */
  readonly anchors: readonly Uint8Array[];
  /** Certificate revocation lists, DER. */
  readonly crls: readonly Uint8Array[];
  /** Lists that came with the chain, DER: they count too, but for those that cannot be read. */
  readonly peerCrls?: readonly Uint8Array[];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export type CryptoErrorCode = "unsupported" | "bad-public-value" | "bad-key" | "bad-length" | "not-authentic";

/** A refusal of the provider; `code` is stable. */
export class CryptoError extends Error {
  readonly code: CryptoErrorCode;
  constructor(code: CryptoErrorCode, message: string) {
    super(message);
    this.name = "CryptoError";
    this.code = code;
  }
}

export interface RandomSource {
  /** `length` octets. */
  octets(length: number): Uint8Array<ArrayBuffer>;
  /** A number in [0, 1), for jitter. */
  fraction(): number;
}

export interface CryptoProvider {
  importSecret(octets: Uint8Array): SecretKey;
  exportSecret(key: SecretKey): Uint8Array;

  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array;
  hmac(name: HashName, key: SecretKey, ...parts: readonly Uint8Array[]): Uint8Array;
  /** Constant-time comparison; false when lengths differ. */
  equal(a: Uint8Array, b: Uint8Array): boolean;

  /** AES-CBC without padding; key 16, 24 or 32 octets, IV 16. @throws CryptoError "bad-length". */
  aesCbcEncrypt(key: SecretKey, iv: Uint8Array, plaintext: Uint8Array): Uint8Array;
  aesCbcDecrypt(key: SecretKey, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array;
  /**
   * Nonce of 12 octets; returns ciphertext | 16-octet ICV, behind so many octets of zero as `front` says: room for what
   * travels before them. @throws CryptoError "bad-length".
   */
  aeadSeal(
    name: AeadName,
    key: SecretKey,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    associated: Uint8Array,
    front?: number,
  ): Uint8Array<ArrayBuffer>;
  /** The plaintext, undefined when what a peer sent is not authentic. @throws CryptoError "bad-length" for key or nonce. */
  aeadOpen(
    name: AeadName,
    key: SecretKey,
    nonce: Uint8Array,
    sealed: Uint8Array,
    associated: Uint8Array,
  ): Uint8Array | undefined;
  /** AES-256-GCM for state at rest: returns ciphertext | 16-octet tag. */
  seal(key: SecretKey, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** @throws CryptoError "not-authentic". */
  open(key: SecretKey, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array;

  /** Groups 14-18 (MODP 2048-8192), 19-21 (ECP 256, 384, 521), 31 and 32 (Curve25519, Curve448). @throws CryptoError "unsupported". */
  keyExchange(group: number): KeyExchange;
  /** As keyExchange, with a given private value: for vectors and deterministic tests. */
  keyExchangeFrom(group: number, privateValue: Uint8Array): KeyExchange;

  /** From PKCS #8 DER, or PEM text. @throws CryptoError "bad-key". */
  importSigner(key: Uint8Array | string): Signer;
  /** From SubjectPublicKeyInfo DER. @throws CryptoError "bad-key". */
  importVerifier(spki: Uint8Array): Verifier;
  /** A fresh signing key (for pushes, tests and the demo). Returned with its PKCS #8 DER so that it can be stored. */
  generateSigner(algorithm: KeyAlgorithm): { readonly signer: Signer; readonly pkcs8: Uint8Array };

  /** @throws CryptoError "bad-key" when it is no certificate. */
  parseCertificate(der: Uint8Array): CertificateView;
  /** RFC 4514 text of a DER Name. @throws CryptoError "bad-key". */
  nameText(nameDer: Uint8Array): string;
  /** Path validation; never rejects for octets of a peer. */
  verifyChain(request: ChainRequest): Promise<ChainVerdict>;
  /**
   * How certificates stand that were accepted before: by the anchors and revocation lists (DER) of now. Only a list that the
   * issuer of a certificate signed can revoke it; lists that cannot be read count for nothing. Dates are not looked at.
   */
  standings(
    crls: readonly Uint8Array[],
    anchors: readonly Uint8Array[],
  ): (certificate: CertificateReference) => CertificateStanding;
}
