/** REDIRECT and REDIRECTED_FROM (RFC 5685): gateways as they travel, and how often a client lets itself be sent on. */
import type { Instant } from "../core/engine.ts";
import { GatewayType, NotifyType } from "../iana/ikev2.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { addressOctets, addressText } from "../util/address.ts";
import { isZero, utf8 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import {
  decodeNotifyData,
  encodeNotifyData,
  type Gateway,
  redirect,
  redirectedFrom,
} from "../wire/ikev2/notify-data.ts";
import type { NotifyPayload } from "../wire/ikev2/payloads.ts";
import { notify } from "./contents.ts";

/** RFC 1035 2.3.4; it is also what GW Ident Len can count. */
const LONGEST_NAME = 255;

/** RFC 5685 7, the default values. */
const MAX_REDIRECTS = 5;
const REDIRECT_LOOP_DETECT_PERIOD_MS = 300_000;

/**
 * Sends a client to another gateway.
 * @param gateway an address, or a host name, which the client looks up
 * @param nonce Ni in an answer to IKE_SA_INIT; in a protected message there is none (9.2)
 */
export function redirectNotify(gateway: string, nonce: Uint8Array = new Uint8Array()): NotifyPayload {
  return notify(NotifyType.REDIRECT, encodeNotifyData(redirect, { ...gatewayOf(gateway), nonce }));
}

/** Tells a gateway who sent us to it; it also says that we can be sent on. */
export function redirectedFromNotify(gateway: string): NotifyPayload {
  return notify(NotifyType.REDIRECTED_FROM, encodeNotifyData(redirectedFrom, gatewayOf(gateway)));
}

function gatewayOf(text: string): Gateway {
  const address = addressOctets(text);
  if (address === undefined) return { gatewayType: GatewayType.FQDN, identity: utf8(text).subarray(0, LONGEST_NAME) };
  return { gatewayType: address.length === 4 ? GatewayType.IPV4 : GatewayType.IPV6, identity: address };
}

/** What a REDIRECT says. */
export interface Redirect {
  /** Where a client is sent to, in its canonical text; or why that is nowhere, for the ledger. */
  readonly address: Result<string, string>;
  /** Undefined when the whole cannot be read. */
  readonly nonce: Uint8Array | undefined;
}

/** Reads a REDIRECT. */
export function readRedirect({ data }: NotifyPayload): Redirect {
  const read = decodeNotifyData(redirect, data);
  if (!read.ok) return { address: err("the REDIRECT cannot be read"), nonce: undefined };
  return { address: gatewayAddress(read.value), nonce: read.value.nonce };
}

/** The address of the gateway that sent a client here; undefined when it cannot be read. */
export function readRedirectedFrom({ data }: NotifyPayload): string | undefined {
  const read = decodeNotifyData(redirectedFrom, data);
  const address = read.ok ? gatewayAddress(read.value) : undefined;
  return address?.ok ? address.value : undefined;
}

function gatewayAddress({ gatewayType, identity }: Gateway): Result<string, string> {
  if (gatewayType === GatewayType.FQDN) {
    return err(`host names are not looked up: ${sanitise(identity)}`);
  }
  const length = gatewayType === GatewayType.IPV4 ? 4 : gatewayType === GatewayType.IPV6 ? 16 : undefined;
  const address = identity.length === length && isHost(identity) ? addressText(identity) : undefined;
  return address === undefined ? err(`the REDIRECT has no address of type ${gatewayType}`) : ok(address);
}

/** Neither nobody nor many: multicast and broadcast of IPv4 begin at 224.0.0.0, multicast of IPv6 at ff00::. */
function isHost(address: Uint8Array): boolean {
  const [first = 0] = address;
  return !isZero(address) && first < (address.length === 4 ? 224 : 0xff);
}

/** When a client was sent on, the last few times. */
export type Redirections = readonly Instant[];

/**
 * The redirections with one more, now; undefined when that is one too many within a short time: gateways that send a client
 * to each other, or somebody who means to keep it from its work (7).
 */
export function oneMore(earlier: Redirections, now: Instant): Redirections | undefined {
  const recent = earlier.filter((at) => now - at < REDIRECT_LOOP_DETECT_PERIOD_MS);
  return recent.length >= MAX_REDIRECTS ? undefined : [...recent, now];
}
