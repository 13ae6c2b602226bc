/**
 * Addresses for clients (RFC 7296 2.19, 3.15): who has which, and who had it last. A client comes back to its address as long
 * as nobody else needed it; what it asks for it gets when it is free.
 */
import { within } from "../util/address.ts";
import { hex } from "../util/octets.ts";
import type { AddressPool } from "./types.ts";

/** Addresses whose last client is remembered, of all pools. */
const MOST_REMEMBERED = 10_000;
/** A subnet of less has no address that is nobody's. */
const SMALLEST_SUBNET = 4n;
/** Where the interface identifier of an IPv6 address begins. */
const INTERFACE_ID = 8;

/** Who wants an address. */
export interface Client {
  /** Key of its proven identity. */
  readonly identity: string;
  /** Key of its IKE SA, by which the address is released. */
  readonly holder: string;
}

/** An address that is given. */
export interface Given {
  readonly address: Uint8Array;
  readonly pool: AddressPool;
}

interface Pool {
  readonly policy: AddressPool;
  /** What can be given: of a subnet not its own address nor, of IPv4, the broadcast address. */
  readonly first: bigint;
  readonly count: bigint;
  /** Where the search for one that nobody had begins, counted from the first. */
  next: bigint;
}

interface Lease {
  /** `POOL ADDRESS` */
  readonly key: string;
  readonly pool: string;
  readonly address: Uint8Array;
  readonly identity: string;
  /** IKE SAs of the client: two while it authenticates anew. Nobody: the address is free, and remembered. */
  readonly holders: Set<string>;
}

/** The pools of a gateway. */
export class AddressPools {
  readonly #pools = new Map<string, Pool>();
  /** By their keys; those that are free stand in the order in which they became so. */
  readonly #given = new Map<string, Lease>();
  readonly #free = new Map<string, Lease>();
  readonly #byHolder = new Map<string, Set<Lease>>();
  /** The last address that a client had and that is free, by pool and identity. */
  readonly #lastOf = new Map<string, Lease>();

  constructor(policies: readonly AddressPool[]) {
    this.configure(policies);
  }

