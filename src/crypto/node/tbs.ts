/** TBSCertificate (RFC 5280 4.1), read element by element so that its parts are the octets that were signed. */
import { hex } from "../../util/octets.ts";
import { elementAt, elementsIn } from "./der.ts";

/** Contents octets of the object identifiers of extensions (RFC 5280 4.2.1), in hexadecimal. */
export const extensionOid = {
  subjectKeyIdentifier: "551d0e",
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  crlNumber: "551d14",
  nameConstraints: "551d1e",
  certificatePolicies: "551d20",
  policyMappings: "551d21",
  authorityKeyIdentifier: "551d23",
  policyConstraints: "551d24",
  extKeyUsage: "551d25",
  inhibitAnyPolicy: "551d36",
} as const;

/** One extension; `value` is what the OCTET STRING holds. */
export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Parts of a TBSCertificate as whole DER elements. */
export interface TbsCertificate {
  /** Contents of serialNumber in hexadecimal. */
  readonly serialHex: string;
  /** AlgorithmIdentifier of the signature; OpenSSL holds it against the one outside. */
  readonly signature: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** The parts of a certificate's TBSCertificate, undefined when they are not where they must be. */
export function readTbs(certificate: Uint8Array): TbsCertificate | undefined {
  const outer = elementAt(certificate, 0);
  const tbs = outer === undefined ? undefined : elementsIn(outer.contents)?.[0];
  const all = tbs === undefined ? undefined : elementsIn(tbs.contents);
  if (all === undefined) return undefined;
  // [0] version, which version 1 leaves out, then serialNumber, signature
  const fields = all[0]?.tag === 0xa0 ? all.slice(1) : all;
  const [serialNumber, signature, issuer, , subject, publicKey] = fields;
  const extensions = readExtensions(fields.find((field) => field.tag === 0xa3)?.contents);
  if (serialNumber === undefined || signature === undefined || issuer === undefined) return undefined;
  if (subject === undefined) return undefined;
  if (publicKey === undefined || extensions === undefined) return undefined;
  return {
    serialHex: hex(serialNumber.contents),
    signature: signature.der.slice(),
    issuer: issuer.der.slice(),
    subject: subject.der.slice(),
    publicKey: publicKey.der.slice(),
    extensions,
  };
}

/** Extensions is SEQUENCE OF SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }. */
export function readExtensions(explicit: Uint8Array | undefined): Extension[] | undefined {
  if (explicit === undefined) return [];
  const list = elementAt(explicit, 0);
  const elements = list === undefined ? undefined : elementsIn(list.contents);
  if (elements === undefined) return undefined;
  const extensions: Extension[] = [];
  for (const element of elements) {
    const parts = elementsIn(element.contents);
    const [oid, second] = parts ?? [];
    const value = parts?.at(-1);
    if (oid?.tag !== 0x06 || value?.tag !== 0x04) return undefined;
    // RFC 5280 4.2: an extension stands once; which of two would count is not for the reader to choose
    if (extensions.some((earlier) => earlier.oid === hex(oid.contents))) return undefined;
    const critical = second?.tag === 0x01 && second.contents[0] !== 0;
    extensions.push({ oid: hex(oid.contents), critical, value: value.contents });
  }
  return extensions;
}

/** Bits of keyUsage (RFC 5280 4.2.1.3) by the octet they have in the BIT STRING. */
export const keyUsageBit = { digitalSignature: 0x80, nonRepudiation: 0x40, keyCertSign: 0x04, cRLSign: 0x02 } as const;

/** Whether a key may be used so: any use is allowed without the extension. */
export function allowsUsage(tbs: TbsCertificate, use: keyof typeof keyUsageBit): boolean {
  const extension = tbs.extensions.find(({ oid }) => oid === extensionOid.keyUsage);
  if (extension === undefined) return true;
  const bits = elementAt(extension.value, 0)?.contents;
  return ((bits?.[1] ?? 0) & keyUsageBit[use]) !== 0;
}

/** Purposes that IKE is served by, as contents octets of KeyPurposeIds in hexadecimal. */
const ikePurposes: ReadonlySet<string> = new Set([
  "551d2500", // anyExtendedKeyUsage
  "2b06010505070311", // id-kp-ipsecIKE (RFC 4945 5.1.3.12)
  "2b06010505070301", // id-kp-serverAuth: these and the following are what devices have in practice
  "2b06010505070302", // id-kp-clientAuth
  "2b06010505070305", // id-kp-ipsecEndSystem
  "2b06010505070306", // id-kp-ipsecTunnel
  "2b06010505070307", // id-kp-ipsecUser
  "2b06010505080202", // iKEIntermediate
]);

/** Whether a key may be used for IKE (RFC 5280 4.2.1.12, RFC 4945 5.1.3.12): always without extKeyUsage. */
export function servesIke(tbs: TbsCertificate): boolean {
  const extension = tbs.extensions.find(({ oid }) => oid === extensionOid.extKeyUsage);
  if (extension === undefined) return true;
  const list = elementAt(extension.value, 0)?.contents;
  const purposes = list === undefined ? undefined : elementsIn(list);
  return purposes?.some(({ tag, contents }) => tag === 0x06 && ikePurposes.has(hex(contents))) === true;
}

/** Whether extKeyUsage must be heeded where its meaning is not settled: in certificates of authorities. */
export function hasCriticalPurposes(tbs: TbsCertificate): boolean {
  return tbs.extensions.some(({ oid, critical }) => critical && oid === extensionOid.extKeyUsage);
}

/** basicConstraints (RFC 5280 4.2.1.9): the number of CA certificates that may follow, undefined for no CA. */
export function pathLengthOf(tbs: TbsCertificate): number | undefined {
  const extension = tbs.extensions.find(({ oid }) => oid === extensionOid.basicConstraints);
  const contents = extension === undefined ? undefined : elementAt(extension.value, 0)?.contents;
  const [cA, pathLenConstraint] = (contents === undefined ? undefined : elementsIn(contents)) ?? [];
  if (cA?.tag !== 0x01 || cA.contents[0] === 0) return undefined;
  if (pathLenConstraint === undefined) return Number.POSITIVE_INFINITY;
  // a path is never longer than what one octet counts, so the first octets of a longer number do not matter
  const { contents: digits } = pathLenConstraint;
  return digits.length === 1 ? (digits[0] ?? 0) : Number.POSITIVE_INFINITY;
}

const known: ReadonlySet<string> = new Set(Object.values(extensionOid));

/** Critical extensions that path validation does not process (RFC 5280 4.2): the certificate must be refused. */
export function unknownCritical(tbs: TbsCertificate): Extension | undefined {
  return tbs.extensions.find(({ oid, critical }) => critical && !known.has(oid));
}
