import { describe, expect, test } from "vitest";
import { Ikev2Engine } from "../../../src/ikev2/engine.ts";
import type { AddressPool, Connection } from "../../../src/ikev2/types.ts";
import type { World } from "../../../src/sim/world.ts";
import { addressOctets } from "../../../src/util/address.ts";
import {
  ask,
  bringUp,
  childPolicy,
  childSas,
  connection,
  dataPlane,
  type Ikev2Host,
  type Ikev2World,
  type Ikev2WorldOptions,
  identity,
  ikeSas,
  ikev2Policy,
  ikev2World,
  kinds,
  mirrored,
  selector,
  told,
} from "../../support/ikev2.ts";

const octets = (text: string): Uint8Array => addressOctets(text) ?? new Uint8Array();

const pool = (from: string, to: string, over: Partial<AddressPool> = {}): AddressPool => ({
  name: "clients",
  range: { from: octets(from), to: octets(to) },
  dns: [octets("10.2.0.53")],
  ...over,
});

/** What a client is told: an address is asked for, and its traffic comes from there. */
const asClient: Partial<Connection> = {
  requestAddress: ["ipv4"],
  children: [childPolicy("left", { localSelectors: [] })],
};

/** What a gateway is told: clients get an address, and their traffic comes from there. */
const asGateway: Partial<Connection> = {
  pools: ["clients"],
  children: [childPolicy("right", { remoteSelectors: [] })],
};

/** A client on the left, a gateway on the right. */
function clientAndGateway(options: Ikev2WorldOptions = {}, pools = [pool("10.3.0.0", "10.3.0.255")]): Ikev2World {
  return ikev2World({
    ...options,
    left: { ...asClient, ...options.left },
    right: { ...asGateway, ...options.right },
    rightPolicy: { pools, ...options.rightPolicy },
  });
}

/** Another client, with an identity of its own. */
function anotherClient(world: World, name: string, address: string): Ikev2Host {
  const { local } = connection("left");
  const config = connection("left", { ...asClient, local: { ...local, identity: identity(name) } });
  return world.host({ name, address, create: () => new Ikev2Engine(ikev2Policy(address, [config])) });
}

const addresses = (host: Ikev2Host) => ikeSas(host).flatMap(({ virtualAddresses }) => virtualAddresses);
const anybody = { remote: { ...connection("right").remote, identity: undefined } };

