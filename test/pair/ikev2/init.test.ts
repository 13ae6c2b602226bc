import { describe, expect, test } from "vitest";
import { ExchangeType, Flag, NotifyType } from "../../../src/iana/ikev2.ts";
import { notify, notifyOf } from "../../../src/ikev2/contents.ts";
import { encryptions, espSuiteText, groups, integrities, prfs } from "../../../src/ikev2/suite.ts";
import type { Packet } from "../../../src/sim/network.ts";
import { isZero } from "../../../src/util/octets.ts";
import { decodeHeader } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  esp,
  ike,
  ikeSas,
  ikev2Policy,
  ikev2World,
  inject,
  leftAddress,
  mirrored,
  rightAddress,
  told,
} from "../../support/ikev2.ts";

test("two gateways bring an IKE SA up with a Child SA in four messages, with the same keys at both ends", async () => {
  const pair = ikev2World();
  await bringUp(pair);
  const { left, right, world } = pair;
  expect(ikeSas(left).map(({ state, role }) => [state, role])).toEqual([["established", "initiator"]]);
  expect(ikeSas(right).map(({ state, role }) => [state, role])).toEqual([["established", "responder"]]);
  expect(ikeSas(left)[0]?.id).toBe(ikeSas(right)[0]?.id);
  expect(childSas(left)).toHaveLength(1);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  expect(world.wire).toHaveLength(4);
  expect(told(world, left)).toEqual([
    "IKE SA with fqdn:right.example at 198.51.100.2:500 established as initiator, psk, aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
    expect.stringMatching(
      /^Child SA net established \([0-9a-f]{8} in, [0-9a-f]{8} out\), tunnel mode, aes-gcm-16-256 \/ esn, 10.1.0.0\/16 to 10.2.0.0\/16$/,
    ),
  ]);
});

const ciphers = encryptions.filter(({ espOnly }) => espOnly === undefined);
const ikeSuites = [
  ...groups.map((group) => `aes-gcm-16-128 / prf-hmac-sha256 / ${group.name}`),
  ...prfs.map((prf) => `aes-gcm-16-256 / ${prf.name} / curve25519`),
  ...ciphers.flatMap(({ name, aead }) =>
    aead === undefined
      ? integrities.map((integrity) => `${name} / ${integrity.name} / prf-hmac-sha384 / ecp-256`)
      : [`${name} / prf-hmac-sha512 / ecp-384`],
  ),
];

test.each(ikeSuites)("an IKE SA with %s", async (suite) => {
  const pair = ikev2World({ left: { ikeProposals: ike(suite) }, right: { ikeProposals: ike(suite) } });
  await bringUp(pair);
  expect(ikeSas(pair.left)[0]?.suite).toBe(suite);
  expect(dataPlane(pair.left)).toEqual(mirrored(dataPlane(pair.right)));
  const { answer } = await ask(pair.world, pair.right, { do: "down", target: "tunnel" });
  expect(answer).toEqual({ reply: { ikeSas: 1, childSas: 0 } });
});

const espSuites = encryptions.flatMap(({ name, aead }) => {
  const withIntegrity = aead === undefined ? integrities.map((integrity) => `${name} / ${integrity.name}`) : [name];
  return withIntegrity.flatMap((suite) => [`${suite} / esn`, `${suite} / no-esn`]);
});

test.each(espSuites)("a Child SA with %s", async (suite) => {
  const [proposal] = esp(suite);
  const [encryption] = proposal?.encryption ?? [];
  if (proposal === undefined || encryption === undefined) throw new Error("no proposal");
  const changes = { proposals: esp(suite) };
  const pair = ikev2World({
    left: { children: [childPolicy("left", changes)] },
    right: { children: [childPolicy("right", changes)] },
  });
  await bringUp(pair);
  const agreed = { encryption, integrity: proposal.integrity[0], group: undefined, esn: proposal.esn[0] ?? false };
  expect(childSas(pair.right)[0]?.suite).toBe(espSuiteText(agreed));
  const plane = dataPlane(pair.left);
  expect(plane).toEqual(mirrored(dataPlane(pair.right)));
  const [keyIn = ""] = [...plane.values()].map((one) => String(one["keyIn"]).split(" ")[0]);
  expect(keyIn.length / 2).toBe(encryption.keyOctets + encryption.saltOctets);
});

test("a wrong first group costs one more round trip", async () => {
  const pair = ikev2World({
    left: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha256 / ecp-384, curve25519") },
    right: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519") },
  });
  await bringUp(pair);
  expect(pair.world.wire).toHaveLength(6);
  expect(ikeSas(pair.left)[0]?.suite).toContain("curve25519");
});

