/** Traffic Selectors as text: `10.1.0.0/16[tcp/80]`. */
import { IpProtocol } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import { rangeText } from "../util/address.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { AddressSelector } from "../wire/ikev2/payloads.ts";
import { HIGHEST_PORT, isAnyPort, isOpaque, type Ports } from "./selector.ts";

/** How many are spelled out in a sentence. */
const SHOWN = 4;

/** `10.1.0.0/16, 10.2.0.7/32[tcp/80]`, bounded. */
export function selectorsText(selectors: readonly AddressSelector[]): string {
  if (selectors.length === 0) return "nothing";
  const shown = selectors.slice(0, SHOWN).map(selectorText).join(", ");
  return selectors.length > SHOWN ? `${shown} and ${selectors.length - SHOWN} more` : shown;
}

/** `10.1.0.0/16`, `10.1.0.3-10.1.0.9[tcp]`, `10.2.0.7/32[udp/1024-65535]`, `10.2.0.7/32[icmp/8(0)]`, `::/0[47]`. */
export function selectorText(selector: Omit<AddressSelector, "kind">): string {
  const addresses = rangeText(selector.startAddress, selector.endAddress);
  if (selector.ipProtocol === IpProtocol.ANY && isAnyPort(selector)) return addresses;
  const protocol = nameOf(IpProtocol, selector.ipProtocol).toLowerCase();
  return `${addresses}[${protocol}${isAnyPort(selector) ? "" : `/${portsText(selector)}`}]`;
}

function portsText(selector: Omit<AddressSelector, "kind" | "startAddress" | "endAddress">): string {
  if (isOpaque(selector)) return "opaque";
  const { ipProtocol, startPort, endPort } = selector;
  if (ipProtocol !== IpProtocol.ICMP && ipProtocol !== IpProtocol.ICMPV6) {
    return startPort === endPort ? String(startPort) : `${startPort}-${endPort}`;
  }
  // RFC 4301 4.4.1.1: the type in the upper octet, the code in the lower
  if (startPort % 256 === 0 && endPort === startPort + 255) return String(startPort / 256);
  const text = (port: number) => `${port >> 8}(${port & 0xff})`;
  return startPort === endPort ? text(startPort) : `${text(startPort)}-${text(endPort)}`;
}

/** What stands in the brackets of selectorText: a protocol by name or number, then ports, or type and code of ICMP. */
export function parseProtocolAndPorts(text: string): Result<Pick<AddressSelector, "ipProtocol"> & Ports, string> {
  const [name = "", ports, ...rest] = text.trim().toLowerCase().split("/");
  const ipProtocol = protocolNumber(name);
  if (ipProtocol === undefined || rest.length > 0) return err(`${name} is no protocol`);
  if (ports === undefined) return ok({ ipProtocol, startPort: 0, endPort: HIGHEST_PORT });
  if (ipProtocol === IpProtocol.ANY) return err("ports need a protocol that has them");
  if (ports === "opaque") return ok({ ipProtocol, startPort: HIGHEST_PORT, endPort: 0 });
  const icmp = ipProtocol === IpProtocol.ICMP || ipProtocol === IpProtocol.ICMPV6;
  const [first = "", last = first, ...more] = ports.split("-");
  const startPort = icmp ? icmpPort(first, 0) : decimal(first, HIGHEST_PORT);
  const endPort = icmp ? icmpPort(last, 0xff) : decimal(last, HIGHEST_PORT);
  if (startPort === undefined || endPort === undefined || endPort < startPort || more.length > 0) {
    return err(
      icmp ? `${ports} is no type of ICMP, such as 8 or 3(1)` : `${ports} is neither a port nor a range of ports`,
    );
  }
  return ok({ ipProtocol, startPort, endPort });
}

function protocolNumber(name: string): number | undefined {
  for (const [known, number] of Object.entries(IpProtocol)) if (known.toLowerCase() === name) return number;
  return decimal(name, 0xff);
}

/** `8`, with this code at its end of a range, or `8(0)`. */
function icmpPort(text: string, code: number): number | undefined {
  const [, type = "", given] = /^(\d{1,3})(?:\((\d{1,3})\))?$/.exec(text) ?? [];
  const upper = decimal(type, 0xff);
  const lower = given === undefined ? code : decimal(given, 0xff);
  return upper === undefined || lower === undefined ? undefined : upper * 256 + lower;
}

function decimal(text: string, most: number): number | undefined {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : most + 1;
  return value > most ? undefined : value;
}
