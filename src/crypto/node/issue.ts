/** A small certification authority: what `keyherald pki` and the tests need of RFC 5280, and no more. */
import { createHash, type KeyObject } from "node:crypto";
import { addressOctets } from "../../util/address.ts";
import { fromHex, utf8 } from "../../util/octets.ts";
import { CryptoError, type KeyAlgorithm } from "../provider.ts";
import { encodeSignatureAlgorithm, type IdentifiedScheme } from "../signature-algorithm.ts";
import { plain } from "./buffers.ts";
import { openCertificate } from "./certificates.ts";
import { element, elementAt, sequence, unsignedInteger } from "./der.ts";
import { algorithmOf, generatePrivateKey, privateKeyFrom, spkiOf } from "./keys.ts";
import { nameFromText } from "./names.ts";
import { toPem } from "./pem.ts";
import { nodeRandom } from "./random.ts";
import { hashOf, signerOf } from "./signatures.ts";
import { extensionOid, readTbs } from "./tbs.ts";

/** A certificate with its private key. */
export interface Issued {
  readonly certificate: Uint8Array;
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly key: Uint8Array;
  readonly keyPem: string;
}

/** What every certificate has. Times in milliseconds since the epoch, of which whole seconds count. */
export interface CertificateRequest {
  /** RFC 4514 text, `CN=gm1,O=Example`. */
  readonly subject: string;
  readonly algorithm: KeyAlgorithm;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Positive, in hexadecimal, up to 20 octets; random if left out. */
  readonly serialHex?: string;
}

/** The authority that signs. */
export interface Authority {
  /** DER. */
  readonly certificate: Uint8Array;
  /** PKCS #8 DER, or PEM text. */
  readonly key: Uint8Array | string;
}

/**
 * A fresh key with a certificate of its own signature that may issue certificates and revocation lists.
 * @throws CryptoError "bad-key" for a subject that is no name, "unsupported" for an algorithm that is not offered.
 */
export function issueCa(request: CertificateRequest): Issued {
  const key = generatePrivateKey(request.algorithm);
  const spki = spkiOf(key);
  const subject = nameFromText(request.subject);
  return signed(request, key, {
    key,
    name: subject,
    subject,
    extensions: [
      extension(extensionOid.basicConstraints, true, sequence(derTrue)),
      extension(extensionOid.keyUsage, true, keyUsage(0x06, 1)), // keyCertSign, cRLSign
      extension(extensionOid.subjectKeyIdentifier, false, element(0x04, keyIdentifier(spki))),
    ],
  });
}

/**
 * A certificate for a key server or a member, for digital signatures, with a fresh key or the one that is given.
 * @param request `key`: PKCS #8 DER, or PEM text; `algorithm` is then its own.
 * @throws CryptoError as issueCa; "bad-key" too for an authority that cannot be read, or an address that is none.
 */
export function issueCertificate(
  request: CertificateRequest & {
    readonly ca: Authority;
    readonly dnsNames?: readonly string[];
    readonly addresses?: readonly string[];
    readonly emails?: readonly string[];
    readonly key?: Uint8Array | string;
  },
): Issued {
  const authority = openAuthority(request.ca);
  const key = request.key === undefined ? generatePrivateKey(request.algorithm) : privateKeyFrom(request.key);
  const extensions = [
    extension(extensionOid.basicConstraints, true, sequence()),
    extension(extensionOid.keyUsage, true, keyUsage(0x80, 7)), // digitalSignature
    extension(extensionOid.subjectKeyIdentifier, false, element(0x04, keyIdentifier(spkiOf(key)))),
  ];
  if (authority.keyIdentifier !== undefined) {
    const identifier = sequence(element(0x80, authority.keyIdentifier));
    extensions.push(extension(extensionOid.authorityKeyIdentifier, false, identifier));
  }
  const names = [
    ...(request.emails ?? []).map((email) => element(0x81, utf8(email))),
    ...(request.dnsNames ?? []).map((name) => element(0x82, utf8(name))),
    ...(request.addresses ?? []).map((address) => element(0x87, octetsOfAddress(address))),
  ];
  if (names.length > 0) extensions.push(extension(extensionOid.subjectAltName, false, sequence(...names)));
  return signed(request, key, { ...authority, subject: nameFromText(request.subject), extensions });
}

/**
 * A revocation list (RFC 5280 5), DER.
 * @param revoked serial numbers in hexadecimal
 * @param thisUpdate milliseconds since the epoch, as nextUpdate; also the time of each revocation
 * @param earlier entries of the list before this one, DER, which stay as they are
 */
