/** HASH and SIG payloads of main mode: RFC 2409 5.1 and 5.4, RFC 4754, READINGS 2. */
import type { CryptoProvider, CurveName, HashName, SecretKey, Signer, Verifier } from "../crypto/provider.ts";
import type { Payload } from "../wire/payloads.ts";
import { authenticationHash, type HashInput } from "./keys.ts";
import type { AuthenticationName, Phase1Policy, Phase1Proposal } from "./types.ts";

/** The curve that an ECDSA method is tied to, and its hash (RFC 4754 3). */
const curves: Readonly<Partial<Record<AuthenticationName, { curve: CurveName; hash: HashName }>>> = {
  "ecdsa-256": { curve: "P-256", hash: "sha256" },
  "ecdsa-384": { curve: "P-384", hash: "sha384" },
  "ecdsa-521": { curve: "P-521", hash: "sha512" },
};

/** What one side's proof is made over. */
export interface ProofInput {
  readonly proposal: Phase1Proposal;
  readonly skeyid: SecretKey;
  readonly whose: "initiator" | "responder";
  readonly over: HashInput;
}

/** Whether `signer` can serve an authentication method. */
export function canSign(signer: Signer | undefined, authentication: AuthenticationName): signer is Signer {
  if (signer === undefined) return false;
  const { algorithm } = signer;
  if (algorithm.kind === "rsa") return authentication === "rsa";
  return algorithm.kind === "ecdsa" && curves[authentication]?.curve === algorithm.curve;
}

/** The HASH payload of our message 5 or 6, or with signatures the SIG payload. */
export function prove(crypto: CryptoProvider, policy: Phase1Policy, input: ProofInput): Payload {
  const { authentication, hash } = input.proposal;
  if (authentication === "psk") return { kind: "HASH", data: hashOf(crypto, hash, input) };
  const { signer } = policy.local;
  if (!canSign(signer, authentication)) throw new RangeError(`no key for ${authentication}`);
  const tied = curves[authentication];
  if (tied === undefined) {
    return { kind: "SIG", data: signer.sign({ name: "rsa-pkcs1-raw" }, hashOf(crypto, hash, input)) };
  }
  // RFC 2409 5.1: HASH is made with the hash that the method is tied to, whatever prf was agreed
  const name = policy.ecdsaSigns === "HASH" ? "ecdsa-raw" : "ecdsa";
  return { kind: "SIG", data: signer.sign({ name, curve: tied.curve }, hashOf(crypto, tied.hash, input)) };
}

/** Whether a HASH payload is the right one; in constant time. */
export function verifyHash(crypto: CryptoProvider, input: ProofInput, received: Uint8Array): boolean {
  return crypto.equal(hashOf(crypto, input.proposal.hash, input), received);
}

/**
 * Verifies a SIG payload under every reading that the octets tell apart.
 * @returns which reading the peer uses, for the ledger; undefined when the signature is wrong under all of them.
 */
export function verifySignature(
  crypto: CryptoProvider,
  verifier: Verifier,
  input: ProofInput,
  signature: Uint8Array,
): string | undefined {
  const { authentication, hash: negotiated } = input.proposal;
  const { algorithm } = verifier;
  if (authentication === "rsa") {
    if (algorithm.kind !== "rsa") return undefined;
    const right = verifier.verify({ name: "rsa-pkcs1-raw" }, hashOf(crypto, negotiated, input), signature);
    return right ? "rsa without DigestInfo" : undefined;
  }
  const tied = curves[authentication];
  if (tied === undefined || algorithm.kind !== "ecdsa" || algorithm.curve !== tied.curve) return undefined;
  for (const hash of new Set([tied.hash, negotiated])) {
    const data = hashOf(crypto, hash, input);
    if (verifier.verify({ name: "ecdsa", curve: tied.curve }, data, signature))
      return `ecdsa over hash of ${hash} HASH`;
    if (verifier.verify({ name: "ecdsa-raw", curve: tied.curve }, data, signature)) return `ecdsa over ${hash} HASH`;
  }
  return undefined;
}

function hashOf(crypto: CryptoProvider, hash: HashName, input: ProofInput): Uint8Array {
  return authenticationHash(crypto, hash, input.skeyid, input.whose, input.over);
}
