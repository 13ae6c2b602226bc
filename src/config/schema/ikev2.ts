/** The role of an endpoint of IKEv2. */
import type * as z from "zod";
import { ProvisionalNotifyType } from "../../iana/provisional.ts";
import type { AddressPool, Ikev2Policy } from "../../ikev2/types.ts";
import { type DeleteCause, deleteReasons } from "../../ledger/delete-reasons.ts";
import { addressOctets, isWildcard } from "../../util/address.ts";
import {
  checked,
  flag,
  growing,
  integer,
  type Loose,
  list,
  oneOf,
  type Report,
  refuseRepeats,
  section,
} from "../field.ts";
import { keysFile, type Surroundings } from "../files.ts";
import { didYouMean } from "../suggest.ts";
import { type AddressRange, address, addressRange, duration, durationOrNever, name, seconds } from "../values.ts";
import { certificateSection, checkKeyFits, trustSection } from "./credentials.ts";
import { buildConnection, type Common, checkWithin, connectionSection, portsSection } from "./ikev2-connection.ts";
import { ownIdentity } from "./phase1.ts";

/** Largest number of the Downtime field, which stands for that long or longer. */
const longestDowntime = "65535s";
const statusTypes = { first: 16_384, last: 65_535 };

/** `downtime`: for each cause how long it takes as a rule. */
function downtimeSection() {
  const field = () => seconds("0s", longestDowntime).optional();
  const shape = Object.fromEntries(Object.keys(deleteReasons).map((cause) => [cause, field()]));
  return section(shape as Record<DeleteCause, ReturnType<typeof field>>).prefault({});
}

function ikev2Shape(around: Surroundings) {
  return section({
    listen: list(address(), 1, 64).prefault(["0.0.0.0"]),
    ports: portsSection(),
    identity: ownIdentity().optional(),
    certificate: certificateSection(around, "rsa-ecdsa-ed25519").optional(),
    trust: trustSection(around, "rsa-ecdsa-ed25519").optional(),
    pools: list(
      section({ name: name(), addresses: addressRange(), dns: list(address(), 0, 16).prefault([]) }),
      0,
      100,
    ).prefault([]),
    connections: list(connectionSection(around), 0, 10_000),
    deleteReason: section({
      send: flag().default(true),
      notifyType: integer(statusTypes.first, statusTypes.last).default(ProvisionalNotifyType.DELETE_REASON),
      downtime: downtimeSection(),
    }).prefault({}),
    retransmission: growing(
      section({
        first: duration("100ms", "60s").default(1_000),
        factor: integer(1, 10).default(2),
        max: duration("100ms", "10m").default(20_000),
        tries: integer(1, 50).default(12),
      }),
    ).prefault({}),
    halfOpen: section({
      total: integer(1, 1_000_000).default(4_096),
      perSource: integer(1, 1_000_000).default(64),
      cookieFrom: integer(0, 1_000_000).default(256),
      timeout: duration("1s", "10m").default(30_000),
    }).prefault({}),
    fragmentSize: integer(576, 65_535).default(1_280),
    keepalive: durationOrNever("1s", "1h").default(20_000),
    keyLog: section({ file: keysFile(around) }).optional(),
  });
}

/** What stands under `ikev2`. */
export type Ikev2Section = z.output<ReturnType<typeof ikev2Shape>>;

/** The section `ikev2`. */
export function ikev2Section(around: Surroundings): z.ZodType<Ikev2Section> {
  return checked(ikev2Shape(around), checkIkev2);
}

