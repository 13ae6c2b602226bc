import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type DerElement, derElement, derElements } from "../../util/der.ts";
import { concat, fromHex, hex, utf8 } from "../../util/octets.ts";
import { CryptoError, type CurveName, type KeyAlgorithm, type SignatureScheme } from "../provider.ts";
import { leftPad } from "./buffers.ts";
import { nodeCrypto } from "./index.ts";
import { fieldLength } from "./keys.ts";
import { toPem } from "./pem.ts";

const rfc4754: {
  curves: { curve: CurveName; w: string; x: string; y: string; q: string; h: string; signature: string }[];
} = JSON.parse(readFileSync(new URL("../../../test/vectors/data/rfc4754.json", import.meta.url), "utf8"));

function signerOf({ curve, w, x, y }: (typeof rfc4754.curves)[number]) {
  const base64url = (text: string) => Buffer.from(text, "hex").toString("base64url");
  const jwk = { kty: "EC", crv: curve, d: base64url(w), x: base64url(x), y: base64url(y) };
  const pkcs8 = createPrivateKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "pkcs8" });
  return nodeCrypto.importSigner(new Uint8Array(pkcs8));
}

const rsa = nodeCrypto.generateSigner({ kind: "rsa", bits: 2048 });
const ecdsa = (["P-256", "P-384", "P-521"] as const).map((curve) => ({
  curve,
  ...nodeCrypto.generateSigner({ kind: "ecdsa", curve }),
}));

describe("ECDSA", () => {
  test.each(rfc4754.curves)("$curve verifies the signature of RFC 4754 8, hashed here or before", (vector) => {
    const verifier = nodeCrypto.importVerifier(signerOf(vector).publicKey);
    const { curve } = vector;
    const signature = fromHex(vector.signature);
    expect(verifier.verify({ name: "ecdsa", curve }, utf8("abc"), signature)).toBe(true);
    expect(verifier.verify({ name: "ecdsa-raw", curve }, fromHex(vector.h), signature)).toBe(true);
    expect(verifier.verify({ name: "ecdsa", curve }, utf8("abd"), signature)).toBe(false);
    expect(verifier.verify({ name: "ecdsa-raw", curve }, fromHex(vector.h).fill(1, 0, 1), signature)).toBe(false);
  });

  test.each(rfc4754.curves)("$curve accepts both s and q - s", (vector) => {
    const { curve } = vector;
    const verifier = nodeCrypto.importVerifier(signerOf(vector).publicKey);
    const half = vector.signature.length / 2;
    const s = BigInt(`0x${vector.signature.slice(half)}`);
    const other = (BigInt(`0x${vector.q}`) - s).toString(16).padStart(half, "0");
    const signature = fromHex(vector.signature.slice(0, half) + other);
    expect(verifier.verify({ name: "ecdsa", curve }, utf8("abc"), signature)).toBe(true);
    expect(verifier.verify({ name: "ecdsa-raw", curve }, fromHex(vector.h), signature)).toBe(true);
  });

  test.each(ecdsa)("$curve signs a digest so that OpenSSL verifies it over the message", ({ curve, signer }) => {
    const hashName = { "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" } as const;
    const verifier = nodeCrypto.importVerifier(signer.publicKey);
    for (let i = 0; i < 8; i++) {
      const message = utf8(`message ${i}`);
      const digest = nodeCrypto.hash(hashName[curve], message);
      const raw = signer.sign({ name: "ecdsa-raw", curve }, digest);
      expect(raw.length).toBe(curve === "P-521" ? 132 : curve === "P-384" ? 96 : 64);
      expect(verifier.verify({ name: "ecdsa", curve }, message, raw)).toBe(true);
      const whole = signer.sign({ name: "ecdsa", curve }, message);
      expect(verifier.verify({ name: "ecdsa-raw", curve }, digest, whole)).toBe(true);
    }
  });

  test("a digest longer than the order counts with its leftmost octets", () => {
    const [p256] = ecdsa;
    if (p256 === undefined) throw new Error("no key");
    const verifier = nodeCrypto.importVerifier(p256.signer.publicKey);
    const long = nodeCrypto.hash("sha512", utf8("abc"));
    const signature = p256.signer.sign({ name: "ecdsa-raw", curve: "P-256" }, long);
    expect(verifier.verify({ name: "ecdsa-raw", curve: "P-256" }, long.subarray(0, 32), signature)).toBe(true);
    expect(verifier.verify({ name: "ecdsa-raw", curve: "P-256" }, long.subarray(32), signature)).toBe(false);
  });
});

