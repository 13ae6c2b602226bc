import { describe, expect, test } from "vitest";
import { fromHex, hex, utf8 } from "../../util/octets.ts";
import { CryptoError } from "../provider.ts";
import { nodeCrypto } from "./index.ts";

const key = (text: string) => nodeCrypto.importSecret(fromHex(text));

describe("AES-CBC", () => {
  const f2 = { iv: "000102030405060708090a0b0c0d0e0f", plaintext: "6bc1bee22e409f96e93d7e117393172a" };
  test.each([
    // RFC 3602 4, case 1
    {
      name: "128",
      key: "06a9214036b8a15b512e03d534120006",
      iv: "3dafba429d9eb430b422da802c9fac41",
      plaintext: hex(utf8("Single block msg")),
      ciphertext: "e353779c1079aeb82708942dbe77181a",
    },
    // NIST SP 800-38A F.2.3, F.2.5
    {
      name: "192",
      key: "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
      ...f2,
      ciphertext: "4f021db243bc633d7178183a9fa071e8",
    },
    {
      name: "256",
      key: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
      ...f2,
      ciphertext: "f58c4c04d6e5f1ba779eabfb5f7bfbd6",
    },
  ])("with $name bits gives the published ciphertext and back", (vector) => {
    const iv = fromHex(vector.iv);
    expect(hex(nodeCrypto.aesCbcEncrypt(key(vector.key), iv, fromHex(vector.plaintext)))).toBe(vector.ciphertext);
    expect(hex(nodeCrypto.aesCbcDecrypt(key(vector.key), iv, fromHex(vector.ciphertext)))).toBe(vector.plaintext);
  });

  test("never pads: no octets stay no octets, other than whole blocks are refused", () => {
    const k = key("00".repeat(16));
    const iv = new Uint8Array(16);
    expect(nodeCrypto.aesCbcEncrypt(k, iv, new Uint8Array(0)).length).toBe(0);
    for (let length = 1; length < 40; length++) {
      for (const run of [nodeCrypto.aesCbcEncrypt, nodeCrypto.aesCbcDecrypt]) {
        if (length % 16 === 0) expect(run(k, iv, new Uint8Array(length)).length).toBe(length);
        else expect(() => run(k, iv, new Uint8Array(length))).toThrow(CryptoError);
      }
    }
  });

  test("refuses keys and IVs of other lengths", () => {
    expect(() => nodeCrypto.aesCbcEncrypt(key("00".repeat(20)), new Uint8Array(16), new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: "bad-length" }),
    );
    expect(() => nodeCrypto.aesCbcEncrypt(key("00".repeat(16)), new Uint8Array(12), new Uint8Array(16))).toThrow(
      expect.objectContaining({ code: "bad-length" }),
    );
  });
});

describe("sealing of state", () => {
  const k = key("11".repeat(32));
  const nonce = new Uint8Array(12);

  test("opens to what was sealed", () => {
    const sealed = nodeCrypto.seal(k, nonce, utf8("state"), utf8("row 1"));
    expect(sealed.length).toBe(5 + 16);
    expect(nodeCrypto.open(k, nonce, sealed, utf8("row 1"))).toEqual(utf8("state"));
  });

  test("refuses every change of an octet, another row, another key, and what is too short", () => {
    const sealed = nodeCrypto.seal(k, nonce, utf8("state"), utf8("row 1"));
    const refused = expect.objectContaining({ code: "not-authentic" });
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(() => nodeCrypto.open(k, nonce, changed, utf8("row 1"))).toThrow(refused);
      expect(() => nodeCrypto.open(k, nonce, sealed.subarray(0, i), utf8("row 1"))).toThrow(refused);
    }
    expect(() => nodeCrypto.open(k, nonce, sealed, utf8("row 2"))).toThrow(refused);
    expect(() => nodeCrypto.open(key("12".repeat(32)), nonce, sealed, utf8("row 1"))).toThrow(refused);
  });

  test("refuses keys and nonces of other lengths", () => {
    const refused = expect.objectContaining({ code: "bad-length" });
    expect(() => nodeCrypto.seal(key("11".repeat(16)), nonce, nonce, nonce)).toThrow(refused);
    expect(() => nodeCrypto.seal(k, new Uint8Array(16), nonce, nonce)).toThrow(refused);
  });
});