const cookies = { halfOpen: { total: 100, perSource: 20, cookieFrom: 0, timeoutMs: 30_000 } };

test("a cookie that is demanded is brought, with another group as well", async () => {
  const pair = ikev2World({
    left: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha256 / ecp-384, curve25519") },
    right: { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519") },
    rightPolicy: cookies,
  });
  await bringUp(pair);
  expect(pair.world.wire).toHaveLength(8);
  expect(pair.right.engine.status().counters["cookie-demanded"]).toBe(1);
});

test("a cookie is no good from another address, with another nonce or SPI, nor after two minutes", async () => {
  const { world, left, right } = ikev2World({ rightPolicy: cookies });
  const demanded = () => right.engine.status().counters["cookie-demanded"] ?? 0;
  let held: Packet | undefined;
  world.intercept = (packet) => {
    const message = decodeMessage(packet.bytes);
    if (!message.ok || notifyOf(message.value.payloads, NotifyType.COOKIE) === undefined) return [packet];
    if (packet.from.address !== leftAddress) return [packet];
    held = packet;
    return [];
  };
  left.command({ do: "up", target: "tunnel" });
  await world.runUntil(() => held !== undefined, 10_000);
  left.kill();
  world.intercept = (packet) => [packet];
  const send = async (change: (payload: Payload) => Payload, spiI?: Uint8Array, from = leftAddress) => {
    const message = decodeMessage(held?.bytes ?? new Uint8Array());
    if (!message.ok) throw new Error("no message");
    const { header, payloads } = message.value;
    const bytes = encodeMessage(
      { ...header, ...(spiI !== undefined && { spiI }) },
      payloads.map(({ payload }) => change(payload)),
    );
    inject(world, { address: from, port: 500 }, { address: rightAddress, port: 500 }, bytes);
    await world.runFor(100);
  };
  const same = (payload: Payload) => payload;
  await send(same, undefined, "203.0.113.9");
  await send(same, new Uint8Array(8).fill(7));
  await send((payload) => (payload.kind === "NONCE" ? { ...payload, data: new Uint8Array(32).fill(1) } : payload));
  expect(demanded()).toBe(4);
  expect(right.engine.status().halfOpen).toBe(0);
  await send(same);
  expect(demanded()).toBe(4);
  expect(right.engine.status().halfOpen).toBe(1);
  await world.runFor(130_000);
  expect(right.engine.status().halfOpen).toBe(0);
  await send(same);
  expect(demanded()).toBe(5);
});

test("nothing in common: the attempt fails, after one more send, with what the peer said", async () => {
  const pair = ikev2World({
    right: { ikeProposals: ike("aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048") },
  });
  const { world, left, right } = pair;
  left.command({ do: "reconfigure", policy: ikev2Policy(leftAddress, [gcmOnly()]) });
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "NO_PROPOSAL_CHOSEN" } });
  expect(world.wire).toHaveLength(4);
  expect(told(world, left).at(-1)).toContain("198.51.100.2 refuses with NO_PROPOSAL_CHOSEN, which is not protected");
  expect(told(world, right).at(-1)).toContain("dropped (no-proposal)");
  expect(left.engine.leftovers).toEqual([]);
});

function gcmOnly() {
  return connection("left", { ikeProposals: ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519") });
}

test("a refusal that somebody else sends does not end an attempt that the peer answers", async () => {
  const pair = ikev2World();
  const { world } = pair;
  world.intercept = (packet) => {
    const header = decodeHeader(packet.bytes);
    if (!header.ok || packet.from.address !== leftAddress || !isZero(header.value.spiR)) return [packet];
    const { spiI, spiR } = header.value;
    const forged = [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.AUTHENTICATION_FAILED, NotifyType.INVALID_KE_PAYLOAD];
    for (const type of forged) {
      const bytes = encodeMessage(
        { spiI, spiR, exchangeType: ExchangeType.IKE_SA_INIT, flags: Flag.RESPONSE, messageId: 0 },
        [notify(type)],
      );
      inject(world, packet.to, packet.from, bytes);
    }
    return [packet];
  };
  await bringUp(pair);
  expect(ikeSas(pair.left)).toHaveLength(1);
});

test("an endless demand for cookies ends the attempt, and is not answered without end", async () => {
  const pair = ikev2World();
  const { world, left } = pair;
  pair.right.kill();
  let demands = 0;
  world.intercept = (packet) => {
    const header = decodeHeader(packet.bytes);
    if (header.ok && packet.from.address === leftAddress) {
      demands += 1;
      const { spiI, spiR } = header.value;
      const bytes = encodeMessage(
        { spiI, spiR, exchangeType: ExchangeType.IKE_SA_INIT, flags: Flag.RESPONSE, messageId: 0 },
        [notify(NotifyType.COOKIE, Uint8Array.of(demands))],
      );
      inject(world, packet.to, packet.from, bytes);
    }
    return [packet];
  };
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "unanswered" } });
  expect(demands).toBeLessThan(20);
});

