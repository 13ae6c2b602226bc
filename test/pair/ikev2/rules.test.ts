/** Rules of RFC 7296 that hold for every message, and those that no other test is about. */
import { describe, expect, test } from "vitest";
import { ExchangeType, Flag, NotifyType, ProtocolId, TransformType } from "../../../src/iana/ikev2.ts";
import { notify } from "../../../src/ikev2/contents.ts";
import type { Packet } from "../../../src/sim/network.ts";
import { hex, isZero } from "../../../src/util/octets.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload, ReceivedPayload } from "../../../src/wire/ikev2/payloads.ts";
import {
  ask,
  bringUp,
  childSas,
  type Ikev2World,
  ike,
  ikeSas,
  ikev2World,
  inject,
  leftAddress,
  rightAddress,
  told,
} from "../../support/ikev2.ts";
import { type OpenedMessage, openedConversation } from "../../support/ikev2-golden.ts";
import { Impostor } from "../../support/ikev2-impostor.ts";

const { IKE_SA_INIT, INFORMATIONAL, CREATE_CHILD_SA } = ExchangeType;

/** All messages of a World, opened with the key log of the left gateway. */
function opened({ world, left }: Ikev2World): (OpenedMessage & { readonly packet: Packet })[] {
  const packets = world.wire.map(({ packet }) => packet);
  const datagrams = packets.map(({ from, to, bytes }) => ({
    from: from.address,
    to: to.address,
    fromPort: from.port,
    toPort: to.port,
    bytes,
  }));
  return openedConversation("pair", datagrams, left.keyLog).flatMap((message, i) => {
    const packet = packets[i];
    return packet === undefined ? [] : [{ ...message, packet }];
  });
}

/** Up, a Child SA and the IKE SA rekeyed from either side, and down. */
async function life(): Promise<ReturnType<typeof opened>> {
  const pair = ikev2World({ policy: { keyLog: true } });
  const { world, left, right } = pair;
  await bringUp(pair);
  for (const host of [left, right]) {
    await ask(world, host, { do: "rekey", target: "tunnel/net" });
    await ask(world, host, { do: "rekey", target: "tunnel" });
    await world.runFor(5000);
  }
  await ask(world, left, { do: "down", target: "tunnel" });
  return opened(pair);
}

describe("in every message of a whole life", () => {
  test("version, flags, SPIs and Message IDs are what 3.1 and 2.2 say", async () => {
    const messages = await life();
    expect(messages.length).toBeGreaterThan(20);
    // of each IKE SA, by its SPIi
    const initiators = new Map<string, string>();
    const next = new Map<string, number>();
    for (const { header, packet, origin } of messages) {
      expect(packet.bytes[17], origin).toBe(0x20);
      expect(header.flags & ~(Flag.INITIATOR | Flag.RESPONSE), origin).toBe(0);
      expect(isZero(header.spiI), origin).toBe(false);
      const response = (header.flags & Flag.RESPONSE) !== 0;
      expect(isZero(header.spiR), origin).toBe(header.exchangeType === IKE_SA_INIT && !response);
      const byInitiator = (header.flags & Flag.INITIATOR) !== 0;
      const other = packet.from.address === leftAddress ? rightAddress : leftAddress;
      const initiator = initiators.get(hex(header.spiI)) ?? (byInitiator ? packet.from.address : other);
      initiators.set(hex(header.spiI), initiator);
      expect(packet.from.address === initiator, origin).toBe(byInitiator);
      // of each side's requests in each IKE SA: 0, 1, 2, ...; with a window of one the response is to the last one
      const asker = response ? other : packet.from.address;
      const key = `${hex(header.spiI)} ${asker}`;
      const expected = next.get(key) ?? 0;
      expect(header.messageId, origin).toBe(expected);
      if (response) next.set(key, expected + 1);
    }
    // the first, and one rekeyed by each side, which count from 0 again (2.18)
    expect(initiators.size).toBe(3);
    expect(new Set(initiators.values())).toEqual(new Set([leftAddress, rightAddress]));
  });

  test("nothing reserved is set, and no payload is critical (2.5, 3.2)", async () => {
    const payloads = (await life()).flatMap(({ payloads: outer, inner }) => [...outer, ...(inner?.payloads ?? [])]);
    const marked = payloads.filter(
      ({ payload }) => "critical" in payload || "reserved" in payload || "reserved2" in payload,
    );
    expect(marked).toEqual([]);
    expect(payloads.length).toBeGreaterThan(50);
  });

  test("the last request on an IKE SA that was rekeyed is its own Delete, and its Child SAs are not deleted (2.8)", async () => {
    const messages = (await life()).filter(({ header }) => (header.flags & Flag.RESPONSE) === 0);
    const last = new Map(messages.map((message) => [hex(message.header.spiI), message]));
    expect(last.size).toBe(3);
    for (const { inner } of last.values()) {
      const deletes = inner?.payloads.flatMap(({ payload }) => (payload.kind === "D" ? [payload.protocolId] : []));
      expect(deletes).toEqual([ProtocolId.IKE]);
    }
  });

  test("each nonce is fresh, and half as long as the key of the PRF at least (2.10)", async () => {
    const nonces = (await life()).flatMap(({ payloads, inner }) =>
      [...payloads, ...(inner?.payloads ?? [])].flatMap(({ payload }) =>
        payload.kind === "NONCE" ? [payload.data] : [],
      ),
    );
    expect(nonces).toHaveLength(10);
    expect(new Set(nonces.map(hex)).size).toBe(10);
    expect(Math.min(...nonces.map(({ length }) => length))).toBeGreaterThanOrEqual(16);
  });

  test("INITIAL_CONTACT is in the first IKE_AUTH request and nowhere else (2.4)", async () => {
    const with_ = (await life()).filter(({ inner }) =>
      inner?.payloads.some(({ payload }) => payload.kind === "N" && payload.type === NotifyType.INITIAL_CONTACT),
    );
    expect(with_.map(({ header }) => [header.exchangeType, header.flags, header.messageId])).toEqual([
      [ExchangeType.IKE_AUTH, Flag.INITIATOR, 1],
    ]);
  });
});

