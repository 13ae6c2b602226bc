import { type KeyObject, X509Certificate } from "node:crypto";
import { addressText } from "../../util/address.ts";
import { canonicalMailbox } from "../../util/mailbox.ts";
import { type CertificateView, CryptoError, type KeyAlgorithm } from "../provider.ts";
import { elementAt, elementsIn, isOneElement } from "./der.ts";
import { algorithmOf } from "./keys.ts";
import { nameText } from "./names.ts";
import { type Extension, extensionOid, readTbs } from "./tbs.ts";

/** More than any certificate of a deployment has, and few enough to be read at once. */
const longestCertificate = 0xffff;

/**
 * What a certificate says (RFC 5280 4.1). OpenSSL decides whether it is one; names are taken octet by octet.
 * @throws CryptoError "bad-key" when it is none, or something follows it.
 */
export function parseCertificate(der: Uint8Array): CertificateView {
  return viewOf(der, openCertificate(der));
}

/** The certificate as OpenSSL reads it. @throws CryptoError "bad-key". */
export function openCertificate(der: Uint8Array): X509Certificate {
  if (der[0] === 0x30 && der.length <= longestCertificate && isOneElement(der)) {
    try {
      return new X509Certificate(der);
    } catch {
      // the same answer, whatever part is wrong
    }
  }
  throw notACertificate();
}

/** As parseCertificate, of a certificate that is open already. @throws CryptoError "bad-key". */
export function viewOf(der: Uint8Array, parsed: X509Certificate): CertificateView {
  const fields = readTbs(der);
  if (fields === undefined) throw notACertificate();
  return {
    der,
    subject: fields.subject,
    subjectText: nameText(fields.subject),
    issuerText: nameText(fields.issuer),
    serialHex: parsed.serialNumber.toLowerCase(),
    ...alternativeNames(fields.extensions),
    notBefore: milliseconds(parsed.validFromDate),
    notAfter: milliseconds(parsed.validToDate),
    publicKey: fields.publicKey,
    algorithm: keyAlgorithm(parsed),
  };
}

function notACertificate(): CryptoError {
  return new CryptoError("bad-key", "not an X.509 certificate in DER");
}

type AlternativeNames = Pick<CertificateView, "addresses" | "dnsNames" | "emails">;

/** rfc822Name, dNSName and iPAddress of subjectAltName (RFC 5280 4.2.1.6). Entries of another kind or length are passed over. */
function alternativeNames(extensions: readonly Extension[]): AlternativeNames {
  const addresses: string[] = [];
  const dnsNames: string[] = [];
  const emails: string[] = [];
  const extension = extensions.find(({ oid }) => oid === extensionOid.subjectAltName);
  const names = extension === undefined ? undefined : elementAt(extension.value, 0)?.contents;
  for (const name of (names === undefined ? undefined : elementsIn(names)) ?? []) {
    if (name.tag === 0x81) emails.push(canonicalMailbox(Buffer.from(name.contents).toString("latin1")));
    if (name.tag === 0x82) dnsNames.push(Buffer.from(name.contents).toString("latin1").toLowerCase());
    const address = name.tag === 0x87 ? addressText(name.contents) : undefined;
    if (address !== undefined) addresses.push(address);
  }
  return { addresses, dnsNames, emails };
}

function milliseconds(date: Date): number {
  const time = date.getTime();
  if (Number.isNaN(time)) throw notACertificate();
  return time;
}

function keyAlgorithm(certificate: X509Certificate): KeyAlgorithm {
  let key: KeyObject;
  try {
    key = certificate.publicKey;
  } catch {
    return { kind: "other", name: "unknown" };
  }
  return algorithmOf(key);
}
