/** What a certificate must fulfil by itself, wherever it stands in a path. */
import type { ChainVerdict } from "../provider.ts";
import { isWeak, readSignatureAlgorithm } from "../signature-algorithm.ts";
import type { Candidate } from "./candidates.ts";
import { unknownCritical } from "./tbs.ts";

/** A verdict that is not good. */
export type Refusal = Extract<ChainVerdict, { ok: false }>;

/** A verdict with its code and a sentence for the ledger. */
export function refuse(code: Refusal["code"], why: string): Refusal {
  return { ok: false, code, why };
}

/** Signature algorithms with MD2, MD4, MD5 or SHA-1, by name for the reason. */
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
  const { view, tbs } = candidate;
  const who = view.subjectText;
  if (at > view.notAfter) return refuse("expired", `${who} has expired on ${new Date(view.notAfter).toISOString()}`);
  if (at < view.notBefore) {
    return refuse("not-yet-valid", `${who} is valid only from ${new Date(view.notBefore).toISOString()}`);
  }
  if (view.algorithm.kind === "rsa" && view.algorithm.bits < leastRsaBits) {
    return refuse("weak", `${who} has an RSA key of ${view.algorithm.bits} bits, less than ${leastRsaBits}`);
  }
  if (view.algorithm.kind === "other") {
    return refuse("not-allowed", `${who} has a key of kind ${view.algorithm.name}, neither RSA, ECDSA nor Ed25519`);
  }
  const unfit = isAnchor ? undefined : unfitSignature(candidate);
  if (unfit !== undefined) return unfit;
  return unknownCritical(tbs) === undefined
    ? undefined
    : refuse("not-allowed", `${who} has a critical extension that is not supported`);
}

function unfitSignature({ view, parsed, tbs }: Candidate): Refusal | undefined {
  const scheme = readSignatureAlgorithm(tbs.signature);
  if (scheme !== undefined && !isWeak(scheme)) return undefined;
  const oid = parsed.signatureAlgorithmOid;
  const weak = weakSignatureNames.get(oid) ?? (scheme === undefined ? undefined : `${scheme.name} and SHA-1`);
  return weak === undefined
    ? refuse("not-allowed", `${view.subjectText} is signed with ${oid}, which is not supported`)
    : refuse("weak", `${view.subjectText} is signed with ${weak}`);
}
