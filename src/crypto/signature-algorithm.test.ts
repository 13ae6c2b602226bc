import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHex, hex } from "../util/octets.ts";
import type { HashName } from "./provider.ts";
import { encodeSignatureAlgorithm, isWeak, readSignatureAlgorithm } from "./signature-algorithm.ts";

const sha256Rsa = "300d06092a864886f70d01010b0500";
/** RFC 7427 A.4.3: the trailerField that DER leaves out is in it. */
const pssWithTrailer =
  "304606092a864886f70d01010a3039a00f300d06096086480165030402010500" +
  "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120a303020101";
const pss256 =
  "304106092a864886f70d01010a3034a00f300d06096086480165030402010500" +
  "a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120";

describe("an AlgorithmIdentifier", () => {
  test.each([
    ["sha1WithRSAEncryption", "300d06092a864886f70d0101050500", { name: "rsa-pkcs1", hash: "sha1" }],
    ["sha256WithRSAEncryption", sha256Rsa, { name: "rsa-pkcs1", hash: "sha256" }],
    ["sha384WithRSAEncryption", "300d06092a864886f70d01010c0500", { name: "rsa-pkcs1", hash: "sha384" }],
    ["sha512WithRSAEncryption", "300d06092a864886f70d01010d0500", { name: "rsa-pkcs1", hash: "sha512" }],
    ["ecdsa-with-sha1", "300906072a8648ce3d0401", { name: "ecdsa-der", hash: "sha1" }],
    ["ecdsa-with-sha256", "300a06082a8648ce3d040302", { name: "ecdsa-der", hash: "sha256" }],
    ["ecdsa-with-sha384", "300a06082a8648ce3d040303", { name: "ecdsa-der", hash: "sha384" }],
    ["ecdsa-with-sha512", "300a06082a8648ce3d040304", { name: "ecdsa-der", hash: "sha512" }],
    ["id-Ed25519", "300506032b6570", { name: "ed25519" }],
    ["RSASSA-PSS with SHA-256", pss256, { name: "rsa-pss", hash: "sha256", saltOctets: 32 }],
  ] as const)("of RFC 7427 App. A and RFC 8420 App. A: %s", (_, octets, scheme) => {
    expect(readSignatureAlgorithm(fromHex(octets))).toEqual(scheme);
    expect(hex(encodeSignatureAlgorithm(scheme))).toBe(octets);
  });

  test.each([
    ["PSS that spells out the trailerField", pssWithTrailer, { name: "rsa-pss", hash: "sha256", saltOctets: 32 }],
    ["PSS with empty parameters", "300d06092a864886f70d01010a3000", { name: "rsa-pss", hash: "sha1", saltOctets: 20 }],
    [
      "PSS with default parameters",
      "303e06092a864886f70d01010a3031a00b300906052b0e03021a0500a118301606092a864886f70d010108300906052b0e03021a0500" +
        "a203020114a303020101",
      { name: "rsa-pss", hash: "sha1", saltOctets: 20 },
    ],
    [
      "PSS whose hashes have no NULL",
      "303d06092a864886f70d01010a3030a00d300b0609608648016503040201" +
        "a11a301806092a864886f70d010108300b0609608648016503040201a203020120",
      { name: "rsa-pss", hash: "sha256", saltOctets: 32 },
    ],
    ["RSA without NULL", "300b06092a864886f70d01010b", { name: "rsa-pkcs1", hash: "sha256" }],
    ["ECDSA with NULL", "300c06082a8648ce3d0403020500", { name: "ecdsa-der", hash: "sha256" }],
  ])("is read in another form: %s", (_, octets, scheme) => {
    expect(readSignatureAlgorithm(fromHex(octets))).toEqual(scheme);
  });

  test.each([
    ["nothing", ""],
    ["octets after it", `${sha256Rsa}00`],
    ["another algorithm", "300906072a8648ce380403"],
    ["id-Ed448", "300506032b6571"],
    ["Ed25519 with parameters", "300706032b65700500"],
    ["PSS without parameters", "300b06092a864886f70d01010a"],
    ["PSS with a mask of another hash", pss256.replace(/(a11c.*?6503040)201/, "$1202")],
    ["PSS with another mask", pss256.replace("010108", "010109")],
    ["PSS with another trailer", pssWithTrailer.replace("a303020101", "a303020102")],
    ["PSS with an unknown hash", pss256.replaceAll("65030402", "65030403")],
    ["PSS with fields out of order", "301706092a864886f70d01010a300aa203020120a203020120"],
    ["a negative salt", pss256.replace("a203020120", "a2030201a0")],
    ["a salt with a zero too many", "301306092a864886f70d01010a3006a20402020020"],
  ])("is not what is not supported: %s", (_, octets) => {
    expect(readSignatureAlgorithm(fromHex(octets))).toBeUndefined();
  });

  test("of any salt up to 255 octets comes back", () => {
    for (let saltOctets = 0; saltOctets < 256; saltOctets++) {
      const scheme = { name: "rsa-pss", hash: "sha512", saltOctets } as const;
      expect(readSignatureAlgorithm(encodeSignatureAlgorithm(scheme))).toEqual(scheme);
    }
  });

  test("that is damaged or arbitrary gives a scheme or nothing, and never throws", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(pss256, pssWithTrailer, sha256Rsa),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.uint8Array({ maxLength: 80 }),
        (text, at, flip, octets) => {
          const changed = fromHex(text);
          const i = at % changed.length;
          changed[i] = (changed[i] ?? 0) ^ flip;
          for (const input of [changed, changed.subarray(0, i), octets]) {
            const read = readSignatureAlgorithm(input);
            if (read !== undefined) expect(readSignatureAlgorithm(encodeSignatureAlgorithm(read))).toEqual(read);
          }
        },
      ),
      { seed: 1, numRuns: 2000 },
    );
  });
});

test("only SHA-1 is weak", () => {
  const weak = (hash: HashName) => isWeak({ name: "rsa-pss", hash, saltOctets: 20 });
  expect(weak("sha1")).toBe(true);
  expect(weak("sha256")).toBe(false);
  expect(isWeak({ name: "ed25519" })).toBe(false);
});
