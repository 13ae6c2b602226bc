import type { KeyObject, X509Certificate } from "node:crypto";
import { hex } from "../../util/octets.ts";
import { type CertificateView, CryptoError } from "../provider.ts";
import { openCertificate, viewOf } from "./certificates.ts";
import { isQuick } from "./keys.ts";
import { readTbs, type TbsCertificate } from "./tbs.ts";

/** A certificate as path validation looks at it. */
export interface Candidate {
  readonly view: CertificateView;
  readonly parsed: X509Certificate;
  readonly tbs: TbsCertificate;
  /** Undefined for a kind of key that OpenSSL does not know, or that is too slow to verify with. */
  readonly key: KeyObject | undefined;
  /** Names for comparison, octet by octet (RFC 5280 7.1 allows more; issuers copy their subject). */
  readonly subjectHex: string;
  readonly issuerHex: string;
  readonly fingerprint: string;
}

/** The certificate in `der`, undefined when it cannot be read. */
export function readCandidate(der: Uint8Array): Candidate | undefined {
  try {
    const parsed = openCertificate(der);
    const tbs = readTbs(der);
    if (tbs === undefined) return undefined;
    return {
      view: viewOf(der, parsed),
      parsed,
      tbs,
      key: keyOf(parsed),
      subjectHex: hex(tbs.subject),
      issuerHex: hex(tbs.issuer),
      fingerprint: parsed.fingerprint256,
    };
  } catch (error) {
    if (error instanceof CryptoError) return undefined;
    throw error;
  }
}

function keyOf(parsed: X509Certificate): KeyObject | undefined {
  try {
    const { publicKey } = parsed;
    return isQuick(publicKey) ? publicKey : undefined;
  } catch {
    return undefined;
  }
}

/** Names chain and the signature is good. keyUsage of the issuer is judged later, for the reason to be known. */
export function hasIssued(issuer: Candidate, subject: Candidate): boolean {
  if (issuer.key === undefined || issuer.subjectHex !== subject.issuerHex) return false;
  try {
    return subject.parsed.verify(issuer.key);
  } catch {
    return false;
  }
}
