/** The next revocation list of an authority: what the one before has, and more. */
import { hex } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { readCandidate } from "./candidates.ts";
import { isListOf, readCrl } from "./crls.ts";
import { type Authority, issueCrl } from "./issue.ts";
import { readTbs } from "./tbs.ts";

/** A list, and what is in it. */
export interface IssuedCrl {
  /** DER. */
  readonly list: Uint8Array;
  readonly number: number;
  /** Serial numbers in hexadecimal, all that are revoked. */
  readonly revoked: readonly string[];
}

/**
 * Revokes certificates, and whatever is in `before` stays revoked. Times in milliseconds since the epoch.
 * @param certificates DER; one that is revoked already stays so since then.
 * @throws CryptoError "bad-key" for a certificate or a list that cannot be read or is not of this authority.
 */
export function reviseCrl(request: {
  readonly ca: Authority;
  readonly before?: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}): IssuedCrl {
  const { ca, before, certificates, thisUpdate, nextUpdate } = request;
  const issuer = readCandidate(ca.certificate);
  if (issuer === undefined) throw new CryptoError("bad-key", "the certificate of the authority cannot be read");
  const old = before === undefined ? undefined : readCrl(before);
  if (before !== undefined && (old === undefined || !isListOf(issuer, old))) {
    throw new CryptoError("bad-key", "the list that is there is not of this authority");
  }
  const fresh = new Set<string>();
  for (const certificate of certificates) {
    const tbs = readTbs(certificate);
    if (tbs === undefined) throw new CryptoError("bad-key", "a certificate to revoke cannot be read");
    if (hex(tbs.issuer) !== issuer.subjectHex) {
      throw new CryptoError("bad-key", "a certificate to revoke was issued by another authority");
    }
    if (old?.revoked.has(tbs.serialHex) !== true) fresh.add(tbs.serialHex);
  }
  const revoked = [...fresh];
  const number = (old?.number ?? 0) + 1;
  const list = issueCrl({ ca, revoked, earlier: old?.entries ?? [], number, thisUpdate, nextUpdate });
  return { list, number, revoked: [...(old?.revoked ?? []), ...revoked] };
}