describe("a client", () => {
  test("gets an address of the pool and a name server, and its Child SA carries the traffic of that address alone", async () => {
    const pair = clientAndGateway();
    const { world, left, right } = pair;
    await bringUp(pair);
    expect([addresses(left), addresses(right)]).toEqual([["10.3.0.1"], ["10.3.0.1"]]);
    expect(childSas(left).map(({ local, remote }) => [local, remote])).toEqual([[["10.3.0.1/32"], ["10.2.0.0/16"]]]);
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
    expect(told(world, left)).toContain("the gateway gives 10.3.0.1, name servers 10.2.0.53");
    expect(told(world, right)).toContain("the client gets 10.3.0.1 of clients");
  });

  test("gets an address of each family that it asks for and the gateway has", async () => {
    const six = pool("2001:db8::", "2001:db8::ffff", { name: "six", dns: [] });
    const left: Partial<Connection> = {
      requestAddress: ["ipv4", "ipv6"],
      children: [
        childPolicy("left", {
          localSelectors: [],
          remoteSelectors: [selector("10.2.0.0", "10.2.255.255"), selector("2001:db8:2::1")],
        }),
      ],
    };
    const gateway = [
      childPolicy("right", { localSelectors: left.children?.[0]?.remoteSelectors ?? [], remoteSelectors: [] }),
    ];
    const pools = [pool("10.3.0.0", "10.3.0.255"), six];
    const pair = clientAndGateway({ left, right: { pools: ["clients", "six"], children: gateway } }, pools);
    await bringUp(pair);
    expect(addresses(pair.left)).toEqual(["10.3.0.1", "2001:db8::1"]);
    expect(childSas(pair.left)[0]?.local).toEqual(["10.3.0.1/32", "2001:db8::1/128"]);
    expect(dataPlane(pair.left)).toEqual(mirrored(dataPlane(pair.right)));

    const onlyFour = clientAndGateway({ left });
    await bringUp(onlyFour);
    expect(addresses(onlyFour.left)).toEqual(["10.3.0.1"]);
  });

  test("has the same address again when it comes back, and when the gateway has forgotten everything", async () => {
    const pair = clientAndGateway({ right: { ...anybody } });
    const { world, left, right } = pair;
    const other = anotherClient(world, "other.example", "203.0.113.3");
    await ask(world, other, { do: "up", target: "tunnel" });
    await bringUp(pair);
    expect([addresses(other), addresses(left)]).toEqual([["10.3.0.1"], ["10.3.0.2"]]);
    await ask(world, left, { do: "down", target: "tunnel" });
    await ask(world, other, { do: "down", target: "tunnel" });
    await bringUp(pair);
    expect(addresses(left)).toEqual(["10.3.0.2"]);
    await ask(world, left, { do: "down", target: "tunnel" });
    right.kill();
    right.start();
    await bringUp(pair);
    expect(addresses(left)).toEqual(["10.3.0.2"]);
  });

  test("keeps its address over a rekey of the IKE SA, by either side, and over re-authentication", async () => {
    const pair = clientAndGateway({ right: { ...anybody } }, [pool("10.3.0.7", "10.3.0.7")]);
    const { world, left, right } = pair;
    await bringUp(pair);
    const other = anotherClient(world, "other.example", "203.0.113.3");
    for (const renew of [
      () => ask(world, left, { do: "rekey", target: "tunnel" }),
      () => ask(world, right, { do: "rekey", target: "tunnel" }),
      () => ask(world, left, { do: "reauthenticate", target: "tunnel" }),
    ]) {
      const before = ikeSas(left)[0]?.id;
      await renew();
      await world.runFor(30_000);
      expect(ikeSas(left).map(({ id }) => id)).not.toEqual([before]);
      expect([addresses(left), addresses(right)]).toEqual([["10.3.0.7"], ["10.3.0.7"]]);
      expect(childSas(left).map(({ local }) => local)).toEqual([["10.3.0.7/32"]]);
      expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
      const { answer } = await ask(world, other, { do: "up", target: "tunnel" });
      expect(answer).toMatchObject({ refusal: { code: "no-address" } });
      await world.runFor(1000);
    }
    await ask(world, left, { do: "down", target: "tunnel" });
    await ask(world, other, { do: "up", target: "tunnel" });
    expect(addresses(other)).toEqual(["10.3.0.7"]);
  });

  test("whose Child SA is rekeyed or made anew has the same address in it", async () => {
    const second = { name: "second", start: "manual" } as const;
    const pair = clientAndGateway({
      left: {
        children: [
          childPolicy("left", { localSelectors: [] }),
          childPolicy("left", { ...second, localSelectors: [], remoteSelectors: [selector("10.9.0.1")] }),
        ],
      },
      right: {
        children: [
          childPolicy("right", { remoteSelectors: [] }),
          childPolicy("right", { ...second, localSelectors: [selector("10.9.0.1")], remoteSelectors: [] }),
        ],
      },
    });
    const { world, left, right } = pair;
    await bringUp(pair);
    await ask(world, left, { do: "rekey", target: "tunnel/net" });
    await ask(world, right, { do: "rekey", target: "tunnel/net" });
    await ask(world, left, { do: "up", target: "tunnel/second" });
    await world.runFor(30_000);
    expect(childSas(left).map(({ local, remote }) => [...local, ...remote])).toEqual([
      ["10.3.0.1/32", "10.2.0.0/16"],
      ["10.3.0.1/32", "10.9.0.1/32"],
    ]);
    expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  });
});

