/** Distinguished names: DER (X.501) to RFC 4514 text and back. */
import { concat, fromHex, hex, utf8 } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { element, elementAt, elementsIn, sequence } from "./der.ts";

/** Short names of RFC 4519 and, for emailAddress, of common use. */
const attributes: readonly (readonly [name: string, oid: string])[] = [
  ["CN", "2.5.4.3"],
  ["SN", "2.5.4.4"],
  ["serialNumber", "2.5.4.5"],
  ["C", "2.5.4.6"],
  ["L", "2.5.4.7"],
  ["ST", "2.5.4.8"],
  ["STREET", "2.5.4.9"],
  ["O", "2.5.4.10"],
  ["OU", "2.5.4.11"],
  ["title", "2.5.4.12"],
  ["UID", "0.9.2342.19200300.100.1.1"],
  ["DC", "0.9.2342.19200300.100.1.25"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
];
const nameOfOid = new Map(attributes.map(([name, oid]) => [oid, name]));
const oidOfName = new Map(attributes.map(([name, oid]) => [name.toLowerCase(), oid]));

const tags = {
  oid: 0x06,
  utf8: 0x0c,
  numeric: 0x12,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  universal: 0x1c,
  bmp: 0x1e,
};

/** RFC 4514 text of a DER Name: the most specific RDN first. @throws CryptoError "bad-key" when it is no Name. */
export function nameText(nameDer: Uint8Array): string {
  const name = elementAt(nameDer, 0);
  const rdns = name?.end === nameDer.length && nameDer[0] === 0x30 ? elementsIn(name.contents) : undefined;
  if (rdns === undefined) throw notAName();
  return rdns
    .map((rdn) => {
      const pairs = rdn.tag === 0x31 ? elementsIn(rdn.contents) : undefined;
      if (pairs === undefined || pairs.length === 0) throw notAName();
      return pairs.map((pair) => attributeText(pair.tag, pair.contents)).join("+");
    })
    .reverse()
    .join(",");
}

function notAName(): CryptoError {
  return new CryptoError("bad-key", "not a DER Name");
}

function attributeText(tag: number, contents: Uint8Array): string {
  const parts = tag === 0x30 ? elementsIn(contents) : undefined;
  const [type, value] = parts ?? [];
  if (parts?.length !== 2 || type?.tag !== tags.oid || value === undefined) throw notAName();
  const oid = oidText(type.contents);
  const name = nameOfOid.get(oid);
  const text = name === undefined ? undefined : stringOf(value.tag, value.contents);
  return `${name ?? oid}=${text === undefined ? `#${hex(value.der)}` : escaped(text)}`;
}

/** The text of an ASN.1 string type, undefined for any other type and for octets that are none. */
function stringOf(tag: number, contents: Uint8Array): string | undefined {
  const octets = Buffer.from(contents);
  switch (tag) {
    case tags.utf8:
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(octets);
      } catch {
        return undefined;
      }
    case tags.numeric:
    case tags.printable:
    case tags.teletex:
    case tags.ia5:
      return octets.toString("latin1");
    case tags.bmp:
      return octets.length % 2 === 0 ? octets.swap16().toString("utf16le").toWellFormed() : undefined;
    default:
      return undefined;
  }
}

/** RFC 4514 2.4, and as hex pairs what would break the line of a name or turn its direction. */
function escaped(text: string): string {
  const head = /^[ #]/.test(text) ? "\\" : "";
  const tail = text.length > 1 && text.endsWith(" ") ? "\\ " : "";
  const middle = tail === "" ? text : text.slice(0, -1);
  return `${head}${middle.replace(/["+,;<>\\]/g, "\\$&").replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, hexPairs)}${tail}`;
}

function hexPairs(character: string): string {
  return hex(utf8(character)).replace(/../g, "\\$&");
}

/**
 * The DER Name of RFC 4514 text, for instance `CN=gm1,O=Example`: UTF8String values, PrintableString and IA5String where
 * RFC 5280 wants them.
 * @throws CryptoError "bad-key" with what is wrong in the text.
 */
export function nameFromText(text: string): Uint8Array {
  const rdns = split(text, ",").map((rdn) => element(0x31, ...split(rdn, "+").map(attribute).sort(Buffer.compare)));
  return sequence(...rdns.reverse());
}

function attribute(pair: string): Uint8Array {
  const at = pair.indexOf("=");
  const type = pair.slice(0, Math.max(at, 0)).trim();
  const oid = oidOfName.get(type.toLowerCase()) ?? (/^[0-2](\.\d+)+$/.test(type) ? type : undefined);
  if (oid === undefined) {
    throw new CryptoError("bad-key", `"${pair}" in a distinguished name does not begin with a known type such as CN=`);
  }
  const value = unescaped(pair.slice(at + 1));
  return sequence(element(tags.oid, oidOctets(oid)), typeof value === "string" ? stringElement(oid, value) : value);
}

function stringElement(oid: string, value: string): Uint8Array {
  const name = nameOfOid.get(oid);
  const tag =
    name === "C" || name === "serialNumber"
      ? tags.printable
      : name === "DC" || name === "emailAddress"
        ? tags.ia5
        : tags.utf8;
  return element(tag, utf8(value));
}

/** The pieces between separators that no backslash stands before. */
function split(text: string, separator: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === separator) {
      pieces.push(text.slice(start, i));
      start = i + 1;
    }
  }
  pieces.push(text.slice(start));
  return pieces;
}

/** The value a piece stands for: DER octets after `#`, else text without its escapes. */
function unescaped(piece: string): string | Uint8Array {
  const value = piece.replace(/^ +/, "").replace(/(?<!\\) +$/, "");
  if (/^#([0-9a-f]{2})+$/i.test(value)) return fromHex(value.slice(1));
  const octets: Uint8Array[] = [];
  for (const [, pair, character] of value.matchAll(/\\([0-9a-f]{2})|\\?(.)/gisu)) {
    octets.push(pair === undefined ? utf8(character ?? "") : fromHex(pair));
  }
  return Buffer.from(concat(...octets)).toString("utf8");
}

function oidText(contents: Uint8Array): string {
  const numbers: bigint[] = [];
  let number = 0n;
  for (const octet of contents) {
    number = number * 128n + BigInt(octet & 0x7f);
    if (octet < 0x80) {
      numbers.push(number);
      number = 0n;
    }
  }
  const [first = 0n, ...rest] = numbers;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - root * 40n, ...rest].join(".");
}

function oidOctets(oid: string): Uint8Array {
  const [root = 0, second = 0, ...rest] = oid.split(".").map(Number);
  const octets: number[] = [];
  for (const number of [root * 40 + second, ...rest]) {
    const digits = [number % 128];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
      digits.unshift((left % 128) + 128);
    octets.push(...digits);
  }
  return new Uint8Array(octets);
}
