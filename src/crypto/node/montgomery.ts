/** Diffie-Hellman over Curve25519 and Curve448 (RFC 7748) as IKEv2 uses it (RFC 8031). */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from "node:crypto";
import { CryptoError, type KeyExchange } from "../provider.ts";
import { plain } from "./buffers.ts";
import { element, sequence, unsignedInteger } from "./der.ts";
import { withoutTraces } from "./keys.ts";

/** `oid`: the contents of id-X25519 and id-X448 (RFC 8410 3). */
const curves = {
  31: { jwk: "X25519", length: 32, oid: [0x2b, 0x65, 0x6e] },
  32: { jwk: "X448", length: 56, oid: [0x2b, 0x65, 0x6f] },
} as const;

/** IANA numbers of Curve25519 and Curve448. */
export type MontgomeryGroup = keyof typeof curves;

/** Whether `group` is the IANA number of one of the two curves. */
export function isMontgomeryGroup(group: number): group is MontgomeryGroup {
  return Object.hasOwn(curves, group);
}

/**
 * One side of an exchange, with a fresh private value if none is given.
 * Public keys go in and out as JWK: of all forms that node:crypto knows, its is the fastest by far.
 * @throws CryptoError "bad-key" for a private value of another length.
 */
export function montgomeryExchange(group: MontgomeryGroup, privateValue: Uint8Array | undefined): KeyExchange {
  const { length } = curves[group];
  const { privateKey, publicKey } = privateValue === undefined ? generate(group) : importPrivate(group, privateValue);
  return {
    group,
    publicValue: publicValueOf(publicKey),
    agree(peerPublicValue) {
      if (peerPublicValue.length !== length) {
        const expected = `${length} octets in group ${group}`;
        throw new CryptoError("bad-public-value", `a public value has ${expected}, not ${peerPublicValue.length}`);
      }
      try {
        // OpenSSL masks the bits and takes values that are not canonical (RFC 8031 3.2), and fails where the secret is
        // all zero (RFC 7748 6): the peer's point is then of low order
        return plain(diffieHellman({ privateKey, publicKey: importPublic(group, peerPublicValue) }));
      } catch {
        throw new CryptoError("bad-public-value", `the public value has a low order in group ${group}`);
      }
    },
  };
}

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function generate(group: MontgomeryGroup): KeyPair {
  return group === 31 ? generateKeyPairSync("x25519") : generateKeyPairSync("x448");
}

/** OneAsymmetricKey (RFC 8410 7): version 0, algorithm, OCTET STRING { OCTET STRING }. */
function importPrivate(group: MontgomeryGroup, privateValue: Uint8Array): KeyPair {
  const { length, oid } = curves[group];
  if (privateValue.length !== length) {
    throw new CryptoError("bad-key", `a private value has ${length} octets in group ${group}`);
  }
  const algorithm = sequence(element(0x06, Uint8Array.from(oid)));
  const octets = element(0x04, element(0x04, privateValue));
  const pkcs8 = Buffer.from(sequence(unsignedInteger(new Uint8Array(1)), algorithm, octets));
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return { privateKey, publicKey: createPublicKey(privateKey) };
}

function importPublic(group: MontgomeryGroup, publicValue: Uint8Array): KeyObject {
  const x = Buffer.from(publicValue.buffer, publicValue.byteOffset, publicValue.length).toString("base64url");
  return withoutTraces(() => createPublicKey({ key: { kty: "OKP", crv: curves[group].jwk, x }, format: "jwk" }));
}

function publicValueOf(publicKey: KeyObject): Uint8Array {
  const { x } = publicKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x ?? "", "base64url"));
}
