/** What an ID payload of Phase 1 may say (RFC 2407 4.6.2), and whether the certificate says it too. */
import { sameName } from "../core/distinguished-name.ts";
import { type Identity, sameIdentity } from "../core/identity.ts";
import type { CertificateView, CryptoProvider } from "../crypto/provider.ts";
import { IdType, IpProtocol } from "../iana/isakmp.ts";
import { addressText } from "../util/address.ts";
import { derElement, derElements } from "../util/der.ts";
import { equal, hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { IdPayload } from "../wire/payloads.ts";

const ISAKMP_PORT = 500;
const GDOI_PORT = 848;

/** The ID payload for an identity: protocol and port 0 (RFC 2407 4.6.2). */
export function identityPayload(identity: Identity): IdPayload {
  return { kind: "ID", idType: identity.type, protocolId: 0, port: 0, data: identity.data };
}

/**
 * The identity that a payload states. Ports are 0/0 or UDP/500, all others are an error (RFC 2407 4.6.2) but for
 * UDP/848, the port GDOI runs on, which is taken with a note (READINGS 3).
 */
export function readIdentity(payload: IdPayload): Result<{ identity: Identity; note?: string }, string> {
  const { idType, protocolId, port, data } = payload;
  const identity = { type: idType, data };
  if (!supported.has(idType)) return err(`ID type ${idType} cannot name a Phase 1 peer`);
  if (idType === IdType.ID_IPV4_ADDR && data.length !== 4) return err(`ID_IPV4_ADDR of ${data.length} octets`);
  if (idType === IdType.ID_IPV6_ADDR && data.length !== 16) return err(`ID_IPV6_ADDR of ${data.length} octets`);
  // certificates with an empty subject are many, and name nobody by it (RFC 5280 4.1.2.6)
  if (data.length === 0 || (idType === IdType.ID_DER_ASN1_DN && hex(data) === "3000")) return err("an empty identity");
  if (protocolId === 0 && port === 0) return ok({ identity });
  if (protocolId === IpProtocol.UDP && port === ISAKMP_PORT) return ok({ identity });
  if (protocolId === IpProtocol.UDP && port === GDOI_PORT) {
    return ok({ identity, note: "ID payload names UDP port 848, which RFC 2407 4.6.2 does not foresee" });
  }
  return err(`ID payload names protocol ${protocolId} port ${port}, allowed are 0/0 and 17/500 (RFC 2407 4.6.2)`);
}

const supported: ReadonlySet<number> = new Set([
  IdType.ID_IPV4_ADDR,
  IdType.ID_IPV6_ADDR,
  IdType.ID_FQDN,
  IdType.ID_USER_FQDN,
  IdType.ID_DER_ASN1_DN,
  IdType.ID_KEY_ID,
]);

/** Equal by meaning: distinguished names whatever string types they use, host names whatever their case. */
export function samePeer(a: Identity, b: Identity): boolean {
  if (sameIdentity(a, b)) return true;
  if (a.type !== b.type) return false;
  if (a.type === IdType.ID_FQDN) return latin1(a.data).toLowerCase() === latin1(b.data).toLowerCase();
  return false;
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
