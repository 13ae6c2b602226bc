import { hkdfSync } from "node:crypto";
import { expect, test } from "vitest";
import { espSuite, ikeSuite } from "../../test/support/strongswan-ikev2.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { SecretKey } from "../crypto/provider.ts";
import { concat, hex, utf8 } from "../util/octets.ts";
import { deriveChildKeys, type IkeKeys, initialIkeKeys, prfPlus, skeyseed } from "./keys.ts";

const { prf } = ikeSuite("aes-gcm-16-128 / prf-hmac-sha256 / curve25519");
const d = nodeCrypto.importSecret(utf8("SK_d"));
const nonces = { initiator: new Uint8Array(256).fill(1), responder: new Uint8Array(16).fill(2) };

test("nonces of any length that the protocol allows make the key of SKEYSEED", () => {
  const key = nodeCrypto.importSecret(concat(nonces.initiator, nonces.responder));
  const seed = skeyseed(nodeCrypto, prf, nonces, utf8("g^ir"));
  expect(hex(nodeCrypto.exportSecret(seed))).toBe(hex(nodeCrypto.hmac("sha256", key, utf8("g^ir"))));
});

test.each([
  "aes-gcm-16-128 / prf-hmac-sha256 / curve25519",
  "chacha20-poly1305 / prf-hmac-sha512 / curve25519",
  "aes-cbc-256 / hmac-sha512-256 / prf-hmac-sha384 / curve25519",
])("with HMACs the keys of IKE_SA_INIT are what OpenSSL's HKDF (RFC 5869) gives: %s", (text) => {
  const suite = ikeSuite(text);
  const spis = { initiator: new Uint8Array(8).fill(3), responder: new Uint8Array(8).fill(4) };
  const secret = utf8("g^ir");
  const longest = { initiator: new Uint8Array(256).fill(1), responder: new Uint8Array(256).fill(2) };
  for (const both of [nonces, longest]) {
    const octets = octetsOf(initialIkeKeys(nodeCrypto, suite, both, secret, spis));
    const salt = concat(both.initiator, both.responder);
    const info = concat(salt, spis.initiator, spis.responder);
    const { hash } = suite.prf;
    expect(hex(octets)).toBe(hex(new Uint8Array(hkdfSync(hash, secret, salt, info, octets.length))));
  }
});

/** In the order in which they are taken (RFC 7296 2.14). */
function octetsOf({ d, initiator, responder, pi, pr }: IkeKeys): Uint8Array {
  const octets = (key: SecretKey | undefined) => (key === undefined ? new Uint8Array() : nodeCrypto.exportSecret(key));
  return concat(
    octets(d),
    octets(initiator.integrity),
    octets(responder.integrity),
    octets(initiator.encryption),
    initiator.salt,
    octets(responder.encryption),
    responder.salt,
    octets(pi),
    octets(pr),
  );
}

test("an SA without encryption takes its integrity keys from the beginning", () => {
  const keys = deriveChildKeys(nodeCrypto, { prf, d }, espSuite("null / hmac-sha256-128"), nonces);
  const material = prfPlus(nodeCrypto, prf, d, concat(nonces.initiator, nonces.responder), 64);
  const both = [keys.initiator, keys.responder].map(({ encryption, integrity }) => {
    expect(nodeCrypto.exportSecret(encryption)).toHaveLength(0);
    return integrity === undefined ? "" : hex(nodeCrypto.exportSecret(integrity));
  });
  expect(both.join("")).toBe(hex(material));
});
