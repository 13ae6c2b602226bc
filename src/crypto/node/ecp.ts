/** Diffie-Hellman over the ECP groups of RFC 5903. */
import { createECDH } from "node:crypto";
import { concat } from "../../util/octets.ts";
import { CryptoError, type KeyExchange } from "../provider.ts";
import { leftPad, plain } from "./buffers.ts";

const curves = {
  19: { name: "prime256v1", fieldLength: 32 },
  20: { name: "secp384r1", fieldLength: 48 },
  21: { name: "secp521r1", fieldLength: 66 },
} as const;

/** IANA numbers of the ECP groups. */
export type EcpGroup = keyof typeof curves;

/** SEC 1 2.3.3: the octet in front of x | y in an uncompressed point. The KE payload leaves it out (RFC 5903 7). */
const uncompressed = new Uint8Array([4]);

/** Whether `group` is the IANA number of a supported ECP group. */
export function isEcpGroup(group: number): group is EcpGroup {
  return Object.hasOwn(curves, group);
}

/** One side of an ECP exchange, with a fresh private value if none is given. @throws CryptoError "bad-key". */
export function ecpExchange(group: EcpGroup, privateValue: Uint8Array | undefined): KeyExchange {
  const { name, fieldLength } = curves[group];
  const ecdh = createECDH(name);
  if (privateValue === undefined) {
    ecdh.generateKeys();
  } else {
    try {
      ecdh.setPrivateKey(privateValue);
    } catch {
      throw new CryptoError("bad-key", `the private value is out of range for group ${group}`);
    }
  }
  return {
    group,
    publicValue: plain(ecdh.getPublicKey()).slice(1),
    agree(peerPublicValue) {
      if (peerPublicValue.length !== 2 * fieldLength) {
        const expected = `${2 * fieldLength} octets in group ${group}`;
        throw new CryptoError("bad-public-value", `a public value has ${expected}, not ${peerPublicValue.length}`);
      }
      try {
        // OpenSSL refuses coordinates outside the field and points not on the curve (RFC 6989 2.3)
        return leftPad(plain(ecdh.computeSecret(concat(uncompressed, peerPublicValue))), fieldLength);
      } catch {
        throw new CryptoError("bad-public-value", `the public value is no point on the curve of group ${group}`);
      }
    },
  };
}
