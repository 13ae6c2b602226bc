/** Phase 1 and group identities (RFC 2407 4.6.2.1, RFC 8052 2.1) and the text that people write for them. */
import type { CryptoProvider } from "../crypto/provider.ts";
import { IdType } from "../iana/isakmp.ts";
import { addressOctets, addressText } from "../util/address.ts";
import { isDer } from "../util/der.ts";
import { equal, fromHex, hex, utf8 } from "../util/octets.ts";
import { oidOctets, oidText } from "../util/oid.ts";
import { decodeOidSelector, encodeOidSelector } from "../wire/gdoi/iec61850.ts";
import type { OidSelector } from "../wire/payloads.ts";
import { canonicalName } from "./distinguished-name.ts";

export interface Identity {
  /** IPsec identification type. */
  readonly type: number;
  readonly data: Uint8Array;
}

/** Equal type and octets; of ID_OIDs and distinguished names equal meaning, in whichever form they are. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.type === b.type && (equal(a.data, b.data) || equal(strict(a), strict(b)));
}

/** A map key for an identity: equal for those that sameIdentity finds equal. */
export function identityKey(identity: Identity): string {
  return `${identity.type}:${hex(strict(identity))}`;
}

/** The ID_OID of a selector, the OID in its whole DER encoding. @throws RangeError when the parts do not fit their fields. */
export function oidIdentity({ oid, oidSpecificPayload }: OidSelector): Identity {
  return { type: IdType.ID_OID, data: encodeOidSelector({ oid, oidSpecificPayload }) };
}

/** What an ID_OID names, and in which form; undefined for another type, or data that are not of the format. */
export function readOidIdentity(identity: Identity): OidSelector | undefined {
  if (identity.type !== IdType.ID_OID) return undefined;
  const selector = decodeOidSelector(identity.data);
  return selector.ok ? selector.value : undefined;
}

/** Data in one form for all spellings: the one that is sent here, of a distinguished name the canonical one. */
function strict(identity: Identity): Uint8Array {
  if (identity.type === IdType.ID_DER_ASN1_DN) return canonicalName(identity.data) ?? identity.data;
  const selector = readOidIdentity(identity);
  return selector?.oidForm === undefined ? identity.data : oidIdentity(selector).data;
}

/**
 * `192.0.2.1`, `2001:db8::1`, `fqdn:gm.example`, `user:a@b.example`, `dn:CN=gm,O=Utility`, `keyid:000004d2`,
 * `oid:1.2.840.10070.61850.8.1.2;payload=0404e9fc0001`, else `type12:…`.
 */
export function identityText(identity: Identity, crypto: CryptoProvider): string {
  const { type, data } = identity;
  if (type === IdType.ID_IPV4_ADDR || type === IdType.ID_IPV6_ADDR) {
    return addressText(data) ?? `type${type}:${hex(data)}`;
  }
  if (type === IdType.ID_FQDN || type === IdType.ID_USER_FQDN) {
    const text = Buffer.from(data).toString("latin1");
    const printable = /^[\x21-\x7e]+$/.test(text);
    if (printable) return `${type === IdType.ID_FQDN ? "fqdn" : "user"}:${text}`;
  }
  if (type === IdType.ID_DER_ASN1_DN) {
    try {
      return `dn:${crypto.nameText(data)}`;
    } catch {
      return `type9:${hex(data)}`;
    }
  }
  if (type === IdType.ID_KEY_ID) return `keyid:${hex(data)}`;
  const selector = readOidIdentity(identity);
  if (selector !== undefined) {
    const { oid, oidSpecificPayload: payload } = selector;
    return `oid:${oidText(oid)}${payload.length === 0 ? "" : `;payload=${hex(payload)}`}`;
  }
  return `type${type}:${hex(data)}`;
}

/**
 * The identity that `text` names, in the spelling of identityText; a bare host name is an ID_FQDN. A DN cannot be made
 * from text alone (its encoding is the certificate's), so `dn:` is refused here.
 * @returns undefined when the text names none.
 */
export function parseIdentity(text: string): Identity | undefined {
  const address = addressOctets(text);
  if (address !== undefined) {
    return { type: address.length === 4 ? IdType.ID_IPV4_ADDR : IdType.ID_IPV6_ADDR, data: address };
  }
  const colon = text.indexOf(":");
  const scheme = colon < 0 ? "fqdn" : text.slice(0, colon);
  const rest = text.slice(colon + 1);
  if (rest === "") return undefined;
  if (scheme === "keyid") {
    return /^([0-9a-f]{2})+$/i.test(rest) ? { type: IdType.ID_KEY_ID, data: fromHex(rest) } : undefined;
  }
  if (scheme === "oid") return parseOid(rest);
  if (!/^[\x21-\x7e]+$/.test(rest)) return undefined;
  if (scheme === "fqdn") return { type: IdType.ID_FQDN, data: utf8(rest) };
  if (scheme === "user") return { type: IdType.ID_USER_FQDN, data: utf8(rest) };
  return undefined;
}

/** Octets of an OID-specific payload that somebody may mean: it holds an address, or a few. */
export const MOST_OID_PAYLOAD_OCTETS = 1024;

/** `1.2.840.10070.61850.8.1.2`, or that and `;payload=` with DER in hexadecimal. */
function parseOid(text: string): Identity | undefined {
  const semicolon = text.indexOf(";");
  const oid = oidOctets(semicolon < 0 ? text : text.slice(0, semicolon));
  const [, digits = ""] = semicolon < 0 ? [] : (/^;payload=((?:[0-9a-f]{2})+)$/i.exec(text.slice(semicolon)) ?? []);
  if (oid === undefined || (semicolon >= 0 && digits === "")) return undefined;
  const oidSpecificPayload = fromHex(digits);
  if (oidSpecificPayload.length > MOST_OID_PAYLOAD_OCTETS) return undefined;
  if (oidSpecificPayload.length > 0 && !isDer(oidSpecificPayload)) return undefined;
  return oidIdentity({ oid, oidSpecificPayload });
}
