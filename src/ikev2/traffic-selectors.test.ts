import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressOctets } from "../util/address.ts";
import type { AddressSelector, TrafficSelector } from "../wire/ikev2/payloads.ts";
import { contains, covers, familySelector, hostSelector, intersection } from "./selector.ts";
import { parseProtocolAndPorts, selectorsText, selectorText } from "./selector-text.ts";
import { acceptSelectors, keepSelectors, narrow, type Selectors } from "./traffic-selectors.ts";

/** `10.1.0.0-10.1.255.255[tcp/80]` */
function sel(text: string): AddressSelector {
  const [, from = "", to = from, inside = "any"] = /^([^-[]+)(?:-([^[]+))?(?:\[(.*)\])?$/.exec(text) ?? [];
  const ports = parseProtocolAndPorts(inside);
  const [startAddress, endAddress] = [addressOctets(from), addressOctets(to)];
  if (!ports.ok || startAddress === undefined || endAddress === undefined) throw new Error(text);
  return { kind: "addresses", ...ports.value, startAddress, endAddress };
}
const all = (...texts: string[]) => texts.map(sel);
const text = (selector: AddressSelector | undefined) => (selector === undefined ? undefined : selectorText(selector));
const unknown: TrafficSelector = { kind: "UNKNOWN", tsType: 10, ipProtocol: 0, data: Uint8Array.of(1) };

const net = "10.1.0.0-10.1.255.255";
const lan = "192.168.7.0-192.168.7.255";

describe("two selectors", () => {
  test.each([
    ["10.1.0.0-10.1.0.9", "10.1.0.5-10.1.0.20", "10.1.0.5-10.1.0.9"],
    ["10.1.0.0-10.1.0.9", "10.1.0.10-10.1.0.20", undefined],
    [net, "10.1.2.3[tcp/80]", "10.1.2.3/32[tcp/80]"],
    [`${net}[tcp]`, "10.1.2.3[tcp/80-90]", "10.1.2.3/32[tcp/80-90]"],
    [`${net}[tcp/1-85]`, "10.1.2.3[tcp/80-90]", "10.1.2.3/32[tcp/80-85]"],
    [`${net}[tcp/1-79]`, "10.1.2.3[tcp/80-90]", undefined],
    [`${net}[udp]`, `${net}[tcp]`, undefined],
    [`${net}[icmp/8]`, `${net}[icmp/8(0)]`, "10.1.0.0/16[icmp/8(0)]"],
    [`${net}[icmp/8]`, `${net}[icmp/0]`, undefined],
    // ANY includes OPAQUE, a range does not
    [`${net}[tcp]`, `${net}[tcp/opaque]`, "10.1.0.0/16[tcp/opaque]"],
    [`${net}[tcp/opaque]`, `${net}[tcp/opaque]`, "10.1.0.0/16[tcp/opaque]"],
    [`${net}[tcp/1-65535]`, `${net}[tcp/opaque]`, undefined],
    ["0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined],
    ["2001:db8::-2001:db8::ffff", "2001:db8::7", "2001:db8::7/128"],
    // one that ends before it begins carries nothing
    ["0.0.0.0-255.255.255.255", "10.1.0.9-10.1.0.3", undefined],
  ])("%s and %s have %s in common, whichever comes first", (a, b, common) => {
    expect(text(intersection(sel(a), sel(b)))).toBe(common);
    expect(text(intersection(sel(b), sel(a)))).toBe(common);
  });

  test("with ports that are no range have nothing in common with any other", () => {
    const odd = { ...sel(`${net}[tcp]`), startPort: 90, endPort: 80 };
    for (const other of [sel(net), sel(`${net}[tcp/1-100]`), sel(`${net}[tcp/opaque]`), odd]) {
      expect(intersection(odd, other)).toBeUndefined();
      expect(intersection(other, odd)).toBeUndefined();
    }
  });
});

describe("several selectors", () => {
  test("cover what follows from several of them together", () => {
    const halves = all("10.1.128.0-10.1.255.255", "10.1.0.0-10.1.127.255");
    expect(covers(halves, all(net, "10.1.7.7[tcp/80]"))).toBe(true);
    expect(covers(halves, all("10.1.0.0-10.2.0.0"))).toBe(false);
    expect(covers(all("10.1.0.0-10.1.0.9", "10.1.0.11-10.1.0.20"), all("10.1.0.0-10.1.0.20"))).toBe(false);
    expect(covers(all("10.1.0.0-10.1.0.9", "10.1.0.5-10.1.0.20"), all("10.1.0.0-10.1.0.20"))).toBe(true);
    expect(covers(all("10.1.0.0-10.1.0.9[tcp]", "10.1.0.10-10.1.0.20"), all("10.1.0.0-10.1.0.20"))).toBe(false);
    expect(covers([familySelector("ipv4"), familySelector("ipv6")], all("255.255.255.255", "ffff::-ffff::1"))).toBe(
      true,
    );
    expect(covers([], all(net))).toBe(false);
    expect(covers(all(net), [])).toBe(true);
  });
});

describe("a proposal", () => {
  const office = { child: "office", local: all(net), remote: all(lan) };
  const web = { child: "web", local: all("10.1.0.80[tcp/80]", "10.1.0.80[tcp/443]"), remote: all(lan) };
  const result = (local: TrafficSelector[], remote: TrafficSelector[], ...candidates: (typeof office)[]) => {
    const narrowed = narrow({ local, remote }, candidates);
    if (!narrowed.ok) return narrowed.error;
    const { child, additional } = narrowed.value;
    const texts = `${selectorsText(narrowed.value.local)} == ${selectorsText(narrowed.value.remote)}`;
    return `${child}: ${texts}${additional ? ", more is possible" : ""}`;
  };

  test("that the policy allows is taken as it is", () => {
    expect(result(all(net), all(lan), office)).toBe("office: 10.1.0.0/16 == 192.168.7.0/24");
    expect(result(all("10.1.4.4[udp]"), all(lan), office)).toBe("office: 10.1.4.4/32[udp] == 192.168.7.0/24");
  });

  test("is narrowed to what the policy allows", () => {
    expect(result([familySelector("ipv4")], [familySelector("ipv4")], office)).toBe(
      "office: 10.1.0.0/16 == 192.168.7.0/24",
    );
    expect(result(all("10.1.0.0-10.9.0.0"), all("192.168.7.200-192.168.8.9"), office)).toBe(
      "office: 10.1.0.0/16 == 192.168.7.200-192.168.7.255",
    );
  });

  test("is answered with a part that includes the first choice, when that is acceptable", () => {
    const packet = (address: string) => [sel(address), familySelector("ipv4")];
    expect(result(packet("10.1.0.80[tcp/443]"), packet("192.168.7.9[tcp/5000]"), web)).toBe(
      "web: 10.1.0.80/32[tcp/443], 10.1.0.80/32[tcp/80] == 192.168.7.0/24",
    );
    // two Child SAs allow a part: the packet decides
    const other = { child: "other", local: all("10.2.0.0-10.2.255.255"), remote: all(lan) };
    expect(result(packet("10.2.0.9"), packet("192.168.7.9"), office, other)).toBe(
      "other: 10.2.0.0/16 == 192.168.7.0/24, more is possible",
    );
    expect(result(packet("10.1.0.9"), packet("192.168.7.9"), office, other)).toBe(
      "office: 10.1.0.0/16 == 192.168.7.0/24, more is possible",
    );
    expect(result(packet("10.7.0.9"), packet("192.168.7.9"), office, other)).toMatch(/^office: .* more is possible$/);
  });

  test("goes to the Child SA that has just these selectors, before one that has more", () => {
    const wide = { child: "wide", local: [familySelector("ipv4")], remote: [familySelector("ipv4")] };
    expect(result(all(net), all(lan), wide, office)).toBe("office: 10.1.0.0/16 == 192.168.7.0/24");
    expect(result(all("10.1.0.0-10.1.9.9"), all(lan), web, wide)).toMatch(/^wide: /);
  });

  test("is passed over where its type is not known", () => {
    expect(result([unknown, ...all(net)], [...all(lan), unknown], office)).toBe(
      "office: 10.1.0.0/16 == 192.168.7.0/24",
    );
    expect(result([unknown], all(lan), office)).toBe(
      "none of our Child SAs carries traffic between nothing (ours) and 192.168.7.0/24 (the peer's)",
    );
  });

  test("that shares nothing with the policy is unacceptable, and the ledger learns what it was", () => {
    expect(result(all("172.16.0.0-172.16.0.255"), all(lan), office, web)).toBe(
      "none of our Child SAs carries traffic between 172.16.0.0/24 (ours) and 192.168.7.0/24 (the peer's)",
    );
    expect(result(all(net), all("192.168.8.1"), office)).toMatch(/^none of our Child SAs/);
    expect(result(all(`${net}[tcp]`), all(lan), { ...office, local: all(`${net}[udp]`) })).toMatch(/^none of our/);
    expect(result(all(net), all(lan))).toMatch(/^none of our Child SAs/);
    expect(result([], [], office)).toMatch(/^none of our Child SAs/);
  });

  test("of 255 selectors on either side is answered within bounds, and says that more is possible", () => {
    const many = (second: number) =>
      Array.from({ length: 255 }, (_, i) => sel(`10.${second}.0.${i}[tcp/${second + i}]`));
    const ports = Array.from({ length: 3 }, (_, i) => sel(`10.0.0.0-10.255.255.255[tcp/${i * 100}-${i * 100 + 98}]`));
    const narrowed = narrow({ local: many(1), remote: many(2) }, [{ child: "c", local: ports, remote: many(2) }]);
    expect(narrowed.ok && narrowed.value.remote.length).toBe(255);
    expect(narrowed.ok && narrowed.value.additional).toBe(false);
    const hosts = Array.from({ length: 200 }, (_, i) => sel(`10.0.0.${i}`));
    const services = [80, 443].map((port) => sel(`10.0.0.0-10.0.0.255[tcp/${port}]`));
    const crossed = narrow({ local: hosts, remote: all(lan) }, [{ child: "c", local: services, remote: all(lan) }]);
    expect(crossed.ok && [crossed.value.local.length, crossed.value.additional]).toEqual([255, true]);
  });
});

describe("an answer", () => {
  const proposed: Selectors = { local: all(lan), remote: all("10.1.0.0-10.1.127.255", "10.1.128.0-10.1.255.255") };
  const accepted = (local: TrafficSelector[], remote: TrafficSelector[]) => {
    const result = acceptSelectors({ local, remote }, proposed);
    return result.ok ? `${selectorsText(result.value.local)} == ${selectorsText(result.value.remote)}` : result.error;
  };

  test("is the proposal or a part of it", () => {
    expect(accepted(all(lan), all("10.1.0.0-10.1.127.255", "10.1.128.0-10.1.255.255"))).toBe(
      "192.168.7.0/24 == 10.1.0.0/17, 10.1.128.0/17",
    );
    expect(accepted(all(lan), all(net))).toBe("192.168.7.0/24 == 10.1.0.0/16");
    expect(accepted(all("192.168.7.9[tcp/80]"), all("10.1.1.1", "10.1.1.1[udp]"))).toBe(
      "192.168.7.9/32[tcp/80] == 10.1.1.1/32",
    );
  });

  test.each([
    ["is wider", all("192.168.0.0-192.168.255.255"), all(net), /192.168.0.0\/16 \(ours\) .* was not proposed$/],
    [
      "has another protocol",
      all(lan),
      all("172.16.0.1[tcp]"),
      /172.16.0.1\/32\[tcp\] \(the peer's\) was not proposed$/,
    ],
    ["has nothing on a side", all(lan), [], "the answer has no traffic selectors"],
    ["has an empty range", all("192.168.7.9-192.168.7.1"), all(net), /was not proposed$/],
    ["has an unknown type", [unknown], all(net), "the answer has traffic selectors of a type that was not proposed"],
  ])("that %s is refused", (_, local, remote, why) => {
    expect(accepted(local, remote)).toMatch(why);
  });
});

test("a rekeyed Child SA has the selectors of the old one, neither narrower nor wider", () => {
  const old: Selectors = { local: all(net), remote: all("192.168.7.0-192.168.7.99") };
  expect(keepSelectors(old, old)).toEqual({ ok: true, value: old });
  expect(keepSelectors({ local: [familySelector("ipv4"), unknown], remote: all(lan) }, old)).toEqual({
    ok: true,
    value: old,
  });
  expect(keepSelectors({ local: all(net), remote: all("192.168.7.0-192.168.7.9") }, old)).toEqual({
    ok: false,
    error:
      "the rekeyed SA carries traffic between 10.1.0.0/16 (ours) and 192.168.7.0-192.168.7.99 (the peer's); the new one would carry less",
  });
});

describe("any selectors", () => {
  const small = fc.integer({ min: 0, max: 12 });
  const ordered = fc.tuple(small, small).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
  const ports = fc.oneof(
    fc.constant<[number, number]>([0, 65_535]),
    fc.constant<[number, number]>([65_535, 0]),
    ordered,
    fc.tuple(small, small),
  );
  const selector = fc
    .tuple(fc.constantFrom(0, 6, 17), ports, fc.oneof({ weight: 9, arbitrary: ordered }, fc.tuple(small, small)))
    .map(
      ([ipProtocol, [startPort, endPort], [from, to]]): AddressSelector => ({
        kind: "addresses",
        ipProtocol,
        startPort,
        endPort,
        startAddress: Uint8Array.of(10, 0, 0, from),
        endAddress: Uint8Array.of(10, 0, 0, to),
      }),
    );
  const set = fc.array(selector, { maxLength: 5 });
  const both = fc.record({ local: set, remote: set });
  const seeded = { seed: 29, numRuns: 500 };

  /** By enumeration: protocols 6, 17 and 1; ports 0 to 13, and that which is not there; addresses 0 to 13. */
  function traffic(selectors: readonly AddressSelector[]): Set<string> {
    const points = new Set<string>();
    for (const one of selectors) {
      const any = one.startPort === 0 && one.endPort === 65_535;
      const opaque = one.startPort === 65_535 && one.endPort === 0;
      for (const protocol of [6, 17, 1]) {
        if (one.ipProtocol !== 0 && one.ipProtocol !== protocol) continue;
        for (let address = 0; address <= 13; address++) {
          if (address < (one.startAddress[3] ?? 0) || address > (one.endAddress[3] ?? 0)) continue;
          if (any || opaque) points.add(`${protocol} opaque ${address}`);
          for (let port = 0; port <= 13; port++) {
            if (port >= one.startPort && port <= one.endPort) points.add(`${protocol} ${port} ${address}`);
          }
        }
      }
    }
    return points;
  }
  const subset = (a: Set<string>, b: Set<string>) => [...a].every((point) => b.has(point));

  test("have in common just what both carry", () => {
    fc.assert(
      fc.property(selector, selector, (a, b) => {
        const common = intersection(a, b);
        const points = traffic(common === undefined ? [] : [common]);
        const [ofA, ofB] = [traffic([a]), traffic([b])];
        expect([...points].sort()).toEqual([...ofA].filter((point) => ofB.has(point)).sort());
        expect(contains(a, b)).toBe(ofB.size > 0 && subset(ofB, ofA));
      }),
      seeded,
    );
  });

  test("cover only what they carry", () => {
    let covering = 0;
    fc.assert(
      fc.property(set, set, (outer, inner) => {
        if (!covers(outer, inner)) return;
        covering += 1;
        expect(subset(traffic(inner), traffic(outer))).toBe(true);
      }),
      seeded,
    );
    expect(covering).toBeGreaterThan(50);
  });

  test("are narrowed to all that both sides allow, and narrowing that again changes nothing", () => {
    let narrowings = 0;
    fc.assert(
      fc.property(both, fc.array(both, { minLength: 1, maxLength: 3 }), (proposed, policies) => {
        const candidates = policies.map((policy, child) => ({ child, ...policy }));
        const narrowed = narrow(proposed, candidates);
        if (!narrowed.ok) return;
        narrowings += 1;
        const { child, local, remote } = narrowed.value;
        const policy = policies[child] ?? { local: [], remote: [] };
        for (const [result, theirs, ours] of [
          [local, proposed.local, policy.local],
          [remote, proposed.remote, policy.remote],
        ] as const) {
          const allowed = traffic(ours);
          expect([...traffic(result)].sort()).toEqual(
            [...traffic(theirs)].filter((point) => allowed.has(point)).sort(),
          );
        }
        expect(narrow({ local, remote }, [{ child, ...policy }])).toEqual({
          ok: true,
          value: { child, local, remote, additional: false },
        });
        // the initiator finds in it a part of what it proposed
        expect(acceptSelectors({ local, remote }, proposed)).toEqual({ ok: true, value: { local, remote } });
      }),
      seeded,
    );
    expect(narrowings).toBeGreaterThan(150);
  });

  test("have a text that tells protocol and ports back", () => {
    const port = fc.integer({ min: 0, max: 65_535 });
    const anyPorts = fc.tuple(port, port).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 255 }),
        fc.oneof(anyPorts, fc.constant<[number, number]>([65_535, 0])),
        (ipProtocol, [startPort, endPort]) => {
          const selector = { ...hostSelector(Uint8Array.of(10, 0, 0, 1)), ipProtocol, startPort, endPort };
          const [, inside = ""] = /\[(.*)\]$/.exec(selectorText(selector)) ?? [];
          expect(parseProtocolAndPorts(inside)).toEqual({ ok: true, value: { ipProtocol, startPort, endPort } });
        },
      ),
      seeded,
    );
  });
});

