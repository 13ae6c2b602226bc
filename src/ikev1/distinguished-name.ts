/** Distinguished names (RFC 5280 4.1.2.4) compared by meaning: peers write the same name in other string types. */

import { type DerElement, derElement, derElements } from "../util/der.ts";
import { equal, hex } from "../util/octets.ts";

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
  return left !== undefined && left === canonicalName(b);
}

/** One text for all encodings of a name; undefined when the octets are no Name. */
function canonicalName(der: Uint8Array): string | undefined {
  const name = derElement(der);
  if (name === undefined || name.tag !== SEQUENCE || name.rest.length > 0) return undefined;
  const rdns = derElements(name.contents);
  if (rdns === undefined || rdns.length === 0) return undefined;
  const parts: string[][] = [];
  for (const rdn of rdns) {
    if (rdn.tag !== SET) return undefined;
    const attributes = derElements(rdn.contents);
    if (attributes === undefined || attributes.length === 0) return undefined;
    const values: string[] = [];
    for (const attribute of attributes) {
      const value = canonicalAttribute(attribute);
      if (value === undefined) return undefined;
      values.push(value);
    }
    // the order within a SET is one of encoding only
    parts.push(values.sort());
  }
  // JSON keeps the parts apart whatever characters are in them
  return JSON.stringify(parts);
}

function canonicalAttribute(attribute: DerElement): string | undefined {
  if (attribute.tag !== SEQUENCE) return undefined;
  const [type, value, ...more] = derElements(attribute.contents) ?? [];
  if (type?.tag !== OBJECT_IDENTIFIER || value === undefined || more.length > 0) return undefined;
  return `${hex(type.contents)}=${characters(value)}`;
}

/** The characters of a string type, the octets of anything else. */
function characters({ tag, contents }: DerElement): string {
  const octets = Buffer.from(contents);
  switch (tag) {
    case UTF8_STRING: {
      const text = octets.toString("utf8");
      return Buffer.from(text, "utf8").equals(octets) ? `text:${text}` : `octets:${hex(contents)}`;
    }
    case NUMERIC_STRING:
    case PRINTABLE_STRING:
    case IA5_STRING:
    case TELETEX_STRING:
      return `text:${octets.toString("latin1")}`;
    case BMP_STRING:
      if (contents.length % 2 === 0) return `text:${Buffer.from(octets).swap16().toString("utf16le")}`;
      return `octets:${hex(contents)}`;
    default:
      return `${tag}:${hex(contents)}`;
  }
}
