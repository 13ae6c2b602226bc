/** What a certificate must fulfil by itself, wherever it stands in a path. */
import type { ChainVerdict } from "../provider.ts";
import type { Candidate } from "./candidates.ts";
import { unknownCritical } from "./tbs.ts";

/** A verdict that is not good. */
export type Refusal = Extract<ChainVerdict, { ok: false }>;

/** A verdict with its code and a sentence for the ledger. */
export function refuse(code: Refusal["code"], why: string): Refusal {
  return { ok: false, code, why };
}

/** Signature algorithms of certificates that count (RFC 4055, RFC 5758). */
const signatureNames: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.11", "sha256WithRSAEncryption"],
  ["1.2.840.113549.1.1.12", "sha384WithRSAEncryption"],
  ["1.2.840.113549.1.1.13", "sha512WithRSAEncryption"],
  ["1.2.840.10045.4.3.2", "ecdsa-with-SHA256"],
  ["1.2.840.10045.4.3.3", "ecdsa-with-SHA384"],
  ["1.2.840.10045.4.3.4", "ecdsa-with-SHA512"],
]);

/** Those with MD2, MD4, MD5 or SHA-1, by name for the reason. */
const weakSignatureNames: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.2", "md2WithRSAEncryption"],
  ["1.2.840.113549.1.1.3", "md4WithRSAEncryption"],
  ["1.2.840.113549.1.1.4", "md5WithRSAEncryption"],
  ["1.2.840.113549.1.1.5", "sha1WithRSAEncryption"],
  ["1.3.14.3.2.29", "sha1WithRSASignature"],
  ["1.2.840.10040.4.3", "dsa-with-SHA1"],
  ["1.2.840.10045.4.1", "ecdsa-with-SHA1"],
]);

/** RFC 8247 5: shorter RSA keys are not to be trusted. */
const leastRsaBits = 2048;

/**
 * Why a certificate can be no part of a path at the time `at` (milliseconds since the epoch); undefined when it can.
 * The signature of an anchor is nobody's business (RFC 5280 6.1.1 d), its key and dates are.
 */
export function unfitForPath(candidate: Candidate, at: number, isAnchor = false): Refusal | undefined {
  const { view, parsed, tbs } = candidate;
  const who = view.subjectText;
  if (at > view.notAfter) return refuse("expired", `${who} has expired on ${new Date(view.notAfter).toISOString()}`);
  if (at < view.notBefore) {
    return refuse("not-yet-valid", `${who} is valid only from ${new Date(view.notBefore).toISOString()}`);
  }
  if (view.algorithm.kind === "rsa" && view.algorithm.bits < leastRsaBits) {
    return refuse("weak", `${who} has an RSA key of ${view.algorithm.bits} bits, less than ${leastRsaBits}`);
  }
  if (view.algorithm.kind === "other") {
    return refuse("not-allowed", `${who} has a key of kind ${view.algorithm.name}, neither RSA nor ECDSA`);
  }
  const oid = parsed.signatureAlgorithmOid;
  if (!isAnchor && !signatureNames.has(oid)) {
    const weak = weakSignatureNames.get(oid);
    return weak === undefined
      ? refuse("not-allowed", `${who} is signed with ${oid}, which is not supported`)
      : refuse("weak", `${who} is signed with ${weak}`);
  }
  return unknownCritical(tbs) === undefined
    ? undefined
    : refuse("not-allowed", `${who} has a critical extension that is not supported`);
}
