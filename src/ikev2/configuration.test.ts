import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CfgType, ConfigurationAttributeType as Type } from "../iana/ikev2.ts";
import { addressOctets, addressText } from "../util/address.ts";
import { concat, fromHex, hex } from "../util/octets.ts";
import type { ConfigurationAttribute, CpPayload } from "../wire/ikev2/payloads.ts";
import { configurationReply, configurationRequest, readReply, readRequest } from "./configuration.ts";
import type { AddressPool } from "./types.ts";

const octets = (text: string): Uint8Array => addressOctets(text) ?? new Uint8Array();
const nothing = new Uint8Array();
const cp = (cfgType: number, ...attributes: [number, Uint8Array][]): CpPayload => ({
  kind: "CP",
  cfgType,
  attributes: attributes.map(([type, value]) => ({ type, value })),
});
const request = (...attributes: [number, Uint8Array][]) => cp(CfgType.CFG_REQUEST, ...attributes);
const reply = (...attributes: [number, Uint8Array][]) => cp(CfgType.CFG_REPLY, ...attributes);
const four = octets("10.3.0.9");
const six = octets("2001:db8::9");
const sixWithPrefix = concat(six, Uint8Array.of(64));

describe("a client's request", () => {
  test("asks for an address and name servers of each family", () => {
    expect(configurationRequest(["ipv4", "ipv6"], [])).toEqual(
      request(
        [Type.INTERNAL_IP4_ADDRESS, nothing],
        [Type.INTERNAL_IP4_DNS, nothing],
        [Type.INTERNAL_IP6_ADDRESS, nothing],
        [Type.INTERNAL_IP6_DNS, nothing],
      ),
    );
  });

  test("asks for the addresses that it had", () => {
    expect(configurationRequest(["ipv6"], [four, six])).toEqual(
      request([Type.INTERNAL_IP6_ADDRESS, concat(six, Uint8Array.of(128))], [Type.INTERNAL_IP6_DNS, nothing]),
    );
    expect(configurationRequest(["ipv4"], [four]).attributes[0]?.value).toEqual(four);
  });

  test("is read as it is meant", () => {
    expect(readRequest(configurationRequest(["ipv4", "ipv6"], [six]))?.addresses).toEqual([
      { family: "ipv4", wish: undefined },
      { family: "ipv6", wish: six },
    ]);
  });

  test("that has an address of zeros, or of a wrong length, wishes for none in particular", () => {
    const asked = request(
      [Type.INTERNAL_IP4_ADDRESS, octets("0.0.0.0")],
      [Type.INTERNAL_IP6_ADDRESS, six],
      [Type.INTERNAL_IP4_ADDRESS, Uint8Array.of(1, 2, 3)],
    );
    expect(readRequest(asked)?.addresses).toEqual([
      { family: "ipv4", wish: undefined },
      { family: "ipv6", wish: undefined },
    ]);
  });

  test("is none when it is a reply or CFG_SET, or is not there", () => {
    expect(readRequest(reply([Type.INTERNAL_IP4_ADDRESS, nothing]))).toBeUndefined();
    expect(readRequest(cp(CfgType.CFG_SET, [Type.INTERNAL_IP4_ADDRESS, four]))).toBeUndefined();
    expect(readRequest(undefined)).toBeUndefined();
  });
});