  /** Other pools, or others of the same names: who has an address keeps it, but one that is gone is not given again. */
  configure(policies: readonly AddressPool[]): void {
    const before = new Map(this.#pools);
    this.#pools.clear();
    for (const policy of policies) this.#pools.set(policy.name, poolOf(policy, before.get(policy.name)?.next ?? 0n));
    for (const lease of [...this.#free.values()]) if (!this.#isOffered(lease)) this.#forget(lease);
  }

  /**
   * An address of one of the pools: what is asked for, if it is free or the client's own; what the client had; one that nobody
   * had; or the one that has been free for longest.
   * @param names pools in order of preference
   * @param wish what the client asks for; of IPv6 perhaps the interface identifier alone
   * @returns undefined when all are given: INTERNAL_ADDRESS_FAILURE
   */
  lease(
    names: readonly string[],
    family: "ipv4" | "ipv6",
    client: Client,
    wish: Uint8Array | undefined,
  ): Given | undefined {
    const octets = family === "ipv4" ? 4 : 16;
    const pools = names
      .flatMap((name) => this.#pools.get(name) ?? [])
      .filter(({ policy }) => policy.range.from.length === octets);
    const ways: readonly ((pool: Pool) => Uint8Array | undefined)[] = [
      (pool) => this.#wished(pool, client.identity, wish),
      ({ policy }) => this.#lastOf.get(lastKey(policy.name, client.identity))?.address,
      (pool) => this.#neverGiven(pool),
      ({ policy }) => this.#longestFree(policy.name),
    ];
    for (const way of ways) {
      for (const pool of pools) {
        const address = way(pool);
        if (address !== undefined) return this.#give(pool, address, client);
      }
    }
    return undefined;
  }

  /** An IKE SA is rekeyed: what it has goes with it (3.15.1). */
  inherit(from: string, to: string): void {
    const leases = this.#byHolder.get(from);
    if (leases === undefined) return;
    this.#byHolder.delete(from);
    this.#byHolder.set(to, leases);
    for (const { holders } of leases) {
      holders.delete(from);
      holders.add(to);
    }
  }

  /** An IKE SA has ended: what it had is free, and remembered for its client. */
  release(holder: string): void {
    const leases = this.#byHolder.get(holder) ?? [];
    this.#byHolder.delete(holder);
    for (const lease of leases) {
      lease.holders.delete(holder);
      if (lease.holders.size > 0) continue;
      this.#given.delete(lease.key);
      if (this.#isOffered(lease)) this.#remember(lease);
    }
  }

  #give({ policy }: Pool, address: Uint8Array, { identity, holder }: Client): Given {
    const key = keyOf(policy.name, address);
    const former = this.#free.get(key);
    if (former !== undefined) this.#forget(former);
    const lease = this.#given.get(key) ?? { key, pool: policy.name, address, identity, holders: new Set() };
    lease.holders.add(holder);
    this.#given.set(key, lease);
    const others = this.#byHolder.get(holder);
    if (others === undefined) this.#byHolder.set(holder, new Set([lease]));
    else others.add(lease);
    return { address: lease.address, pool: policy };
  }

  #wished(pool: Pool, identity: string, wish: Uint8Array | undefined): Uint8Array | undefined {
    if (wish === undefined) return undefined;
    return wishes(pool, wish).find((address) => {
      const key = keyOf(pool.policy.name, address);
      // a client that authenticates anew keeps its address while the old IKE SA still has it
      const owner = this.#given.get(key) ?? this.#free.get(key);
      return owner === undefined || owner.identity === identity;
    });
  }

  #neverGiven(pool: Pool): Uint8Array | undefined {
    const { policy, first, count } = pool;
    // of so many addresses one more than are known is a new one
    const most = BigInt(this.#given.size + this.#free.size + 1);
    for (let tries = 0n; tries < count && tries < most; tries++) {
      const offset = (pool.next + tries) % count;
      const address = octetsOf(first + offset, policy.range.from.length);
      const key = keyOf(policy.name, address);
      if (this.#given.has(key) || this.#free.has(key)) continue;
      pool.next = (offset + 1n) % count;
      return address;
    }
    return undefined;
  }

  #longestFree(pool: string): Uint8Array | undefined {
    for (const lease of this.#free.values()) if (lease.pool === pool) return lease.address;
    return undefined;
  }

  #isOffered({ pool, address }: Lease): boolean {
    const found = this.#pools.get(pool);
    return found !== undefined && isWithin(found, address);
  }

  #remember(lease: Lease): void {
    this.#free.set(lease.key, lease);
    this.#lastOf.set(lastKey(lease.pool, lease.identity), lease);
    for (const oldest of this.#free.values()) {
      if (this.#free.size <= MOST_REMEMBERED) break;
      this.#forget(oldest);
    }
  }

  #forget(lease: Lease): void {
    this.#free.delete(lease.key);
    const key = lastKey(lease.pool, lease.identity);
    if (this.#lastOf.get(key) === lease) this.#lastOf.delete(key);
  }
}

const keyOf = (pool: string, address: Uint8Array): string => `${pool} ${hex(address)}`;
const lastKey = (pool: string, identity: string): string => `${pool} ${identity}`;

function poolOf(policy: AddressPool, next: bigint): Pool {
  const { from, to } = policy.range;
  const whole = { first: numberOf(from), count: numberOf(to) - numberOf(from) + 1n };
  const { first, count } = prefixOf(policy) === undefined || whole.count < SMALLEST_SUBNET ? whole : inner(whole, from);
  return { policy, first, count, next: next % count };
}

function inner({ first, count }: { first: bigint; count: bigint }, { length }: Uint8Array) {
  return { first: first + 1n, count: length === 4 ? count - 2n : count - 1n };
}

/** Length of the prefix, when the range is a whole subnet. */
export function prefixOf({ range: { from, to } }: AddressPool): number | undefined {
  const count = numberOf(to) - numberOf(from) + 1n;
  if ((count & (count - 1n)) !== 0n || numberOf(from) % count !== 0n) return undefined;
  return 8 * from.length - (count.toString(2).length - 1);
}

function isWithin({ policy, first, count }: Pool, address: Uint8Array): boolean {
  const { length } = policy.range.from;
  return within(address, octetsOf(first, length), octetsOf(first + count - 1n, length));
}

/** The address as it is; of IPv6 also its interface identifier behind the prefix of the pool (3.15.3). */
function wishes(pool: Pool, wish: Uint8Array): Uint8Array[] {
  const behindPrefix = pool.policy.range.from.slice();
  if (wish.length === 16 && behindPrefix.length === 16) {
    behindPrefix.set(wish.subarray(INTERFACE_ID), INTERFACE_ID);
  }
  return [wish.slice(), behindPrefix].filter((address) => isWithin(pool, address));
}

function numberOf(octets: Uint8Array): bigint {
  return BigInt(`0x${hex(octets)}`);
}

function octetsOf(value: bigint, length: number): Uint8Array {
  const octets = new Uint8Array(length);
  let left = value;
  for (let i = length - 1; i >= 0; i--) {
    octets[i] = Number(left & 0xffn);
    left >>= 8n;
  }
  return octets;
}
