/** Code points of ISAKMP (RFC 2408) and of the payloads that the DOIs share (RFC 2407 4.6). */

/** Next Payload types: RFC 2408 3.1, RFC 3947 (NAT-D, NAT-OA), RFC 6407 5. */
export const PayloadType = {
  NONE: 0,
  SA: 1,
  P: 2,
  T: 3,
  KE: 4,
  ID: 5,
  CERT: 6,
  CR: 7,
  HASH: 8,
  SIG: 9,
  NONCE: 10,
  N: 11,
  D: 12,
  VID: 13,
  SAK: 15,
  SAT: 16,
  KD: 17,
  SEQ: 18,
  NAT_D: 20,
  NAT_OA: 21,
  GAP: 22,
} as const;

/** Exchange types: RFC 2408 3.1, RFC 2409 App. A, RFC 6407 8.1, RFC 8263 7. Quick Mode and GROUPKEY-PULL share 32. */
export const ExchangeType = {
  NONE: 0,
  BASE: 1,
  IDENTITY_PROTECTION: 2,
  AUTHENTICATION_ONLY: 3,
  AGGRESSIVE: 4,
  INFORMATIONAL: 5,
  QUICK_MODE: 32,
  GROUPKEY_PULL: 32,
  GROUPKEY_PUSH: 33,
  GROUPKEY_PUSH_ACK: 35,
} as const;

/** Header flags, one bit each: RFC 2408 3.1. */
export const Flag = { ENCRYPTION: 1, COMMIT: 2, AUTHENTICATION_ONLY: 4 } as const;

/** Domains of interpretation: RFC 2408 2.1, RFC 2407 2, RFC 6407 8.1. */
export const Doi = { ISAKMP: 0, IPSEC: 1, GDOI: 2 } as const;

/** Situation bits of the IPsec DOI: RFC 2407 4.2. */
export const Situation = { SIT_IDENTITY_ONLY: 1, SIT_SECRECY: 2, SIT_INTEGRITY: 4 } as const;

/** Security protocols of a proposal, notification or deletion under DOI 1: RFC 2407 4.4.1. */
export const ProtocolId = { PROTO_ISAKMP: 1, PROTO_IPSEC_AH: 2, PROTO_IPSEC_ESP: 3, PROTO_IPCOMP: 4 } as const;

/** ISAKMP transforms: RFC 2407 4.4.2. */
export const IsakmpTransform = { KEY_IKE: 1 } as const;

/** Notify Message Types: RFC 2408 3.14.1, RFC 2407 4.6.3, RFC 3706 6. */
export const NotifyType = {
  INVALID_PAYLOAD_TYPE: 1,
  DOI_NOT_SUPPORTED: 2,
  SITUATION_NOT_SUPPORTED: 3,
  INVALID_COOKIE: 4,
  INVALID_MAJOR_VERSION: 5,
  INVALID_MINOR_VERSION: 6,
  INVALID_EXCHANGE_TYPE: 7,
  INVALID_FLAGS: 8,
  INVALID_MESSAGE_ID: 9,
  INVALID_PROTOCOL_ID: 10,
  INVALID_SPI: 11,
  INVALID_TRANSFORM_ID: 12,
  ATTRIBUTES_NOT_SUPPORTED: 13,
  NO_PROPOSAL_CHOSEN: 14,
  BAD_PROPOSAL_SYNTAX: 15,
  PAYLOAD_MALFORMED: 16,
  INVALID_KEY_INFORMATION: 17,
  INVALID_ID_INFORMATION: 18,
  INVALID_CERT_ENCODING: 19,
  INVALID_CERTIFICATE: 20,
  CERT_TYPE_UNSUPPORTED: 21,
  INVALID_CERT_AUTHORITY: 22,
  INVALID_HASH_INFORMATION: 23,
  AUTHENTICATION_FAILED: 24,
  INVALID_SIGNATURE: 25,
  ADDRESS_NOTIFICATION: 26,
  NOTIFY_SA_LIFETIME: 27,
  CERTIFICATE_UNAVAILABLE: 28,
  UNSUPPORTED_EXCHANGE_TYPE: 29,
  UNEQUAL_PAYLOAD_LENGTHS: 30,
  CONNECTED: 16384,
  RESPONDER_LIFETIME: 24576,
  REPLAY_STATUS: 24577,
  INITIAL_CONTACT: 24578,
  R_U_THERE: 36136,
  R_U_THERE_ACK: 36137,
} as const;

/** Identification types: RFC 2407 4.6.2.1, RFC 3554 (ID_LIST), RFC 8052 2.2.1 (ID_OID). */
export const IdType = {
  ID_IPV4_ADDR: 1,
  ID_FQDN: 2,
  ID_USER_FQDN: 3,
  ID_IPV4_ADDR_SUBNET: 4,
  ID_IPV6_ADDR: 5,
  ID_IPV6_ADDR_SUBNET: 6,
  ID_IPV4_ADDR_RANGE: 7,
  ID_IPV6_ADDR_RANGE: 8,
  ID_DER_ASN1_DN: 9,
  ID_DER_ASN1_GN: 10,
  ID_KEY_ID: 11,
  ID_LIST: 12,
  ID_OID: 13,
} as const;

/** Certificate encodings: RFC 2408 3.9. */
export const CertificateEncoding = {
  NONE: 0,
  PKCS7: 1,
  PGP: 2,
  DNS_SIGNED_KEY: 3,
  X509_SIGNATURE: 4,
  X509_KEY_EXCHANGE: 5,
  KERBEROS_TOKENS: 6,
  CRL: 7,
  ARL: 8,
  SPKI: 9,
  X509_ATTRIBUTE: 10,
} as const;

/** IP protocol numbers that selectors and ID payloads name. */
export const IpProtocol = { ANY: 0, ICMP: 1, IGMP: 2, TCP: 6, UDP: 17, ESP: 50, AH: 51, ICMPV6: 58 } as const;
