/**
 * ECDSA over octets taken as the digest itself. OpenSSL through node:crypto always hashes, so these signatures, and only
 * these, are made in JavaScript.
 */
import type { KeyObject } from "node:crypto";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { concat } from "../../util/octets.ts";
import type { CurveName } from "../provider.ts";
import { leftPad } from "./buffers.ts";
import { fieldLength } from "./keys.ts";

const curves = { "P-256": p256, "P-384": p384, "P-521": p521 } as const satisfies Record<CurveName, unknown>;

/** The digest is used as it is (FIPS 186-5 6.4.1 takes its leftmost bits if it is longer than the order). */
const options = { prehash: false, lowS: false, format: "compact" } as const;

/** The signature r | s over `digest`. */
export function signDigest(curve: CurveName, privateKey: KeyObject, digest: Uint8Array): Uint8Array {
  const { d } = privateKey.export({ format: "jwk" });
  return curves[curve].sign(digest, coordinate(d, curve), options);
}

/** Whether `signature`, r | s, is one over `digest`. May throw when r or s is out of range. */
export function verifyDigest(
  curve: CurveName,
  publicKey: KeyObject,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { x, y } = publicKey.export({ format: "jwk" });
  const point = concat(new Uint8Array([4]), coordinate(x, curve), coordinate(y, curve));
  return curves[curve].verify(signature, digest, point, options);
}

function coordinate(base64url: string | undefined, curve: CurveName): Uint8Array {
  return leftPad(new Uint8Array(Buffer.from(base64url ?? "", "base64url")), fieldLength(curve));
}
