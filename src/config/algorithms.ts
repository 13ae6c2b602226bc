/** Algorithms by the names of the configuration. What is weak is not built in: it is refused with what to take instead. */
import type * as z from "zod";
import { SigAlgorithm, SigHash } from "../iana/gdoi.ts";
import { AhTransform, AuthenticationAlgorithm, EspTransform } from "../iana/ipsec.ts";
import { OakleyGroup } from "../iana/oakley.ts";
import type { Phase1Proposal } from "../ikev1/types.ts";
import { field, type Leaf, oneOf, shown, textOf, Wrong } from "./field.ts";
import { didYouMean } from "./suggest.ts";

const phase1Ciphers: ReadonlyMap<string, 128 | 192 | 256> = new Map([
  ["aes-cbc-128", 128],
  ["aes-cbc-192", 192],
  ["aes-cbc-256", 256],
]);
const phase1Hashes: ReadonlyMap<string, Phase1Proposal["hash"]> = new Map([
  ["sha2-256", "sha256"],
  ["sha2-384", "sha384"],
  ["sha2-512", "sha512"],
]);
const groups: ReadonlyMap<string, number> = new Map(
  ([14, 15, 16, 17, 18, 19, 20, 21] as const).map((group) => {
    const known = Object.entries(OakleyGroup).find(([, number]) => number === group);
    return [(known?.[0] ?? String(group)).toLowerCase().replace("_", "-"), group];
  }),
);

/** Patterns of what is known to be weak. */
const weak: readonly (readonly [RegExp, string])[] = [
  [/^(3des|tdes|des)(-|$)/, "DES and 3DES are broken or too short"],
  [/(^|-)md5(-|$)/, "MD5 is broken"],
  [/^(prf-)?(hmac-)?sha1?(-96|-160)?$|^rsa-sha1$/, "SHA-1 is broken"],
  [/^modp-(768|1024|1536)(-|$)/, "MODP groups below 2048 bits are too short"],
  [/^modp-2048-/, "the primes of RFC 5114 are of unknown origin (RFC 8247 2.4)"],
  [/^(rc4|rc5|blowfish|cast|idea)/, "this cipher is out of use"],
];

/** The value that `word` names. @throws Wrong, which says of a weak one that it is. */
export function named<T>(word: string, known: ReadonlyMap<string, T>, what: string): T {
  const value = known.get(word.toLowerCase());
  if (value !== undefined) return value;
  throw refused(word, [...known.keys()], what);
}

/** Why a word is none of `names`: it is known to be weak, or not known at all. */
export function refused(word: string, names: readonly string[], what: string): Wrong {
  const because = weak.find(([pattern]) => pattern.test(word.toLowerCase()))?.[1];
  if (because !== undefined)
    return new Wrong(`${shown(word)} is refused: ${because}; use ${oneOf(names)}`, oneOf(names));
  return new Wrong(`${shown(word)} is no ${what}${didYouMean(word, names)}`, oneOf(names));
}

/** A field whose value is one of `known`. */
function algorithm<T>(known: ReadonlyMap<string, T>, what: string): z.ZodType<T> {
  return field(oneOf([...known.keys()]), (input) => named(textOf(input), known, what));
}

/** One Phase 1 transform without the authentication method. */
export type Transform = Omit<Phase1Proposal, "authentication">;

/** `aes-cbc-256/sha2-256/ecp-256`. */
export function phase1Transform(): z.ZodType<Transform> {
  return field("CIPHER/HASH/GROUP, such as aes-cbc-256/sha2-256/ecp-256", (input) => {
    const parts = textOf(input).split("/");
    const [cipher = "", hash = "", group = ""] = parts;
    if (parts.length !== 3) throw new Wrong(`${shown(input)} has not three parts`);
    return {
      cipher: "aes-cbc",
      keyBits: named(cipher, phase1Ciphers, "Phase 1 cipher"),
      hash: named(hash, phase1Hashes, "Phase 1 hash"),
      group: named(group, groups, "Diffie-Hellman group"),
    };
  });
}

/** What is offered and accepted when the configuration does not say. */
export const defaultTransforms: readonly Transform[] = [
  { cipher: "aes-cbc", keyBits: 256, hash: "sha256", group: OakleyGroup.ECP_256 },
  { cipher: "aes-cbc", keyBits: 256, hash: "sha384", group: OakleyGroup.ECP_384 },
  { cipher: "aes-cbc", keyBits: 256, hash: "sha256", group: OakleyGroup.MODP_2048 },
  { cipher: "aes-cbc", keyBits: 128, hash: "sha256", group: OakleyGroup.ECP_256 },
  { cipher: "aes-cbc", keyBits: 128, hash: "sha256", group: OakleyGroup.MODP_2048 },
];

/** What is offered and accepted in the profile unless the configuration says otherwise: no MODP 2048, and nothing dear. */
export const profileTransforms: readonly Transform[] = (
  [OakleyGroup.MODP_3072, OakleyGroup.MODP_4096] as const
).flatMap((group) =>
  ([256, 128] as const).flatMap((keyBits) =>
    (["sha256", "sha384", "sha512"] as const).map((hash) => ({ cipher: "aes-cbc", keyBits, hash, group }) as const),
  ),
);

