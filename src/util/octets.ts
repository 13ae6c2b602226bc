/** Octet strings: the few operations every layer needs. Nothing here reads past an end or copies without need. */

/** Both digits of each octet. */
const digits = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));
/** SPIs and cookies are spelled here: a Buffer over octets that are on the heap would move them out of it. */
const FEW = 16;

/** Lower-case hexadecimal of `octets`. */
export function hex(octets: Uint8Array): string {
  if (octets.length <= FEW) {
    let text = "";
    let at = 0;
    while (at < octets.length) text += digits[octets[at++] ?? 0];
    return text;
  }
  return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).toString("hex");
}

/**
 * The octets that `text` spells in hexadecimal; white space, `:` and a leading `0x` are passed over.
 * @throws RangeError when something else is in it, or a half octet is left.
 */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replace(/^0x/i, "").replace(/[\s:]/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new RangeError("not a hexadecimal octet string");
  }
  const octets = new Uint8Array(digits.length / 2);
  octets.set(Buffer.from(digits, "hex"));
  return octets;
}

/** One octet string out of several. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The octets of an ASCII or UTF-8 text. */
export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

/** `value` as four octets in network order. */
export function u32(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** `value` as two octets in network order. */
export function u16(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >>> 8, value);
}

/** The unsigned integer that up to six octets in network order stand for. */
export function toUint(octets: Uint8Array): number {
  let value = 0;
  for (const octet of octets) value = value * 256 + octet;
  return value;
}

/** Equal length and octets. Not for secrets: use the crypto provider's constant-time comparison there. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Negative, 0 or positive, as `a` comes before `b`, is the same or comes behind it: by octets, then by length. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Every octet is zero. */
export function isZero(octets: Uint8Array): boolean {
  for (const octet of octets) if (octet !== 0) return false;
  return true;
}
