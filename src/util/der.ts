/** As much DER (X.690) as names, public keys and selectors take: total, nothing is allocated by what a length claims. */

/** One element: its tag octet, contents, and what follows it. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Uint8Array;
  readonly rest: Uint8Array;
}

/** The first element of `octets`; undefined when it is cut off or its tag or length has another form than DER's. */
export function derElement(octets: Uint8Array): DerElement | undefined {
  const [tag, first] = octets;
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  let length = first;
  let at = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 3 || octets[at] === 0) return undefined;
    length = 0;
    for (let i = 0; i < count; i++) {
      const octet = octets[at++];
      if (octet === undefined) return undefined;
      length = length * 256 + octet;
    }
    if (length < 0x80) return undefined;
  }
  if (octets.length - at < length) return undefined;
  return { tag, contents: octets.subarray(at, at + length), rest: octets.subarray(at + length) };
}

/** All elements that `octets` consists of; undefined when they do not fill it exactly. */
export function derElements(octets: Uint8Array): DerElement[] | undefined {
  const elements: DerElement[] = [];
  let rest = octets;
  while (rest.length > 0) {
    const element = derElement(rest);
    if (element === undefined) return undefined;
    elements.push(element);
    rest = element.rest;
  }
  return elements;
}

/** Deeper nesting than any structure here has. */
const MOST_LEVELS = 16;
const CONSTRUCTED = 0x20;

/** Whether `octets` are one element, and the elements within constructed ones fill them exactly. */
export function isDer(octets: Uint8Array): boolean {
  const element = derElement(octets);
  return element !== undefined && element.rest.length === 0 && filled(element, MOST_LEVELS);
}

function filled({ tag, contents }: DerElement, levels: number): boolean {
  if ((tag & CONSTRUCTED) === 0) return true;
  return levels > 0 && (derElements(contents)?.every((inner) => filled(inner, levels - 1)) ?? false);
}

/** The element with this tag octet and contents of less than 16 MiB. */
export function derOf(tag: number, contents: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = contents;
  const digits =
    length < 0x80
      ? []
      : length < 0x100
        ? [0x81]
        : length < 0x10000
          ? [0x82, length >> 8]
          : [0x83, length >> 16, (length >> 8) & 0xff];
  const element = new Uint8Array(2 + digits.length + length);
  element.set([tag, ...digits, length & 0xff]);
  element.set(contents, 2 + digits.length);
  return element;
}
