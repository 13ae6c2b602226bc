import { describe, expect, test } from "vitest";
import type { Datagram, Env, Output } from "../../src/core/engine.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { ExchangeType, PayloadType } from "../../src/iana/isakmp.ts";
import { Phase1Endpoint } from "../../src/ikev1/endpoint.ts";
import { keyed } from "../../src/ikev1/exchange.ts";
import { authenticationHash, deriveSkeyids, type Exchanged, phase1Iv, pskSkeyid } from "../../src/ikev1/keys.ts";
import { phase2Iv, protect, unprotect } from "../../src/ikev1/phase2.ts";
import { chainEnd } from "../../src/ikev1/proof.ts";
import { concat, fromHex, hex } from "../../src/util/octets.ts";
import { decodeHeader } from "../../src/wire/header.ts";
import { decodeChain, decodeMessage, encodeMessage } from "../../src/wire/message.ts";
import { capture, captureKey, captureNames, vectorFile } from "../support/golden.ts";
import { peer, policy, proposal } from "../support/phase1.ts";

interface Message {
  readonly hash: string;
  readonly plaintext: string;
  readonly datagram: string;
}

const { phase1 } = vectorFile<{
  phase1: Readonly<Record<Exclude<string, "message5" | "message6">, string>> & { message5: Message; message6: Message };
}>("gdoi-push.json");

const value = (name: string): Uint8Array => fromHex(String(phase1[name]));
const exported = (key: Parameters<typeof nodeCrypto.exportSecret>[0]) => hex(nodeCrypto.exportSecret(key));
const one = proposal({ keyBits: 256, hash: "sha256", group: 19, authentication: "psk" });
const exchanged: Exchanged = {
  initiatorCookie: value("icookie"),
  responderCookie: value("rcookie"),
  initiatorPublic: value("ke_i"),
  responderPublic: value("ke_r"),
  initiatorNonce: value("ni"),
  responderNonce: value("nr"),
};
const psk = nodeCrypto.importSecret(value("psk"));

/** Draws what the vectors drew. */
function env(privateValue: string, ...drawn: readonly Uint8Array[]): Env {
  const left = [...drawn];
  const octets = (length: number): Uint8Array<ArrayBuffer> => {
    const next = left.shift() ?? new Uint8Array(length).fill(1);
    expect(next).toHaveLength(length);
    return next.slice();
  };
  return {
    now: 0,
    random: { octets, fraction: () => 0 },
    crypto: { ...nodeCrypto, keyExchange: (group) => nodeCrypto.keyExchangeFrom(group, value(privateValue)) },
  };
}

const clear = (responderCookie: Uint8Array, payloads: Parameters<typeof encodeMessage>[1]) =>
  encodeMessage(
    {
      initiatorCookie: exchanged.initiatorCookie,
      responderCookie,
      exchangeType: ExchangeType.IDENTITY_PROTECTION,
      flags: 0,
      messageId: 0,
    },
    payloads,
  );

const initiator = { address: "192.0.2.10", port: 848 };
const responder = { address: "192.0.2.1", port: 848 };

function give(endpoint: Phase1Endpoint, bytes: Uint8Array, from: typeof initiator, by: Env): Output[] {
  const via = from === initiator ? responder : initiator;
  const datagram: Datagram = { from, via, bytes };
  const header = decodeHeader(bytes);
  if (!header.ok) throw new Error(header.error.message);
  const out: Output[] = [];
  endpoint.receive(datagram, header.value, by, out);
  return out;
}

const sent = (out: readonly Output[]) => out.flatMap((o) => (o.out === "send" ? [hex(o.bytes)] : []));

