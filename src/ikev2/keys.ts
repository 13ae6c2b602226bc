/** Keying material: RFC 7296 2.13, 2.14, 2.17 and 2.18. */
import type { CryptoProvider, SecretKey } from "../crypto/provider.ts";
import { concat } from "../util/octets.ts";
import type { EspSuite, IkeSuite, Prf } from "./suite.ts";

/** Ni and Nr of an exchange, stripped of their headers. */
export interface Nonces {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

/** The SPIs of an IKE SA, 8 octets each. */
export interface IkeSpis {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

/** What protects the messages of one side. */
export interface DirectionKeys {
  /** SK_e without its salt. */
  readonly encryption: SecretKey;
  /** The last octets of SK_e (RFC 5282 7.1), empty where the cipher has none. */
  readonly salt: Uint8Array;
  /** SK_a; undefined with a combined mode. */
  readonly integrity: SecretKey | undefined;
}

/** All keys of an IKE SA. `initiator` is the side that began it, whoever begins an exchange under it later. */
export interface IkeKeys {
  /** SK_d */
  readonly d: SecretKey;
  readonly initiator: DirectionKeys;
  readonly responder: DirectionKeys;
  /** SK_pi, SK_pr: for AUTH alone. */
  readonly pi: SecretKey;
  readonly pr: SecretKey;
}

/** Keys of the ESP SA in one direction. */
export interface EspKeys {
  /** With the salt behind it where the cipher has one (RFC 4106 8.1); without encryption it is empty. */
  readonly encryption: SecretKey;
  readonly integrity: SecretKey | undefined;
}

/** Keys of a pair of ESP SAs: `initiator` of the one that carries data from the initiator of its exchange. */
export interface ChildKeys {
  readonly initiator: EspKeys;
  readonly responder: EspKeys;
}

const MOST_BLOCKS = 255;

/**
 * The first `length` octets of prf+(key, seed) (RFC 7296 2.13).
 * @throws RangeError for more than 255 times the output of the prf, which nothing here needs.
 */
export function prfPlus(
  crypto: CryptoProvider,
  { hash, octets }: Prf,
  key: SecretKey,
  seed: Uint8Array,
  length: number,
): Uint8Array {
  const blocks = Math.ceil(length / octets);
  if (blocks > MOST_BLOCKS) throw new RangeError(`prf+ does not give ${length} octets`);
  const material = new Uint8Array(blocks * octets);
  let block: Uint8Array = new Uint8Array(0);
  const count = new Uint8Array(1);
  for (let i = 0; i < blocks; i++) {
    count[0] = i + 1;
    block = crypto.hmac(hash, key, block, seed, count);
    material.set(block, i * octets);
  }
  return material.subarray(0, length);
}

/** SKEYSEED of an IKE SA that IKE_SA_INIT makes (RFC 7296 2.14): prf(Ni | Nr, g^ir). */
export function skeyseed(crypto: CryptoProvider, prf: Prf, nonces: Nonces, sharedSecret: Uint8Array): SecretKey {
  const key = crypto.importSecret(concat(nonces.initiator, nonces.responder));
  return crypto.importSecret(crypto.hmac(prf.hash, key, sharedSecret));
}

/** SKEYSEED of an IKE SA that takes another's place (RFC 7296 2.18): prf and SK_d are those of the old one. */
export function rekeyedSkeyseed(
  crypto: CryptoProvider,
  old: { readonly prf: Prf; readonly d: SecretKey },
  nonces: Nonces,
  sharedSecret: Uint8Array,
): SecretKey {
  return crypto.importSecret(crypto.hmac(old.prf.hash, old.d, sharedSecret, nonces.initiator, nonces.responder));
}

/** The algorithms that take keys of an IKE SA. */
type KeyedAlgorithms = Pick<IkeSuite, "prf" | "encryption" | "integrity">;

/** SK_d, SK_ai, SK_ar, SK_ei, SK_er, SK_pi and SK_pr from SKEYSEED (RFC 7296 2.14). */
export function deriveIkeKeys(
  crypto: CryptoProvider,
  suite: KeyedAlgorithms,
  seed: SecretKey,
  nonces: Nonces,
  spis: IkeSpis,
): IkeKeys {
  return cut(crypto, suite, prfPlus(crypto, suite.prf, seed, skInput(nonces, spis), skOctets(suite)));
}

/** The keys of an IKE SA that IKE_SA_INIT makes. */
export function initialIkeKeys(
  crypto: CryptoProvider,
  suite: KeyedAlgorithms,
  nonces: Nonces,
  sharedSecret: Uint8Array,
  spis: IkeSpis,
): IkeKeys {
  return deriveIkeKeys(crypto, suite, skeyseed(crypto, suite.prf, nonces, sharedSecret), nonces, spis);
}

function skInput(nonces: Nonces, spis: IkeSpis): Uint8Array {
  return concat(nonces.initiator, nonces.responder, spis.initiator, spis.responder);
}

function skOctets({ prf, encryption, integrity }: KeyedAlgorithms): number {
  return 3 * prf.octets + 2 * (integrity?.keyOctets ?? 0) + 2 * (encryption.keyOctets + encryption.saltOctets);
}

/** The keys in the order in which they are taken from the material. */
function cut(crypto: CryptoProvider, { prf, encryption, integrity }: KeyedAlgorithms, material: Uint8Array): IkeKeys {
  const a = integrity?.keyOctets ?? 0;
  const e = encryption.keyOctets + encryption.saltOctets;
  const next = taking(material);
  const d = next(prf.octets);
  const ai = next(a);
  const ar = next(a);
  const ei = next(e);
  const er = next(e);
  const direction = (sk: Uint8Array, ska: Uint8Array): DirectionKeys => ({
    encryption: crypto.importSecret(sk.subarray(0, encryption.keyOctets)),
    salt: sk.slice(encryption.keyOctets),
    integrity: integrity === undefined ? undefined : crypto.importSecret(ska),
  });
  return {
    d: crypto.importSecret(d),
    initiator: direction(ei, ai),
    responder: direction(er, ar),
    pi: crypto.importSecret(next(prf.octets)),
    pr: crypto.importSecret(next(prf.octets)),
  };
}

/**
 * KEYMAT of a pair of ESP SAs (RFC 7296 2.17): encryption, then integrity, first of the SA from initiator to responder.
 * @param nonces of IKE_SA_INIT for the SAs that IKE_AUTH makes, else of the CREATE_CHILD_SA exchange.
 * @param sharedSecret of a key exchange in CREATE_CHILD_SA; undefined without one.
 */
export function deriveChildKeys(
  crypto: CryptoProvider,
  ike: { readonly prf: Prf; readonly d: SecretKey },
  { encryption, integrity }: Pick<EspSuite, "encryption" | "integrity">,
  nonces: Nonces,
  sharedSecret?: Uint8Array,
): ChildKeys {
  const e = encryption.keyOctets + encryption.saltOctets;
  const a = integrity?.keyOctets ?? 0;
  const input = concat(...(sharedSecret === undefined ? [] : [sharedSecret]), nonces.initiator, nonces.responder);
  const next = taking(prfPlus(crypto, ike.prf, ike.d, input, 2 * (e + a)));
  const direction = (): EspKeys => ({
    encryption: crypto.importSecret(next(e)),
    integrity: integrity === undefined ? undefined : crypto.importSecret(next(a)),
  });
  return { initiator: direction(), responder: direction() };
}

/** Hands out `material` piece by piece. */
function taking(material: Uint8Array): (octets: number) => Uint8Array {
  let at = 0;
  return (octets) => {
    at += octets;
    return material.subarray(at - octets, at);
  };
}
