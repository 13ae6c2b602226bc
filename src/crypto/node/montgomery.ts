/** Diffie-Hellman over Curve25519 and Curve448 (RFC 7748) as IKEv2 uses it (RFC 8031). */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from "node:crypto";
import { CryptoError, type KeyExchange } from "../provider.ts";
import { plain } from "./buffers.ts";
import { element, sequence, unsignedInteger } from "./der.ts";

/**
 * `oid`: the contents of id-X25519 and id-X448 (RFC 8410 3). `spki`: what stands in front of a public value in its
 * SubjectPublicKeyInfo (RFC 8410 4), in base64: twelve octets, so that the base64 of the value follows.
 */
const curves = {
  31: { length: 32, oid: [0x2b, 0x65, 0x6e], spki: "MCowBQYDK2VuAyEA" },
  32: { length: 56, oid: [0x2b, 0x65, 0x6f], spki: "MEIwBQYDK2VvAzkA" },
} as const;

/** IANA numbers of Curve25519 and Curve448. */
export type MontgomeryGroup = keyof typeof curves;

/** Whether `group` is the IANA number of one of the two curves. */
export function isMontgomeryGroup(group: number): group is MontgomeryGroup {
  return Object.hasOwn(curves, group);
}

/**
 * One side of an exchange, with a fresh private value if none is given.
 * @throws CryptoError "bad-key" for a private value of another length.
 */
export function montgomeryExchange(group: MontgomeryGroup, privateValue: Uint8Array | undefined): KeyExchange {
  const { length } = curves[group];
  const { privateKey, publicValue } = privateValue === undefined ? generate(group) : importPrivate(group, privateValue);
  return {
    group,
    publicValue,
    agree(peerPublicValue) {
      if (peerPublicValue.length !== length) {
        const expected = `${length} octets in group ${group}`;
        throw new CryptoError("bad-public-value", `a public value has ${expected}, not ${peerPublicValue.length}`);
      }
      try {
        // OpenSSL masks the bits and takes values that are not canonical (RFC 8031 3.2), and fails where the secret is
        // all zero (RFC 7748 6): the peer's point is then of low order
        return plain(diffieHellman({ privateKey, publicKey: publicPem(group, peerPublicValue) }));
      } catch {
        throw new CryptoError("bad-public-value", `the public value has a low order in group ${group}`);
      }
    },
  };
}

interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicValue: Uint8Array;
}

function generate(group: MontgomeryGroup): KeyPair {
  const { privateKey, publicKey } = group === 31 ? generateKeyPairSync("x25519") : generateKeyPairSync("x448");
  return { privateKey, publicValue: publicValueOf(publicKey) };
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
  return { privateKey, publicValue: publicValueOf(createPublicKey(privateKey)) };
}

/** As text: of a key in any other form Node.js 24 finds out what it is by exceptions, which take longer than its import. */
function publicPem(group: MontgomeryGroup, publicValue: Uint8Array): string {
  const { buffer, byteOffset, length } = publicValue;
  const value = Buffer.from(buffer, byteOffset, length).toString("base64");
  return `-----BEGIN PUBLIC KEY-----\n${curves[group].spki}${value}\n-----END PUBLIC KEY-----\n`;
}

/** By way of JWK: of the forms that node:crypto gives a public key in, it takes the least time. */
function publicValueOf(publicKey: KeyObject): Uint8Array {
  const { x = "" } = publicKey.export({ format: "jwk" });
  return new Uint8Array(Buffer.from(x, "base64url"));
}
