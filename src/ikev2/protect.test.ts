import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ikeSuite } from "../../test/support/strongswan-ikev2.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { seededRandom } from "../crypto/seeded.ts";
import { ExchangeType, Flag } from "../iana/ikev2.ts";
import { concat, fromHex, hex, utf8 } from "../util/octets.ts";
import { decodeMessage, decodePayloads, enveloped } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads.ts";
import { Reassembly, sealWithin } from "./fragments.ts";
import { deriveIkeKeys, prfPlus } from "./keys.ts";
import { type Content, contentOf, open, roomIn, type Sending, seal, sealSk, sending } from "./protect.ts";

const suites = [
  "aes-gcm-16-128 / prf-hmac-sha256 / curve25519",
  "aes-gcm-16-192 / prf-hmac-sha384 / curve25519",
  "aes-gcm-16-256 / prf-hmac-sha512 / curve25519",
  "chacha20-poly1305 / prf-hmac-sha256 / curve25519",
  "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / curve25519",
  "aes-cbc-192 / hmac-sha384-192 / prf-hmac-sha256 / curve25519",
  "aes-cbc-256 / hmac-sha512-256 / prf-hmac-sha256 / curve25519",
].map((text) => ({ text, suite: ikeSuite(text) }));

const env = () => ({ crypto: nodeCrypto, random: seededRandom(1) });

const nonces = { initiator: new Uint8Array(32).fill(1), responder: new Uint8Array(32).fill(2) };
const spis = { initiator: new Uint8Array(8).fill(3), responder: new Uint8Array(8).fill(4) };
const header = {
  spiI: spis.initiator,
  spiR: spis.responder,
  exchangeType: ExchangeType.INFORMATIONAL,
  flags: Flag.INITIATOR,
  messageId: 7,
};

function keysOf(suite: ReturnType<typeof ikeSuite>) {
  const seed = nodeCrypto.importSecret(new Uint8Array(32).fill(5));
  return deriveIkeKeys(nodeCrypto, suite, seed, nonces, spis).initiator;
}

function opened(datagram: Uint8Array, by: Sending) {
  const message = decodeMessage(datagram);
  if (!message.ok) throw new Error(message.error.message);
  const envelope = enveloped(datagram, message.value.payloads);
  if (envelope === undefined) throw new Error("not protected");
  return { envelope, result: open(nodeCrypto, by, envelope), header: message.value.header };
}

describe("prf+", () => {
  const prf = ikeSuite("aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / curve25519").prf;
  const key = nodeCrypto.importSecret(utf8("key"));
  const seed = utf8("seed");

  test("chains its blocks, each with the one before and its number", () => {
    const first = nodeCrypto.hmac("sha256", key, seed, Uint8Array.of(1));
    const second = nodeCrypto.hmac("sha256", key, first, seed, Uint8Array.of(2));
    const third = nodeCrypto.hmac("sha256", key, second, seed, Uint8Array.of(3));
    const all = hex(concat(first, second, third));
    for (const length of [0, 1, 31, 32, 33, 64, 95, 96]) {
      expect(hex(prfPlus(nodeCrypto, prf, key, seed, length))).toBe(all.slice(0, 2 * length));
    }
  });

  test("gives 255 blocks and no more", () => {
    expect(prfPlus(nodeCrypto, prf, key, seed, 255 * 32)).toHaveLength(255 * 32);
    expect(() => prfPlus(nodeCrypto, prf, key, seed, 255 * 32 + 1)).toThrow(RangeError);
  });
});

