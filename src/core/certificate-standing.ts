/** Certificates that were accepted once, when anchors and revocation lists change. */
import type { CertificateStanding } from "../crypto/provider.ts";

/** Why SAs end, and members are put out, whose certificates were revoked. */
export const CERTIFICATE_REVOKED = "certificate revoked";
/** The same, when no trust anchor is above their certificates any more. */
export const CERTIFICATE_UNTRUSTED = "certificate no longer trusted";

/** Why a certificate is not good any more: undefined when it is. */
export function certificateFault(standing: CertificateStanding): string | undefined {
  if (standing === "good") return undefined;
  return standing === "revoked" ? CERTIFICATE_REVOKED : CERTIFICATE_UNTRUSTED;
}
