/** Whether two identities of peers are the same, and whether a certificate entitles to one (RFC 4945 3.1). */
import type { CertificateView, CryptoProvider } from "../crypto/provider.ts";
import { IdType } from "../iana/isakmp.ts";
import { addressText } from "../util/address.ts";
import { derElement, derElements } from "../util/der.ts";
import { canonicalMailbox } from "../util/mailbox.ts";
import { equal } from "../util/octets.ts";
import { sameName } from "./distinguished-name.ts";
import { type Identity, sameIdentity } from "./identity.ts";

/**
 * Equal by meaning: distinguished names whatever string types they use, host names whatever their case. ID_USER_FQDN is
 * ID_RFC822_ADDR in IKEv2.
 */
export function samePeer(a: Identity, b: Identity): boolean {
  if (sameIdentity(a, b)) return true;
  if (a.type !== b.type) return false;
  if (a.type === IdType.ID_FQDN) return latin1(a.data).toLowerCase() === latin1(b.data).toLowerCase();
  return a.type === IdType.ID_USER_FQDN && mailbox(a.data) === mailbox(b.data);
}

function mailbox(octets: Uint8Array): string {
  return canonicalMailbox(latin1(octets));
}

/**
 * Why a verified certificate does not entitle its holder to `identity`; undefined when it does. A key ID is entitled by
 * being the identifier of the certified key, so that no holder of one certificate can take the key ID of another.
 */
export function unboundBecause(
  identity: Identity,
  certificate: CertificateView,
  crypto: CryptoProvider,
): string | undefined {
  const { type, data } = identity;
  if (type === IdType.ID_DER_ASN1_DN) {
    if (sameName(data, certificate.subject)) return undefined;
    return `the certificate's subject is ${certificate.subjectText}`;
  }
  if (type === IdType.ID_IPV4_ADDR || type === IdType.ID_IPV6_ADDR) {
    const text = addressText(data);
    if (text !== undefined && certificate.addresses.includes(text)) return undefined;
    return `the certificate's subjectAltName has ${listed(certificate.addresses, "address")}`;
  }
  if (type === IdType.ID_FQDN) {
    if (certificate.dnsNames.includes(latin1(data).toLowerCase())) return undefined;
    return `the certificate's subjectAltName has ${listed(certificate.dnsNames, "DNS name")}`;
  }
  if (type === IdType.ID_USER_FQDN) {
    if (certificate.emails.includes(mailbox(data))) return undefined;
    return `the certificate's subjectAltName has ${listed(certificate.emails, "mail address")}`;
  }
  if (type === IdType.ID_KEY_ID) {
    return keyIdentifiers(certificate, crypto).some((one) => equal(one, data))
      ? undefined
      : "the key ID is no identifier of the certificate's key";
  }
  return `ID type ${type} is not bound to certificates`;
}

/** RFC 5280 4.2.1.2 method 1 (SHA-1 of the key's bits), and SHA-1 and SHA-256 of the whole SubjectPublicKeyInfo. */
function keyIdentifiers(certificate: CertificateView, crypto: CryptoProvider): Uint8Array[] {
  const spki = certificate.publicKey;
  const identifiers = [crypto.hash("sha1", spki), crypto.hash("sha256", spki)];
  const [, bits] = derElements(derElement(spki)?.contents ?? new Uint8Array(0)) ?? [];
  // the first octet of a BIT STRING counts its unused bits
  if (bits !== undefined) identifiers.push(crypto.hash("sha1", bits.contents.subarray(1)));
  return identifiers;
}

function listed(names: readonly string[], what: string): string {
  if (names.length === 0) return `no ${what}`;
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function latin1(octets: Uint8Array): string {
  return Buffer.from(octets).toString("latin1");
}