describe("a gateway whose addresses are all given", () => {
  test("refuses with INTERNAL_ADDRESS_FAILURE; the client says why it goes, and comes again until there is one", async () => {
    const pair = clientAndGateway({ right: { ...anybody }, left: { start: "always" } }, [pool("10.3.0.7", "10.3.0.7")]);
    const { world, left, right } = pair;
    const first = anotherClient(world, "first.example", "203.0.113.3");
    await ask(world, first, { do: "up", target: "tunnel" });
    await world.runFor(60_000);
    expect(addresses(left)).toEqual([]);
    expect(told(world, left)[0]).toMatch(
      /^could not be established: the gateway gives no address: INTERNAL_ADDRESS_FAILURE; another attempt in/,
    );
    expect(told(world, right)).toContain('peer deleted the IKE SA: "no address was given"');
    expect(told(world, right)).toContain(
      "a Child SA of the peer's wish was refused (INTERNAL_ADDRESS_FAILURE): no address is left in the pools",
    );
    await ask(world, first, { do: "down", target: "tunnel" });
    await world.runUntil(() => addresses(left).length > 0, 300_000);
    expect(addresses(left)).toEqual(["10.3.0.7"]);
    await world.runFor(60_000);
    expect([left.engine.leftovers, right.engine.leftovers]).toEqual([[], []]);
  });

  test("has them back when a client is dead, or is put out by INITIAL_CONTACT", async () => {
    const pair = clientAndGateway({ right: { livenessMs: 20_000, ...anybody } }, [pool("10.3.0.7", "10.3.0.7")]);
    const { world, left, right } = pair;
    await bringUp(pair);
    left.kill();
    left.start();
    await bringUp(pair);
    expect(addresses(left)).toEqual(["10.3.0.7"]);
    left.kill();
    await world.runUntil(() => ikeSas(right).length === 0, 120_000);
    const other = anotherClient(world, "other.example", "203.0.113.3");
    await ask(world, other, { do: "up", target: "tunnel" });
    expect(addresses(other)).toEqual(["10.3.0.7"]);
  });
});

test("a peer that asks for no address where one must be had keeps its IKE SA, without a Child SA", async () => {
  const pair = clientAndGateway({ left: { requestAddress: [], children: [childPolicy("left")] } });
  const { world, left, right } = pair;
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "FAILED_CP_REQUIRED" } });
  expect(ikeSas(right).map(({ state, children }) => [state, children.length])).toEqual([["established", 0]]);
  expect(told(world, right)).toContain(
    "a Child SA of the peer's wish was refused (FAILED_CP_REQUIRED): the client asks for no address, and is to have one of ours",
  );
});

test("a client does without a gateway that has no addresses to give", async () => {
  const pair = clientAndGateway({
    right: {
      pools: [],
      children: [childPolicy("right", { remoteSelectors: [selector("10.0.0.0", "10.255.255.255")] })],
    },
  });
  const { world, left } = pair;
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({
    refusal: {
      code: "no-address",
      message: "tunnel is not up: the gateway answers without a configuration payload",
    },
  });
  await world.runFor(30_000);
  expect([ikeSas(left), ikeSas(pair.right)]).toEqual([[], []]);
  expect(kinds(world, left)).toEqual(["ikev2.failed"]);
});

test("thirty clients on a bad network have thirty addresses", async () => {
  const pair = clientAndGateway({
    seed: 219,
    link: { loss: 0.2, duplicate: 0.1, delayMs: 40, jitterMs: 200 },
    right: { ...anybody },
    rightPolicy: { halfOpen: { total: 100, perSource: 20, cookieFrom: 10, timeoutMs: 30_000 } },
  });
  const { world, right } = pair;
  const clients = Array.from({ length: 30 }, (_, i) =>
    anotherClient(world, `client${i}.example`, `203.0.113.${i + 1}`),
  );
  const handles = clients.map((client) => client.command({ do: "up", target: "tunnel" }));
  await world.runUntil(() => handles.every(({ answer }) => answer !== undefined), 120_000);
  await world.runFor(30_000);
  const given = clients.flatMap(addresses);
  expect(new Set(given).size).toBe(30);
  expect(new Set(addresses(right))).toEqual(new Set(given));
  for (const client of clients) expect(childSas(client)[0]?.local).toEqual([`${addresses(client)[0]}/32`]);
});