describe.each(suites)("a message under $text", ({ suite }) => {
  const payloads: Payload[] = [
    { kind: "NONCE", data: utf8("some payload") },
    { kind: "N", protocolId: 0, spi: new Uint8Array(0), type: 16384, data: utf8("x") },
  ];

  test("opens to its payloads, whatever their length, and shows nothing but header and type", () => {
    const by = sending(suite, keysOf(suite));
    for (let length = 0; length < 70; length++) {
      const data = seededRandom(length).octets(length);
      const datagram = sealSk(by, env(), header, contentOf([{ kind: "V", data }]));
      const { result, header: read } = opened(datagram, by);
      if (!result.ok) throw new Error(result.error.message);
      const inner = decodePayloads(43, result.value);
      expect(inner).toMatchObject({ ok: true, value: [{ payload: { kind: "V", data } }] });
      expect(read).toMatchObject({ nextPayload: 46, length: datagram.length, messageId: 7 });
      if (length > 8) expect(hex(datagram)).not.toContain(hex(data));
    }
  });

  test("may have no payload at all", () => {
    const by = sending(suite, keysOf(suite));
    const { envelope, result } = opened(sealSk(by, env(), header, contentOf([])), by);
    expect(envelope.payload).toMatchObject({ kind: "SK", innerFirst: 0 });
    expect(result).toEqual({ ok: true, value: new Uint8Array(0) });
  });

  test("changed in any octet, cut, or under other keys is not authentic", () => {
    const by = sending(suite, keysOf(suite));
    const datagram = sealSk(by, env(), header, contentOf(payloads));
    const { envelope } = opened(datagram, by);
    for (let i = 0; i < datagram.length; i++) {
      const changed = datagram.slice();
      changed[i] = (changed[i] ?? 0) ^ 0x80;
      const altered = {
        ...envelope,
        associatedData: changed.subarray(0, envelope.bodyOffset),
        payload: { ...envelope.payload, body: changed.subarray(envelope.bodyOffset) },
      };
      expect(open(nodeCrypto, by, altered)).toMatchObject({ ok: false, error: { code: "not-authentic" } });
    }
    const { body } = envelope.payload;
    for (let length = 0; length < body.length; length++) {
      const cut = { ...envelope, payload: { ...envelope.payload, body: body.subarray(0, length) } };
      expect(open(nodeCrypto, by, cut)).toMatchObject({ ok: false, error: { code: "not-authentic" } });
    }
    const other = deriveIkeKeys(nodeCrypto, suite, nodeCrypto.importSecret(utf8("x")), nonces, spis).initiator;
    expect(open(nodeCrypto, { ...suite, keys: other }, envelope)).toMatchObject({ ok: false });
  });

  test("never has an IV that another had", () => {
    const by = sending(suite, keysOf(suite));
    const at = env();
    const ivs = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const { envelope } = opened(sealSk(by, at, header, contentOf(payloads)), by);
      ivs.add(hex(envelope.payload.body.subarray(0, suite.encryption.ivOctets)));
    }
    expect(ivs.size).toBe(300);
    expect(by.sealed).toBe(300);
  });

  test("with more padding than needed is taken, and with more than there is room for is the peer's fault", () => {
    const block = suite.encryption.blockOctets;
    const by = sending(suite, keysOf(suite));
    // pad() adds a Pad Length of its own: here the octets of a sender that pads otherwise stand in front of it
    const sealed = (plaintext: Uint8Array) => {
      const { encryption, integrity, keys } = by;
      const bodyOctets = encryption.ivOctets + plaintext.length + encryption.icvOctets + (integrity?.icvOctets ?? 0);
      const { envelope } = opened(seal(by, env(), header, { kind: "SK", innerFirst: 0 }, new Uint8Array(0)), by);
      const associatedData = envelope.associatedData.slice();
      new DataView(associatedData.buffer).setUint32(24, associatedData.length + bodyOctets);
      new DataView(associatedData.buffer).setUint16(30, 4 + bodyOctets);
      const iv = new Uint8Array(encryption.ivOctets).fill(9);
      if (encryption.aead !== undefined) {
        const nonce = concat(keys.salt, iv);
        const text = nodeCrypto.aeadSeal(encryption.aead, keys.encryption, nonce, plaintext, associatedData);
        return { ...envelope, associatedData, payload: { ...envelope.payload, body: concat(iv, text) } };
      }
      if (integrity === undefined || keys.integrity === undefined) throw new Error("no integrity");
      const text = concat(iv, nodeCrypto.aesCbcEncrypt(keys.encryption, iv, plaintext));
      const icv = nodeCrypto.hmac(integrity.hash, keys.integrity, associatedData, text);
      const body = concat(text, icv.subarray(0, integrity.icvOctets));
      return { ...envelope, associatedData, payload: { ...envelope.payload, body } };
    };
    const padded = (content: number, padding: number) => {
      const octets = new Uint8Array(content + padding + 1).fill(0xaa);
      octets[octets.length - 1] = padding;
      return octets;
    };
    for (const padding of [0, 5, 255 - ((255 + 1 + 8) % block)]) {
      const content = (block - ((padding + 1) % block)) % block;
      const result = open(nodeCrypto, by, sealed(padded(content, padding)));
      expect(result).toEqual({ ok: true, value: new Uint8Array(content).fill(0xaa) });
    }
    const tooMuch = new Uint8Array(16).fill(16);
    expect(open(nodeCrypto, by, sealed(tooMuch))).toMatchObject({ ok: false, error: { code: "bad-padding" } });
  });

  test("fits exactly as much as roomIn says", () => {
    const by = sending(suite, keysOf(suite));
    for (let body = 0; body < 150; body++) {
      const room = roomIn(body, by);
      if (room < 0) continue;
      const length = (octets: number) =>
        seal(by, env(), header, { kind: "SK", innerFirst: 0 }, new Uint8Array(octets)).length - 32;
      expect(length(room)).toBeLessThanOrEqual(body);
      expect(length(room + 1)).toBeGreaterThan(body);
    }
  });

  test("too large for a datagram goes in fragments, none larger, and comes together in any order", () => {
    const content: Content = { first: 37, octets: seededRandom(3).octets(3000) };
    for (const most of [100, 576, 1280, 3031]) {
      const by = sending(suite, keysOf(suite));
      const datagrams = sealWithin(most, by, env(), header, content);
      expect(Math.max(...datagrams.map(({ length }) => length))).toBeLessThanOrEqual(most);
      expect(datagrams.length).toBeGreaterThan(1);
      const reassembly = new Reassembly();
      const types: number[] = [];
      const outcomes = datagrams.toReversed().map((datagram) => {
        const { envelope, result } = opened(datagram, by);
        if (!result.ok || envelope.payload.kind !== "SKF") throw new Error("no fragment");
        types.push(envelope.payload.innerFirst);
        expect(envelope.payload.totalFragments).toBe(datagrams.length);
        return reassembly.add(7, envelope.payload, result.value, 0);
      });
      expect(outcomes.at(-1)).toEqual({ now: "complete", content });
      expect(outcomes.slice(0, -1).every(({ now }) => now === "waiting")).toBe(true);
      expect(types.toReversed()).toEqual([37, ...Array(datagrams.length - 1).fill(0)]);
      expect(by.sealed).toBe(datagrams.length);
    }
    const by = sending(suite, keysOf(suite));
    expect(sealWithin(4000, by, env(), header, content)).toHaveLength(1);
    expect(() => sealWithin(60, by, env(), header, content)).toThrow(RangeError);
  });
});

