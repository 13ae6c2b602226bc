import { expect, test } from "vitest";
import { key, streamSa } from "../../test/support/group-sa.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { GroupSa } from "../sad/sad.ts";
import { fromHex, u32 } from "../util/octets.ts";
import { keyDocument } from "./key-document.ts";

function exported(sa: GroupSa) {
  return keyDocument([{ sa, state: "current" }], 1_234, nodeCrypto).keys[0];
}

test("a stream of IEC 61850 is written with its selector, and its key apart from the salt", () => {
  const sa = streamSa(0x11223344);
  const iec61850 = {
    oid: sa.iec61850?.oid ?? new Uint8Array(0),
    oidSpecificPayload: fromHex("0404efc00001"),
    authAlg: 1,
    encAlg: 4,
    keyDeliveryAssurance: 95,
  };
  expect(keyDocument([{ sa: { ...sa, iec61850 }, state: "next" }], 1_234, nodeCrypto)).toEqual({
    format: "keyherald-keys-1",
    writtenAt: 1_234,
    keys: [
      {
        group: "substation",
        spi: "11223344",
        state: "next",
        activateAt: 1_000,
        expiresAt: 2_000,
        kept: false,
        protocol: "IEC_61850",
        oid: "1.2.840.10070.61850.8.1.2",
        selector: "0404efc00001",
        authentication: null,
        encryption: { algorithm: "AES_GCM_128", key: "000102030405060708090a0b0c0d0e0f", salt: "10111213" },
        keyDeliveryAssurance: 95,
      },
    ],
  });
});

test.each([
  [2, 1, 0, 32, { authentication: { algorithm: "HMAC_SHA256_128", salt: "" }, encryption: null }],
  [3, 3, 32, 32, { authentication: { algorithm: "HMAC_SHA256" }, encryption: { algorithm: "AES_CBC_256", salt: "" } }],
  [5, 1, 0, 36, { authentication: { algorithm: "AES_GMAC_256", salt: "20212223" }, encryption: null }],
  [1, 5, 36, 0, { authentication: null, encryption: { algorithm: "AES_GCM_256", salt: "20212223" } }],
  [1, 5, 32, 0, { authentication: null, encryption: { algorithm: "AES_GCM_256", salt: "" } }],
  [1, 1, 0, 0, { authentication: null, encryption: null }],
])("Auth Alg %i with Enc Alg %i, keys of %i and %i octets", (authAlg, encAlg, algorithm, integrity, expected) => {
  const { algorithmKey: _, ...sa } = streamSa(1);
  const stream = sa.iec61850 ?? { oid: new Uint8Array(0), oidSpecificPayload: new Uint8Array(0) };
  const keys = {
    ...(algorithm > 0 && { algorithmKey: key(algorithm) }),
    ...(integrity > 0 && { integrityKey: key(integrity) }),
  };
  expect(exported({ ...sa, ...keys, iec61850: { ...stream, authAlg, encAlg } })).toMatchObject(expected);
});

test("one that does not expire has no end, one past its end says so", () => {
  expect(exported(streamSa(1, { expiresAt: Number.POSITIVE_INFINITY }))?.expiresAt).toBeNull();
  expect(exported(streamSa(1, { kept: true }))?.kept).toBe(true);
});

test("an SA of ESP is written with its policy as it came", () => {
  const { iec61850: _, ...sa } = streamSa(7, {
    protocol: 1,
    spi: u32(7),
    integrityKey: key(2, 0xa0),
    policy: fromHex("0badcafe"),
    sids: [3],
    sidBits: 16,
  });
  expect(exported(sa)).toMatchObject({
    protocol: "ESP",
    policy: "0badcafe",
    integrityKey: "a0a1",
    senderIds: [3],
    senderIdBits: 16,
  });
});
