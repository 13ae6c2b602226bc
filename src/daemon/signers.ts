/** Push signing keys that the configuration leaves to the daemon: made once, kept in the store. */
import type { GeneratedSigner } from "../config/types.ts";
import type { StoreRecord } from "../core/engine.ts";
import type { CryptoProvider, KeyAlgorithm, Signer } from "../crypto/provider.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";

/** Kind of the store's records: key is the group's name, value `{ algorithm, pkcs8 }`. */
export const signerKind = "gcks.signer";

const algorithms: Readonly<Record<GeneratedSigner["algorithm"], KeyAlgorithm>> = {
  "rsa-2048": { kind: "rsa", bits: 2048 },
  "rsa-3072": { kind: "rsa", bits: 3072 },
  "ecdsa-256": { kind: "ecdsa", curve: "P-256" },
  "ecdsa-384": { kind: "ecdsa", curve: "P-384" },
  "ecdsa-521": { kind: "ecdsa", curve: "P-521" },
};

/**
 * The policy with its placeholders replaced by real signers.
 * @param records the store's content; a key of another algorithm than configured now is replaced.
 * @returns with the policy the records of new keys, to be made durable before the engine starts.
 * @throws CryptoError "bad-key" when a stored key cannot be read.
 */
export function withGeneratedSigners(
  policy: GcksPolicy,
  wanted: readonly GeneratedSigner[],
  records: readonly StoreRecord[],
  crypto: CryptoProvider,
): { policy: GcksPolicy; fresh: StoreRecord[] } {
  const fresh: StoreRecord[] = [];
  const signers = new Map<string, Signer>();
  for (const { group, algorithm } of wanted) {
    const kept = keptSigner(records, group, algorithm, crypto);
    if (kept !== undefined) signers.set(group, kept);
    else {
      const made = crypto.generateSigner(algorithms[algorithm]);
      signers.set(group, made.signer);
      fresh.push({ kind: signerKind, key: group, value: { algorithm, pkcs8: made.pkcs8 } });
    }
  }
  const groups = policy.groups.map((group) => {
    const signer = signers.get(group.name);
    if (signer === undefined) return group;
    return { ...group, kek: { ...group.kek, signature: { ...group.kek.signature, signer } } };
  });
  return { policy: { ...policy, groups }, fresh };
}

function keptSigner(
  records: readonly StoreRecord[],
  group: string,
  algorithm: string,
  crypto: CryptoProvider,
): Signer | undefined {
  const value = records.find((record) => record.kind === signerKind && record.key === group)?.value;
  if (value === null || typeof value !== "object" || !("pkcs8" in value) || !("algorithm" in value)) return undefined;
  if (value.algorithm !== algorithm || !(value.pkcs8 instanceof Uint8Array)) return undefined;
  return crypto.importSigner(value.pkcs8);
}
