import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, utf8 } from "../../util/octets.ts";
import type { HashName } from "../provider.ts";
import { CryptoError } from "../provider.ts";
import { nodeCrypto } from "./index.ts";

/** RFC 4231 4.2, 4.3, 4.7. */
const rfc4231: readonly { key: Uint8Array; data: Uint8Array; macs: Partial<Record<HashName, string>> }[] = [
  {
    key: new Uint8Array(20).fill(0x0b),
    data: utf8("Hi There"),
    macs: {
      sha256: "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
      sha384: "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6",
      sha512:
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    },
  },
  {
    key: utf8("Jefe"),
    data: utf8("what do ya want for nothing?"),
    macs: {
      sha256: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
      sha384: "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
      sha512:
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    },
  },
  {
    key: new Uint8Array(131).fill(0xaa),
    data: utf8("Test Using Larger Than Block-Size Key - Hash Key First"),
    macs: {
      sha256: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
      sha384: "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952",
      sha512:
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    },
  },
];

describe("HMAC", () => {
  test.each(["sha256", "sha384", "sha512"] as const)("%s gives the values of RFC 4231", (name) => {
    for (const { key, data, macs } of rfc4231) {
      expect(hex(nodeCrypto.hmac(name, nodeCrypto.importSecret(key), data))).toBe(macs[name]);
    }
  });

  test("is the same however the data is cut into parts, from none to five", () => {
    const key = nodeCrypto.importSecret(utf8("Jefe"));
    const parts = ["a", "bc", "", "def", "g"].map(utf8);
    for (let n = 0; n <= parts.length; n++) {
      const some = parts.slice(0, n);
      expect(nodeCrypto.hmac("sha256", key, ...some)).toEqual(nodeCrypto.hmac("sha256", key, concat(...some)));
    }
  });

  test("refuses a key of another provider with a typed error", () => {
    expect(() => nodeCrypto.hmac("sha256", { type: "secret" }, utf8("a"))).toThrow(CryptoError);
  });
});

describe("hash", () => {
  test("is the same however the data is cut into parts", () => {
    const expected = hex(createHash("sha512").update("abcdef").digest());
    expect(hex(nodeCrypto.hash("sha512", utf8("abcdef")))).toBe(expected);
    expect(hex(nodeCrypto.hash("sha512", utf8("abc"), utf8(""), utf8("def")))).toBe(expected);
  });

  test("of nothing is the hash of the empty string", () => {
    expect(hex(nodeCrypto.hash("sha256"))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  test("octets that leave the provider are plain Uint8Arrays", () => {
    const key = nodeCrypto.importSecret(fromHex("00".repeat(32)));
    for (const octets of [
      nodeCrypto.hash("sha1", utf8("a")),
      nodeCrypto.hmac("sha1", key, utf8("a")),
      nodeCrypto.exportSecret(key),
      nodeCrypto.keyExchange(19).publicValue,
      nodeCrypto.keyExchange(14).publicValue,
      nodeCrypto.aesCbcEncrypt(key, new Uint8Array(16), new Uint8Array(16)),
    ]) {
      expect(Object.getPrototypeOf(octets)).toBe(Uint8Array.prototype);
    }
  });
});

test("comparison is by octets, and false for other lengths", () => {
  expect(nodeCrypto.equal(utf8("abc"), utf8("abc"))).toBe(true);
  expect(nodeCrypto.equal(utf8("abc"), utf8("abd"))).toBe(false);
  expect(nodeCrypto.equal(utf8("abc"), utf8("ab"))).toBe(false);
});

test.each(["sha1", "sha256", "sha384", "sha512"] as const)("%s of parts is that of the whole, however long", (name) => {
  for (const length of [0, 1, 63, 64, 4095, 4096, 4097, 100_000]) {
    const octets = Uint8Array.from({ length }, (_, i) => 31 * i);
    const expected = createHash(name).update(octets).digest("hex");
    expect(hex(nodeCrypto.hash(name, octets))).toBe(expected);
    expect(hex(nodeCrypto.hash(name, octets.subarray(0, 10), octets.subarray(10)))).toBe(expected);
  }
});

test("a secret key comes out as it went in, and is a copy", () => {
  const octets = fromHex("000102");
  const key = nodeCrypto.importSecret(octets);
  octets.fill(9);
  expect(hex(nodeCrypto.exportSecret(key))).toBe("000102");
});
