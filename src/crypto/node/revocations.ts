/** Whether certificates that were accepted once are in revocation lists that came since. */
import { hex } from "../../util/octets.ts";
import type { CertificateReference } from "../provider.ts";
import { type Candidate, readCandidate } from "./candidates.ts";
import { isRevoked, readCrl } from "./crls.ts";

/** Lists and issuers are read once, however many certificates are asked about. */
export function revocations(crls: readonly Uint8Array[]): (certificate: CertificateReference) => boolean {
  const lists = crls.map(readCrl).filter((list) => list !== undefined);
  const issuers = new Map<string, Candidate | undefined>();
  const open = (der: Uint8Array): Candidate | undefined => {
    const name = hex(der);
    if (!issuers.has(name)) issuers.set(name, readCandidate(der));
    return issuers.get(name);
  };
  return ({ issuer: der, serialHex }) => {
    if (!lists.some((list) => list.revoked.has(serialHex))) return false;
    const issuer = open(der);
    return issuer !== undefined && lists.some((list) => isRevoked(serialHex, issuer, list));
  };
}
