/** Code points of GDOI (RFC 6407 5, RFC 8052 4, RFC 8263 7). */

/** Attributes of the SA KEK payload: RFC 6407 5.3, RFC 8263 7. */
export const KekAttribute = {
  KEK_MANAGEMENT_ALGORITHM: 1,
  KEK_ALGORITHM: 2,
  KEK_KEY_LENGTH: 3,
  KEK_KEY_LIFETIME: 4,
  SIG_HASH_ALGORITHM: 5,
  SIG_ALGORITHM: 6,
  SIG_KEY_LENGTH: 7,
  KEK_ACK_REQUESTED: 9,
} as const;

/** RFC 6407 5.3.1. */
export const KekManagement = { LKH: 1 } as const;

/** RFC 6407 5.3.2: KEK_ALG_DES, KEK_ALG_3DES, KEK_ALG_AES. */
export const KekAlgorithm = { DES: 1, TDES: 2, AES: 3 } as const;

/** RFC 6407 5.3.5. */
export const SigHash = { MD5: 1, SHA1: 2, SHA256: 3, SHA384: 4, SHA512: 5 } as const;

/** RFC 6407 5.3.6. */
export const SigAlgorithm = { RSA: 1, DSS: 2, ECDSS: 3, ECDSA_256: 4, ECDSA_384: 5, ECDSA_521: 6 } as const;

/** RFC 8263 2 and 7. */
export const KekAckRequested = {
  REKEY_ACK_KEK_SHA256: 1,
  REKEY_ACK_LKH_SHA256: 2,
  REKEY_ACK_KEK_SHA512: 3,
  REKEY_ACK_LKH_SHA512: 4,
} as const;

/** Attributes of the GAP payload: RFC 6407 5.4. */
export const GapAttribute = { ACTIVATION_TIME_DELAY: 1, DEACTIVATION_TIME_DELAY: 2, SENDER_ID_REQUEST: 3 } as const;

/** Protocol-ID of a SAT, and of a Delete under DOI 2, where 0 means the KEK: RFC 6407 5.5 and 5.9, RFC 8052 4. */
export const TekProtocol = { ESP: 1, AH: 2, IEC_61850: 3 } as const;

/** RFC 6407 5.6. */
export const KdType = { TEK: 1, KEK: 2, LKH: 3, SID: 4 } as const;

/** RFC 6407 5.6.1. */
export const TekKeyAttribute = { TEK_ALGORITHM_KEY: 1, TEK_INTEGRITY_KEY: 2, TEK_SOURCE_AUTH_KEY: 3 } as const;

/** RFC 6407 5.6.2. */
export const KekKeyAttribute = { KEK_ALGORITHM_KEY: 1, SIG_ALGORITHM_KEY: 2 } as const;

/** RFC 6407 5.6.3. */
export const LkhAttribute = { LKH_DOWNLOAD_ARRAY: 1, LKH_UPDATE_ARRAY: 2, SIG_ALGORITHM_KEY: 3 } as const;

/** RFC 6407 5.6.4. */
export const SidAttribute = { NUMBER_OF_SID_BITS: 1, SID_VALUE: 2 } as const;

/** Auth Alg of a SAT for IEC 61850: RFC 8052 4, "IEC 62351-9 Authentication Values". */
export const AuthAlg = { NONE: 1, HMAC_SHA256_128: 2, HMAC_SHA256: 3, AES_GMAC_128: 4, AES_GMAC_256: 5 } as const;

/** Enc Alg of a SAT for IEC 61850: RFC 8052 4, "IEC 62351-9 Confidentiality Values". */
export const EncAlg = { NONE: 1, AES_CBC_128: 2, AES_CBC_256: 3, AES_GCM_128: 4, AES_GCM_256: 5 } as const;

/** SA Data Attributes of a SAT for IEC 61850: RFC 8052 4. */
export const SaTekAttribute = { SA_ATD: 1, SA_KDA: 2 } as const;