/** The IKE_SA_INIT requests of the left gateway, decoded. */
function initRequests({ world }: Ikev2World): (readonly ReceivedPayload[])[] {
  return world.wire.flatMap(({ packet }) => {
    if (packet.from.address !== leftAddress || packet.bytes[18] !== IKE_SA_INIT) return [];
    const message = decodeMessage(packet.bytes);
    return message.ok ? [message.value.payloads] : [];
  });
}

const octetsOf = (payloads: readonly ReceivedPayload[], kind: Payload["kind"]) =>
  payloads.filter(({ payload }) => payload.kind === kind).map(({ octets }) => hex(octets.subarray(4)));

describe("IKE_SA_INIT that is asked for again", () => {
  test("with another group has the same full set of proposals (1.2)", async () => {
    const pair = ikev2World({
      left: { ikeProposals: ike("aes-gcm-16-256, aes-gcm-16-128 / prf-hmac-sha256 / ecp-384, curve25519") },
      right: { ikeProposals: ike("aes-gcm-16-128 / prf-hmac-sha256 / curve25519") },
    });
    await bringUp(pair);
    const [first = [], again = []] = initRequests(pair);
    expect(octetsOf(again, "SA")).toEqual(octetsOf(first, "SA"));
    expect(octetsOf(again, "KE")).not.toEqual(octetsOf(first, "KE"));
  });

  test("with a cookie has that first, and everything else unchanged (2.6)", async () => {
    const pair = ikev2World({
      rightPolicy: { halfOpen: { total: 100, perSource: 20, cookieFrom: 0, timeoutMs: 30_000 } },
    });
    await bringUp(pair);
    const [first = [], again = []] = initRequests(pair);
    const [cookie, ...rest] = again.map(({ payload, octets }) => ({ payload, octets: hex(octets) }));
    expect(cookie?.payload).toMatchObject({ kind: "N", type: NotifyType.COOKIE });
    expect(rest.map(({ octets }) => octets)).toEqual(first.map(({ octets }) => hex(octets)));
  });
});

/** A request of the left gateway that nobody has answered, taken apart; and the right gateway, which has not seen it. */
async function unanswered(): Promise<{ pair: Ikev2World; bytes: Uint8Array; payloads: readonly Payload[] }> {
  const pair = ikev2World();
  pair.world.intercept = () => [];
  pair.left.command({ do: "up", target: "tunnel" });
  await pair.world.runFor(10);
  pair.left.kill();
  pair.world.intercept = (packet) => [packet];
  const bytes = pair.world.wire[0]?.packet.bytes ?? new Uint8Array();
  const [payloads = []] = initRequests(pair);
  return { pair, bytes, payloads: payloads.map(({ payload }) => payload) };
}

