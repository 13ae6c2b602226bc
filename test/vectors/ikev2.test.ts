/** IKEv2 of strongSwan, opened and derived anew: every key in its log, every message, every AUTH. */
import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { Flag } from "../../src/iana/ikev2.ts";
import { pskAuth, signedOctets, verifyPskAuth, verifySignatureAuth } from "../../src/ikev2/auth.ts";
import { Reassembly } from "../../src/ikev2/fragments.ts";
import {
  type ChildKeys,
  deriveChildKeys,
  deriveIkeKeys,
  type EspKeys,
  type IkeKeys,
  type Nonces,
  rekeyedSkeyseed,
  skeyseed,
} from "../../src/ikev2/keys.ts";
import { acceptIke, answer, chooseEsp, chooseIke } from "../../src/ikev2/proposals.ts";
import { open } from "../../src/ikev2/protect.ts";
import type { IkeSuite } from "../../src/ikev2/suite.ts";
import { concat, fromHex, hex, utf8 } from "../../src/util/octets.ts";
import { decodeMessage, decodePayloads, enveloped } from "../../src/wire/ikev2/message.ts";
import type { Header, Payload, ReceivedPayload } from "../../src/wire/ikev2/payloads.ts";
import { type Scenario, scenario, scenarioNames } from "../support/strongswan-ikev2.ts";

interface Opened {
  readonly header: Header;
  readonly payloads: readonly ReceivedPayload[];
  readonly datagram: Uint8Array;
}

function find<K extends Payload["kind"]>(message: Opened, kind: K): Extract<Payload, { kind: K }> {
  for (const { payload } of message.payloads) {
    if (payload.kind === kind) return payload as Extract<Payload, { kind: K }>;
  }
  throw new Error(`no ${kind}`);
}

function clear(datagram: Uint8Array): Opened {
  const message = decodeMessage(datagram);
  if (!message.ok) throw new Error(message.error.message);
  return { ...message.value, datagram };
}

function noncesOf(request: Opened, response: Opened): Nonces {
  return { initiator: find(request, "NONCE").data, responder: find(response, "NONCE").data };
}

function secretHex(key: IkeKeys["d"]): string {
  return hex(nodeCrypto.exportSecret(key));
}

function checkIkeKeys(from: Scenario, keys: IkeKeys): void {
  expect(secretHex(keys.d)).toBe(from.next("Sk_d secret"));
  for (const side of ["initiator", "responder"] as const) {
    const { encryption, salt, integrity } = keys[side];
    const mark = side === "initiator" ? "i" : "r";
    if (integrity !== undefined) expect(secretHex(integrity)).toBe(from.next(`Sk_a${mark} secret`));
    expect(secretHex(encryption) + hex(salt)).toBe(from.next(`Sk_e${mark} secret`));
  }
  expect(secretHex(keys.pi)).toBe(from.next("Sk_pi secret"));
  expect(secretHex(keys.pr)).toBe(from.next("Sk_pr secret"));
}

function checkChildKeys(from: Scenario, keys: ChildKeys): void {
  const { integrity } = from.esp;
  for (const side of ["initiator", "responder"] as const) {
    const one: EspKeys = keys[side];
    expect(secretHex(one.encryption)).toBe(from.next(`encryption ${side} key`));
    if (integrity !== undefined && one.integrity !== undefined) {
      expect(secretHex(one.integrity)).toBe(from.next(`integrity ${side} key`));
    }
  }
}

/** Opens the protected messages of one IKE SA, fragments put together. */
function opener(suite: IkeSuite, keys: IkeKeys) {
  const reassemblies = { initiator: new Reassembly(), responder: new Reassembly() };
  return (datagram: Uint8Array): Opened | undefined => {
    const outer = clear(datagram);
    const { header } = outer;
    const message = enveloped(datagram, outer.payloads);
    if (message === undefined) throw new Error("not protected");
    const side = (header.flags & Flag.INITIATOR) !== 0 ? "initiator" : "responder";
    const opened = open(nodeCrypto, { ...suite, keys: keys[side] }, message);
    if (!opened.ok) throw new Error(opened.error.message);
    let content = { first: message.payload.innerFirst, octets: opened.value };
    if (message.payload.kind === "SKF") {
      expect(reassemblies[side].wants(header.messageId, message.payload)).toBe(true);
      const collected = reassemblies[side].add(header.messageId, message.payload, opened.value, 0);
      if (collected.now !== "complete") return undefined;
      content = collected.content;
    }
    const payloads = decodePayloads(content.first, content.octets);
    if (!payloads.ok) throw new Error(payloads.error.message);
    return { header, payloads: payloads.value, datagram };
  };
}