describe("gdoi-push.json, Phase 1", () => {
  test("SKEYID and what is derived from it", () => {
    const skeyid = pskSkeyid(nodeCrypto, "sha256", psk, exchanged);
    const { d, a, e } = deriveSkeyids(nodeCrypto, "sha256", skeyid, value("g_xy"), exchanged);
    expect([exported(skeyid), exported(d), exported(a), exported(e)]).toEqual(
      ["skeyid", "skeyid_d", "skeyid_a", "skeyid_e"].map((name) => phase1[name]),
    );
  });

  test("key and IV of App. B", () => {
    const keys = keyed(env("dh_private_i"), { proposal: one, lifeSeconds: 1 }, exchanged, value("g_xy"), psk);
    expect(exported(keys.encryptionKey)).toBe(phase1["key"]);
    expect(hex(keys.iv)).toBe(phase1["phase1_iv"]);
    expect(hex(phase1Iv(nodeCrypto, one, exchanged))).toBe(phase1["phase1_iv"]);
  });

  test("the shared secret comes out of either side's private value", () => {
    const ours = nodeCrypto.keyExchangeFrom(19, value("dh_private_i"));
    const theirs = nodeCrypto.keyExchangeFrom(19, value("dh_private_r"));
    expect(hex(ours.publicValue)).toBe(phase1["ke_i"]);
    expect(hex(theirs.publicValue)).toBe(phase1["ke_r"]);
    expect(hex(ours.agree(theirs.publicValue))).toBe(phase1["g_xy"]);
  });

  test("HASH_I and HASH_R", () => {
    const skeyid = nodeCrypto.importSecret(value("skeyid"));
    const hashOf = (whose: "initiator" | "responder", identity: string) =>
      hex(
        authenticationHash(nodeCrypto, "sha256", skeyid, whose, {
          ...exchanged,
          offer: value("sai_b"),
          identity: value(identity),
        }),
      );
    expect(hashOf("initiator", "idii_b")).toBe(phase1.message5.hash);
    expect(hashOf("responder", "idir_b")).toBe(phase1.message6.hash);
  });

  test("the octets of messages 5 and 6, their IV chain and the last block", () => {
    const keys = keyed(env("dh_private_i"), { proposal: one, lifeSeconds: 1 }, exchanged, value("g_xy"), psk);
    const encrypt = (message: Message, iv: Uint8Array) =>
      protect(keys, env("dh_private_i"), 2, 0, PayloadType.ID, fromHex(message.plaintext), iv);
    const fifth = encrypt(phase1.message5, keys.iv);
    const sixth = encrypt(phase1.message6, fifth.nextIv);
    expect(hex(fifth.datagram)).toBe(phase1.message5.datagram);
    expect(hex(sixth.datagram)).toBe(phase1.message6.datagram);
    expect(hex(sixth.nextIv)).toBe(phase1["last_block"]);
  });

  test("our responder answers message 5 with message 6, octet for octet", () => {
    const endpoint = new Phase1Endpoint(
      policy({
        local: { identity: { type: 1, data: fromHex("c0000201") }, certificates: [] },
        peers: [peer(initiator.address, { psk })],
        proposals: [one],
      }),
      () => 1,
    );
    const by = env("dh_private_r", exchanged.responderCookie, exchanged.responderNonce);
    const zero = new Uint8Array(8);
    const chain = decodeChain(PayloadType.SA, withHeader(value("sai_b")), 0, "phase1", "none");
    if (!chain.ok) throw new Error(chain.error.message);
    const payloads = chain.value.payloads.map(({ payload }) => payload);
    expect(sent(give(endpoint, clear(zero, payloads), initiator, by))).toEqual([
      hex(clear(exchanged.responderCookie, payloads)),
    ]);
    const third = clear(exchanged.responderCookie, [
      { kind: "KE", data: exchanged.initiatorPublic },
      { kind: "NONCE", data: exchanged.initiatorNonce },
    ]);
    give(endpoint, third, initiator, by);
    const out = give(endpoint, fromHex(phase1.message5.datagram), initiator, by);
    expect(sent(out)).toEqual([phase1.message6.datagram]);
    expect([...endpoint.sas()].map((sa) => hex(sa.lastBlock))).toEqual([phase1["last_block"]]);
  });

  test("our initiator sends SAi_b, and in message 5 ID and HASH as they stand there, then INITIAL-CONTACT", () => {
    const endpoint = new Phase1Endpoint(
      policy({
        local: { identity: { type: 1, data: fromHex("c000020a") }, certificates: [] },
        peers: [peer(responder.address, { psk })],
        proposals: [one],
      }),
      () => 1,
    );
    const by = env("dh_private_i", exchanged.initiatorCookie, exchanged.initiatorNonce);
    const out: Output[] = [];
    endpoint.initiate(initiator, responder, "peer", by, out);
    const [first = ""] = sent(out);
    const offer = decodeMessage(fromHex(first));
    if (!offer.ok) throw new Error(offer.error.message);
    expect(hex(offer.value.payloads[0]?.octets.subarray(4) ?? new Uint8Array(0))).toBe(phase1["sai_b"]);
    const answer = offer.value.payloads.map(({ payload }) => payload);
    give(endpoint, clear(exchanged.responderCookie, answer), responder, by);
    const fourth = clear(exchanged.responderCookie, [
      { kind: "KE", data: exchanged.responderPublic },
      { kind: "NONCE", data: exchanged.responderNonce },
    ]);
    const [fifth = ""] = sent(give(endpoint, fourth, responder, by));
    const keys = keyed(by, { proposal: one, lifeSeconds: 1 }, exchanged, value("g_xy"), psk);
    const header = decodeHeader(fromHex(fifth));
    if (!header.ok) throw new Error(header.error.message);
    const opened = unprotect(keys, by, header.value, fromHex(fifth), keys.iv);
    if (!opened.ok) throw new Error(opened.error.message);
    const expected = fromHex(phase1.message5.plaintext);
    // Next Payload of HASH
    expected[12] = PayloadType.N;
    expect(hex(opened.value.plaintext.subarray(0, expected.length))).toBe(hex(expected));
  });
});

