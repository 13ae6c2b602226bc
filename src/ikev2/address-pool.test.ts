import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOctets, addressText } from "../util/address.ts";
import { AddressPools } from "./address-pool.ts";
import type { AddressPool } from "./types.ts";

const octets = (text: string): Uint8Array => addressOctets(text) ?? new Uint8Array();
const pool = (from: string, to: string, name = "clients"): AddressPool => ({
  name,
  range: { from: octets(from), to: octets(to) },
  dns: [],
});

/** Pools, with what is given as text. */
function gateway(...policies: AddressPool[]) {
  const pools = new AddressPools(policies);
  const names = policies.map(({ name }) => name);
  let holders = 0;
  const lease = (identity: string, wish?: string, family: "ipv4" | "ipv6" = "ipv4", holder = `sa${++holders}`) => {
    const given = pools.lease(names, family, { identity, holder }, wish === undefined ? undefined : octets(wish));
    return given === undefined ? undefined : addressText(given.address);
  };
  return { pools, lease };
}

describe("a pool", () => {
  test("gives each client another address, until there is none", () => {
    const { lease } = gateway(pool("10.3.0.7", "10.3.0.9"));
    expect(["a", "b", "c", "d"].map((client) => lease(client))).toEqual([
      "10.3.0.7",
      "10.3.0.8",
      "10.3.0.9",
      undefined,
    ]);
  });

  test("that is a subnet keeps its own and its broadcast address", () => {
    const { lease } = gateway(pool("10.3.0.0", "10.3.0.3"));
    expect(["a", "b", "c"].map((client) => lease(client))).toEqual(["10.3.0.1", "10.3.0.2", undefined]);
    expect(gateway(pool("10.3.0.0", "10.3.0.3")).lease("a", "10.3.0.3")).toBe("10.3.0.1");
    const pair = gateway(pool("10.3.0.0", "10.3.0.1"));
    expect([pair.lease("a"), pair.lease("b")]).toEqual(["10.3.0.0", "10.3.0.1"]);
    const six = gateway(pool("2001:db8::", "2001:db8::3"));
    expect(["a", "b", "c", "d"].map((client) => six.lease(client, undefined, "ipv6"))).toEqual([
      "2001:db8::1",
      "2001:db8::2",
      "2001:db8::3",
      undefined,
    ]);
  });

  test("knows a client that comes back, as long as nobody else needed its address", () => {
    const { pools, lease } = gateway(pool("10.3.0.7", "10.3.0.9"));
    for (const client of ["a", "b"]) lease(client, undefined, "ipv4", client);
    pools.release("a");
    pools.release("b");
    expect(lease("c")).toBe("10.3.0.9");
    expect(lease("b")).toBe("10.3.0.8");
    expect(lease("d")).toBe("10.3.0.7");
    expect(lease("a")).toBeUndefined();
  });

  test("gives the address that has been free for longest when all had somebody", () => {
    const { pools, lease } = gateway(pool("10.3.0.7", "10.3.0.9"));
    for (const client of ["a", "b", "c"]) lease(client, undefined, "ipv4", client);
    for (const client of ["c", "a", "b"]) pools.release(client);
    expect([lease("d"), lease("e"), lease("f")]).toEqual(["10.3.0.9", "10.3.0.7", "10.3.0.8"]);
  });

  test("gives what is asked for when it is free, also after a restart that forgot everything", () => {
    const { lease } = gateway(pool("10.3.0.1", "10.3.0.9"));
    expect(lease("a", "10.3.0.5")).toBe("10.3.0.5");
    expect(lease("b", "10.3.0.5")).toBe("10.3.0.1");
    expect(lease("c", "192.0.2.1")).toBe("10.3.0.2");
  });

  test("does not give what another client had to one that only asks", () => {
    const { pools, lease } = gateway(pool("10.3.0.1", "10.3.0.9"));
    expect(lease("a", "10.3.0.5", "ipv4", "a")).toBe("10.3.0.5");
    pools.release("a");
    expect(lease("b", "10.3.0.5")).toBe("10.3.0.1");
    expect(lease("a")).toBe("10.3.0.5");
  });

  test("lets a client keep its address while it authenticates anew", () => {
    const { pools, lease } = gateway(pool("10.3.0.1", "10.3.0.9"));
    lease("a", undefined, "ipv4", "old");
    expect(lease("a", "10.3.0.1", "ipv4", "new")).toBe("10.3.0.1");
    pools.release("old");
    expect(lease("b", "10.3.0.1")).toBe("10.3.0.2");
    // a second device with the same credentials does not ask for it
    expect(lease("a")).toBe("10.3.0.3");
    pools.release("new");
    expect(lease("a")).toBe("10.3.0.1");
  });

  test("passes addresses on when an IKE SA is rekeyed", () => {
    const { pools, lease } = gateway(pool("10.3.0.1", "10.3.0.1"));
    lease("a", undefined, "ipv4", "old");
    pools.inherit("old", "new");
    pools.inherit("nobody", "else");
    pools.release("old");
    expect(lease("b")).toBeUndefined();
    pools.release("new");
    expect(lease("b")).toBe("10.3.0.1");
  });

  test("of IPv6 puts an interface identifier that is asked for behind its prefix", () => {
    const { lease } = gateway(pool("2001:db8:0:7::", "2001:db8:0:7:ffff:ffff:ffff:ffff"));
    expect(lease("a", "fe80::a:b:c:d", "ipv6")).toBe("2001:db8:0:7:a:b:c:d");
    expect(lease("b", "fe80::a:b:c:d", "ipv6")).toBe("2001:db8:0:7::1");
    expect(lease("c", "2001:db8:0:7::9", "ipv6")).toBe("2001:db8:0:7::9");
    expect(lease("d", "::", "ipv6")).toBe("2001:db8:0:7::2");
  });
});

