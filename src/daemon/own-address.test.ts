import { expect, test } from "vitest";
import { at, gmPolicy } from "../../test/support/group.ts";
import { OwnAddresses, routedAddress } from "./own-address.ts";

const keyServers = [
  { name: "a", endpoint: at("192.0.2.1") },
  { name: "b", endpoint: at("2001:db8::1") },
];
const wildcard = gmPolicy("198.51.100.10", { local: at("0.0.0.0"), keyServers });

/** Routes of a test, by the address that they lead to. */
function routes() {
  const known = new Map<string, string>();
  return { known, addresses: new OwnAddresses(async ({ address }) => known.get(address)) };
}

test("the system tells the own address towards a peer, in both families, and none without a route", async () => {
  expect(await routedAddress(at("127.0.0.9"))).toBe("127.0.0.1");
  expect(await routedAddress(at("::1"))).toBe("::1");
  expect(await routedAddress(at("not an address"))).toBeUndefined();
});

test("every key server gets the address that a route to it begins at", async () => {
  const { known, addresses } = routes();
  known.set("192.0.2.1", "198.51.100.77");
  const { keyServers: found } = await addresses.resolve(wildcard);
  expect(found.map((server) => server.local)).toEqual(["198.51.100.77", undefined]);
});

test("a change is told once, and a route that is gone changes nothing", async () => {
  const { known, addresses } = routes();
  known.set("192.0.2.1", "198.51.100.77");
  await addresses.resolve(wildcard);
  expect(await addresses.look()).toBeUndefined();
  known.set("192.0.2.1", "198.51.100.78");
  expect((await addresses.look())?.keyServers[0]?.local).toBe("198.51.100.78");
  expect(await addresses.look()).toBeUndefined();
  known.clear();
  expect(await addresses.look()).toBeUndefined();
});

test("a member with an address of its own keeps it", async () => {
  const { addresses } = routes();
  const policy = gmPolicy("198.51.100.10");
  expect(await addresses.resolve(policy)).toBe(policy);
  expect(await addresses.look()).toBeUndefined();
});