describe("RSA", () => {
  const verifier = nodeCrypto.importVerifier(rsa.signer.publicKey);

  test("the raw scheme encloses the octets alone, without DigestInfo", () => {
    const data = nodeCrypto.hash("sha256", utf8("abc"));
    const raw = rsa.signer.sign({ name: "rsa-pkcs1-raw" }, data);
    expect(verifier.verify({ name: "rsa-pkcs1-raw" }, data, raw)).toBe(true);
    expect(verifier.verify({ name: "rsa-pkcs1", hash: "sha256" }, utf8("abc"), raw)).toBe(false);
    const digestInfo = concat(fromHex("3031300d060960864801650304020105000420"), data);
    const whole = rsa.signer.sign({ name: "rsa-pkcs1", hash: "sha256" }, utf8("abc"));
    expect(hex(rsa.signer.sign({ name: "rsa-pkcs1-raw" }, digestInfo))).toBe(hex(whole));
    expect(verifier.verify({ name: "rsa-pkcs1-raw" }, data, whole)).toBe(false);
  });

  test.each(["sha1", "sha256", "sha384", "sha512"] as const)("signs and verifies with %s", (hash) => {
    const signature = rsa.signer.sign({ name: "rsa-pkcs1", hash }, utf8("abc"));
    expect(signature.length).toBe(256);
    expect(verifier.verify({ name: "rsa-pkcs1", hash }, utf8("abc"), signature)).toBe(true);
    expect(verifier.verify({ name: "rsa-pkcs1", hash }, utf8("abd"), signature)).toBe(false);
  });

  test.each([
    ["modulus", 16_384, 3],
    ["public exponent", 3072, 383],
  ])("a key with a %s that makes verification slow is refused", (_, bits, exponentOctets) => {
    const odd = (octets: number) => Buffer.alloc(octets, 0x7f);
    const n = Buffer.concat([Buffer.of(0xff), odd(bits / 8 - 1)]).toString("base64url");
    const jwk = { kty: "RSA", n, e: odd(exponentOctets).toString("base64url") };
    const spki = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
    expect(() => nodeCrypto.importVerifier(spki)).toThrow(expect.objectContaining({ code: "bad-key" }));
  });

  test("octets too many for the modulus are refused with a typed error", () => {
    expect(() => rsa.signer.sign({ name: "rsa-pkcs1-raw" }, new Uint8Array(250))).toThrow(CryptoError);
  });
});

describe("RSASSA-PSS", () => {
  const verifier = nodeCrypto.importVerifier(rsa.signer.publicKey);

  test.each([
    ["sha256", 32],
    ["sha384", 48],
    ["sha512", 64],
    ["sha256", 0],
    ["sha256", 20],
  ] as const)("signs and verifies with %s and a salt of %i octets, and with no other salt", (hash, saltOctets) => {
    const signature = rsa.signer.sign({ name: "rsa-pss", hash, saltOctets }, utf8("abc"));
    expect(signature.length).toBe(256);
    expect(verifier.verify({ name: "rsa-pss", hash, saltOctets }, utf8("abc"), signature)).toBe(true);
    expect(verifier.verify({ name: "rsa-pss", hash, saltOctets }, utf8("abd"), signature)).toBe(false);
    expect(verifier.verify({ name: "rsa-pss", hash, saltOctets: saltOctets + 1 }, utf8("abc"), signature)).toBe(false);
    expect(verifier.verify({ name: "rsa-pkcs1", hash }, utf8("abc"), signature)).toBe(false);
  });

  test("a salt too long for the modulus is refused when signing and never verifies", () => {
    const scheme = { name: "rsa-pss", hash: "sha512", saltOctets: 255 } as const;
    expect(() => rsa.signer.sign(scheme, utf8("abc"))).toThrow(CryptoError);
    expect(verifier.verify(scheme, utf8("abc"), new Uint8Array(256))).toBe(false);
  });
});

