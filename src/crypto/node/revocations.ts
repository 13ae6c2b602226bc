/** Whether certificates that were accepted once are in revocation lists that came since. */
import { hex } from "../../util/octets.ts";
import type { CertificateReference } from "../provider.ts";
import { type Candidate, hasIssued, readCandidate } from "./candidates.ts";
import { type CrlReading, isRevoked, readCrl } from "./crls.ts";

/**
 * Lists and issuers are read once, however many certificates are asked about.
 * @param anchors an issuer that one of them issued is looked for in its lists too; an anchor itself is in nobody's.
 */
export function revocations(
  crls: readonly Uint8Array[],
  anchors: readonly Uint8Array[],
): (certificate: CertificateReference) => boolean {
  const lists = crls.map(readCrl).filter((list) => list !== undefined);
  const trusted = anchors.map(readCandidate).filter((anchor) => anchor !== undefined);
  const issuers = new Map<string, Issuer | undefined>();
  const open = (der: Uint8Array): Issuer | undefined => {
    const name = hex(der);
    if (!issuers.has(name)) issuers.set(name, readIssuer(der, trusted, lists));
    return issuers.get(name);
  };
  return ({ issuer: der, serialHex }) => {
    if (lists.length === 0) return false;
    const issuer = open(der);
    if (issuer === undefined) return false;
    return issuer.revoked || lists.some((list) => isRevoked(serialHex, issuer.certificate, list));
  };
}

interface Issuer {
  readonly certificate: Candidate;
  readonly revoked: boolean;
}

function readIssuer(der: Uint8Array, anchors: readonly Candidate[], lists: readonly CrlReading[]): Issuer | undefined {
  const certificate = readCandidate(der);
  if (certificate === undefined) return undefined;
  const isAnchor = anchors.some(({ fingerprint }) => fingerprint === certificate.fingerprint);
  const above = isAnchor ? [] : anchors.filter((anchor) => hasIssued(anchor, certificate));
  const { serialHex } = certificate.tbs;
  const revoked = above.some((anchor) => lists.some((list) => isRevoked(serialHex, anchor, list)));
  return { certificate, revoked };
}
