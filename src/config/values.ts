/** Times, shares, addresses and identities in the spelling of the configuration. */
import type * as z from "zod";
import type { Endpoint } from "../core/engine.ts";
import { type Identity, parseIdentity } from "../core/identity.ts";
import { nameFromText } from "../crypto/node/names.ts";
import { CryptoError } from "../crypto/provider.ts";
import { IdType } from "../iana/isakmp.ts";
import { addressOctets, addressText, canonicalAddress } from "../util/address.ts";
import { concat, fromHex, u32 } from "../util/octets.ts";
import { field, type Leaf, shown, textOf, Wrong } from "./field.ts";

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of `250ms`, `10s`, `5m`, `24h`, `90d`, within bounds in the same spelling. */
export function duration(least: string, most: string): z.ZodType<number> {
  const [low, high] = [milliseconds(least), milliseconds(most)];
  return field(`a time from ${least} to ${most}, such as 500ms, 10s, 5m, 8h or 90d`, (input) => {
    const value = typeof input === "string" ? milliseconds(input) : undefined;
    if (value === undefined || low === undefined || high === undefined) {
      throw new Wrong(typeof input === "number" ? `${input} has no unit` : `${shown(input)} is no time`);
    }
    if (value < low) throw new Wrong(`${input} is too short`);
    if (value > high) throw new Wrong(`${input} is too long`);
    return value;
  });
}

/** As duration, in whole seconds. */
export function seconds(least: string, most: string): z.ZodType<number> {
  return duration(least, most).transform((value) => Math.round(value / 1000));
}

function milliseconds(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = Object.entries(units).find(([name]) => name === unit)?.[1];
  return digits === undefined || factor === undefined ? undefined : Math.round(Number(digits) * factor);
}

/** A share between 0 and 1 out of `20%`. */
export function share(least: number, most: number): z.ZodType<number> {
  return percent(least, most).transform((value) => value / 100);
}

/** A number of per cent out of `20%`. */
export function percent(least: number, most: number): z.ZodType<number> {
  return field(`a share from ${least}% to ${most}%, such as 20%`, (input) => {
    const digits = /^(\d{1,3}(?:\.\d+)?) ?%$/.exec(typeof input === "string" ? input : "")?.[1];
    if (digits === undefined) throw new Wrong(`${shown(input)} is no share in per cent`);
    const value = Number(digits);
    if (value < least) throw new Wrong(`${input} is too small`);
    if (value > most) throw new Wrong(`${input} is too large`);
    return value;
  });
}

/** `192.0.2.1:848`, `[2001:db8::1]:848`, or an address alone for the default port. */
export function endpoint(defaultPort: number): z.ZodType<Endpoint> {
  return field(`an address with a port, such as 192.0.2.1:${defaultPort} or [2001:db8::1]:${defaultPort}`, (input) => {
    const written = textOf(input);
    const whole = canonicalAddress(written);
    if (whole !== undefined) return { address: whole, port: defaultPort };
    const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(written) ?? [];
    const address = canonicalAddress(bracketed ?? plain ?? "");
    if (address === undefined)
      throw new Wrong(`${shown(input)} is no address with a port; host names are not looked up`);
    const port = Number(digits);
    if (port < 1 || port > 65_535) throw new Wrong(`${port} is no UDP port`);
    return { address, port };
  });
}

/** A time as `duration` reads it, or the word never, which is Infinity. */
export function durationOrNever(least: string, most: string): z.ZodType<number> {
  return orNever(`a time from ${least} to ${most}, such as 10s, 5m, 8h or 90d, or never`, duration(least, most));
}

/** What `schema` takes, or the word never, which is Infinity. */
export function orNever(expected: string, schema: z.ZodType<number>): z.ZodType<number> {
  return field(expected, (input) => {
    if (input === "never") return Number.POSITIVE_INFINITY;
    const read = schema.safeParse(input);
    if (!read.success) throw new Wrong(read.error.issues[0]?.message ?? `${shown(input)} cannot be read`);
    return read.data;
  });
}

/** One address in its canonical text. */
export function address(): z.ZodType<string> {
  return field("an IPv4 or IPv6 address", (input) => {
    const canonical = canonicalAddress(textOf(input));
    if (canonical === undefined) throw new Wrong(`${shown(input)} is no address; host names are not looked up`);
    return canonical;
  });
}

/** Addresses from the first to the last, inclusive. */
export interface AddressRange extends Leaf {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  /** Prefix length when it was written as a subnet. */
  readonly prefix?: number;
  readonly text: string;
}

/** What addressRange expects. */
export const addressWords = "an address, a subnet such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9";

/** An address, a subnet in CIDR notation or a range with a hyphen. */
export function addressRange(): z.ZodType<AddressRange> {
  return field(addressWords, (input) => {
    const range = parseRange(textOf(input));
    if (range === undefined) throw new Wrong(`${shown(input)} is neither an address nor a subnet nor a range`);
    return range;
  });
}

/** Undefined when `text` has not the form of one. @throws Wrong when it has, but does not fit together. */
export function parseRange(text: string): AddressRange | undefined {
  const single = addressOctets(text);
  if (single !== undefined) return { leaf: true, from: single, to: single, text: addressText(single) ?? text };
  const [, base = "", digits] = /^(.*)\/(\d{1,3})$/.exec(text) ?? [];
  const network = addressOctets(base);
  if (network !== undefined && digits !== undefined) return subnet(network, Number(digits), text);
  const [first = "", second = "", ...rest] = text.split("-");
  const [from, to] = [addressOctets(first.trim()), addressOctets(second.trim())];
  if (from === undefined || to === undefined || rest.length > 0) return undefined;
  if (from.length !== to.length) throw new Wrong(`${shown(text)} mixes IPv4 and IPv6`);
  if (Buffer.compare(from, to) > 0) throw new Wrong(`${shown(text)} ends before it begins`);
  return { leaf: true, from, to, text };
}

