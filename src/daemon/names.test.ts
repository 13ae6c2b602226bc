import { expect, test } from "vitest";
import { parseIdentity } from "../core/identity.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import type { GroupPolicy } from "../gdoi/policy.ts";
import type { PeerPolicy } from "../ikev1/types.ts";
import { addressOctets } from "../util/address.ts";
import { absentMembers, memberCalled, subjectsOf } from "./names.ts";

function peer(name: string, address: string, identity?: string): PeerPolicy {
  const at = addressOctets(address) ?? new Uint8Array();
  const presented = identity === undefined ? undefined : parseIdentity(identity);
  return { name, addresses: [{ from: at, to: at }], ...(presented === undefined ? {} : { identity: presented }) };
}

const peers = [
  peer("north", "192.0.2.10", "fqdn:gm1"),
  peer("south", "192.0.2.11"),
  peer("east", "192.0.2.13", "fqdn:gm4"),
];
const members = [
  { name: "gm1", identity: "fqdn:gm1", address: "192.0.2.10" },
  { name: "192.0.2.11", identity: "192.0.2.11", address: "192.0.2.11" },
  { name: "dn:CN=gm3,O=Utility", identity: "dn:CN=gm3,O=Utility", address: "192.0.2.12" },
];

test("a member is called by its own name, its peer's name, or the common name of its certificate", () => {
  const called = (name: string) => memberCalled(name, members, peers, nodeCrypto);
  expect(called("gm1")).toBe("gm1");
  expect(called("north")).toBe("gm1");
  expect(called("south")).toBe("192.0.2.11");
  expect(called("gm3")).toBe("dn:CN=gm3,O=Utility");
  expect(called("nobody")).toBe("nobody");
  // not registered: the name stays, and is refused as unknown
  expect(called("east")).toBe("east");
});

test("a name of one's own goes before a peer's and a certificate's, and a common name of two is nobody's", () => {
  const twice = [
    ...members,
    { name: "north", identity: "fqdn:north", address: "192.0.2.20" },
    { name: "dn:CN=gm3,O=Other", identity: "dn:CN=gm3,O=Other", address: "192.0.2.21" },
  ];
  expect(memberCalled("north", twice, peers, nodeCrypto)).toBe("north");
  expect(memberCalled("gm3", twice, peers, nodeCrypto)).toBe("gm3");
});

test("a member's story includes its Phase 1: by identity, and by an address that only it has", () => {
  expect(subjectsOf("gm3", members, peers, nodeCrypto)).toEqual(["gm3", "dn:CN=gm3,O=Utility", "192.0.2.12"]);
  expect(subjectsOf("gm1", members, peers, nodeCrypto)).toEqual(["gm1", "fqdn:gm1", "192.0.2.10"]);
  const behindOneAddress = [...members, { name: "gm9", identity: "fqdn:gm9", address: "192.0.2.12" }];
  expect(subjectsOf("gm3", behindOneAddress, peers, nodeCrypto)).not.toContain("192.0.2.12");
  // who never got as far as a registration is found at the peer's address
  expect(subjectsOf("gm4", members, peers, nodeCrypto)).toEqual(["gm4", "192.0.2.13"]);
  expect(subjectsOf("substation", members, peers, nodeCrypto)).toEqual(["substation"]);
});

test("absent is who is listed by identity and never registered", () => {
  const rules = ["fqdn:gm1", "192.0.2.11", "fqdn:gm4"].map((text) => ({
    rule: "identity" as const,
    identity: parseIdentity(text) ?? { type: 0, data: new Uint8Array() },
    text,
  }));
  const policy = { members: [...rules, { rule: "dn", pattern: "CN=*,O=Utility" }] } as unknown as GroupPolicy;
  expect(absentMembers(policy, members, peers, nodeCrypto)).toEqual([
    { name: "gm4", identity: "fqdn:gm4", address: "192.0.2.13" },
  ]);
});
