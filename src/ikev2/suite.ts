/** Algorithms of IKE and ESP by their transforms, with the octets that each takes, and what one SA has of them. */
import type { AeadName, HashName } from "../crypto/provider.ts";
import { DhGroup, EncryptionTransform, IntegrityTransform, PrfTransform } from "../iana/ikev2.ts";

/** Transform type 1. */
export interface Encryption {
  /** As it is written in a configuration, `aes-gcm-16-256`. */
  readonly name: string;
  readonly id: number;
  /** The Key Length attribute in bits; undefined where the transform has a key of one length (RFC 7296 3.3.5). */
  readonly keyBits: number | undefined;
  /** Octets of the cipher's key; in keying material the salt follows it (RFC 5282 7.1, RFC 7634 2). */
  readonly keyOctets: number;
  readonly saltOctets: number;
  readonly ivOctets: number;
  /** Octets of the ICV that the cipher makes itself; 0 where an integrity algorithm makes it. */
  readonly icvOctets: number;
  /** Ciphertext is a multiple of it. */
  readonly blockOctets: number;
  /** Combined mode: no integrity algorithm stands beside it. */
  readonly aead: AeadName | undefined;
  /** Not for IKE (RFC 7296 5): only ESP may go without encryption. */
  readonly espOnly?: true;
}

/** Transform type 3. */
export interface Integrity {
  readonly name: string;
  readonly id: number;
  readonly hash: HashName;
  /** RFC 4868 2.1.1: as many as the hash has. */
  readonly keyOctets: number;
  readonly icvOctets: number;
}

/** Transform type 2. */
export interface Prf {
  readonly name: string;
  readonly id: number;
  readonly hash: HashName;
  /** The preferred key size, which is that of the output (RFC 7296 2.13). */
  readonly octets: number;
}

/** Transform type 4. */
export interface Group {
  readonly name: string;
  readonly id: number;
}

/** What an IKE SA has. */
export interface IkeSuite {
  readonly encryption: Encryption;
  /** Undefined with a combined mode. */
  readonly integrity: Integrity | undefined;
  readonly prf: Prf;
  readonly group: Group;
}

/** What a pair of ESP SAs has. */
export interface EspSuite {
  readonly encryption: Encryption;
  readonly integrity: Integrity | undefined;
  /** Undefined when the keys come from SK_d and nonces alone. */
  readonly group: Group | undefined;
  /** Extended Sequence Numbers (RFC 4303 2.2.1). */
  readonly esn: boolean;
}

function gcm(keyBits: number): Encryption {
  return {
    name: `aes-gcm-16-${keyBits}`,
    id: EncryptionTransform.ENCR_AES_GCM_16,
    keyBits,
    keyOctets: keyBits / 8,
    saltOctets: 4,
    ivOctets: 8,
    icvOctets: 16,
    blockOctets: 1,
    aead: "aes-gcm",
  };
}

function cbc(keyBits: number): Encryption {
  return {
    name: `aes-cbc-${keyBits}`,
    id: EncryptionTransform.ENCR_AES_CBC,
    keyBits,
    keyOctets: keyBits / 8,
    saltOctets: 0,
    ivOctets: 16,
    icvOctets: 0,
    blockOctets: 16,
    aead: undefined,
  };
}

/** RFC 7634 3: the key length is fixed, and no attribute says it. */
const chacha20Poly1305: Encryption = {
  name: "chacha20-poly1305",
  id: EncryptionTransform.ENCR_CHACHA20_POLY1305,
  keyBits: undefined,
  keyOctets: 32,
  saltOctets: 4,
  ivOctets: 8,
  icvOctets: 16,
  blockOctets: 1,
  aead: "chacha20-poly1305",
};

/** RFC 2410; with an integrity algorithm an SA that shows what it carries. */
const nullEncryption: Encryption = {
  name: "null",
  id: EncryptionTransform.ENCR_NULL,
  keyBits: undefined,
  keyOctets: 0,
  saltOctets: 0,
  ivOctets: 0,
  icvOctets: 0,
  blockOctets: 4,
  aead: undefined,
  espOnly: true,
};

/** All that is supported, in the order in which it is shown. */
export const encryptions: readonly Encryption[] = [
  gcm(256),
  gcm(192),
  gcm(128),
  chacha20Poly1305,
  cbc(256),
  cbc(192),
  cbc(128),
  nullEncryption,
];

/** RFC 4868 2.1.1: the key is as long as the hash, the ICV half of it. */
function hmac(id: number, hash: HashName, octets: number): Integrity {
  return { name: `hmac-${hash}-${4 * octets}`, id, hash, keyOctets: octets, icvOctets: octets / 2 };
}

