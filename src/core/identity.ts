/** Phase 1 and group identities (RFC 2407 4.6.2.1) and the text that people write for them. */
import type { CryptoProvider } from "../crypto/provider.ts";
import { IdType } from "../iana/isakmp.ts";
import { addressOctets, addressText } from "../util/address.ts";
import { equal, fromHex, hex, utf8 } from "../util/octets.ts";

export interface Identity {
  /** IPsec identification type. */
  readonly type: number;
  readonly data: Uint8Array;
}

/** Equal type and octets. */
export function sameIdentity(a: Identity, b: Identity): boolean {
  return a.type === b.type && equal(a.data, b.data);
}

/** A map key for an identity. */
export function identityKey(identity: Identity): string {
  return `${identity.type}:${hex(identity.data)}`;
}

/** `192.0.2.1`, `2001:db8::1`, `fqdn:gm.example`, `user:a@b.example`, `dn:CN=gm,O=Utility`, `keyid:000004d2`, else `type13:…`. */
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
  if (!/^[\x21-\x7e]+$/.test(rest)) return undefined;
  if (scheme === "fqdn") return { type: IdType.ID_FQDN, data: utf8(rest) };
  if (scheme === "user") return { type: IdType.ID_USER_FQDN, data: utf8(rest) };
  return undefined;
}
