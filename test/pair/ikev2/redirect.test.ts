import { describe, expect, test } from "vitest";
import { NotifyType } from "../../../src/iana/ikev2.ts";
import { Ikev2Engine } from "../../../src/ikev2/engine.ts";
import type { Connection, Ikev2Policy } from "../../../src/ikev2/types.ts";
import type { World } from "../../../src/sim/world.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { NotifyPayload } from "../../../src/wire/ikev2/payloads.ts";
import {
  ask,
  bringUp,
  childSas,
  connection,
  dataPlane,
  type Ikev2Host,
  identity,
  ikeSas,
  ikev2Policy,
  ikev2World,
  inject,
  kinds,
  leftAddress,
  mirrored,
  rightAddress,
  told,
} from "../../support/ikev2.ts";

const otherAddress = "203.0.113.50";

/** A second gateway that is what the right one is, at another address. */
function secondGateway(world: World, changes: Partial<Connection> = {}, address = otherAddress): Ikev2Host {
  const config = connection("right", changes);
  return world.host({ name: address, address, create: () => new Ikev2Engine(ikev2Policy(address, [config])) });
}

/** Notifications of IKE_SA_INIT messages between two addresses. */
function notified(world: World, from: string, to: string, type: number): NotifyPayload[] {
  return world.wire
    .filter(({ packet }) => packet.from.address === from && packet.to.address === to)
    .flatMap(({ packet }) => {
      const message = decodeMessage(packet.bytes);
      return message.ok ? message.value.payloads : [];
    })
    .flatMap(({ payload }) => (payload.kind === "N" && payload.type === type ? [payload] : []));
}

/** Where its established IKE SAs lead to. */
const peers = (host: Ikev2Host) =>
  ikeSas(host)
    .filter(({ state }) => state === "established")
    .map(({ remote }) => remote.address);