describe("ECDSA with any hash", () => {
  test.each(ecdsa)("$curve signs in ASN.1, which says the same as r | s", ({ curve, signer }) => {
    const verifier = nodeCrypto.importVerifier(signer.publicKey);
    for (const hash of ["sha256", "sha384", "sha512"] as const) {
      const signature = signer.sign({ name: "ecdsa-der", hash }, utf8("abc"));
      expect(verifier.verify({ name: "ecdsa-der", hash }, utf8("abc"), signature)).toBe(true);
      const [r, s] = derElements(derElement(signature)?.contents ?? signature) ?? [];
      const octets = fieldLength(curve);
      const fixed = (number: DerElement | undefined) => leftPad((number?.contents ?? signature).slice(-octets), octets);
      const compact = concat(fixed(r), fixed(s));
      expect(verifier.verify({ name: "ecdsa-raw", curve }, nodeCrypto.hash(hash, utf8("abc")), compact)).toBe(true);
    }
  });

  test("an encoding that is not DER, and octets after it, are no signature", () => {
    for (const { signer } of ecdsa) {
      const verifier = nodeCrypto.importVerifier(signer.publicKey);
      const scheme = { name: "ecdsa-der", hash: "sha256" } as const;
      const signature = signer.sign(scheme, utf8("abc"));
      const { contents } = derElement(signature) ?? { contents: signature };
      const long = concat(Uint8Array.of(0x30, 0x82, 0, contents.length), contents);
      expect(verifier.verify(scheme, utf8("abc"), long)).toBe(false);
      expect(verifier.verify(scheme, utf8("abc"), concat(signature, Uint8Array.of(0)))).toBe(false);
      expect(verifier.verify(scheme, utf8("abc"), new Uint8Array(0))).toBe(false);
    }
  });
});

describe("Ed25519", () => {
  // RFC 8032 7.1, tests 1 and 2
  test.each([
    {
      secret: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      message: "",
      signature:
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    },
    {
      secret: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      message: "72",
      signature:
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    },
  ])("gives the signature of RFC 8032 over '$message'", ({ secret, message, signature }) => {
    const signer = nodeCrypto.importSigner(fromHex(`302e020100300506032b657004220420${secret}`));
    expect(signer.algorithm).toEqual({ kind: "ed25519" });
    expect(hex(signer.sign({ name: "ed25519" }, fromHex(message)))).toBe(signature);
    const verifier = nodeCrypto.importVerifier(signer.publicKey);
    expect(verifier.verify({ name: "ed25519" }, fromHex(message), fromHex(signature))).toBe(true);
    expect(verifier.verify({ name: "ed25519" }, fromHex(`${message}00`), fromHex(signature))).toBe(false);
  });
});

const schemes: readonly SignatureScheme[] = [
  { name: "rsa-pkcs1-raw" },
  { name: "rsa-pkcs1", hash: "sha256" },
  { name: "rsa-pss", hash: "sha256", saltOctets: 32 },
  { name: "ecdsa-der", hash: "sha256" },
  { name: "ed25519" },
  ...(["P-256", "P-384", "P-521"] as const).flatMap((curve) => [
    { name: "ecdsa", curve } as const,
    { name: "ecdsa-raw", curve } as const,
  ]),
];
const keys = [rsa, ...ecdsa, nodeCrypto.generateSigner({ kind: "ed25519" })];

function fits(scheme: SignatureScheme, algorithm: KeyAlgorithm): boolean {
  if ("curve" in scheme) return algorithm.kind === "ecdsa" && algorithm.curve === scheme.curve;
  return scheme.name === "ecdsa-der"
    ? algorithm.kind === "ecdsa"
    : algorithm.kind === (scheme.name === "ed25519" ? "ed25519" : "rsa");
}

