/**
 * The payloads of IKEv2 (RFC 7296 3, RFC 7383 2.5) as typed values. Code points are open integers: what is not known is
 * kept, and survives a round trip. Reserved fields are ignored on receipt; those that were not zero are kept, so that a
 * message encodes to the octets that it came in, and are absent in all that we make.
 */
import type { Attribute } from "../payloads.ts";

/** What every payload can have in its generic header: RFC 7296 3.2. */
export interface GenericHeader {
  /** Refuse the message if this payload's type is not understood (2.5). Ignored for a type that is. */
  readonly critical?: true;
  /** The seven bits behind the critical bit, when not zero. */
  readonly reserved?: number;
}

/** RFC 7296 3.3.2: `type` is a TransformType, `id` a Transform ID of that type's registry. */
export interface Transform {
  readonly type: number;
  readonly id: number;
  /** RFC 7296 3.3.5: Key Length is a number. */
  readonly attributes: readonly Attribute[];
  /** The reserved octets behind Last Substruc and Transform Type, when not both zero. */
  readonly reserved?: number;
  readonly reserved2?: number;
}

/** RFC 7296 3.3.1 */
export interface Proposal {
  readonly number: number;
  readonly protocolId: number;
  /** Empty for an IKE SA that is being made; 8 octets when one is rekeyed, 4 for ESP and AH. */
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
  readonly reserved?: number;
}

/** RFC 7296 3.3 */
export interface SaPayload extends GenericHeader {
  readonly kind: "SA";
  readonly proposals: readonly Proposal[];
}

/** RFC 7296 3.4 */
export interface KePayload extends GenericHeader {
  readonly kind: "KE";
  /** Diffie-Hellman Group Num. */
  readonly group: number;
  readonly data: Uint8Array;
  /** Two octets, when not zero. */
  readonly reserved2?: number;
}

interface Identification extends GenericHeader {
  readonly idType: number;
  readonly data: Uint8Array;
  /** Three octets, when not zero. */
  readonly reserved2?: number;
}

/** RFC 7296 3.5, of the initiator. */
export interface IdiPayload extends Identification {
  readonly kind: "IDi";
}

/** RFC 7296 3.5, of the responder. */
export interface IdrPayload extends Identification {
  readonly kind: "IDr";
}

