/** Certificate revocation lists (RFC 5280 5). */
import { hex } from "../../util/octets.ts";
import { type IdentifiedScheme, isWeak, readSignatureAlgorithm } from "../signature-algorithm.ts";
import type { Candidate } from "./candidates.ts";
import { elementAt, elementsIn, isOneElement } from "./der.ts";
import { verifierOf } from "./signatures.ts";
import { allowsUsage, extensionOid, readExtensions } from "./tbs.ts";

/** A list, not yet verified. */
export interface CrlReading {
  readonly issuerHex: string;
  /** Serial numbers, the contents of their INTEGER in hexadecimal. */
  readonly revoked: ReadonlySet<string>;
  /** The entries with them, DER. */
  readonly entries: readonly Uint8Array[];
  /** CRLNumber (RFC 5280 5.2.3), undefined when it has none. */
  readonly number: number | undefined;
  readonly signed: Uint8Array;
  /** Undefined for a scheme that is not supported. */
  readonly scheme: IdentifiedScheme | undefined;
  readonly signature: Uint8Array;
}

/**
 * The list in `der`, undefined when it cannot be read.
 * TBSCertList: [version,] signature, issuer, thisUpdate, [nextUpdate,] [revokedCertificates,] [0] extensions.
 */
export function readCrl(der: Uint8Array): CrlReading | undefined {
  if (!isOneElement(der) || der[0] !== 0x30) return undefined;
  const [list, algorithm, signature] = elementsIn(elementAt(der, 0)?.contents ?? der) ?? [];
  const fields = list?.tag === 0x30 ? elementsIn(list.contents) : undefined;
  if (list === undefined || fields === undefined || algorithm === undefined || signature?.tag !== 0x03)
    return undefined;
  const [, issuer, thisUpdate, ...rest] = fields[0]?.tag === 0x02 ? fields.slice(1) : fields;
  if (issuer?.tag !== 0x30 || thisUpdate === undefined || !isTime(thisUpdate.tag)) return undefined;
  const listed = rest.find((field) => field.tag === 0x30);
  const entries = (listed === undefined ? [] : elementsIn(listed.contents)) ?? [];
  const revoked = new Set<string>();
  for (const entry of entries) {
    const serial = elementAt(entry.contents, 0)?.contents;
    if (serial === undefined) return undefined;
    revoked.add(hex(serial));
  }
  return {
    issuerHex: hex(issuer.der),
    revoked,
    entries: entries.map(({ der }) => der),
    number: numberIn(rest.find((field) => field.tag === 0xa0)?.contents),
    signed: list.der,
    scheme: readSignatureAlgorithm(algorithm.der),
    signature: signature.contents.subarray(1),
  };
}

function numberIn(extensions: Uint8Array | undefined): number | undefined {
  const one = readExtensions(extensions)?.find(({ oid }) => oid === extensionOid.crlNumber);
  const digits = one === undefined ? undefined : elementAt(one.value, 0)?.contents;
  return digits === undefined || digits.length > 6 ? undefined : Number(`0x${hex(digits)}`);
}

/** UTCTime or GeneralizedTime. */
function isTime(tag: number): boolean {
  return tag === 0x17 || tag === 0x18;
}

/** Whether `list` is signed by `issuer`, who may sign lists, and has this serial number of its certificates. */
export function isRevoked(serialHex: string, issuer: Candidate, list: CrlReading): boolean {
  return list.revoked.has(serialHex) && isListOf(issuer, list);
}

/** Whether `list` is signed by `issuer`, who may sign lists. */
export function isListOf(issuer: Candidate, list: CrlReading): boolean {
  const { scheme } = list;
  if (issuer.key === undefined || scheme === undefined || list.issuerHex !== issuer.subjectHex) return false;
  if (isWeak(scheme) || !allowsUsage(issuer.tbs, "cRLSign")) return false;
  return verifierOf(issuer.key).verify(scheme, list.signed, list.signature);
}