export const integrities: readonly Integrity[] = [
  hmac(IntegrityTransform.AUTH_HMAC_SHA2_256_128, "sha256", 32),
  hmac(IntegrityTransform.AUTH_HMAC_SHA2_384_192, "sha384", 48),
  hmac(IntegrityTransform.AUTH_HMAC_SHA2_512_256, "sha512", 64),
];

export const prfs: readonly Prf[] = [
  { name: "prf-hmac-sha256", id: PrfTransform.PRF_HMAC_SHA2_256, hash: "sha256", octets: 32 },
  { name: "prf-hmac-sha384", id: PrfTransform.PRF_HMAC_SHA2_384, hash: "sha384", octets: 48 },
  { name: "prf-hmac-sha512", id: PrfTransform.PRF_HMAC_SHA2_512, hash: "sha512", octets: 64 },
];

export const groups: readonly Group[] = [
  { name: "curve25519", id: DhGroup.CURVE25519 },
  { name: "curve448", id: DhGroup.CURVE448 },
  { name: "ecp-256", id: DhGroup.ECP_256 },
  { name: "ecp-384", id: DhGroup.ECP_384 },
  { name: "ecp-521", id: DhGroup.ECP_521 },
  { name: "modp-2048", id: DhGroup.MODP_2048 },
  { name: "modp-3072", id: DhGroup.MODP_3072 },
  { name: "modp-4096", id: DhGroup.MODP_4096 },
  { name: "modp-6144", id: DhGroup.MODP_6144 },
  { name: "modp-8192", id: DhGroup.MODP_8192 },
];

/** What a peer may choose from: of each list one, the first is preferred. */
export interface IkeProposal {
  /** All combined modes, or none (RFC 7296 3.3). */
  readonly encryption: readonly Encryption[];
  /** Empty with combined modes. */
  readonly integrity: readonly Integrity[];
  readonly prf: readonly Prf[];
  readonly groups: readonly Group[];
}

/** As IkeProposal. */
export interface EspProposal {
  readonly encryption: readonly Encryption[];
  readonly integrity: readonly Integrity[];
  /** For fresh key exchanges in CREATE_CHILD_SA; "none" allows to do without. Empty: always without. */
  readonly groups: readonly (Group | "none")[];
  readonly esn: readonly boolean[];
}

function named<T extends { readonly name: string }>(all: readonly T[], ...names: readonly string[]): readonly T[] {
  return names.flatMap((name) => all.filter((one) => one.name === name));
}

const defaultGroups = named(groups, "curve25519", "ecp-256", "ecp-384", "ecp-521", "modp-3072", "modp-2048");
const combined = named(encryptions, "aes-gcm-16-256", "aes-gcm-16-128", "chacha20-poly1305");
const plain = named(encryptions, "aes-cbc-256", "aes-cbc-128");
const defaultIntegrity = named(integrities, "hmac-sha256-128", "hmac-sha512-256");

/**
 * RFC 8247 2: all that it says MUST or SHOULD of, and the curve of RFC 8031, but for SHA-1, XCBC and the CCM of small
 * devices. Keys of 192 bits, SHA-384 for integrity, Curve448 and the larger MODP groups are there when they are asked for.
 */
export const defaultIkeProposals: readonly IkeProposal[] = [
  { encryption: combined, integrity: [], prf: prfs, groups: defaultGroups },
  { encryption: plain, integrity: defaultIntegrity, prf: prfs, groups: defaultGroups },
];

/** RFC 8221 5 and 6, in the same way. A peer decides about fresh key exchanges for Child SAs; ours prefers them. */
export const defaultEspProposals: readonly EspProposal[] = [
  { encryption: combined, integrity: [], groups: [...defaultGroups, "none"], esn: [true, false] },
  { encryption: plain, integrity: defaultIntegrity, groups: [...defaultGroups, "none"], esn: [true, false] },
];

/** `aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048` */
export function ikeSuiteText({ encryption, integrity, prf, group }: IkeSuite): string {
  return `${cipherText(encryption, integrity)} / ${prf.name} / ${group.name}`;
}

/** `aes-gcm-16-128 / curve25519 / esn` */
export function espSuiteText({ encryption, integrity, group, esn }: EspSuite): string {
  const exchange = group === undefined ? "" : ` / ${group.name}`;
  return `${cipherText(encryption, integrity)}${exchange} / ${esn ? "esn" : "no-esn"}`;
}

function cipherText(encryption: Encryption, integrity: Integrity | undefined): string {
  return integrity === undefined ? encryption.name : `${encryption.name} / ${integrity.name}`;
}