describe("a client that is sent on in the answer to IKE_SA_INIT", () => {
  test("begins with the other gateway, says who sent it, and leaves nothing at the first", async () => {
    const pair = ikev2World({ right: { redirectTo: otherAddress } });
    const { world, left, right } = pair;
    const other = secondGateway(world);
    const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({ reply: { state: "up" } });
    expect([peers(left), peers(other), ikeSas(right)]).toEqual([[otherAddress], [leftAddress], []]);
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(other)));
    expect(notified(world, leftAddress, rightAddress, NotifyType.REDIRECT_SUPPORTED)).toHaveLength(1);
    const [from] = notified(world, leftAddress, otherAddress, NotifyType.REDIRECTED_FROM);
    expect(from?.data).toEqual(Uint8Array.of(1, 4, 198, 51, 100, 2));
    expect(told(world, left)[0]).toBe(`the gateway ${rightAddress} sends us to ${otherAddress}`);
    expect(told(world, right)).toEqual([`the client at ${leftAddress} is sent to the gateway ${otherAddress}`]);
    expect(right.engine.leftovers).toEqual([]);
    expect(right.engine.status().counters).toMatchObject({ redirected: 1 });
  });

  test("believes only an answer that has its nonce", async () => {
    const pair = ikev2World();
    const { world, left } = pair;
    const mallory = secondGateway(world);
    world.intercept = (packet) => {
      if (packet.from.address !== leftAddress || packet.to.address !== rightAddress) return [packet];
      const message = decodeMessage(packet.bytes);
      if (message.ok && message.value.header.exchangeType === 34 && message.value.header.flags === 8) {
        const { spiI, spiR } = message.value.header;
        const data = Uint8Array.of(1, 4, 203, 0, 113, 50, ...new Array<number>(32).fill(7));
        const forged = encodeMessage({ spiI, spiR, exchangeType: 34, flags: 0x20, messageId: 0 }, [
          { kind: "N", protocolId: 0, spi: new Uint8Array(), type: NotifyType.REDIRECT, data },
        ]);
        inject(world, packet.to, packet.from, forged);
      }
      return [packet];
    };
    await bringUp(pair);
    expect([peers(left), ikeSas(mallory)]).toEqual([[rightAddress], []]);
    expect(left.engine.status().counters).toMatchObject({ "drop.redirect-nonce": 1 });
  });

  test("takes no other identity than that of its connection, whoever sends it where", async () => {
    const pair = ikev2World({ right: { redirectTo: otherAddress }, left: { start: "always" } });
    const { world, left } = pair;
    const { local } = connection("right");
    const mallory = secondGateway(world, { local: { ...local, identity: identity("mallory.example") } });
    await world.runFor(30_000);
    expect([peers(left), peers(mallory)]).toEqual([[], []]);
    expect(kinds(world, left)).toContain("ikev2.failed");
  });

  test("does not say that it can, and is served, where it is not to follow", async () => {
    const pair = ikev2World({ left: { followRedirect: false }, right: { redirectTo: otherAddress } });
    await bringUp(pair);
    expect(peers(pair.left)).toEqual([rightAddress]);
  });

  test("goes from gateway to gateway no more than five times, and tells it", async () => {
    const pair = ikev2World({ right: { redirectTo: otherAddress } });
    const { world, left } = pair;
    const third = "203.0.113.51";
    secondGateway(world, { redirectTo: third });
    secondGateway(world, { redirectTo: rightAddress }, third);
    const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({ refusal: { code: "redirected" } });
    const sent = told(world, left).filter((line) => line.includes("sends us to"));
    expect(sent).toHaveLength(5);
    expect(told(world, left).at(-1)).toMatch(/^could not be established: the gateways send on again and again/);
    expect(left.engine.leftovers).toEqual([]);
  });

  test("is served by the gateway that it is to be sent to, and by one that it was just sent to from there", async () => {
    const self = ikev2World({ right: { redirectTo: rightAddress } });
    await bringUp(self);
    expect(peers(self.left)).toEqual([rightAddress]);

    const pair = ikev2World({ right: { redirectTo: otherAddress } });
    const other = secondGateway(pair.world, { redirectTo: rightAddress });
    await ask(pair.world, pair.left, { do: "up", target: "tunnel" });
    expect(peers(other)).toEqual([leftAddress]);
  });

  test("tries the configured gateway again when the other one is not there", async () => {
    const pair = ikev2World({ right: { redirectTo: otherAddress }, left: { start: "always" } });
    const { world, left } = pair;
    await world.runFor(100_000);
    expect(peers(left)).toEqual([]);
    const other = secondGateway(world);
    await world.runUntil(() => peers(left).length === 1, 300_000);
    expect(peers(other)).toEqual([leftAddress]);
    expect(notified(world, leftAddress, rightAddress, NotifyType.REDIRECT_SUPPORTED).length).toBeGreaterThan(1);
  });

  test("arrives on a bad network too", async () => {
    const link = { loss: 0.3, duplicate: 0.1, delayMs: 30, jitterMs: 200 };
    for (let seed = 1; seed <= 20; seed++) {
      const pair = ikev2World({ seed, link, right: { redirectTo: otherAddress }, left: { start: "always" } });
      const other = secondGateway(pair.world);
      await pair.world.runUntil(() => peers(pair.left).length === 1 && peers(other).length === 1, 400_000);
      await pair.world.runFor(60_000);
      expect([pair.left.engine.leftovers, pair.right.engine.leftovers, other.engine.leftovers]).toEqual([[], [], []]);
      expect(dataPlane(pair.left)).toEqual(mirrored(dataPlane(other)));
    }
  });
});

describe("a client that is sent on in the answer to IKE_AUTH", () => {
  /** Two connections of one gateway: which one it is decides the identity, and only one sends its clients on. */
  const rightConnections = [
    connection("right", { redirectTo: otherAddress }),
    connection("right", {
      name: "served",
      remote: { ...connection("right").remote, identity: identity("served.example") },
    }),
  ];

  test("verifies the gateway, goes to the other one, and deletes the IKE SA with the reason", async () => {
    const pair = ikev2World({ rightConnections });
    const { world, left, right } = pair;
    const other = secondGateway(world);
    const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
    expect(answer).toMatchObject({ reply: { state: "up" } });
    await world.runFor(60_000);
    expect([peers(left), peers(other), peers(right)]).toEqual([[otherAddress], [leftAddress], []]);
    expect(told(world, right)).toContain('peer deleted the IKE SA: "redirected to another gateway"');
    expect(kinds(world, right)).not.toContain("ikev2.child-established");
    expect([left.engine.leftovers, right.engine.leftovers]).toEqual([[], []]);
  });

  test("is deleted by the gateway when it stays", async () => {
    const pair = ikev2World({
      rightConnections,
      policy: { retransmission: { firstMs: 1000, factor: 1.8, maxMs: 10_000, tries: 3 } },
    });
    const { world, left, right } = pair;
    const { intercept } = world;
    let established = false;
    world.intercept = (packet) => {
      established ||= peers(right).length > 0;
      // nothing of the client arrives any more
      return established && packet.from.address === leftAddress ? [] : intercept(packet);
    };
    left.command({ do: "up", target: "tunnel" });
    await world.runFor(120_000);
    expect(ikeSas(right)).toEqual([]);
    expect(told(world, right)).toContain('deleted the IKE SA: "redirected to another gateway"');
  });

  test("that is another one is served", async () => {
    const { local } = connection("left");
    const pair = ikev2World({
      rightConnections,
      left: { local: { ...local, identity: identity("served.example") } },
    });
    await bringUp(pair);
    expect(peers(pair.left)).toEqual([rightAddress]);
  });
});