export function issueCrl(request: {
  readonly ca: Authority;
  readonly revoked: readonly string[];
  readonly earlier?: readonly Uint8Array[];
  readonly number: number;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}): Uint8Array {
  const { key, name } = openAuthority(request.ca);
  const thisUpdate = time(request.thisUpdate);
  const fresh = request.revoked.map((serial) => sequence(unsignedInteger(serialNumber(serial)), thisUpdate));
  const entries = [...(request.earlier ?? []), ...fresh];
  const crlNumber = extension(
    extensionOid.crlNumber,
    false,
    unsignedInteger(fromHex(evenHex(request.number.toString(16)))),
  );
  const list = sequence(
    unsignedInteger(new Uint8Array([1])), // version 2
    signatureAlgorithm(key),
    name,
    thisUpdate,
    time(request.nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    element(0xa0, sequence(crlNumber)),
  );
  return withSignature(list, key);
}

interface Signing {
  readonly key: KeyObject;
  /** The issuer's Name. */
  readonly name: Uint8Array;
  readonly subject: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

function signed(request: CertificateRequest, subjectKey: KeyObject, signing: Signing): Issued {
  const tbs = sequence(
    element(0xa0, unsignedInteger(new Uint8Array([2]))), // version 3
    unsignedInteger(serialNumber(request.serialHex)),
    signatureAlgorithm(signing.key),
    signing.name,
    sequence(time(request.notBefore), time(request.notAfter)),
    signing.subject,
    spkiOf(subjectKey),
    element(0xa3, sequence(...signing.extensions)),
  );
  const certificate = withSignature(tbs, signing.key);
  const key = plain(subjectKey.export({ format: "der", type: "pkcs8" }));
  return { certificate, certificatePem: toPem("CERTIFICATE", certificate), key, keyPem: toPem("PRIVATE KEY", key) };
}

function withSignature(content: Uint8Array, key: KeyObject): Uint8Array {
  const scheme = signatureScheme(key);
  const signature = signerOf(key).sign(scheme, content);
  return sequence(content, encodeSignatureAlgorithm(scheme), element(0x03, new Uint8Array(1), signature));
}

function openAuthority({ certificate, key }: Authority) {
  openCertificate(certificate);
  const tbs = readTbs(certificate);
  if (tbs === undefined) throw new CryptoError("bad-key", "the certificate of the authority cannot be read");
  const identifier = tbs.extensions.find(({ oid }) => oid === extensionOid.subjectKeyIdentifier);
  return {
    key: privateKeyFrom(key),
    name: tbs.subject,
    keyIdentifier: identifier === undefined ? undefined : elementAt(identifier.value, 0)?.contents,
  };
}

/** How `key` signs: RSA with SHA-256, ECDSA with the hash of the curve's size, Ed25519. */
function signatureScheme(key: KeyObject): IdentifiedScheme {
  const algorithm = algorithmOf(key);
  switch (algorithm.kind) {
    case "rsa":
      return { name: "rsa-pkcs1", hash: "sha256" };
    case "ecdsa":
      return { name: "ecdsa-der", hash: hashOf[algorithm.curve] };
    case "ed25519":
      return { name: "ed25519" };
    case "other":
      throw new CryptoError("unsupported", `${algorithm.name} keys sign no certificates`);
  }
}

function signatureAlgorithm(key: KeyObject): Uint8Array {
  return encodeSignatureAlgorithm(signatureScheme(key));
}

const derTrue = fromHex("0101ff");

function extension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(element(0x06, fromHex(oid)), ...(critical ? [derTrue] : []), element(0x04, value));
}

function keyUsage(bits: number, unusedBits: number): Uint8Array {
  return element(0x03, new Uint8Array([unusedBits, bits]));
}

/** RFC 7093 2, method 1: the leftmost 160 bits of SHA-256 over the contents of subjectPublicKey. */
function keyIdentifier(spki: Uint8Array): Uint8Array {
  const info = elementAt(spki, 0)?.contents ?? spki;
  const bits = elementAt(info, elementAt(info, 0)?.end ?? 0)?.contents ?? info;
  return createHash("sha256").update(bits.subarray(1)).digest().subarray(0, 20);
}

function octetsOfAddress(address: string): Uint8Array {
  const octets = addressOctets(address);
  if (octets === undefined) throw new CryptoError("bad-key", `"${address}" is no IP address`);
  return octets;
}

/** RFC 5280 4.1.2.2: positive, up to 20 octets. A random one has 16, the first neither 0 nor above 127. */
function serialNumber(serialHex: string | undefined): Uint8Array {
  if (serialHex === undefined) {
    const octets = nodeRandom.octets(16);
    octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
    return octets;
  }
  if (!/^[0-9a-f]{1,40}$/i.test(serialHex) || /^0+$/.test(serialHex)) {
    throw new CryptoError("bad-key", `"${serialHex}" is no serial number of 1 to 20 octets in hexadecimal`);
  }
  return fromHex(evenHex(serialHex));
}

function evenHex(digits: string): string {
  return digits.length % 2 === 0 ? digits : `0${digits}`;
}

/** RFC 5280 4.1.2.5: UTCTime up to 2049, GeneralizedTime from then on. */
function time(milliseconds: number): Uint8Array {
  const digits = new Date(milliseconds).toISOString().replace(/\.\d+Z$|[-:T]/g, "");
  const late = Number(digits.slice(0, 4)) >= 2050;
  return element(late ? 0x18 : 0x17, utf8(`${late ? digits : digits.slice(2)}Z`));
}