/** What the right gateway answers to octets, by the kinds of the payloads. */
async function kindsOfAnswer({ world }: Ikev2World, bytes: Uint8Array, port = 500): Promise<(string | Packet)[]> {
  const before = world.wire.length;
  inject(world, { address: leftAddress, port }, { address: rightAddress, port: 500 }, bytes);
  await world.runFor(100);
  const answer = world.wire.slice(before).find(({ packet }) => packet.from.address === rightAddress)?.packet;
  if (answer === undefined) return [];
  const message = decodeMessage(answer.bytes);
  return message.ok ? [answer, ...message.value.payloads.map(({ payload }) => payload.kind)] : [answer];
}

const again = (bytes: Uint8Array, payloads: readonly Payload[]) => {
  const message = decodeMessage(bytes);
  if (!message.ok) throw new Error(message.error.message);
  return encodeMessage(message.value.header, payloads);
};

describe("a request of IKE_SA_INIT", () => {
  test("is answered whatever the order of its payloads (2.5)", async () => {
    const { pair, bytes, payloads } = await unanswered();
    expect(await kindsOfAnswer(pair, again(bytes, payloads.toReversed()))).toContain("SA");
  });

  test("is answered although its minor version, flags and reserved fields are of another time (2.5, 3.1, 3.2)", async () => {
    const { pair, bytes, payloads } = await unanswered();
    const strange = again(
      bytes,
      payloads.map((payload) => ({ ...payload, reserved: 0x55 })),
    );
    strange[17] = 0x27;
    strange[19] = (strange[19] ?? 0) | 0xd7;
    expect(await kindsOfAnswer(pair, strange)).toContain("SA");
  });

  test("is answered although it has payloads and vendor IDs that nobody knows (2.5, 3.12)", async () => {
    const { pair, bytes, payloads } = await unanswered();
    const unknown: Payload[] = [
      { kind: "V", data: Uint8Array.of(1, 2, 3) },
      { kind: "UNKNOWN", type: 200, data: Uint8Array.of(4, 5, 6) },
      notify(45_000),
    ];
    expect(await kindsOfAnswer(pair, again(bytes, [...unknown, ...payloads]))).toContain("SA");
  });

  test("is answered to the address and the port that it came from, from those that it came to (2.11, 2.23)", async () => {
    const { pair, bytes } = await unanswered();
    const [answer] = await kindsOfAnswer(pair, bytes, 31_337);
    expect(answer).toMatchObject({
      from: { address: rightAddress, port: 500 },
      to: { address: leftAddress, port: 31_337 },
    });
  });

  test.each([
    [15, false],
    [16, true],
    [256, true],
    [257, false],
  ])("with a nonce of %i octets: answered is %s (3.9)", async (length, accepted) => {
    const { pair, bytes, payloads } = await unanswered();
    const changed = payloads.map(
      (payload): Payload =>
        payload.kind === "NONCE" ? { kind: "NONCE", data: new Uint8Array(length).fill(7) } : payload,
    );
    expect((await kindsOfAnswer(pair, again(bytes, changed))).includes("SA")).toBe(accepted);
  });

  test.each([
    ["has a value of the wrong length", (data: Uint8Array) => data.subarray(1)],
    ["has a value that gives no secret", (data: Uint8Array) => new Uint8Array(data.length)],
  ])("whose KE payload %s makes no IKE SA (3.4, RFC 6989)", async (_what, change) => {
    const { pair, bytes, payloads } = await unanswered();
    const changed = payloads.map(
      (payload): Payload => (payload.kind === "KE" ? { ...payload, data: change(payload.data) } : payload),
    );
    expect(await kindsOfAnswer(pair, again(bytes, changed))).not.toContain("SA");
    expect(pair.right.engine.status().ikeSas).toBe(0);
  });
});

/** An established pair, and somebody who speaks for the left gateway. */
async function impersonated(): Promise<Ikev2World & { readonly impostor: Impostor }> {
  const pair = ikev2World({ policy: { keyLog: true } });
  await bringUp(pair);
  const impostor = new Impostor(pair);
  pair.left.kill();
  return { ...pair, impostor };
}

/** The request with which a left gateway rekeys what stands, as another World has it. */
async function rekeyRequest(target: string): Promise<readonly Payload[]> {
  const pair = ikev2World({ seed: 2, policy: { keyLog: true } });
  await bringUp(pair);
  await ask(pair.world, pair.left, { do: "rekey", target });
  const request = opened(pair).find(({ header }) => header.exchangeType === CREATE_CHILD_SA);
  return (request?.inner?.payloads ?? []).map(({ payload }) => payload);
}