function subnet(network: Uint8Array, prefix: number, text: string): AddressRange {
  if (prefix > 8 * network.length) throw new Wrong(`a prefix of ${prefix} bits is too long for ${shown(text)}`);
  const mask = prefixMask(prefix, network.length);
  const from = network.map((octet, i) => octet & (mask[i] ?? 0));
  if (Buffer.compare(from, network) !== 0) {
    throw new Wrong(`${shown(text)} has bits behind its prefix; did you mean "${addressText(from)}/${prefix}"?`);
  }
  return { leaf: true, from, to: network.map((octet, i) => octet | (~(mask[i] ?? 0) & 0xff)), prefix, text };
}

function prefixMask(prefix: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 0xff & (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))));
}

/** The identification of a range in a traffic selector (RFC 2407 4.6.2): an address, a subnet with its mask, or a range. */
export function rangeIdentity({ from, to, prefix }: AddressRange): Identity {
  const v4 = from.length === 4;
  if (prefix !== undefined) {
    const type = v4 ? IdType.ID_IPV4_ADDR_SUBNET : IdType.ID_IPV6_ADDR_SUBNET;
    return { type, data: concat(from, prefixMask(prefix, from.length)) };
  }
  if (Buffer.compare(from, to) === 0) return { type: v4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, data: from };
  return { type: v4 ? IdType.ID_IPV4_ADDR_RANGE : IdType.ID_IPV6_ADDR_RANGE, data: concat(from, to) };
}

/** An identity with its text. */
export interface WrittenIdentity extends Leaf {
  readonly identity: Identity;
  readonly text: string;
}

export const identityWords =
  "an address, fqdn:HOST, user:NAME@HOST, keyid:HEX or dn:CN=…, in the spelling of `keyherald members`";

/** The identity of a peer or of this system. */
export function identity(): z.ZodType<WrittenIdentity> {
  return field(identityWords, (input) => parseWritten(textOf(input)));
}

/** @throws Wrong */
export function parseWritten(text: string): WrittenIdentity {
  if (text.startsWith("dn:")) {
    const data = parseName(text.slice(3));
    return { leaf: true, identity: { type: IdType.ID_DER_ASN1_DN, data }, text };
  }
  const parsed = parseIdentity(text);
  const host = parsed?.type === IdType.ID_FQDN ? text.replace(/^fqdn:/, "") : undefined;
  const hostName = /^(?=.{1,253}$)(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.?$/i;
  // ID_OID is of GDOI's own registry, for groups (RFC 8052 4)
  if (
    parsed === undefined ||
    parsed.type === IdType.ID_OID ||
    (host !== undefined && (!hostName.test(host) || /^[\d.]+$/.test(host)))
  ) {
    throw new Wrong(`${shown(text)} names no identity`, identityWords);
  }
  return { leaf: true, identity: parsed, text };
}

/** DER of a distinguished name. @throws Wrong */
export function parseName(text: string): Uint8Array {
  try {
    return nameFromText(text);
  } catch (error) {
    if (error instanceof CryptoError) throw new Wrong(error.message, "RFC 4514 text, such as CN=gm1,O=Utility");
    throw error;
  }
}

/**
 * A group's identity (RFC 6407 5.1, RFC 8052 2.1): a number for an ID_KEY_ID of four octets, `keyid:` with eight digits,
 * an address, `oid:` with an OID and perhaps `;payload=` with DER in hexadecimal.
 */
export function groupId(): z.ZodType<WrittenIdentity> {
  const expected = "a number from 0 to 4294967295, keyid: and 8 hexadecimal digits, an address, or oid: and an OID";
  return field(expected, (input) => {
    if (typeof input === "number") {
      if (!Number.isInteger(input) || input < 0 || input > 0xffff_ffff) throw new Wrong(`${input} has no 4 octets`);
      return { leaf: true, identity: { type: IdType.ID_KEY_ID, data: u32(input) }, text: String(input) };
    }
    const written = textOf(input);
    const octets = addressOctets(written);
    if (octets !== undefined) {
      const type = octets.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR;
      return { leaf: true, identity: { type, data: octets }, text: written };
    }
    if (written.startsWith("oid:")) {
      const identity = parseIdentity(written);
      if (identity !== undefined) return { leaf: true, identity, text: written };
      const example = "oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001, the payload in DER or left out";
      throw new Wrong(`${shown(input)} names no OID`, example);
    }
    const digits = /^keyid:([0-9a-f]+)$/i.exec(written)?.[1];
    if (digits === undefined) throw new Wrong(`${shown(input)} is neither a number nor an address`);
    if (digits.length !== 8) throw new Wrong("a group's key ID has exactly 4 octets (RFC 6407 5.1)");
    return { leaf: true, identity: { type: IdType.ID_KEY_ID, data: fromHex(digits) }, text: written };
  });
}

/** A name for groups, peers and keys: it stands in paths and in the ledger. */
export function name(): z.ZodType<string> {
  return field("a name of letters, digits, dots, hyphens and underscores, at most 64", (input) => {
    const written = textOf(input);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(written)) throw new Wrong(`${shown(input)} is no name`);
    return written;
  });
}