/** All of the conversation: IKE_SA_INIT, IKE_AUTH, Child SA rekeyed, IKE SA rekeyed, deletions. */
function conversation(from: Scenario) {
  const [first, second, ...rest] = from.datagrams.map(({ octets }) => octets);
  if (first === undefined || second === undefined) throw new Error("nothing");
  const init = { request: clear(first), response: clear(second) };
  const nonces = noncesOf(init.request, init.response);
  const { spiI, spiR } = init.response.header;
  const seed = skeyseed(nodeCrypto, from.ike.prf, nonces, fromHex(from.next("shared Diffie Hellman secret")));
  const keys = deriveIkeKeys(nodeCrypto, from.ike, seed, nonces, { initiator: spiI, responder: spiR });
  return { init, nonces, seed, keys, rest };
}

/** The first exchange after IKE_SA_INIT: IKE_AUTH. */
function protectedExchange(rest: readonly Uint8Array[], open: ReturnType<typeof opener>): [Opened, Opened] {
  const messages: Opened[] = [];
  for (const datagram of rest) {
    const message = open(datagram);
    if (message !== undefined) messages.push(message);
    const [request, response] = messages;
    if (request !== undefined && response !== undefined) return [request, response];
  }
  throw new Error("no IKE_AUTH");
}

describe.each(scenarioNames)("%s", (name) => {
  test("SKEYSEED and all SK keys are those of strongSwan", () => {
    const from = scenario(name);
    const { seed, keys } = conversation(from);
    expect(secretHex(seed)).toBe(from.next("SKEYSEED"));
    checkIkeKeys(from, keys);
  });

  test("every message opens, fragmented or not, also under the rekeyed IKE SA, and gives the keys of the SAs it makes", () => {
    const from = scenario(name);
    const { keys, nonces, rest, init } = conversation(from);
    from.next("SKEYSEED");
    checkIkeKeys(from, keys);
    const withOld = opener(from.ike, keys);
    let withNew: ReturnType<typeof opener> | undefined;
    const exchanges: string[] = [];
    let request: Opened | undefined;
    for (const datagram of rest) {
      const of = hex(datagram.subarray(0, 8)) === hex(init.response.header.spiI) ? withOld : withNew;
      const message = of?.(datagram);
      if (message === undefined) continue;
      const kinds = message.payloads.map(({ payload }) => payload.kind).filter((kind) => kind !== "N");
      exchanges.push(`${message.header.exchangeType}: ${kinds.join(" ")}`);
      if ((message.header.flags & Flag.RESPONSE) === 0) {
        request = message;
        continue;
      }
      if (request === undefined) throw new Error("a response without request");
      if (message.header.exchangeType === 35) {
        expect(hex(concat(nonces.initiator, nonces.responder))).toBe(from.next("seed"));
        checkChildKeys(from, deriveChildKeys(nodeCrypto, { prf: from.ike.prf, d: keys.d }, from.esp, nonces));
      } else if (message.header.exchangeType === 36 && kinds.includes("TSi")) {
        const fresh = noncesOf(request, message);
        const secret = kinds.includes("KE") ? fromHex(from.next("DH secret")) : undefined;
        expect(hex(concat(secret ?? new Uint8Array(0), fresh.initiator, fresh.responder))).toBe(from.next("seed"));
        checkChildKeys(from, deriveChildKeys(nodeCrypto, { prf: from.ike.prf, d: keys.d }, from.esp, fresh, secret));
      } else if (message.header.exchangeType === 36) {
        const fresh = noncesOf(request, message);
        const secret = fromHex(from.next("shared Diffie Hellman secret"));
        const seed = rekeyedSkeyseed(nodeCrypto, { prf: from.ike.prf, d: keys.d }, fresh, secret);
        expect(secretHex(seed)).toBe(from.next("SKEYSEED"));
        const [initiator, responder] = [request, message].map((one) => find(one, "SA").proposals[0]?.spi);
        if (initiator === undefined || responder === undefined) throw new Error("no SPI");
        const renewed = deriveIkeKeys(nodeCrypto, from.ike, seed, fresh, { initiator, responder });
        checkIkeKeys(from, renewed);
        withNew = opener(from.ike, renewed);
      }
    }
    expect(exchanges.filter((text) => text.startsWith("35"))).toHaveLength(2);
    expect(exchanges.filter((text) => text.startsWith("36"))).toHaveLength(4);
    expect(exchanges.filter((text) => text.endsWith(": D"))).toHaveLength(4);
  });

  test("its offers have the suite that its answers choose", () => {
    const from = scenario(name);
    const { keys, rest, init } = conversation(from);
    const { ike, esp } = from;
    const ikeProposals = [
      {
        encryption: [ike.encryption],
        integrity: ike.integrity === undefined ? [] : [ike.integrity],
        prf: [ike.prf],
        groups: [ike.group],
      },
    ];
    const offer = find(init.request, "SA");
    const choice = chooseIke(offer, ikeProposals, 0, find(init.request, "KE").group);
    expect(choice.ok && choice.value.suite).toEqual(ike);
    expect(choice.ok && answer(choice.value, new Uint8Array(0))).toEqual(find(init.response, "SA"));
    const accepted = acceptIke(find(init.response, "SA"), ikeProposals, 0, ike.group);
    expect(accepted.ok && accepted.value.suite).toEqual(ike);

    const [request, response] = protectedExchange(rest, opener(ike, keys));
    const { integrity } = esp;
    const espProposals = [
      { encryption: [esp.encryption], integrity: integrity ? [integrity] : [], groups: [], esn: [false] },
    ];
    const child = chooseEsp(find(request, "SA"), espProposals, "IKE_AUTH", undefined);
    const spi = find(response, "SA").proposals[0]?.spi ?? new Uint8Array(0);
    expect(child.ok && child.value.suite).toEqual({ ...esp, group: undefined });
    expect(child.ok && answer(child.value, spi)).toEqual(find(response, "SA"));
  });

  test("AUTH of both sides is over the octets that strongSwan signed, and proves who they are", () => {
    const from = scenario(name);
    const { keys, nonces, rest, init } = conversation(from);
    const [request, response] = protectedExchange(rest, opener(from.ike, keys));
    const psk = nodeCrypto.importSecret(utf8("keyherald-test-psk"));
    const texts: string[] = [];
    for (const [message, kind, first, peerNonce, skP] of [
      [request, "IDi", init.request, nonces.responder, keys.pi],
      [response, "IDr", init.response, nonces.initiator, keys.pr],
    ] as const) {
      const identity = message.payloads.find(({ payload }) => payload.kind === kind)?.octets.subarray(4);
      if (identity === undefined) throw new Error("no ID");
      const octets = signedOctets(nodeCrypto, from.ike.prf, { message: first.datagram, peerNonce, identity, skP });
      expect(hex(octets)).toBe(from.next("octets = message + nonce + prf(Sk_px, IDx')"));
      const auth = find(message, "AUTH");
      if (auth.method === 2) {
        const value = hex(pskAuth(nodeCrypto, from.ike.prf, psk, octets));
        expect(value).toBe(from.next("AUTH = prf(prf(secret, keypad), octets)"));
        expect(verifyPskAuth(nodeCrypto, from.ike.prf, psk, octets, auth.data)).toBe(true);
        expect(verifyPskAuth(nodeCrypto, from.ike.prf, psk, concat(octets, octets), auth.data)).toBe(false);
        continue;
      }
      const certificate = nodeCrypto.parseCertificate(find(message, "CERT").data);
      const verifier = nodeCrypto.importVerifier(certificate.publicKey);
      const digital = auth.method === 14;
      const verified = verifySignatureAuth(verifier, octets, auth, digital, { rsaSha1: true });
      texts.push(`${auth.method}: ${verified.ok ? verified.value : verified.error.why}`);
      const other = verifySignatureAuth(verifier, concat(octets, Uint8Array.of(0)), auth, digital, { rsaSha1: true });
      expect(other).toMatchObject({ ok: false, error: { code: "wrong" } });
    }
    expect(texts).toEqual(signatures[name] ?? []);
  });
});

/** How the two sides of each conversation sign. */
const signatures: Readonly<Record<string, readonly string[]>> = {
  "rsa-pkcs1": ["14: RSA PKCS #1 v1.5 with sha256", "14: RSA PKCS #1 v1.5 with sha512"],
  "rsa-pss": ["14: RSASSA-PSS with sha256", "14: RSASSA-PSS with sha512"],
  ecdsa: ["14: ECDSA with sha256", "14: ECDSA with sha256"],
  ed25519: ["14: Ed25519", "14: Ed25519"],
  "rsa-classic": ["1: RSA PKCS #1 v1.5 with sha1", "1: RSA PKCS #1 v1.5 with sha1"],
  "ecdsa-classic": ["9: ECDSA on P-256", "9: ECDSA on P-256"],
};