describe("a gateway's reply", () => {
  const pool = (over: Partial<AddressPool> = {}): AddressPool => ({
    name: "clients",
    range: { from: octets("10.3.0.0"), to: octets("10.3.0.255") },
    dns: [octets("10.2.0.53")],
    ...over,
  });
  const answered = (asked: CpPayload, ...given: { address: Uint8Array; pool: AddressPool }[]) => {
    const read = readRequest(asked);
    if (read === undefined) throw new Error("no request");
    const names = Object.entries(Type);
    return configurationReply(read, given).attributes.map(({ type, value }) => {
      const [name] = names.find(([, code]) => code === type) ?? [String(type)];
      return `${name} ${addressText(value) ?? hex(value)}`.trim();
    });
  };

  test("has the address and the name servers of its pool", () => {
    expect(answered(request([Type.INTERNAL_IP4_ADDRESS, nothing]), { address: four, pool: pool() })).toEqual([
      "INTERNAL_IP4_ADDRESS 10.3.0.9",
      "INTERNAL_IP4_DNS 10.2.0.53",
    ]);
  });

  test("has the netmask of the pool for those who ask for one", () => {
    const asked = request([Type.INTERNAL_IP4_ADDRESS, nothing], [Type.INTERNAL_IP4_NETMASK, nothing]);
    const mask = (over: Partial<AddressPool>) => answered(asked, { address: four, pool: pool(over) })[1];
    expect(mask({})).toBe("INTERNAL_IP4_NETMASK 255.255.255.0");
    expect(mask({ range: { from: octets("10.3.0.0"), to: octets("10.3.7.255") } })).toBe(
      "INTERNAL_IP4_NETMASK 255.255.248.0",
    );
    expect(mask({ range: { from: octets("10.3.0.4"), to: octets("10.3.0.20") } })).toBe(
      "INTERNAL_IP4_NETMASK 255.255.255.255",
    );
  });

  test("has the prefix of the pool behind an IPv6 address", () => {
    const range = { from: octets("2001:db8::"), to: octets("2001:db8::ffff:ffff:ffff:ffff") };
    const asked = request([Type.INTERNAL_IP6_ADDRESS, nothing]);
    expect(answered(asked, { address: six, pool: pool({ range, dns: [octets("2001:db8::53")] }) })).toEqual([
      `INTERNAL_IP6_ADDRESS ${hex(six)}40`,
      "INTERNAL_IP6_DNS 2001:db8::53",
    ]);
  });

  test("names a name server of two pools once, and none that has no pool", () => {
    const both = [
      { address: four, pool: pool({ dns: [octets("10.2.0.53")] }) },
      { address: six, pool: pool({ range: { from: six, to: six }, dns: [octets("10.2.0.53")] }) },
    ];
    const asked = request([Type.INTERNAL_IP4_ADDRESS, nothing], [Type.INTERNAL_IP6_ADDRESS, nothing]);
    expect(answered(asked, ...both)).toEqual([
      "INTERNAL_IP4_ADDRESS 10.3.0.9",
      `INTERNAL_IP6_ADDRESS ${hex(six)}80`,
      "INTERNAL_IP4_DNS 10.2.0.53",
    ]);
    expect(answered(asked)).toEqual([]);
  });

  test("says what is supported, tells no version, and passes over what it does not know", () => {
    const asked = request(
      [Type.SUPPORTED_ATTRIBUTES, nothing],
      [Type.APPLICATION_VERSION, nothing],
      [Type.INTERNAL_IP4_NBNS, nothing],
      [Type.INTERNAL_IP4_SUBNET, nothing],
      [20_000, Uint8Array.of(1, 2, 3)],
    );
    expect(answered(asked)).toEqual(["SUPPORTED_ATTRIBUTES 0001000200030008000a000e", "APPLICATION_VERSION"]);
  });

  test("is read by the client: an address of each family that it asked for, and name servers", () => {
    const given = reply(
      [Type.INTERNAL_IP4_ADDRESS, four],
      [Type.INTERNAL_IP4_ADDRESS, octets("10.3.0.10")],
      [Type.INTERNAL_IP6_ADDRESS, sixWithPrefix],
      [Type.INTERNAL_IP4_DNS, octets("10.2.0.53")],
      [Type.INTERNAL_IP4_DNS, Uint8Array.of(1)],
      [Type.INTERNAL_IP4_NETMASK, octets("255.255.255.0")],
      [Type.INTERNAL_IP6_DNS, octets("2001:db8::53")],
      [20_000, Uint8Array.of(1, 2, 3)],
    );
    expect(readReply(given, ["ipv4", "ipv6"])).toEqual({
      ok: true,
      value: { addresses: [four, six], nameServers: [octets("10.2.0.53"), octets("2001:db8::53")] },
    });
    // a family that was not asked for is not used
    expect(readReply(given, ["ipv6"])).toMatchObject({ value: { addresses: [six] } });
    const servers = Array.from({ length: 50 }, (_, i): [number, Uint8Array] => [
      Type.INTERNAL_IP4_DNS,
      Uint8Array.of(10, 2, 0, i),
    ]);
    const many = readReply(reply([Type.INTERNAL_IP4_ADDRESS, four], ...servers), ["ipv4"]);
    expect(many.ok && many.value.nameServers.length).toBe(8);
  });

  test.each([
    ["is missing", undefined, "the gateway answers without a configuration payload"],
    [
      "is a request",
      request([Type.INTERNAL_IP4_ADDRESS, four]),
      "the gateway answers with another configuration payload",
    ],
    ["has no address", reply([Type.INTERNAL_IP4_DNS, four]), "the gateway gives no address (ipv4)"],
    [
      "has an address of zeros",
      reply([Type.INTERNAL_IP4_ADDRESS, octets("0.0.0.0")]),
      "the gateway gives no address (ipv4)",
    ],
    ["has an empty address", reply([Type.INTERNAL_IP4_ADDRESS, nothing]), "the gateway gives no address (ipv4)"],
    ["has another family's", reply([Type.INTERNAL_IP6_ADDRESS, sixWithPrefix]), "the gateway gives no address (ipv4)"],
  ])("that %s gives the client nothing", (_, payload, error) => {
    expect(readReply(payload, ["ipv4"])).toEqual({ ok: false, error });
  });
});

