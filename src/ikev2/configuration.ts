/**
 * The Configuration payload (RFC 7296 2.19, 3.15): what a client asks for, and what a gateway answers. Attributes that are not
 * understood are ignored both ways, and CFG_SET is no use to anybody.
 */
import { CfgType, ConfigurationAttributeType } from "../iana/ikev2.ts";
import { concat, hex, isZero, u16 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { ConfigurationAttribute, CpPayload } from "../wire/ikev2/payloads.ts";
import { type Given, prefixOf } from "./address-pool.ts";

const {
  APPLICATION_VERSION,
  INTERNAL_IP4_ADDRESS,
  INTERNAL_IP4_DNS,
  INTERNAL_IP4_NETMASK,
  INTERNAL_IP6_ADDRESS,
  INTERNAL_IP6_DNS,
  SUPPORTED_ATTRIBUTES,
} = ConfigurationAttributeType;

export type Family = "ipv4" | "ipv6";

const addressTypes: Readonly<Record<Family, number>> = { ipv4: INTERNAL_IP4_ADDRESS, ipv6: INTERNAL_IP6_ADDRESS };
const dnsTypes: Readonly<Record<Family, number>> = { ipv4: INTERNAL_IP4_DNS, ipv6: INTERNAL_IP6_DNS };
const addressOctets: Readonly<Record<Family, number>> = { ipv4: 4, ipv6: 16 };
const families: readonly Family[] = ["ipv4", "ipv6"];

/** Name servers of a reply that are kept. */
const MOST_NAME_SERVERS = 8;

const attribute = (type: number, value: Uint8Array = new Uint8Array()): ConfigurationAttribute => ({ type, value });

function isOf(family: Family, address: Uint8Array): boolean {
  return address.length === addressOctets[family];
}

/**
 * A client's request: an address of each family, the one that it had if any, and name servers.
 * @param former addresses of the IKE SA before this one
 */
export function configurationRequest(wanted: readonly Family[], former: readonly Uint8Array[]): CpPayload {
  const attributes = wanted.flatMap((family) => {
    const before = former.find((address) => isOf(family, address));
    const wish = before === undefined ? undefined : withPrefix(before, 8 * before.length);
    return [attribute(addressTypes[family], wish), attribute(dnsTypes[family])];
  });
  return { kind: "CP", cfgType: CfgType.CFG_REQUEST, attributes };
}

/** INTERNAL_IP6_ADDRESS is followed by the length of a prefix (3.15.1). */
function withPrefix(address: Uint8Array, prefix: number): Uint8Array {
  return address.length === 16 ? concat(address, Uint8Array.of(prefix)) : address;
}

/** What a client was given. */
export interface ClientConfiguration {
  /** At most one of each family that was asked for. */
  readonly addresses: readonly Uint8Array[];
  readonly nameServers: readonly Uint8Array[];
}

/** Reads a gateway's reply; the error says why there is no address. */
export function readReply(
  payload: CpPayload | undefined,
  wanted: readonly Family[],
): Result<ClientConfiguration, string> {
  if (payload === undefined) return err("the gateway answers without a configuration payload");
  if (payload.cfgType !== CfgType.CFG_REPLY) return err("the gateway answers with another configuration payload");
  const { attributes } = payload;
  const addresses = wanted.flatMap((family) => {
    const given = addressesIn(attributes, family).find((address) => !isZero(address));
    return given === undefined ? [] : [given.slice()];
  });
  if (addresses.length === 0) return err(`the gateway gives no address (${wanted.join(", ")})`);
  const nameServers = attributes
    .filter(({ type, value }) => families.some((family) => type === dnsTypes[family] && isOf(family, value)))
    .slice(0, MOST_NAME_SERVERS)
    .map(({ value }) => value.slice());
  return ok({ addresses, nameServers });
}

/** Addresses of a family; one that has another length is none. */
function addressesIn(attributes: readonly ConfigurationAttribute[], family: Family): Uint8Array[] {
  const length = addressOctets[family];
  const octets = family === "ipv6" ? length + 1 : length;
  return attributes.flatMap(({ type, value }) =>
    type === addressTypes[family] && value.length === octets ? [value.subarray(0, length)] : [],
  );
}

/** What a client asks for. */
export interface ClientRequest {
  /** An address of each of these families, perhaps a certain one. */
  readonly addresses: readonly { readonly family: Family; readonly wish: Uint8Array | undefined }[];
  readonly attributes: readonly ConfigurationAttribute[];
}

/** Reads a client's request; undefined when the payload is none. */
export function readRequest(payload: CpPayload | undefined): ClientRequest | undefined {
  if (payload?.cfgType !== CfgType.CFG_REQUEST) return undefined;
  const { attributes } = payload;
  const asked = families.filter((family) => attributes.some(({ type }) => type === addressTypes[family]));
  const addresses = asked.map((family) => {
    const wish = addressesIn(attributes, family).find((address) => !isZero(address));
    return { family, wish: wish?.slice() };
  });
  return { addresses, attributes };
}

/** All that is looked at in a request. */
const supported: readonly number[] = [
  INTERNAL_IP4_ADDRESS,
  INTERNAL_IP4_NETMASK,
  INTERNAL_IP4_DNS,
  INTERNAL_IP6_ADDRESS,
  INTERNAL_IP6_DNS,
  SUPPORTED_ATTRIBUTES,
];

/**
 * The answer to a request: one address at most of each family, the name servers of their pools, and what else was asked for.
 * A name server is told without being asked for: who asks for an address has use for it.
 */
export function configurationReply({ attributes: asked }: ClientRequest, given: readonly Given[]): CpPayload {
  const asks = (wanted: number) => asked.some(({ type }) => type === wanted);
  const attributes = given.flatMap((one): ConfigurationAttribute[] => {
    const { address, pool } = one;
    const bits = 8 * address.length;
    const prefix = prefixOf(pool) ?? bits;
    if (address.length === 16) return [attribute(INTERNAL_IP6_ADDRESS, withPrefix(address, prefix))];
    // a link boundary, which a tunnel has not: only for those who insist
    const netmask = asks(INTERNAL_IP4_NETMASK) ? [attribute(INTERNAL_IP4_NETMASK, maskOf(prefix))] : [];
    return [attribute(INTERNAL_IP4_ADDRESS, address), ...netmask];
  });
  const servers = new Map(given.flatMap(({ pool }) => pool.dns).map((server) => [hex(server), server]));
  for (const server of servers.values()) {
    attributes.push(attribute(server.length === 4 ? INTERNAL_IP4_DNS : INTERNAL_IP6_DNS, server));
  }
  if (asks(SUPPORTED_ATTRIBUTES)) attributes.push(attribute(SUPPORTED_ATTRIBUTES, concat(...supported.map(u16))));
  // 2.20: an answer without a version
  if (asks(APPLICATION_VERSION)) attributes.push(attribute(APPLICATION_VERSION));
  return { kind: "CP", cfgType: CfgType.CFG_REPLY, attributes };
}

function maskOf(prefix: number): Uint8Array {
  const mask = new Uint8Array(4);
  for (let bit = 0; bit < prefix; bit++) mask[bit >> 3] = (mask[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return mask;
}