const kindsHeard = (impostor: Impostor) => impostor.heard().map(({ payload }) => payload.kind);
const notifications = (impostor: Impostor) =>
  impostor.heard().flatMap(({ payload }) => (payload.kind === "N" ? [payload.type] : []));

describe("a protected request", () => {
  test("is answered whatever the order of its payloads (2.5)", async () => {
    const { world, right, impostor } = await impersonated();
    const payloads = (await rekeyRequest("tunnel/net")).filter(({ kind }) => kind !== "N");
    impostor.say(CREATE_CHILD_SA, 2, payloads.toReversed());
    await world.runFor(100);
    expect(kindsHeard(impostor)).toContain("SA");
    expect(childSas(right)).toHaveLength(2);
  });

  test("for an IKE SA without a fresh key exchange is refused, and everything stands (2.18)", async () => {
    const { world, right, impostor } = await impersonated();
    const payloads = await rekeyRequest("tunnel");
    const without = payloads.flatMap((payload): Payload[] => {
      if (payload.kind === "KE") return [];
      if (payload.kind !== "SA") return [payload];
      const proposals = payload.proposals.map((proposal) => ({
        ...proposal,
        transforms: proposal.transforms.map((one) => (one.type === TransformType.DH ? { ...one, id: 0 } : one)),
      }));
      return [{ ...payload, proposals }];
    });
    impostor.say(CREATE_CHILD_SA, 2, without);
    await world.runFor(100);
    expect(notifications(impostor)).toEqual([NotifyType.NO_PROPOSAL_CHOSEN]);
    expect(ikeSas(right)).toHaveLength(1);
  });

  test("with a notification that nobody knows is answered as if it were not there, an error too (3.10.1)", async () => {
    const { world, right, impostor } = await impersonated();
    impostor.say(INFORMATIONAL, 2, [notify(8000), notify(45_000), { kind: "V", data: Uint8Array.of(1) }]);
    await world.runFor(100);
    expect(impostor.heard()).toEqual([]);
    expect(ikeSas(right)).toHaveLength(1);
  });

  test("of INFORMATIONAL with INITIAL_CONTACT ends nothing (2.4)", async () => {
    const { world, right, impostor } = await impersonated();
    impostor.say(INFORMATIONAL, 2, [notify(NotifyType.INITIAL_CONTACT)]);
    await world.runFor(100);
    expect(ikeSas(right)).toHaveLength(1);
  });

  test("that asks for what is not there is answered with an error, and everything stands (2.21.3)", async () => {
    const { world, right, impostor } = await impersonated();
    const payloads = await rekeyRequest("tunnel/net");
    impostor.say(CREATE_CHILD_SA, 2, payloads);
    await world.runFor(100);
    // the SPI in its REKEY_SA is of another World
    expect(notifications(impostor)).toEqual([NotifyType.CHILD_SA_NOT_FOUND]);
    const [, ...rest] = payloads;
    impostor.say(
      CREATE_CHILD_SA,
      3,
      rest.map((payload): Payload => (payload.kind === "SA" ? { kind: "SA", proposals: [] } : payload)),
    );
    await world.runFor(100);
    expect(notifications(impostor)[0]).toBeLessThan(16_384);
    expect(ikeSas(right)).toHaveLength(1);
    expect(childSas(right)).toHaveLength(1);
  });
});

test("a response with an error that nobody knows says that the request has failed (3.10.1)", async () => {
  const { world, right, impostor } = await impersonated();
  const handle = right.command({ do: "rekey", target: "tunnel/net" });
  await world.runFor(100);
  impostor.say(CREATE_CHILD_SA, 0, [notify(8000)], Flag.RESPONSE);
  await world.runFor(100);
  expect(handle.answer).toMatchObject({ refusal: { code: "refused-by-peer" } });
  expect(childSas(right)).toHaveLength(1);
  expect(told(world, right).join()).toContain("8000");
});

test("SPIs of IKE SAs are unique, and never zero (2.6)", async () => {
  const spis = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const pair = ikev2World({ seed });
    await bringUp(pair);
    const [one] = ikeSas(pair.left);
    for (const spi of one?.id.split("_") ?? []) spis.add(spi);
  }
  expect(spis.size).toBe(40);
  expect(spis.has("0".repeat(16))).toBe(false);
});
