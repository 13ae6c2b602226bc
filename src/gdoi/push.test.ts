import { describe, expect, test } from "vitest";
import { pushSigner } from "../../test/support/group.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { seededRandom } from "../crypto/seeded.ts";
import { concat, fromHex, hex } from "../util/octets.ts";
import { decodeHeader } from "../wire/header.ts";
import type { DeletePayload, Payload } from "../wire/payloads.ts";
import { readPublicKey } from "./public-key.ts";
import { buildPush, kekKey, openPush, pushOctets, verifyPush } from "./push.ts";

const env = { crypto: nodeCrypto };
const random = seededRandom(5);
const kek = kekKey(random.octets(16), random.octets(32), env);
const signer = pushSigner();
const choice = { algorithm: 4, hash: 3, signer };
const seq: Payload = { kind: "SEQ", sequenceNumber: 1 };
const deletion: DeletePayload = { kind: "D", doi: 2, protocolId: 1, spiSize: 4, spis: [new Uint8Array(4)] };

function open(datagram: Uint8Array) {
  const header = decodeHeader(datagram);
  if (!header.ok) throw new Error(header.error.message);
  return openPush(kek, datagram, header.value, env);
}

/** Decrypts, changes and encrypts again, as a member could who knows the KEK. */
function altered(datagram: Uint8Array, change: (plaintext: Uint8Array) => void): Uint8Array {
  const plaintext = nodeCrypto.aesCbcDecrypt(kek.key, kek.iv, datagram.subarray(28)).slice();
  change(plaintext);
  return concat(datagram.subarray(0, 28), nodeCrypto.aesCbcEncrypt(kek.key, kek.iv, plaintext));
}

test("a push has the size that was foretold, and opens", () => {
  const datagram = buildPush(kek, [seq, deletion], choice, env);
  expect(datagram.length).toBe(pushOctets(8 + 16, 64));
  const opened = open(datagram);
  expect(opened.ok && verifyPush(opened.value, nodeCrypto.importVerifier(signer.publicKey), 4, 3)).toBe(true);
});

describe("a form that is not that of RFC 6407 4 is refused", () => {
  test.each<[string, readonly Payload[], RegExp]>([
    ["SEQ alone", [seq], /neither D nor SA/],
    ["D after SA and KD", [seq, { kind: "KD", packets: [] }], /expected SIG/],
    ["SA without KD", [seq, { kind: "GDOI-SA", doi: 2, situation: 0, attributes: [] }], /.*/],
    ["two SEQs", [seq, seq], /expected SIG/],
    ["a HASH", [seq, { kind: "HASH", data: new Uint8Array(32) }], /expected SIG/],
  ])("%s", (_name, payloads, reason) => {
    const opened = open(buildPush(kek, payloads, choice, env));
    expect(opened.ok ? "" : opened.error.message).toMatch(reason);
    expect(opened.ok).toBe(false);
  });

  test("padding that is not zero: it is not signed", () => {
    const datagram = buildPush(kek, [seq, deletion], choice, env);
    const padding = datagram.length - 28 - (8 + 16 + 4 + 64);
    expect(padding).toBeGreaterThan(0);
    for (let i = 1; i <= padding; i++) {
      const bent = altered(datagram, (plaintext) => {
        plaintext[plaintext.length - i] = 1;
      });
      expect(open(bent).ok).toBe(false);
    }
  });

  test("other flags, a Message ID, a length that is no block", () => {
    const datagram = buildPush(kek, [seq, deletion], choice, env);
    for (const [at, to] of [
      [19, 0],
      [19, 3],
      [20, 1],
    ] as const) {
      const bent = datagram.slice();
      bent[at] = to;
      expect(open(bent).ok).toBe(false);
    }
    const short = datagram.slice(0, -3);
    new DataView(short.buffer).setUint32(24, short.length);
    expect(open(short).ok).toBe(false);
  });

  test("any change behind HDR that keeps the form breaks the signature", () => {
    const datagram = buildPush(kek, [seq, deletion], choice, env);
    const verifier = nodeCrypto.importVerifier(signer.publicKey);
    for (let at = 0; at < 8 + 16 + 4 + 64; at++) {
      const opened = open(altered(datagram, (plaintext) => plaintext.set([(plaintext[at] ?? 0) ^ 4], at)));
      if (opened.ok) expect(verifyPush(opened.value, verifier, 4, 3)).toBe(false);
    }
  });
});

describe("public keys", () => {
  test("SubjectPublicKeyInfo, PKCS #1 and points are told apart, and give the same key", () => {
    const ec = signer.publicKey;
    const forms = [ec, ec.subarray(-65), ec.subarray(-64)].map((octets) => readPublicKey(octets, 4, env));
    expect(forms.map((f) => f?.form)).toEqual(["SubjectPublicKeyInfo", "point", "point"]);
    for (const form of forms) expect(form && hex(form.verifier.publicKey)).toBe(hex(ec));
    for (const [curve, algorithm, octets] of [
      ["P-384", 5, 96],
      ["P-521", 6, 132],
    ] as const) {
      const key = pushSigner({ kind: "ecdsa", curve }).publicKey;
      expect(readPublicKey(key.subarray(-octets), algorithm, env)?.form).toBe("point");
    }
    const rsa = pushSigner({ kind: "rsa", bits: 2048 }).publicKey;
    expect(readPublicKey(rsa.subarray(24), 1, env)?.form).toBe("PKCS #1");
    expect(readPublicKey(rsa, 1, env)?.form).toBe("SubjectPublicKeyInfo");
  });

  test("a key for another algorithm, a weak one and rubbish are none", () => {
    expect(readPublicKey(signer.publicKey, 5, env)).toBeUndefined();
    expect(readPublicKey(signer.publicKey, 1, env)).toBeUndefined();
    const modulus = random.octets(128).map((o, i) => (i === 0 ? o | 0x80 : i === 127 ? o | 1 : o));
    const weak = concat(
      fromHex("30819f300d06092a864886f70d010101050003818d0030818902818100"),
      modulus,
      fromHex("0203010001"),
    );
    expect(readPublicKey(weak, 1, env)).toBeUndefined();
    expect(readPublicKey(new Uint8Array(64), 4, env)).toBeUndefined();
    expect(readPublicKey(new Uint8Array(0), 1, env)).toBeUndefined();
  });
});