describe("an established client that is sent on", () => {
  test("has an IKE SA with the other gateway, then deletes the old one with the reason", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    const other = secondGateway(world);
    await bringUp(pair);
    const { answer } = await ask(world, right, { do: "redirect", target: "tunnel", gateway: otherAddress });
    expect(answer).toEqual({ reply: { told: 1, of: 1 } });
    await world.runFor(60_000);
    expect([peers(left), peers(other), peers(right)]).toEqual([[otherAddress], [leftAddress], []]);
    expect(told(world, right).at(-1)).toBe('peer deleted the IKE SA: "redirected to another gateway"');
    const story = told(world, left);
    expect(
      story.findIndex((line) => line.startsWith(`IKE SA with fqdn:right.example at ${otherAddress}`)),
    ).toBeLessThan(story.indexOf('deleted the IKE SA: "redirected to another gateway"'));
    expect(childSas(left)).toHaveLength(1);
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(other)));
    expect([left.engine.leftovers, right.engine.leftovers, other.engine.leftovers]).toEqual([[], [], []]);
  });

  test("stays when the other gateway refuses, or does not follow at all", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    const refusing = secondGateway(world, { ikeProposals: connection("right").ikeProposals.slice(1, 1) });
    await bringUp(pair);
    await ask(world, right, { do: "redirect", target: "tunnel", gateway: otherAddress });
    await world.runFor(120_000);
    expect([peers(left), peers(refusing)]).toEqual([[rightAddress], []]);
    await ask(world, right, { do: "redirect", target: "tunnel", gateway: "gw2.example" });
    await world.runFor(10_000);
    expect(peers(left)).toEqual([rightAddress]);
    expect(told(world, left).at(-1)).toBe(
      "the gateway wants to send us to another one, in vain: host names are not looked up: gw2.example",
    );
  });

  test("can be sent on after its IKE SA was rekeyed, by either side", async () => {
    const pair = ikev2World();
    const { world, left, right } = pair;
    secondGateway(world);
    await bringUp(pair);
    await ask(world, left, { do: "rekey", target: "tunnel" });
    await world.runFor(10_000);
    await ask(world, right, { do: "rekey", target: "tunnel" });
    await world.runFor(10_000);
    await ask(world, right, { do: "redirect", target: "tunnel", gateway: otherAddress });
    await world.runFor(60_000);
    expect(peers(left)).toEqual([otherAddress]);
  });

  test("is not, when it did not say that it can be, and a name that is none is told", async () => {
    const pair = ikev2World({ left: { followRedirect: false } });
    const { world, right } = pair;
    await bringUp(pair);
    const { answer } = await ask(world, right, { do: "redirect", target: "tunnel", gateway: otherAddress });
    expect(answer).toMatchObject({ refusal: { code: "no-client" } });
    const unknown = await ask(world, right, { do: "redirect", target: "nobody", gateway: otherAddress });
    expect(unknown.answer).toMatchObject({ refusal: { code: "unknown-target" } });
  });

  test("that is gone before it is told is not counted", async () => {
    const policy: Partial<Ikev2Policy> = { retransmission: { firstMs: 500, factor: 1, maxMs: 500, tries: 2 } };
    const pair = ikev2World({ policy });
    const { world, left, right } = pair;
    await bringUp(pair);
    left.kill();
    const { answer } = await ask(world, right, { do: "redirect", target: "tunnel", gateway: otherAddress });
    expect(answer).toEqual({ reply: { told: 0, of: 1 } });
  });
});
