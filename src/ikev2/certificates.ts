/** CERT and CERTREQ payloads: RFC 7296 3.6 and 3.7. */
import type { CryptoProvider } from "../crypto/provider.ts";
import { CertificateEncoding } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { concat, equal, hex } from "../util/octets.ts";
import type { CertPayload, CertreqPayload, Payload } from "../wire/ikev2/payloads.ts";

/** Octets of a SHA-1 hash, by which CERTREQ names an authority. */
const HASH_OCTETS = 20;
/** Authorities that a CERTREQ names: it stands in IKE_SA_INIT, which no fragmentation of IKE helps, and is a hint only (3.7). */
const MOST_AUTHORITIES = 32;
/** More than any chain has (verifyChain takes ten); revocation lists of a few of its authorities. */
const MOST_CERTIFICATES = 10;
const MOST_CRLS = 4;

/** Hashes of public keys by the certificate's octets, which a configuration holds as one object each. */
const keyHashes = new WeakMap<Uint8Array, Uint8Array>();

/** SHA-1 of the SubjectPublicKeyInfo of a certificate (3.7). @throws CryptoError "bad-key" when it is none. */
function keyHash(crypto: CryptoProvider, der: Uint8Array): Uint8Array {
  let hash = keyHashes.get(der);
  if (hash === undefined) {
    hash = crypto.hash("sha1", crypto.parseCertificate(der).publicKey);
    keyHashes.set(der, hash);
  }
  return hash;
}

/**
 * The CERTREQ for trust anchors (DER): each one's key once, of many the first. Undefined without anchors: there is nothing to ask for.
 * @throws CryptoError "bad-key" for an anchor that is no certificate.
 */
export function certificateRequest(crypto: CryptoProvider, anchors: readonly Uint8Array[]): CertreqPayload | undefined {
  const hashes = new Map(anchors.map((der) => keyHash(crypto, der)).map((hash) => [hex(hash), hash]));
  if (hashes.size === 0) return undefined;
  return {
    kind: "CERTREQ",
    encoding: CertificateEncoding.X509_SIGNATURE,
    authorities: concat(...[...hashes.values()].slice(0, MOST_AUTHORITIES)),
  };
}

/** The authorities that a peer's CERTREQ payloads name, by the hashes of their keys. Octets that are no hash count nothing. */
export function requestedAuthorities(payloads: readonly CertreqPayload[]): readonly Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (const { encoding, authorities } of payloads) {
    if (encoding !== CertificateEncoding.X509_SIGNATURE || authorities.length % HASH_OCTETS !== 0) continue;
    for (let at = 0; at < authorities.length; at += HASH_OCTETS) {
      hashes.push(authorities.subarray(at, at + HASH_OCTETS));
    }
  }
  return hashes;
}

/**
 * CERT payloads of our chain (DER, leaf first): the leaf, then what stands between it and an authority that the peer has
 * asked for. When it has asked for none of them, all: CERTREQ is a suggestion (3.7).
 * @throws CryptoError "bad-key" for a chain with something that is no certificate.
 */
export function certificatePayloads(
  crypto: CryptoProvider,
  chain: readonly Uint8Array[],
  requested: readonly Uint8Array[],
): readonly CertPayload[] {
  const known = chain.findIndex((der, at) => at > 0 && requested.some((hash) => equal(hash, keyHash(crypto, der))));
  return chain
    .slice(0, known < 0 ? chain.length : known)
    .map((data) => ({ kind: "CERT", encoding: CertificateEncoding.X509_SIGNATURE, data }));
}

/** What a peer sent of certificates, none of it verified. */
export interface ReceivedCertificates {
  /** DER, the first with the key that AUTH is signed with (3.6), the others in any order. */
  readonly chain: readonly Uint8Array[];
  /** DER. They count beside our own. */
  readonly crls: readonly Uint8Array[];
  /** What was not taken, for the ledger: encodings that are not supported, and what was too much. */
  readonly ignored: readonly string[];
}

/** Sorts a peer's CERT payloads by their encoding. */
export function receivedCertificates(payloads: readonly Payload[]): ReceivedCertificates {
  const chain: Uint8Array[] = [];
  const crls: Uint8Array[] = [];
  const ignored = new Set<string>();
  for (const payload of payloads) {
    if (payload.kind !== "CERT") continue;
    const { encoding, data } = payload;
    const list =
      encoding === CertificateEncoding.X509_SIGNATURE ? chain : encoding === CertificateEncoding.CRL ? crls : undefined;
    const most = list === chain ? MOST_CERTIFICATES : MOST_CRLS;
    if (list === undefined) ignored.add(nameOf(CertificateEncoding, encoding));
    else if (list.length >= most) ignored.add(`more than ${most} of ${nameOf(CertificateEncoding, encoding)}`);
    else list.push(data);
  }
  return { chain, crls, ignored: [...ignored] };
}
