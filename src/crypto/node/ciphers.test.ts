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