test("strongSwan's reply out of two pools is understood", () => {
  // as captured from strongSwan 5.9.8: test/vectors/data/ikev2/strongswan-psk-gcm.pcap
  const given = reply(
    [Type.INTERNAL_IP4_ADDRESS, fromHex("0a030001")],
    [Type.INTERNAL_IP6_ADDRESS, fromHex("fd00000300000000000000000000000140")],
    [Type.INTERNAL_IP4_DNS, fromHex("0a020035")],
    [Type.INTERNAL_IP4_DNS, fromHex("0a020036")],
    [Type.INTERNAL_IP4_SUBNET, fromHex("0a020000ffff0000")],
    [Type.INTERNAL_IP6_DNS, fromHex("fd000002000000000000000000000053")],
  );
  const read = readReply(given, ["ipv4", "ipv6"]);
  expect(read.ok && [...read.value.addresses, ...read.value.nameServers].map(addressText)).toEqual([
    "10.3.0.1",
    "fd00:3::1",
    "10.2.0.53",
    "10.2.0.54",
    "fd00:2::53",
  ]);
});

test("any attributes are read without harm, and answered with nothing that was not given", () => {
  const attribute: fc.Arbitrary<ConfigurationAttribute> = fc.record({
    type: fc.integer({ min: 1, max: 30 }),
    value: fc.oneof(fc.constant(nothing), fc.uint8Array({ maxLength: 20 })),
  });
  fc.assert(
    fc.property(fc.array(attribute), fc.constantFrom(1, 2, 3, 4, 9), (attributes, cfgType) => {
      const payload: CpPayload = { kind: "CP", cfgType, attributes };
      const asked = readRequest(payload);
      if (asked !== undefined) {
        expect(asked.addresses.length).toBeLessThanOrEqual(2);
        const types = configurationReply(asked, []).attributes.map(({ type }) => type);
        expect(types.every((type) => type === Type.SUPPORTED_ATTRIBUTES || type === Type.APPLICATION_VERSION)).toBe(
          true,
        );
      }
      const got = readReply(payload, ["ipv4", "ipv6"]);
      if (got.ok) expect(got.value.addresses.every(({ length }) => length === 4 || length === 16)).toBe(true);
    }),
    { seed: 315, numRuns: 500 },
  );
});