describe("captured registrations of go-iec61850", () => {
  for (const name of captureNames()) {
    test(`${name}: main mode and GROUPKEY-PULL decrypt under our IVs`, () => {
      const datagrams = capture(name).map(({ bytes }) => bytes);
      const payloads = datagrams.slice(0, 4).map((bytes) => {
        const message = decodeMessage(bytes);
        if (!message.ok) throw new Error(message.error.message);
        return message.value.payloads;
      });
      const publicValues = payloads.flatMap((all) =>
        all.flatMap(({ payload }) => (payload.kind === "KE" ? [payload.data] : [])),
      );
      const key = fromHex(captureKey(name).key);
      const header = decodeHeader(datagrams[4] ?? new Uint8Array(0));
      if (!header.ok) throw new Error(header.error.message);
      const sa = {
        initiatorCookie: header.value.initiatorCookie,
        responderCookie: header.value.responderCookie,
        encryptionKey: nodeCrypto.importSecret(key),
        proposal: one,
        lastBlock: new Uint8Array(0),
      };
      const by = env("dh_private_i");
      let iv: Uint8Array = nodeCrypto.hash("sha256", concat(...publicValues)).subarray(0, 16);
      const first: string[] = [];
      let messageId = 0;
      for (const bytes of datagrams.slice(4)) {
        const read = decodeHeader(bytes);
        if (!read.ok) throw new Error(read.error.message);
        if (read.value.messageId !== messageId) {
          messageId = read.value.messageId;
          iv = phase2Iv({ ...sa, lastBlock: iv }, messageId, by);
        }
        const opened = unprotect(sa, by, read.value, bytes, iv);
        if (!opened.ok) throw new Error(opened.error.message);
        iv = opened.value.nextIv;
        const { plaintext } = opened.value;
        const end = chainEnd(read.value.nextPayload, plaintext);
        const context = messageId === 0 ? "phase1" : "gdoi";
        const chain = decodeChain(read.value.nextPayload, plaintext.subarray(0, end), 0, context, "none");
        first.push(chain.ok ? String(chain.value.payloads[0]?.payload.kind) : chain.error.message);
      }
      expect(first).toEqual(["ID", "ID", "HASH", "HASH", "HASH", "HASH"]);
    });
  }
});

/** A body with the generic header of a chain's only payload. */
function withHeader(body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0, 0, (body.length + 4) >>> 8, (body.length + 4) & 0xff), body);
}