function checkIkev2(ikev2: Loose<Ikev2Section>, report: Report): void {
  const { listen, pools, connections } = ikev2;
  refuseRepeats(
    listen,
    (text) => text,
    (index) => ["listen", index],
    "address",
    report,
  );
  refuseRepeats(
    pools,
    (pool) => pool.name,
    (index) => ["pools", index, "name"],
    "pool",
    report,
  );
  refuseRepeats(
    connections,
    (connection) => connection.name,
    (index) => ["connections", index, "name"],
    "connection",
    report,
  );
  checkKeyFits(ikev2.certificate, [], report);
  pools?.forEach((pool, index) => {
    const octets = pool?.addresses?.from.length;
    pool?.dns?.forEach((server, at) => {
      if (server === undefined || octets === undefined || addressOctets(server)?.length === octets) return;
      const path = ["pools", index, "dns", at];
      report(path, "is of another IP version than the pool", "an address of the same IP version");
    });
  });
  const common = { ...ikev2, address: onlyAddress(listen) };
  connections?.forEach((connection, index) => {
    if (connection === undefined) return;
    checkWithin(connection, common, ["connections", index], report);
    refuseUnknownPools(connection.pools, pools, index, report);
    const own = connection.local?.address;
    if (
      own === undefined ||
      listen === undefined ||
      listen.some((text) => text === own || (text !== undefined && isWildcard(text)))
    )
      return;
    const path = ["connections", index, "local", "address"];
    report(path, `nothing listens on ${own}`, oneOf(listen.flatMap((text) => text ?? [])));
  });
}

function refuseUnknownPools(
  asked: readonly (string | undefined)[] | undefined,
  pools: Loose<Ikev2Section>["pools"],
  connection: number,
  report: Report,
): void {
  const names = (pools ?? []).flatMap((pool) => pool?.name ?? []);
  asked?.forEach((pool, at) => {
    if (pool === undefined || names.includes(pool)) return;
    report(
      ["connections", connection, "pools", at],
      `there is no pool ${pool}${didYouMean(pool, names)}`,
      names.length > 0 ? oneOf(names) : "the name of one of ikev2.pools",
    );
  });
}

function onlyAddress(listen: readonly (string | undefined)[] | undefined): string | undefined {
  const [only, ...others] = listen ?? [];
  return only === undefined || others.length > 0 || isWildcard(only) ? undefined : only;
}

/** Of a subnet of IPv4 neither the first address, which is the network's, nor the last, for broadcasts. */
function usable({ from, to, prefix }: Pick<AddressRange, "from" | "to" | "prefix">): AddressPool["range"] {
  if (from.length !== 4 || prefix === undefined || prefix > 30) return { from, to };
  const next = (octets: Uint8Array, step: 1 | -1) => octets.map((octet, i) => (i === 3 ? octet + step : octet));
  return { from: next(from, 1), to: next(to, -1) };
}

/** The policy of a checked section. */
export function buildIkev2(ikev2: Ikev2Section): Ikev2Policy {
  const common: Common = { ...ikev2, address: onlyAddress(ikev2.listen) };
  const { retransmission, halfOpen, deleteReason, ports } = ikev2;
  return {
    listen: ikev2.listen.map((text) => ({
      ike: { address: text, port: ports.ike },
      nat: { address: text, port: ports.nat },
    })),
    connections: ikev2.connections.map((connection) => buildConnection(connection, common)),
    pools: ikev2.pools.map(buildPool),
    retransmission: {
      firstMs: retransmission.first,
      factor: retransmission.factor,
      maxMs: retransmission.max,
      tries: retransmission.tries,
    },
    halfOpen: {
      total: halfOpen.total,
      perSource: halfOpen.perSource,
      cookieFrom: halfOpen.cookieFrom,
      timeoutMs: halfOpen.timeout,
    },
    fragmentOctets: ikev2.fragmentSize,
    keepaliveMs: ikev2.keepalive,
    deleteReason: {
      send: deleteReason.send,
      notifyType: deleteReason.notifyType,
      downtimeSeconds: withoutUndefined(deleteReason.downtime),
    },
    keyLog: ikev2.keyLog !== undefined,
  };
}

function withoutUndefined<T extends string>(values: { readonly [Name in T]?: number | undefined }) {
  const given = Object.entries<number | undefined>(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(given) as Partial<Record<T, number>>;
}

function buildPool({ name: called, addresses, dns }: Ikev2Section["pools"][number]): AddressPool {
  return { name: called, range: usable(addresses), dns: dns.flatMap((server) => addressOctets(server) ?? []) };
}