test("what is above version 2 is told the version that is spoken here, at a bounded rate", async () => {
  const { world, right } = ikev2World();
  const bytes = encodeMessage(
    { spiI: new Uint8Array(8).fill(1), spiR: new Uint8Array(8), exchangeType: 34, flags: Flag.INITIATOR, messageId: 0 },
    [],
  );
  bytes[17] = 0x31;
  for (let i = 0; i < 50; i++) {
    inject(world, { address: leftAddress, port: 500 }, { address: rightAddress, port: 500 }, bytes);
  }
  await world.runFor(1000);
  const answers = world.wire.filter(({ packet }) => packet.from.address === rightAddress);
  expect(answers).toHaveLength(1);
  const answer = decodeMessage(answers[0]?.packet.bytes ?? new Uint8Array());
  expect(answer.ok && notifyOf(answer.value.payloads, NotifyType.INVALID_MAJOR_VERSION)).toBeTruthy();
  expect(right.engine.status().halfOpen).toBe(0);
});

test("an initiator that does not go on is forgotten in time, and its share is free again", async () => {
  const halfOpen = { total: 100, perSource: 2, cookieFrom: 100, timeoutMs: 30_000 };
  const pair = ikev2World({ rightPolicy: { halfOpen } });
  const { world, left, right } = pair;
  world.intercept = (packet) => {
    const header = decodeHeader(packet.bytes);
    return header.ok && header.value.exchangeType === ExchangeType.IKE_AUTH ? [] : [packet];
  };
  for (let i = 0; i < 4; i++) {
    left.command({ do: "up", target: "tunnel" });
    await world.runFor(100);
    left.kill();
    left.start();
  }
  expect(right.engine.status().halfOpen).toBe(2);
  expect(right.engine.status().counters["drop.too-many-half-open"]).toBeGreaterThan(0);
  await world.runFor(31_000);
  expect(right.engine.status().halfOpen).toBe(0);
  expect(right.engine.leftovers).toEqual([]);
  world.intercept = (packet) => [packet];
  await bringUp(pair);
});

test("nobody is answered at an address that no connection has, but with NO_PROPOSAL_CHOSEN", async () => {
  const config = connection("right");
  const elsewhere = {
    ...config.remote,
    addresses: [{ from: Uint8Array.of(10, 0, 0, 1), to: Uint8Array.of(10, 0, 0, 9) }],
  };
  const pair = ikev2World({ right: { remote: elsewhere } });
  const { answer } = await ask(pair.world, pair.left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "NO_PROPOSAL_CHOSEN" } });
  expect(pair.right.engine.status().halfOpen).toBe(0);
});

describe("an IKE SA without a Child SA (RFC 6023)", () => {
  const manual = { children: [childPolicy("left", { start: "manual" })] };

  test("is not asked of a peer that does not say that it has such", async () => {
    const pair = ikev2World({ left: manual });
    const { world, left } = pair;
    world.intercept = (packet) => {
      const message = decodeMessage(packet.bytes);
      if (!message.ok || message.value.header.exchangeType !== ExchangeType.IKE_SA_INIT) return [packet];
      const { header, payloads } = message.value;
      const kept = payloads.map(({ payload }) => payload);
      const others = kept.filter((one) => one.kind !== "N" || one.type !== NotifyType.CHILDLESS_IKEV2_SUPPORTED);
      return [{ ...packet, bytes: encodeMessage(header, others) }];
    };
    const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({ refusal: { code: "childless" } });
    const exchanges = world.wire.map(({ packet }) => packet.bytes[18]);
    expect(new Set(exchanges)).toEqual(new Set([ExchangeType.IKE_SA_INIT]));
  });

  test("is none when a child that does not start with the connection is asked for: it goes with IKE_AUTH", async () => {
    const pair = ikev2World({ left: manual });
    const { world, left, right } = pair;
    await ask(world, left, { do: "up", target: "tunnel/net" });
    expect(world.wire).toHaveLength(4);
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  });
});