describe("protocol and ports as text", () => {
  test.each([
    ["tcp", 6, 0, 65_535],
    ["UDP/53", 17, 53, 53],
    ["47", 47, 0, 65_535],
    ["any", 0, 0, 65_535],
    ["sctp/1", undefined, 0, 0],
    ["icmp/8", 1, 0x0800, 0x08ff],
    ["icmpv6/128(0)", 58, 0x8000, 0x8000],
    ["icmp/3(1)-3(4)", 1, 0x0301, 0x0304],
    ["tcp/opaque", 6, 65_535, 0],
  ])("%s", (written, ipProtocol, startPort, endPort) => {
    const read = parseProtocolAndPorts(written);
    expect(read.ok ? read.value : undefined).toEqual(
      ipProtocol === undefined ? undefined : { ipProtocol, startPort, endPort },
    );
  });

  test.each([
    ["tcp/", " is neither a port nor a range of ports"],
    ["tcp/70000", "70000 is neither a port nor a range of ports"],
    ["tcp/90-80", "90-80 is neither a port nor a range of ports"],
    ["tcp/1-2-3", "1-2-3 is neither a port nor a range of ports"],
    ["tcp/80/90", "tcp is no protocol"],
    ["icmp/300", "300 is no type of ICMP, such as 8 or 3(1)"],
    ["icmp/8(256)", "8(256) is no type of ICMP, such as 8 or 3(1)"],
    ["any/80", "ports need a protocol that has them"],
    ["256", "256 is no protocol"],
  ])("%s is refused", (written, error) => {
    expect(parseProtocolAndPorts(written)).toEqual({ ok: false, error });
  });
});

test("a long list is told in a few words", () => {
  expect(selectorsText(all("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"))).toBe(
    "10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32, 10.0.0.4/32 and 2 more",
  );
});
