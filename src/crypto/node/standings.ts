/** How certificates that were accepted once stand by the anchors and revocation lists of today. */
import { equal, hex } from "../../util/octets.ts";
import type { CertificateReference, CertificateStanding } from "../provider.ts";
import { type Candidate, hasIssued, readCandidate } from "./candidates.ts";
import { type CrlReading, isRevoked, readCrl } from "./crls.ts";

/** Lists and issuers are read once, however many certificates are asked about. */
export function standings(
  crls: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
): (certificate: CertificateReference) => CertificateStanding {
  const lists = crls.map(readCrl).filter((list) => list !== undefined);
  const trusted = anchors.map(readCandidate).filter((anchor) => anchor !== undefined);
  const issuers = new Map<string, Issuer | undefined>();
  const open = ({ issuer, above }: CertificateReference): Issuer | undefined => {
    const name = [issuer, ...above].map(hex).join();
    if (!issuers.has(name)) issuers.set(name, readIssuer([issuer, ...above], trusted, lists));
    return issuers.get(name);
  };
  return (certificate) => {
    const issuer = open(certificate);
    if (issuer === undefined) return "untrusted";
    const { serialHex } = certificate;
    if (issuer.standing === "revoked") return "revoked";
    return lists.some((list) => isRevoked(serialHex, issuer.certificate, list)) ? "revoked" : issuer.standing;
  };
}

interface Issuer {
  readonly certificate: Candidate;
  readonly standing: CertificateStanding;
}

/** @param path from the issuer to the anchor of the time when it was accepted; what an anchor revokes ends below it. */
function readIssuer(
  path: readonly Uint8Array[],
  anchors: readonly Candidate[],
  lists: readonly CrlReading[],
): Issuer | undefined {
  const read = path.map(readCandidate);
  const [certificate] = read;
  if (certificate === undefined) return undefined;
  for (const [i, one] of read.entries()) {
    if (one === undefined) break;
    if (anchors.some((anchor) => isSame(anchor, one))) return { certificate, standing: "good" };
    const above = [
      ...anchors.filter((anchor) => hasIssued(anchor, one)),
      ...read.slice(i + 1, i + 2).filter((next) => next !== undefined),
    ];
    const { serialHex } = one.tbs;
    if (above.some((issuer) => lists.some((list) => isRevoked(serialHex, issuer, list)))) {
      return { certificate, standing: "revoked" };
    }
    if (anchors.some((anchor) => hasIssued(anchor, one))) return { certificate, standing: "good" };
  }
  return { certificate, standing: "untrusted" };
}

/** A trust anchor is a name and a key (RFC 5280 6.1.1): another certificate of both is the same. */
function isSame(a: Candidate, b: Candidate): boolean {
  return a.subjectHex === b.subjectHex && equal(a.view.publicKey, b.view.publicKey);
}
