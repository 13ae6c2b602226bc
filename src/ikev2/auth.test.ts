import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { KeyAlgorithm } from "../crypto/provider.ts";
import { concat, fromHex, hex, utf8 } from "../util/octets.ts";
import { signAuth, supportedHashes, verifySignatureAuth } from "./auth.ts";

const octets = utf8("octets that are signed");
const SHA1 = 1;
const SHA256 = 2;
const SHA384 = 3;
const SHA512 = 4;
const IDENTITY = 5;
const all = [SHA256, SHA384, SHA512, IDENTITY];

const algorithms: Readonly<Record<string, KeyAlgorithm>> = {
  rsa: { kind: "rsa", bits: 2048 },
  p256: { kind: "ecdsa", curve: "P-256" },
  p384: { kind: "ecdsa", curve: "P-384" },
  p521: { kind: "ecdsa", curve: "P-521" },
  ed25519: { kind: "ed25519" },
};

const keys = Object.fromEntries(
  Object.entries(algorithms).map(([name, algorithm]) => {
    const { signer } = nodeCrypto.generateSigner(algorithm);
    return [name, { signer, verifier: nodeCrypto.importVerifier(signer.publicKey) }];
  }),
);

function key(name: string) {
  const found = keys[name];
  if (found === undefined) throw new Error(`no key ${name}`);
  return found;
}

test("SIGNATURE_HASH_ALGORITHMS has SHA-2 and Identity, and not SHA-1 (RFC 8247 3.2)", () => {
  expect(supportedHashes).toEqual(all);
});

describe("a peer that has RFC 7427", () => {
  test.each([
    ["rsa", all, "RSASSA-PSS with sha256"],
    ["rsa", [SHA512, SHA384], "RSASSA-PSS with sha384"],
    ["p256", all, "ECDSA with sha256"],
    ["p384", all, "ECDSA with sha384"],
    ["p521", all, "ECDSA with sha512"],
    ["p521", [SHA256], "ECDSA with sha256"],
    ["ed25519", all, "Ed25519"],
  ] as const)("gets method 14 from a key of kind %s that has hashes %j: %s", (name, hashes, text) => {
    const { signer, verifier } = key(name);
    const proof = signAuth(signer, octets, hashes);
    expect(proof).toMatchObject({ ok: true, value: { method: 14, text } });
    if (!proof.ok) throw new Error(proof.error);
    expect(verifySignatureAuth(verifier, octets, proof.value, true)).toEqual({ ok: true, value: text });
    expect(verifySignatureAuth(verifier, utf8("other octets"), proof.value, true)).toMatchObject({
      error: { code: "wrong" },
    });
  });

  test("gets PKCS #1 v1.5 when it is configured so", () => {
    const { signer, verifier } = key("rsa");
    const proof = signAuth(signer, octets, all, { rsaPadding: "pkcs1", rsaSha1: false });
    if (!proof.ok) throw new Error(proof.error);
    // RFC 7427 A.1.2
    expect(hex(proof.value.data.subarray(0, 16))).toBe("0f300d06092a864886f70d01010b0500");
    expect(verifySignatureAuth(verifier, octets, proof.value, true)).toEqual({
      ok: true,
      value: "RSA PKCS #1 v1.5 with sha256",
    });
  });

  test("gets nothing from a key whose hashes it has none of", () => {
    for (const name of ["rsa", "p256", "ed25519"]) {
      expect(signAuth(key(name).signer, octets, [SHA1])).toMatchObject({ ok: false });
      expect(signAuth(key(name).signer, octets, [])).toMatchObject({ ok: false });
    }
    expect(signAuth(key("ed25519").signer, octets, [SHA256])).toEqual({
      ok: false,
      error: "our Ed25519 key signs with no hash that the peer can verify: it has SHA2_256",
    });
    expect(signAuth(key("p256").signer, octets, [IDENTITY])).toMatchObject({ ok: false });
  });
});

describe("a peer without RFC 7427", () => {
  test.each([
    ["p256", 9, 64],
    ["p384", 10, 96],
    ["p521", 11, 132],
  ] as const)("gets from a key on %s method %i, r and s with %i octets (RFC 4754 7)", (name, method, length) => {
    const { signer, verifier } = key(name);
    const proof = signAuth(signer, octets, undefined);
    if (!proof.ok) throw new Error(proof.error);
    expect(proof.value.method).toBe(method);
    expect(proof.value.data.length).toBe(length);
    expect(verifySignatureAuth(verifier, octets, proof.value, false).ok).toBe(true);
    for (const other of [9, 10, 11].filter((one) => one !== method)) {
      expect(verifySignatureAuth(verifier, octets, { ...proof.value, method: other }, false)).toMatchObject({
        error: { code: "wrong" },
      });
    }
  });

  test("gets method 1 from an RSA key, with SHA-1 only when that is configured", () => {
    const { signer, verifier } = key("rsa");
    const old = { rsaPadding: "pss", rsaSha1: true } as const;
    const modern = signAuth(signer, octets, undefined);
    const weak = signAuth(signer, octets, undefined, old);
    if (!modern.ok || !weak.ok) throw new Error("not signed");
    expect(modern.value).toMatchObject({ method: 1, text: "RSA PKCS #1 v1.5 with sha256" });
    expect(verifySignatureAuth(verifier, octets, modern.value, false).ok).toBe(true);
    expect(weak.value).toMatchObject({ method: 1, text: "RSA PKCS #1 v1.5 with sha1" });
    expect(verifySignatureAuth(verifier, octets, weak.value, false)).toMatchObject({ error: { code: "wrong" } });
    expect(verifySignatureAuth(verifier, octets, weak.value, false, old).ok).toBe(true);
  });

  test("may sign method 1 with any SHA-2", () => {
    const { signer, verifier } = key("rsa");
    for (const hash of ["sha256", "sha384", "sha512"] as const) {
      const data = signer.sign({ name: "rsa-pkcs1", hash }, octets);
      expect(verifySignatureAuth(verifier, octets, { method: 1, data }, false)).toEqual({
        ok: true,
        value: `RSA PKCS #1 v1.5 with ${hash}`,
      });
    }
  });

  test("gets nothing from an Ed25519 key", () => {
    expect(signAuth(key("ed25519").signer, octets, undefined)).toEqual({
      ok: false,
      error: "our Ed25519 key needs a peer with signatures by RFC 7427",
    });
  });
});

