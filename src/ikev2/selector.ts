/** One Traffic Selector (RFC 7296 3.13.1), and several, as what they carry: what is common to them, what they contain. */
import { IpProtocol } from "../iana/isakmp.ts";
import { compare } from "../util/octets.ts";
import type { AddressSelector } from "../wire/ikev2/payloads.ts";

export const HIGHEST_PORT = 65_535;

/** One address, any protocol and port. */
export function hostSelector(address: Uint8Array): AddressSelector {
  return anyTraffic(address, address);
}

/** All addresses of a family. */
export function familySelector(family: "ipv4" | "ipv6"): AddressSelector {
  const length = family === "ipv4" ? 4 : 16;
  return anyTraffic(new Uint8Array(length), new Uint8Array(length).fill(0xff));
}

function anyTraffic(startAddress: Uint8Array, endAddress: Uint8Array): AddressSelector {
  return {
    kind: "addresses",
    ipProtocol: IpProtocol.ANY,
    startPort: 0,
    endPort: HIGHEST_PORT,
    startAddress,
    endAddress,
  };
}

/** The traffic that both carry: one of them itself where the other contains it. */
export function intersection(a: AddressSelector, b: AddressSelector): AddressSelector | undefined {
  if (contains(a, b)) return b;
  if (contains(b, a)) return a;
  const ports = commonPorts(a, b);
  const ipProtocol = commonProtocol(a.ipProtocol, b.ipProtocol);
  if (ports === undefined || ipProtocol === undefined || a.startAddress.length !== b.startAddress.length) {
    return undefined;
  }
  const startAddress = compare(a.startAddress, b.startAddress) > 0 ? a.startAddress : b.startAddress;
  const endAddress = compare(a.endAddress, b.endAddress) < 0 ? a.endAddress : b.endAddress;
  // one that ends before it begins carries nothing
  if (compare(startAddress, endAddress) > 0) return undefined;
  return {
    kind: "addresses",
    ipProtocol,
    startPort: ports.startPort,
    endPort: ports.endPort,
    startAddress,
    endAddress,
  };
}

function commonProtocol(a: number, b: number): number | undefined {
  if (a === b || b === IpProtocol.ANY) return a;
  return a === IpProtocol.ANY ? b : undefined;
}

/** A range, ANY or OPAQUE. */
export type Ports = Pick<AddressSelector, "startPort" | "endPort">;

/** ANY includes OPAQUE, a range does not (3.13.1); types and codes of ICMP are a range of ports like others. */
function commonPorts(a: Ports, b: Ports): Ports | undefined {
  if (isAnyPort(a)) return isPorts(b) ? { startPort: b.startPort, endPort: b.endPort } : undefined;
  if (isAnyPort(b)) return commonPorts(b, a);
  if (isOpaque(a) || isOpaque(b)) {
    return isOpaque(a) && isOpaque(b) ? { startPort: a.startPort, endPort: a.endPort } : undefined;
  }
  const startPort = Math.max(a.startPort, b.startPort);
  const endPort = Math.min(a.endPort, b.endPort);
  return startPort <= endPort ? { startPort, endPort } : undefined;
}

export const isAnyPort = ({ startPort, endPort }: Ports): boolean => startPort === 0 && endPort === HIGHEST_PORT;
export const isOpaque = ({ startPort, endPort }: Ports): boolean => startPort === HIGHEST_PORT && endPort === 0;
const isPorts = (ports: Ports): boolean => ports.startPort <= ports.endPort || isOpaque(ports);

/** Whether `inner` carries something, and nothing that `outer` does not. */
export function contains(outer: AddressSelector, inner: AddressSelector): boolean {
  return (
    (outer.ipProtocol === inner.ipProtocol || outer.ipProtocol === IpProtocol.ANY) &&
    containsPorts(outer, inner) &&
    outer.startAddress.length === inner.startAddress.length &&
    compare(outer.startAddress, inner.startAddress) <= 0 &&
    compare(inner.startAddress, inner.endAddress) <= 0 &&
    compare(inner.endAddress, outer.endAddress) <= 0
  );
}

function containsPorts(outer: Ports, inner: Ports): boolean {
  if (isAnyPort(outer)) return isPorts(inner);
  if (isOpaque(inner)) return isOpaque(outer);
  return isPorts(inner) && outer.startPort <= inner.startPort && inner.endPort <= outer.endPort;
}

/**
 * Whether all that `inner` carries is carried by `outer`; ranges of addresses that follow each other count as one, protocols
 * and ports that do not.
 */
export function covers(outer: readonly AddressSelector[], inner: readonly AddressSelector[]): boolean {
  return inner.every((one) => outer.some((other) => contains(other, one)) || coveredInParts(one, outer));
}

function coveredInParts(one: AddressSelector, outer: readonly AddressSelector[]): boolean {
  const parts = outer
    .flatMap((other) => intersection(other, one) ?? [])
    .filter(
      ({ ipProtocol, startPort, endPort }) =>
        ipProtocol === one.ipProtocol && startPort === one.startPort && endPort === one.endPort,
    )
    .sort((a, b) => compare(a.startAddress, b.startAddress));
  let next: Uint8Array | undefined = one.startAddress;
  for (const { startAddress, endAddress } of parts) {
    if (next === undefined || compare(startAddress, next) > 0) break;
    if (compare(endAddress, next) >= 0) next = successor(endAddress);
    if (compare(endAddress, one.endAddress) === 0) return true;
  }
  return false;
}

/** The address behind `address`; undefined behind the last one. */
function successor(address: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(address);
  for (let i = next.length - 1; i >= 0; i--) {
    const octet = next[i] ?? 0;
    next[i] = octet + 1;
    if (octet < 0xff) return next;
  }
  return undefined;
}