test("the INFORMATIONAL request of RFC 7634 App. B opens", () => {
  const datagram = fromHex(
    "c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029" +
      "1011121314151617" +
      "610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2",
  );
  const { suite } = suites.find(({ text }) => text.startsWith("chacha20")) ?? suites[0] ?? { suite: undefined };
  if (suite === undefined) throw new Error("no suite");
  const keys = {
    encryption: nodeCrypto.importSecret(fromHex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")),
    salt: fromHex("a0a1a2a3"),
    integrity: undefined,
  };
  const { result, envelope } = opened(datagram, sending(suite, keys));
  expect(envelope.payload.innerFirst).toBe(41);
  expect(result.ok && hex(result.value)).toBe("0000000c000040010000000a");
});

test("arbitrary octets as a body are not authentic and do no harm", () => {
  fc.assert(
    fc.property(fc.constantFrom(...suites), fc.uint8Array({ maxLength: 120 }), ({ suite }, body) => {
      const message = {
        payload: { kind: "SK", innerFirst: 0, body } as const,
        associatedData: new Uint8Array(32),
        bodyOffset: 32,
      };
      expect(open(nodeCrypto, { ...suite, keys: keysOf(suite) }, message)).toMatchObject({
        ok: false,
        error: { code: "not-authentic" },
      });
    }),
    { seed: 1, numRuns: 300 },
  );
});
