/** The few DER (X.690) encodings that key material is wrapped in; certificates are read and written with asn1js. */
import { derOf } from "../../util/der.ts";
import { concat } from "../../util/octets.ts";

/** One element around `contents`, which have less than 16 MiB in all. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return derOf(tag, concat(...contents));
}

/** SEQUENCE of elements. */
export function sequence(...elements: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return element(0x30, ...elements);
}

/** INTEGER of an unsigned number in network order. */
export function unsignedInteger(octets: Uint8Array): Uint8Array<ArrayBuffer> {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const digits = octets.subarray(start);
  const negative = digits.length === 0 || ((digits[0] ?? 0) & 0x80) !== 0;
  return negative ? element(0x02, new Uint8Array(1), digits) : element(0x02, digits);
}

/**
 * The contents of the element at `at` and where it ends, by its header alone: one identifier octet and a definite length
 * of up to three octets. Undefined when it does not fit into `octets`.
 */
export function elementAt(octets: Uint8Array, at: number): { contents: Uint8Array; end: number } | undefined {
  const form = octets[at + 1];
  if (form === undefined || form === 0x80 || form > 0x83) return undefined;
  const digits = form < 0x80 ? 0 : form & 0x7f;
  const start = at + 2 + digits;
  let length = form;
  if (digits > 0) {
    length = 0;
    for (let i = at + 2; i < start; i++) length = length * 256 + (octets[i] ?? 0);
  }
  const end = start + length;
  return end > octets.length ? undefined : { contents: octets.subarray(start, end), end };
}

/** Whether `octets` are exactly one element, as far as its header says: nothing missing, nothing after it. */
export function isOneElement(octets: Uint8Array): boolean {
  return elementAt(octets, 0)?.end === octets.length;
}

/** One element of a constructed one: identifier octet, contents, and the whole of it. */
export interface Element {
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly der: Uint8Array;
}

/** The elements that `contents` is made of; undefined when they do not fill it exactly. */
export function elementsIn(contents: Uint8Array): readonly Element[] | undefined {
  const elements: Element[] = [];
  let at = 0;
  while (at < contents.length) {
    const next = elementAt(contents, at);
    if (next === undefined) return undefined;
    elements.push({ tag: contents[at] ?? 0, contents: next.contents, der: contents.subarray(at, next.end) });
    at = next.end;
  }
  return elements;
}