/** RFC 7296 3.6 */
export interface CertPayload extends GenericHeader {
  readonly kind: "CERT";
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** RFC 7296 3.7: for X.509 the SHA-1 hashes of the public keys of CAs, 20 octets each, one after the other. */
export interface CertreqPayload extends GenericHeader {
  readonly kind: "CERTREQ";
  readonly encoding: number;
  readonly authorities: Uint8Array;
}

/** RFC 7296 3.8 */
export interface AuthPayload extends GenericHeader {
  readonly kind: "AUTH";
  readonly method: number;
  readonly data: Uint8Array;
  /** Three octets, when not zero. */
  readonly reserved2?: number;
}

/** RFC 7296 3.9 */
export interface NoncePayload extends GenericHeader {
  readonly kind: "NONCE";
  readonly data: Uint8Array;
}

/** What a notification says: RFC 7296 3.10. */
export interface Notification {
  /** 0 with an empty SPI, unless the notification is about a Child SA. */
  readonly protocolId: number;
  readonly spi: Uint8Array;
  /** NotifyType, or ProvisionalNotifyType. */
  readonly type: number;
  readonly data: Uint8Array;
}

/** RFC 7296 3.10 */
export interface NotifyPayload extends GenericHeader, Notification {
  readonly kind: "N";
}

/** RFC 7296 3.11. All SPIs have `spiSize` octets; for the IKE SA itself that is 0 and there are none. */
export interface DeletePayload extends GenericHeader {
  readonly kind: "D";
  readonly protocolId: number;
  readonly spiSize: number;
  readonly spis: readonly Uint8Array[];
}

/** RFC 7296 3.12 */
export interface VendorIdPayload extends GenericHeader {
  readonly kind: "V";
  readonly data: Uint8Array;
}

/** RFC 7296 3.13.1, TS_IPV4_ADDR_RANGE and TS_IPV6_ADDR_RANGE: which one follows from the length of the addresses. */
export interface AddressSelector {
  readonly kind: "addresses";
  /** 0 for any. */
  readonly ipProtocol: number;
  /** 0 to 65535 for any port; 65535 to 0 for OPAQUE. */
  readonly startPort: number;
  readonly endPort: number;
  /** 4 or 16 octets, both alike. */
  readonly startAddress: Uint8Array;
  readonly endAddress: Uint8Array;
}

/** A Traffic Selector of another type: what stands behind its TS Type. */
export interface UnknownSelector {
  readonly kind: "UNKNOWN";
  readonly tsType: number;
  /** The octet that is IP Protocol ID where a type has one. */
  readonly ipProtocol: number;
  readonly data: Uint8Array;
}

export type TrafficSelector = AddressSelector | UnknownSelector;

interface TrafficSelectors extends GenericHeader {
  readonly selectors: readonly TrafficSelector[];
  /** Three octets, when not zero. */
  readonly reserved2?: number;
}

/** RFC 7296 3.13, of the initiator. */
export interface TsiPayload extends TrafficSelectors {
  readonly kind: "TSi";
}

/** RFC 7296 3.13, of the responder. */
export interface TsrPayload extends TrafficSelectors {
  readonly kind: "TSr";
}

/** RFC 7296 3.14: always the last payload of its message. */
export interface SkPayload extends GenericHeader {
  readonly kind: "SK";
  /** Type of the first payload inside, 0 when there is none. */
  readonly innerFirst: number;
  /** IV, ciphertext and ICV. */
  readonly body: Uint8Array;
}

/** RFC 7383 2.5: always the last payload of its message. */
export interface SkfPayload extends GenericHeader {
  readonly kind: "SKF";
  /** Type of the first payload inside; 0 in all fragments but the first. */
  readonly innerFirst: number;
  /** From 1 on. */
  readonly fragmentNumber: number;
  readonly totalFragments: number;
  /** IV, ciphertext and ICV. */
  readonly body: Uint8Array;
}

/** RFC 7296 3.15.1 */
export interface ConfigurationAttribute {
  /** ConfigurationAttributeType, 15 bits. */
  readonly type: number;
  /** Empty in a request that has no wish. */
  readonly value: Uint8Array;
  /** The reserved bit, when set. */
  readonly reserved?: true;
}

/** RFC 7296 3.15 */
export interface CpPayload extends GenericHeader {
  readonly kind: "CP";
  readonly cfgType: number;
  readonly attributes: readonly ConfigurationAttribute[];
  /** Three octets, when not zero. */
  readonly reserved2?: number;
}

/** RFC 7296 3.16: one EAP message (RFC 3748 4). `data` is Type and Type_Data, empty for Success and Failure. */
export interface EapPayload extends GenericHeader {
  readonly kind: "EAP";
  readonly code: number;
  readonly identifier: number;
  readonly data: Uint8Array;
}

/** Not understood here; kept as it came, without its generic header. */
export interface UnknownPayload extends GenericHeader {
  readonly kind: "UNKNOWN";
  readonly type: number;
  readonly data: Uint8Array;
}

export type Payload =
  | SaPayload
  | KePayload
  | IdiPayload
  | IdrPayload
  | CertPayload
  | CertreqPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorIdPayload
  | TsiPayload
  | TsrPayload
  | SkPayload
  | CpPayload
  | EapPayload
  | SkfPayload
  | UnknownPayload;

/** A payload with the octets it came in (generic header included) and its offset in the message. */
export interface ReceivedPayload {
  readonly payload: Payload;
  readonly octets: Uint8Array;
  readonly offset: number;
}

/** RFC 7296 3.1 */
export interface Header {
  /** IKE SA Initiator's SPI, 8 octets. */
  readonly spiI: Uint8Array;
  /** IKE SA Responder's SPI, 8 octets; zeros in the first message of an IKE_SA_INIT. */
  readonly spiR: Uint8Array;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  /** Bits of Flag. */
  readonly flags: number;
  readonly messageId: number;
  /** Of the whole message, header included. */
  readonly length: number;
}
