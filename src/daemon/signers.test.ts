import { expect, test } from "vitest";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import { withGeneratedSigners } from "./signers.ts";

const policy = {
  listen: [],
  groups: [{ name: "g", kek: { signature: { algorithm: 4, hash: 3, signer: undefined } } }],
} as unknown as GcksPolicy;

test("a push signing key is made once and comes back from the store", () => {
  const wanted = [{ group: "g", algorithm: "ecdsa-256" }] as const;
  const first = withGeneratedSigners(policy, wanted, [], nodeCrypto);
  expect(first.fresh).toHaveLength(1);
  const again = withGeneratedSigners(policy, wanted, first.fresh, nodeCrypto);
  expect(again.fresh).toEqual([]);
  const key = (from: GcksPolicy) => from.groups[0]?.kek.signature.signer.publicKey;
  expect(key(again.policy)).toEqual(key(first.policy));
});

test("a key of another algorithm than configured now is replaced", () => {
  const first = withGeneratedSigners(policy, [{ group: "g", algorithm: "ecdsa-256" }], [], nodeCrypto);
  const other = withGeneratedSigners(policy, [{ group: "g", algorithm: "ecdsa-384" }], first.fresh, nodeCrypto);
  expect(other.policy.groups[0]?.kek.signature.signer.algorithm).toEqual({ kind: "ecdsa", curve: "P-384" });
  expect(other.fresh).toHaveLength(1);
});
