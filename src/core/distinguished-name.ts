/** Distinguished names (RFC 5280 4.1.2.4) compared by meaning: peers write the same name in other string types. */

import { type DerElement, derElement, derElements, derOf } from "../util/der.ts";
import { concat, equal } from "../util/octets.ts";

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const NUMERIC_STRING = 0x12;
const PRINTABLE_STRING = 0x13;
const TELETEX_STRING = 0x14;
const IA5_STRING = 0x16;
const BMP_STRING = 0x1e;

/**
 * Whether two DER Names say the same: equal octets, or the same attributes in the same order with the same characters
 * (strongSwan writes every attribute as PrintableString). Characters are compared exactly, without folding of case or
 * space: a name that somebody was authorised by is not stretched.
 */
export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (equal(a, b)) return true;
  const left = canonicalName(a);
  const right = canonicalName(b);
  return left !== undefined && right !== undefined && equal(left, right);
}

/**
 * One DER Name for all encodings of a name: every string a UTF8String, attributes of one RDN in the order of their
 * octets. Undefined when the octets are no Name, or one without attributes.
 */
export function canonicalName(der: Uint8Array): Uint8Array | undefined {
  const name = derElement(der);
  if (name === undefined || name.tag !== SEQUENCE || name.rest.length > 0) return undefined;
  const rdns = derElements(name.contents);
  if (rdns === undefined || rdns.length === 0) return undefined;
  const parts: Uint8Array[] = [];
  for (const rdn of rdns) {
    const attributes = rdn.tag === SET ? derElements(rdn.contents) : undefined;
    if (attributes === undefined || attributes.length === 0) return undefined;
    const values: Uint8Array[] = [];
    for (const attribute of attributes) {
      const value = canonicalAttribute(attribute);
      if (value === undefined) return undefined;
      values.push(value);
    }
    // the order within a SET is one of encoding only
    parts.push(derOf(SET, concat(...values.sort(Buffer.compare))));
  }
  return derOf(SEQUENCE, concat(...parts));
}

function canonicalAttribute(attribute: DerElement): Uint8Array | undefined {
  if (attribute.tag !== SEQUENCE) return undefined;
  const [type, value, ...more] = derElements(attribute.contents) ?? [];
  if (type?.tag !== OBJECT_IDENTIFIER || value === undefined || more.length > 0) return undefined;
  return derOf(SEQUENCE, concat(derOf(OBJECT_IDENTIFIER, type.contents), canonicalString(value)));
}

/** A string type as UTF8String; anything else, and octets that are no characters, as they are. */
function canonicalString({ tag, contents }: DerElement): Uint8Array {
  const text = characters(tag, Buffer.from(contents));
  if (text === undefined || !text.isWellFormed()) return derOf(tag, contents);
  return derOf(UTF8_STRING, new Uint8Array(Buffer.from(text, "utf8")));
}

function characters(tag: number, octets: Buffer): string | undefined {
  switch (tag) {
    case NUMERIC_STRING:
    case PRINTABLE_STRING:
    case IA5_STRING:
    case TELETEX_STRING:
      return octets.toString("latin1");
    case BMP_STRING:
      return octets.length % 2 === 0 ? octets.swap16().toString("utf16le") : undefined;
    default:
      return undefined;
  }
}
