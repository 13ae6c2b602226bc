/** Phase 1 attributes and their values (RFC 2409 App. A and its IANA registry). */

/** Attribute classes of an ISAKMP SA: RFC 2409 App. A. */
export const OakleyAttribute = {
  ENCRYPTION_ALGORITHM: 1,
  HASH_ALGORITHM: 2,
  AUTHENTICATION_METHOD: 3,
  GROUP_DESCRIPTION: 4,
  GROUP_TYPE: 5,
  GROUP_PRIME: 6,
  GROUP_GENERATOR_ONE: 7,
  GROUP_GENERATOR_TWO: 8,
  GROUP_CURVE_A: 9,
  GROUP_CURVE_B: 10,
  LIFE_TYPE: 11,
  LIFE_DURATION: 12,
  PRF: 13,
  KEY_LENGTH: 14,
  FIELD_SIZE: 15,
  GROUP_ORDER: 16,
} as const;

/** RFC 2409 App. A, RFC 3602 5.1 (AES). */
export const OakleyEncryption = {
  DES_CBC: 1,
  IDEA_CBC: 2,
  BLOWFISH_CBC: 3,
  RC5_R16_B64_CBC: 4,
  TDES_CBC: 5,
  CAST_CBC: 6,
  AES_CBC: 7,
  CAMELLIA_CBC: 8,
} as const;

/** RFC 2409 App. A, RFC 4868 4. */
export const OakleyHash = { MD5: 1, SHA: 2, TIGER: 3, SHA2_256: 4, SHA2_384: 5, SHA2_512: 6 } as const;

/** RFC 2409 App. A, RFC 4754 3. */
export const AuthenticationMethod = {
  PSK: 1,
  DSS: 2,
  RSA_SIG: 3,
  RSA_ENCRYPTION: 4,
  RSA_REVISED_ENCRYPTION: 5,
  ECDSA_256: 9,
  ECDSA_384: 10,
  ECDSA_521: 11,
} as const;

/** RFC 2409 6, RFC 3526, RFC 5903. */
export const OakleyGroup = {
  MODP_768: 1,
  MODP_1024: 2,
  EC2N_155: 3,
  EC2N_185: 4,
  MODP_1536: 5,
  MODP_2048: 14,
  MODP_3072: 15,
  MODP_4096: 16,
  MODP_6144: 17,
  MODP_8192: 18,
  ECP_256: 19,
  ECP_384: 20,
  ECP_521: 21,
} as const;

/** RFC 2409 App. A. */
export const OakleyGroupType = { MODP: 1, ECP: 2, EC2N: 3 } as const;

/** RFC 2409 App. A. */
export const OakleyLifeType = { SECONDS: 1, KILOBYTES: 2 } as const;
