/** OBJECT IDENTIFIERs (X.690 8.19) between dotted text, contents octets, and the octets of a field that carries one. */
import { derElement } from "./der.ts";
import { concat } from "./octets.ts";

const TAG = 0x06;
/** Identifier, length in the long form and this many contents octets fill a field whose length has one octet. */
const MOST_OCTETS = 252;
const MORE = 0x80;

/** What a field holds: the whole encoding with tag and length, or the contents octets alone. */
export type OidForm = "der" | "contents";

/** Whether `contents` are those of an OID: whole subidentifiers, each in the fewest octets, 252 octets at most. */
export function isOid(contents: Uint8Array): boolean {
  if (contents.length > MOST_OCTETS) return false;
  let begins = true;
  for (const octet of contents) {
    if (begins && octet === MORE) return false;
    begins = octet < MORE;
  }
  return begins && contents.length > 0;
}

/** `1.2.840.10070`; undefined when `contents` are not those of an OID. */
export function oidText(contents: Uint8Array): string | undefined {
  if (!isOid(contents)) return undefined;
  const subidentifiers: bigint[] = [];
  let value = 0n;
  for (const octet of contents) {
    value = (value << 7n) | BigInt(octet & 0x7f);
    if (octet >= MORE) continue;
    subidentifiers.push(value);
    value = 0n;
  }
  const [first = 0n, ...others] = subidentifiers;
  const root = first < 80n ? first / 40n : 2n;
  return [root, first - 40n * root, ...others].join(".");
}

/** The contents octets of an OID in dotted text; undefined when it is none, or too long for a field of 255 octets. */
export function oidOctets(text: string): Uint8Array<ArrayBuffer> | undefined {
  // an arc of 252 octets has 532 digits
  if (text.length > 600 || !/^[0-2](\.(0|[1-9]\d*))+$/.test(text)) return undefined;
  const [root = 0n, second = 0n, ...others] = text.split(".").map(BigInt);
  if (root < 2n && second > 39n) return undefined;
  const octets = [40n * root + second, ...others].flatMap(subidentifier);
  return octets.length > MOST_OCTETS ? undefined : Uint8Array.from(octets);
}

function subidentifier(value: bigint): number[] {
  const octets = [Number(value & 0x7fn)];
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) octets.unshift(MORE | Number(rest & 0x7fn));
  return octets;
}

/** The whole encoding: tag, length, contents. */
export function derOid(contents: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = contents;
  return concat(Uint8Array.from(length < MORE ? [TAG, length] : [TAG, 0x81, length]), contents);
}

/**
 * The contents octets that a field holds. One that begins with the tag is a whole encoding and nothing else: contents
 * that begin so would belong to the arc 0.6, under which nothing is registered (X.660).
 * @returns undefined when it is neither form.
 */
export function readOidField(field: Uint8Array): { readonly contents: Uint8Array; readonly form: OidForm } | undefined {
  if (field[0] !== TAG) return isOid(field) ? { contents: field, form: "contents" } : undefined;
  const element = derElement(field);
  if (element === undefined || element.rest.length > 0 || !isOid(element.contents)) return undefined;
  return { contents: element.contents, form: "der" };
}