describe("authenticated encryption", () => {
  // McGrew and Viega, The Galois/Counter Mode of Operation, test cases 4, 10 and 16
  const gcm = {
    nonce: "cafebabefacedbaddecaf888",
    associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    plaintext:
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  };
  const vectors = [
    {
      name: "aes-gcm",
      key: "feffe9928665731c6d6a8f9467308308",
      ...gcm,
      sealed:
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091" +
        "5bc94fbc3221a5db94fae95ae7121a47",
    },
    {
      name: "aes-gcm",
      key: "feffe9928665731c6d6a8f9467308308feffe9928665731c",
      ...gcm,
      sealed:
        "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c" +
        "7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710" +
        "2519498e80f1478f37ba55bd6d27618c",
    },
    {
      name: "aes-gcm",
      key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      ...gcm,
      sealed:
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa" +
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662" +
        "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    // RFC 7634 App. B, an INFORMATIONAL request
    {
      name: "chacha20-poly1305",
      key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
      nonce: "a0a1a2a31011121314151617",
      associated: "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029",
      plaintext: "0000000c000040010000000a00",
      sealed: "610394701f8d017f7c12924889" + "6b71bfe25236efd7cdc67066906315b2",
    },
  ] as const;

  test.each(vectors)("with $name gives the published ciphertext and back", (vector) => {
    const [nonce, associated] = [fromHex(vector.nonce), fromHex(vector.associated)];
    const sealed = nodeCrypto.aeadSeal(vector.name, key(vector.key), nonce, fromHex(vector.plaintext), associated);
    expect(hex(sealed)).toBe(vector.sealed);
    const behind = nodeCrypto.aeadSeal(vector.name, key(vector.key), nonce, fromHex(vector.plaintext), associated, 5);
    expect(hex(behind)).toBe(`0000000000${vector.sealed}`);
    const opened = nodeCrypto.aeadOpen(vector.name, key(vector.key), nonce, sealed, associated);
    expect(opened && hex(opened)).toBe(vector.plaintext);
  });

  test.each(vectors)("with $name opens nothing that was changed in an octet, or is too short", (vector) => {
    const [k, nonce, associated] = [key(vector.key), fromHex(vector.nonce), fromHex(vector.associated)];
    const sealed = fromHex(vector.sealed);
    const { name } = vector;
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i] = (changed[i] ?? 0) ^ 1;
      expect(nodeCrypto.aeadOpen(name, k, nonce, changed, associated)).toBeUndefined();
      expect(nodeCrypto.aeadOpen(name, k, nonce, sealed.subarray(0, i), associated)).toBeUndefined();
    }
    expect(nodeCrypto.aeadOpen(name, k, nonce, sealed, associated.subarray(1))).toBeUndefined();
    expect(nodeCrypto.aeadOpen(name, k, nonce.fill(0, 0, 4), sealed, associated)).toBeUndefined();
  });

  test("takes nothing at all for a message", () => {
    const nonce = new Uint8Array(12);
    for (const name of ["aes-gcm", "chacha20-poly1305"] as const) {
      const sealed = nodeCrypto.aeadSeal(name, key("11".repeat(32)), nonce, new Uint8Array(0), nonce);
      expect(sealed.length).toBe(16);
      expect(nodeCrypto.aeadOpen(name, key("11".repeat(32)), nonce, sealed, nonce)).toEqual(new Uint8Array(0));
    }
  });

  test("refuses keys and nonces of other lengths", () => {
    const refused = expect.objectContaining({ code: "bad-length" });
    const octets = new Uint8Array(32);
    for (const [name, keyOctets, nonceOctets] of [
      ["aes-gcm", 20, 12],
      ["aes-gcm", 16, 8],
      ["chacha20-poly1305", 16, 12],
      ["chacha20-poly1305", 32, 16],
    ] as const) {
      const k = key("11".repeat(keyOctets));
      expect(() => nodeCrypto.aeadSeal(name, k, new Uint8Array(nonceOctets), octets, octets)).toThrow(refused);
      expect(() => nodeCrypto.aeadOpen(name, k, new Uint8Array(nonceOctets), octets, octets)).toThrow(refused);
    }
  });
});