describe("several pools", () => {
  const first = pool("10.3.0.1", "10.3.0.1", "first");
  const second = pool("10.4.0.1", "10.4.0.2", "second");
  const six = pool("2001:db8::1", "2001:db8::9", "six");

  test("are used in their order and by family", () => {
    const { lease } = gateway(first, six, second);
    expect(["a", "b", "c", "d"].map((client) => lease(client))).toEqual([
      "10.3.0.1",
      "10.4.0.1",
      "10.4.0.2",
      undefined,
    ]);
    expect(lease("a", undefined, "ipv6")).toBe("2001:db8::1");
    expect(gateway(first).lease("a", undefined, "ipv6")).toBeUndefined();
  });

  test("free all that an IKE SA had", () => {
    const { pools, lease } = gateway(first, six);
    lease("a", undefined, "ipv4", "sa");
    lease("a", undefined, "ipv6", "sa");
    pools.release("sa");
    expect(lease("b", "2001:db8::2", "ipv6")).toBe("2001:db8::2");
    expect(lease("b")).toBe("10.3.0.1");
  });

  test("may be configured anew: who has an address keeps it, and what is gone is not given again", () => {
    const { pools, lease } = gateway(first, second);
    lease("a", undefined, "ipv4", "a");
    lease("b", "10.4.0.2", "ipv4", "b");
    pools.configure([pool("10.4.0.1", "10.4.0.1", "second")]);
    expect([lease("c"), lease("d")]).toEqual(["10.4.0.1", undefined]);
    pools.release("a");
    pools.release("b");
    expect([lease("a"), lease("b")]).toEqual([undefined, undefined]);
    pools.configure([first, second]);
    expect(lease("b")).toBe("10.3.0.1");
  });
});

test("no address is ever given to two clients, whoever comes, goes and asks for what", () => {
  const client = fc.constantFrom("a", "b", "c", "d", "e");
  const address = fc.integer({ min: 0, max: 9 }).map((last) => `10.3.0.${last}`);
  const step = fc.oneof(
    fc.record({ do: fc.constant("lease" as const), client, wish: fc.option(address, { nil: undefined }) }),
    fc.record({ do: fc.constant("release" as const), client }),
    fc.record({ do: fc.constant("rekey" as const), client }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { pools, lease } = gateway(pool("10.3.0.2", "10.3.0.5"));
      const held = new Map<string, { holder: string; address: string }[]>();
      steps.forEach((one, i) => {
        const mine = held.get(one.client) ?? [];
        if (one.do === "lease") {
          const given = lease(one.client, one.wish, "ipv4", `sa${i}`);
          const all = [...held.values()].flat();
          if (given === undefined) expect(new Set(all.map((lease) => lease.address)).size).toBe(4);
          else {
            for (const [other, leases] of held) {
              if (other !== one.client) expect(leases.map((lease) => lease.address)).not.toContain(given);
            }
            expect(["10.3.0.2", "10.3.0.3", "10.3.0.4", "10.3.0.5"]).toContain(given);
            held.set(one.client, [...mine, { holder: `sa${i}`, address: given }]);
          }
        } else if (one.do === "release") {
          pools.release(mine.at(0)?.holder ?? "nobody");
          held.set(one.client, mine.slice(1));
        } else {
          const [oldest, ...others] = mine;
          if (oldest === undefined) return;
          pools.inherit(oldest.holder, `sa${i}`);
          held.set(one.client, [{ ...oldest, holder: `sa${i}` }, ...others]);
        }
      });
    }),
    { seed: 315, numRuns: 400 },
  );
});

test("a pool of a /8 with ten thousand clients that come and go answers each at once", () => {
  const { pools, lease } = gateway(pool("10.0.0.0", "10.255.255.255"));
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10_000; i++) lease(`client${i + round * 5000}`, undefined, "ipv4", `${i}`);
    for (let i = 0; i < 10_000; i++) pools.release(`${i}`);
  }
  expect(lease("client19999")).toBe("10.0.78.32");
}, 10_000);