test("a scheme that does not fit the key is unsupported for signing and false for verifying", () => {
  for (const { signer } of keys) {
    const verifier = nodeCrypto.importVerifier(signer.publicKey);
    for (const scheme of schemes.filter((candidate) => !fits(candidate, signer.algorithm))) {
      expect(() => signer.sign(scheme, new Uint8Array(32))).toThrow(expect.objectContaining({ code: "unsupported" }));
      expect(verifier.verify(scheme, new Uint8Array(32), new Uint8Array(64))).toBe(false);
    }
  }
});

test("arbitrary octets and mutated signatures never verify and never throw", () => {
  const data = utf8("data that was signed, 32 octets!");
  const cases = keys.flatMap(({ signer }) =>
    schemes
      .filter((scheme) => fits(scheme, signer.algorithm))
      .map((scheme) => ({
        scheme,
        verifier: nodeCrypto.importVerifier(signer.publicKey),
        signature: signer.sign(scheme, data),
      })),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...cases),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      ({ scheme, verifier, signature }, octets, at, flip) => {
        expect(verifier.verify(scheme, data, octets)).toBe(false);
        const mutated = signature.slice();
        const i = at % mutated.length;
        mutated[i] = (mutated[i] ?? 0) ^ flip;
        expect(verifier.verify(scheme, data, mutated)).toBe(false);
        expect(verifier.verify(scheme, data, signature.subarray(0, i))).toBe(false);
        expect(verifier.verify(scheme, data, concat(signature, new Uint8Array(1)))).toBe(false);
      },
    ),
    { seed: 1, numRuns: 200 },
  );
  for (const { scheme, verifier, signature } of cases) {
    expect(verifier.verify(scheme, data, signature)).toBe(true);
    expect(verifier.verify(scheme, data, new Uint8Array(signature.length))).toBe(false);
    expect(verifier.verify(scheme, data, new Uint8Array(signature.length).fill(0xff))).toBe(false);
  }
});

describe("keys", () => {
  test("a generated key comes back from its PKCS #8, as DER and as PEM", () => {
    for (const { signer, pkcs8 } of keys) {
      for (const again of [nodeCrypto.importSigner(pkcs8), nodeCrypto.importSigner(toPem("PRIVATE KEY", pkcs8))]) {
        expect(again.algorithm).toEqual(signer.algorithm);
        expect(hex(again.publicKey)).toBe(hex(signer.publicKey));
      }
    }
  });

  test("weak RSA and other kinds are not generated", () => {
    for (const algorithm of [{ kind: "rsa", bits: 1024 } as const, { kind: "other", name: "ed448" } as const]) {
      expect(() => nodeCrypto.generateSigner(algorithm)).toThrow(expect.objectContaining({ code: "unsupported" }));
    }
  });

  test("what is no key is refused with a CryptoError, also with an octet after it", () => {
    const bad = expect.objectContaining({ name: "CryptoError", code: "bad-key" });
    for (const { signer, pkcs8 } of keys) {
      expect(() => nodeCrypto.importVerifier(concat(signer.publicKey, new Uint8Array(1)))).toThrow(bad);
      expect(() => nodeCrypto.importSigner(concat(pkcs8, new Uint8Array(1)))).toThrow(bad);
      expect(() => nodeCrypto.importVerifier(pkcs8)).toThrow(bad);
      expect(() => nodeCrypto.importSigner(signer.publicKey)).toThrow(bad);
    }
    expect(() => nodeCrypto.importSigner("not PEM")).toThrow(bad);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => {
        expect(() => nodeCrypto.importVerifier(octets)).toThrow(bad);
        expect(() => nodeCrypto.importSigner(octets)).toThrow(bad);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  test("a truncated or mutated public key is refused or a verifier, nothing else", () => {
    const spki = ecdsa[0]?.signer.publicKey ?? new Uint8Array();
    for (let i = 0; i < spki.length; i++) {
      const mutated = spki.slice();
      mutated[i] = (mutated[i] ?? 0) ^ 0x55;
      for (const octets of [spki.subarray(0, i), mutated]) {
        try {
          const verifier = nodeCrypto.importVerifier(octets);
          expect(verifier.verify({ name: "ecdsa", curve: "P-256" }, octets, new Uint8Array(64))).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(CryptoError);
        }
      }
    }
  });
});
