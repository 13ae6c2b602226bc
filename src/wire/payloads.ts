/**
 * The payloads of ISAKMP (RFC 2408 3), Phase 1 (RFC 2407 4.6, RFC 2409) and GDOI (RFC 6407 5) as typed values.
 * Code points are open integers: what is not known is kept, and survives a round trip.
 */

/** A data attribute (RFC 2408 3.3): a number travels as TV (AF = 1), octets as TLV. */
export interface Attribute {
  readonly type: number;
  readonly value: number | Uint8Array;
}

/** RFC 2408 3.6 */
export interface Transform {
  readonly number: number;
  readonly id: number;
  readonly attributes: readonly Attribute[];
}

/** RFC 2408 3.5 */
export interface Proposal {
  readonly number: number;
  readonly protocolId: number;
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

/** RFC 2408 3.4, RFC 2407 4.6.1: the SA payload of Phase 1. */
export interface SaPayload {
  readonly kind: "SA";
  readonly doi: number;
  /** Four octets as an integer: SIT_IDENTITY_ONLY is 1. Labels of other situations are kept. */
  readonly situation: number;
  readonly situationLabels?: Uint8Array;
  readonly proposals: readonly Proposal[];
}

/** RFC 2408 3.7 */
export interface KePayload {
  readonly kind: "KE";
  readonly data: Uint8Array;
}

/** RFC 2407 4.6.2; RFC 6407 5.1 for groups. */
export interface IdPayload {
  readonly kind: "ID";
  readonly idType: number;
  readonly protocolId: number;
  readonly port: number;
  readonly data: Uint8Array;
}

/** RFC 2408 3.9 */
export interface CertPayload {
  readonly kind: "CERT";
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** RFC 2408 3.10 */
export interface CrPayload {
  readonly kind: "CR";
  readonly encoding: number;
  readonly authority: Uint8Array;
}

/** RFC 2408 3.11 */
export interface HashPayload {
  readonly kind: "HASH";
  readonly data: Uint8Array;
}

/** RFC 2408 3.12 */
export interface SigPayload {
  readonly kind: "SIG";
  readonly data: Uint8Array;
}

/** RFC 2408 3.13 */
export interface NoncePayload {
  readonly kind: "NONCE";
  readonly data: Uint8Array;
}

/** RFC 2408 3.14 */
export interface NotificationPayload {
  readonly kind: "N";
  readonly doi: number;
  readonly protocolId: number;
  readonly spi: Uint8Array;
  readonly notifyType: number;
  readonly data: Uint8Array;
}

/** RFC 2408 3.15, RFC 6407 5.9. All SPIs have `spiSize` octets. */
export interface DeletePayload {
  readonly kind: "D";
  readonly doi: number;
  readonly protocolId: number;
  readonly spiSize: number;
  readonly spis: readonly Uint8Array[];
}

/** RFC 2408 3.16 */
export interface VendorIdPayload {
  readonly kind: "VID";
  readonly data: Uint8Array;
}

/** RFC 6407 5.2: the SA payload of GROUPKEY-PULL and GROUPKEY-PUSH with the SA attribute payloads inside its length. */
export interface GdoiSaPayload {
  readonly kind: "GDOI-SA";
  readonly doi: number;
  readonly situation: number;
  readonly attributes: readonly SaAttributePayload[];
}

export type SaAttributePayload = SaKekPayload | GapPayload | SaTekPayload | UnknownPayload;

/** An identity inside a SAK or SAT: type, port, data with a one-octet length (READINGS 7). */
export interface SelectorId {
  readonly idType: number;
  readonly port: number;
  readonly data: Uint8Array;
}

/** RFC 6407 5.3 */
export interface SaKekPayload {
  readonly kind: "SAK";
  readonly protocol: number;
  readonly source: SelectorId;
  readonly destination: SelectorId;
  /** Present only when the peer sends the 'DST ID Prot' octet of the text (READINGS 7). */
  readonly destinationProtocol?: number;
  /** 16 octets: initiator cookie | responder cookie. */
  readonly spi: Uint8Array;
  readonly attributes: readonly Attribute[];
}

/** RFC 6407 5.4; also a payload of its own in GROUPKEY-PULL message 3. */
export interface GapPayload {
  readonly kind: "GAP";
  readonly attributes: readonly Attribute[];
}

/** RFC 6407 5.5: `body` is set for ESP (1) and AH (2), `iec61850` for IEC 61850 (3), `opaque` for all others. */
export interface SaTekPayload {
  readonly kind: "SAT";
  readonly protocolId: number;
  readonly body?: IpsecTek;
  readonly iec61850?: Iec61850Tek;
  readonly opaque?: Uint8Array;
}

/** RFC 6407 5.5.1 */
export interface IpsecTek {
  readonly protocol: number;
  readonly source: SelectorId;
  readonly destination: SelectorId;
  readonly destinationProtocol?: number;
  readonly transformId: number;
  /** Four octets. */
  readonly spi: Uint8Array;
  /** RFC 2407 4.5 */
  readonly attributes: readonly Attribute[];
}

/** RFC 8052 figure 2: the Identification Data of an ID_OID, and the selector of a SAT for IEC 61850. */
export interface OidSelector {
  /** The contents octets of an OBJECT IDENTIFIER, without tag and length. */
  readonly oid: Uint8Array;
  /** Present only when the peer sends these octets alone in place of the whole DER encoding. */
  readonly oidForm?: "contents";
  /** A selector in DER, of the OID's own kind; empty for none. */
  readonly oidSpecificPayload: Uint8Array;
}

/** RFC 8052 2.2 */
export interface Iec61850Tek extends OidSelector {
  /** Four octets. */
  readonly spi: Uint8Array;
  readonly authAlg: number;
  readonly encAlg: number;
  /** Seconds; 0 when the TEK does not expire. */
  readonly remainingLifetime: number;
  /** RFC 8052 2.2.4 */
  readonly attributes: readonly Attribute[];
}

/** RFC 6407 5.6 */
export interface KdPayload {
  readonly kind: "KD";
  readonly packets: readonly KeyPacket[];
}

/** TEK (1), KEK (2), LKH (3), SID (4) and unknown key packets alike: their attributes are read by type. */
export interface KeyPacket {
  readonly kdType: number;
  readonly spi: Uint8Array;
  readonly attributes: readonly Attribute[];
  /** Contents of an unknown KD Type that are no attributes. */
  readonly opaque?: Uint8Array;
}

/** RFC 6407 5.7 */
export interface SeqPayload {
  readonly kind: "SEQ";
  readonly sequenceNumber: number;
}

/** Not understood here; kept as it came, without its generic header. */
export interface UnknownPayload {
  readonly kind: "UNKNOWN";
  readonly type: number;
  readonly data: Uint8Array;
}

export type Payload =
  | SaPayload
  | KePayload
  | IdPayload
  | CertPayload
  | CrPayload
  | HashPayload
  | SigPayload
  | NoncePayload
  | NotificationPayload
  | DeletePayload
  | VendorIdPayload
  | GdoiSaPayload
  | GapPayload
  | KdPayload
  | SeqPayload
  | UnknownPayload;

/** A payload with the octets it came in (generic header included) and its offset in the message. */
export interface ReceivedPayload {
  readonly payload: Payload;
  readonly octets: Uint8Array;
  readonly offset: number;
}

/** One LKH key (RFC 6407 5.6.3.1); `data` is IV | key, in the clear or encrypted. Dates in seconds since 1970. */
export interface LkhKey {
  readonly lkhId: number;
  readonly keyType: number;
  readonly created: number;
  readonly expires: number;
  readonly keyHandle: number;
  readonly data: Uint8Array;
}

/** RFC 6407 5.6.3.1, the value of attribute LKH_DOWNLOAD_ARRAY. */
export interface LkhDownloadArray {
  readonly keys: readonly LkhKey[];
}

/** RFC 6407 5.6.3.2, the value of attribute LKH_UPDATE_ARRAY. */
export interface LkhUpdateArray {
  readonly lkhId: number;
  readonly keyHandle: number;
  readonly keys: readonly LkhKey[];
}

/** RFC 2408 3.1 */
export interface Header {
  /** 8 octets. */
  readonly initiatorCookie: Uint8Array;
  /** 8 octets. */
  readonly responderCookie: Uint8Array;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
  /** Of the whole message, header and padding included. */
  readonly length: number;
}