/** Key length in bits of the KEK's cipher (RFC 6407 5.3.2). */
export function kekCipher(): z.ZodType<128 | 192 | 256> {
  return algorithm(phase1Ciphers, "cipher for a KEK");
}

/** How pushes are signed. */
export interface PushSignature extends Leaf {
  readonly name: string;
  readonly algorithm: 1 | 4 | 5 | 6;
  readonly hash: 3 | 4 | 5;
  /** What a key that the daemon makes is. */
  readonly generated: "rsa-3072" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";
}

type SignatureRow = Omit<PushSignature, "leaf" | "name">;
const rsa = (hash: 3 | 4 | 5): SignatureRow => ({ algorithm: SigAlgorithm.RSA, hash, generated: "rsa-3072" });
const signatures: ReadonlyMap<string, SignatureRow> = new Map([
  ["ecdsa-256", { algorithm: SigAlgorithm.ECDSA_256, hash: SigHash.SHA256, generated: "ecdsa-256" }],
  ["ecdsa-384", { algorithm: SigAlgorithm.ECDSA_384, hash: SigHash.SHA384, generated: "ecdsa-384" }],
  ["ecdsa-521", { algorithm: SigAlgorithm.ECDSA_521, hash: SigHash.SHA512, generated: "ecdsa-521" }],
  ["rsa-sha256", rsa(SigHash.SHA256)],
  ["rsa-sha384", rsa(SigHash.SHA384)],
  ["rsa-sha512", rsa(SigHash.SHA512)],
]);

/** Signature of GROUPKEY-PUSH (RFC 6407 5.3.5 and 5.3.6). */
export function pushSignature(): z.ZodType<PushSignature> {
  return field(oneOf([...signatures.keys()]), (input) => {
    return pushSignatureNamed(textOf(input));
  });
}

/** The signature that `word` names. @throws Wrong */
export function pushSignatureNamed(word: string): PushSignature {
  return { leaf: true, name: word.toLowerCase(), ...named(word, signatures, "signature of a push") };
}

/** A transform of ESP. */
export interface EspCipher extends Leaf {
  readonly name: string;
  readonly transformId: number;
  readonly keyBits?: number;
  readonly algorithmKeyOctets: number;
  readonly counterMode: boolean;
  /** Authenticates by itself. */
  readonly combined: boolean;
}

const bits = [128, 192, 256] as const;
/** Counter modes have 4 octets of salt behind the key (RFC 4106 8.1, RFC 4543 5.3). */
const saltOctets = 4;

function espFamily(prefix: string, transformId: number, counterMode: boolean): [string, EspCipher][] {
  return bits.map((keyBits) => {
    const name = `${prefix}-${keyBits}`;
    const algorithmKeyOctets = keyBits / 8 + (counterMode ? saltOctets : 0);
    return [name, { leaf: true, name, transformId, keyBits, algorithmKeyOctets, counterMode, combined: counterMode }];
  });
}

const espCiphers: ReadonlyMap<string, EspCipher> = new Map([
  ...espFamily("aes-gcm-16", EspTransform.ESP_AES_GCM_16, true),
  ...espFamily("aes-gcm-12", EspTransform.ESP_AES_GCM_12, true),
  ...espFamily("aes-cbc", EspTransform.ESP_AES_CBC, false),
  ...espFamily("aes-gmac", EspTransform.ESP_NULL_AUTH_AES_GMAC, true),
  [
    "null",
    {
      leaf: true,
      name: "null",
      transformId: EspTransform.ESP_NULL,
      algorithmKeyOctets: 0,
      counterMode: false,
      combined: false,
    },
  ],
]);

/** Encryption of ESP. */
export function espCipher(): z.ZodType<EspCipher> {
  return algorithm(espCiphers, "ESP cipher");
}

/** Authentication of ESP or AH: the algorithm of RFC 2407 4.5, AH's transform, and the key's octets (RFC 4868 2.1.1). */
export interface Integrity extends Leaf {
  readonly algorithm: number;
  readonly ahTransform: number;
  readonly keyOctets: number;
}

const integrities: ReadonlyMap<string, Integrity> = new Map([
  [
    "sha2-256-128",
    {
      leaf: true,
      algorithm: AuthenticationAlgorithm.HMAC_SHA2_256,
      ahTransform: AhTransform.AH_SHA2_256,
      keyOctets: 32,
    },
  ],
  [
    "sha2-384-192",
    {
      leaf: true,
      algorithm: AuthenticationAlgorithm.HMAC_SHA2_384,
      ahTransform: AhTransform.AH_SHA2_384,
      keyOctets: 48,
    },
  ],
  [
    "sha2-512-256",
    {
      leaf: true,
      algorithm: AuthenticationAlgorithm.HMAC_SHA2_512,
      ahTransform: AhTransform.AH_SHA2_512,
      keyOctets: 64,
    },
  ],
]);

/** Authentication of ESP or AH. */
export function integrity(): z.ZodType<Integrity> {
  return algorithm(integrities, "authentication algorithm");
}

/** KekAckRequested by the configuration's words (RFC 8263 2). */
export const ackTypes = {
  none: undefined,
  "kek-sha256": 1,
  "lkh-sha256": 2,
  "kek-sha512": 3,
  "lkh-sha512": 4,
} as const;
