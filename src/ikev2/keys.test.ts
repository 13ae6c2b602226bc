import { expect, test } from "vitest";
import { espSuite, ikeSuite } from "../../test/support/strongswan-ikev2.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { concat, hex, utf8 } from "../util/octets.ts";
import { deriveChildKeys, prfPlus, skeyseed } from "./keys.ts";

const { prf } = ikeSuite("aes-gcm-16-128 / prf-hmac-sha256 / curve25519");
const d = nodeCrypto.importSecret(utf8("SK_d"));
const nonces = { initiator: new Uint8Array(256).fill(1), responder: new Uint8Array(16).fill(2) };

test("nonces of any length that the protocol allows make the key of SKEYSEED", () => {
  const key = nodeCrypto.importSecret(concat(nonces.initiator, nonces.responder));
  const seed = skeyseed(nodeCrypto, prf, nonces, utf8("g^ir"));
  expect(hex(nodeCrypto.exportSecret(seed))).toBe(hex(nodeCrypto.hmac("sha256", key, utf8("g^ir"))));
});

test("an SA without encryption takes its integrity keys from the beginning", () => {
  const keys = deriveChildKeys(nodeCrypto, { prf, d }, espSuite("null / hmac-sha256-128"), nonces);
  const material = prfPlus(nodeCrypto, prf, d, concat(nonces.initiator, nonces.responder), 64);
  const both = [keys.initiator, keys.responder].map(({ encryption, integrity }) => {
    expect(nodeCrypto.exportSecret(encryption)).toHaveLength(0);
    return integrity === undefined ? "" : hex(nodeCrypto.exportSecret(integrity));
  });
  expect(both.join("")).toBe(hex(material));
});