describe("AUTH of a peer", () => {
  const { signer, verifier } = key("rsa");
  const digital = (identifier: string, signature: Uint8Array) => {
    const algorithm = fromHex(identifier);
    return { method: 14, data: concat(Uint8Array.of(algorithm.length), algorithm, signature) };
  };

  test("by method 14 counts only when both sides have offered it", () => {
    const proof = signAuth(signer, octets, all);
    if (!proof.ok) throw new Error(proof.error);
    expect(verifySignatureAuth(verifier, octets, proof.value, false)).toMatchObject({ error: { code: "unsupported" } });
  });

  test("with SHA-1 by method 14 is refused, whatever is configured", () => {
    const signature = signer.sign({ name: "rsa-pkcs1", hash: "sha1" }, octets);
    const auth = digital("300d06092a864886f70d0101050500", signature);
    for (const rsaSha1 of [true, false]) {
      expect(verifySignatureAuth(verifier, octets, auth, true, { rsaSha1 })).toMatchObject({
        error: { code: "unsupported", why: "RSA PKCS #1 v1.5 with sha1 is refused: SHA-1 is too weak" },
      });
    }
    // RSASSA-PSS with empty parameters means SHA-1 (RFC 8247 3.2)
    const pss = digital("300d06092a864886f70d01010a3000", new Uint8Array(256));
    expect(verifySignatureAuth(verifier, octets, pss, true)).toMatchObject({ error: { code: "unsupported" } });
  });

  test("by PSS may have a salt of another length", () => {
    const signature = signer.sign({ name: "rsa-pss", hash: "sha256", saltOctets: 20 }, octets);
    const auth = digital(
      "304106092a864886f70d01010a3034a00f300d06096086480165030402010500" +
        "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020114",
      signature,
    );
    expect(verifySignatureAuth(verifier, octets, auth, true)).toEqual({ ok: true, value: "RSASSA-PSS with sha256" });
  });

  test("with an algorithm that does not fit the key is wrong, with one that nobody knows unsupported", () => {
    const ecdsa = digital("300a06082a8648ce3d040302", new Uint8Array(70));
    expect(verifySignatureAuth(verifier, octets, ecdsa, true)).toEqual({
      ok: false,
      error: { code: "wrong", why: "the signature does not verify with the RSA key of 2048 bits" },
    });
    const ed448 = digital("300506032b6571", new Uint8Array(114));
    expect(verifySignatureAuth(verifier, octets, ed448, true)).toMatchObject({ error: { code: "unsupported" } });
    for (const method of [0, 2, 3, 12, 13, 255]) {
      expect(verifySignatureAuth(verifier, octets, { method, data: new Uint8Array(256) }, true)).toMatchObject({
        error: { code: "unsupported" },
      });
    }
  });

  test("whose ASN.1 Length is zero or beyond its end is malformed", () => {
    for (const data of [new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(15, 0x30), Uint8Array.of(255)]) {
      expect(verifySignatureAuth(verifier, octets, { method: 14, data }, true)).toMatchObject({
        error: { code: "malformed" },
      });
    }
  });

  test("that is arbitrary or damaged proves nothing and never throws", () => {
    const proofs = Object.values(keys).map(({ signer: one, verifier: own }) => {
      const proof = signAuth(one, octets, all);
      if (!proof.ok) throw new Error(proof.error);
      return { own, proof: proof.value };
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...proofs),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.uint8Array({ maxLength: 300 }),
        fc.constantFrom(1, 2, 9, 10, 11, 14),
        ({ own, proof }, at, flip, random, method) => {
          const changed = proof.data.slice();
          const i = at % changed.length;
          changed[i] = (changed[i] ?? 0) ^ flip;
          expect(verifySignatureAuth(own, octets, { method: 14, data: changed }, true).ok).toBe(false);
          expect(verifySignatureAuth(own, octets, { method: 14, data: proof.data.subarray(0, i) }, true).ok).toBe(
            false,
          );
          expect(verifySignatureAuth(own, octets, { method, data: random }, true, { rsaSha1: true }).ok).toBe(false);
        },
      ),
      { seed: 1, numRuns: 400 },
    );
  });
});
