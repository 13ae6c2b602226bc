/** IP addresses between text and octets. */
import { isIPv4, isIPv6, SocketAddress } from "node:net";
import { compare } from "./octets.ts";

/** Four or sixteen octets of an IPv4 or IPv6 address in text, undefined when it is neither (a zone index is refused). */
export function addressOctets(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!text.includes(":")) return fourOctets(text);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = expandEmbedded(text).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = tail === undefined ? left : [...left, ...Array(8 - left.length - right.length).fill("0"), ...right];
  const octets = new Uint8Array(16);
  groups.forEach((group, i) => {
    const value = Number.parseInt(group, 16);
    octets[2 * i] = value >>> 8;
    octets[2 * i + 1] = value & 0xff;
  });
  return octets;
}

const DOT = 0x2e;
const ZERO = 0x30;

/** Four numbers up to 255 without leading zeros. Every datagram's source comes through here. */
function fourOctets(text: string): Uint8Array<ArrayBuffer> | undefined {
  const octets = new Uint8Array(4);
  let count = 0;
  let value = -1;
  for (let i = 0; i <= text.length; i++) {
    const code = i === text.length ? DOT : text.charCodeAt(i);
    if (code === DOT) {
      if (value < 0 || count === 4) return undefined;
      octets[count++] = value;
      value = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return undefined;
    value = value < 0 ? digit : 10 * value + digit;
    if (value > 255) return undefined;
  }
  return count === 4 ? octets : undefined;
}

/** Canonical text (RFC 5952) of four or sixteen octets, undefined for another length. */
export function addressText(octets: Uint8Array): string | undefined {
  if (octets.length === 4) return octets.join(".");
  if (octets.length !== 16) return undefined;
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0)).toString(16));
  return new SocketAddress({ family: "ipv6", address: groups.join(":") }).address;
}

/** The one spelling of an address, undefined when it is none. */
export function canonicalAddress(text: string): string | undefined {
  const octets = addressOctets(text);
  if (octets === undefined) return undefined;
  // of an IPv4 address there is one spelling
  return octets.length === 4 ? text : addressText(octets);
}

/** Whether an address lies in a range, whose ends belong to it; of another family it never does. */
export function within(address: Uint8Array, from: Uint8Array, to: Uint8Array): boolean {
  if (address.length !== from.length || address.length !== to.length) return false;
  return compare(address, from) >= 0 && compare(address, to) <= 0;
}

/** `10.1.0.0/16`, or `10.1.0.3-10.1.0.9` when no prefix describes the range; one address is a prefix of its own. */
export function rangeText(from: Uint8Array, to: Uint8Array): string {
  const bits = 8 * from.length;
  let prefix = 0;
  while (prefix < bits && bit(from, prefix) === bit(to, prefix)) prefix += 1;
  for (let behind = prefix; behind < bits; behind++) {
    if (bit(from, behind) !== 0 || bit(to, behind) !== 1) return `${addressText(from)}-${addressText(to)}`;
  }
  return `${addressText(from)}/${prefix}`;
}

function bit(octets: Uint8Array, at: number): number {
  return ((octets[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
}

/** 0.0.0.0 or ::, which is no address of anybody. */
export function isWildcard(text: string): boolean {
  return addressOctets(text)?.every((octet) => octet === 0) === true;
}

/** `::ffff:192.0.2.1` with its IPv4 tail spelled as two groups. */
function expandEmbedded(text: string): string {
  const dotted = text.slice(text.lastIndexOf(":") + 1);
  if (!isIPv4(dotted)) return text;
  const [a = 0, b = 0, c = 0, d = 0] = dotted.split(".").map(Number);
  return `${text.slice(0, -dotted.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** `192.0.2.1:848`, `[2001:db8::1]:848`. */
export function endpointText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
