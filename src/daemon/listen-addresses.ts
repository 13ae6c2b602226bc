/** What a wildcard stands for where an endpoint must know which of its addresses a message came to: all that there are. */
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Ikev2Policy } from "../ikev2/types.ts";
import { canonicalAddress, isWildcard } from "../util/address.ts";

/** Addresses of this machine that others may reach, in a stable order. */
export type MachineAddresses = () => readonly string[];

/** Neither loopback, which nobody else reaches, nor link-local ones, which mean nothing without their interface. */
export const machineAddresses: MachineAddresses = () =>
  Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .filter(({ internal, scopeid }) => !internal && (scopeid ?? 0) === 0)
    .flatMap(({ address }) => canonicalAddress(address) ?? [])
    .sort();

/** Whether what the policy listens on depends on the machine. */
export function hasWildcard({ listen }: Pick<Ikev2Policy, "listen">): boolean {
  return listen.some(({ ike }) => isWildcard(ike.address));
}

/**
 * The policy with the machine's addresses in the place of 0.0.0.0 and ::. Whether there is a NAT is found out by hashing
 * addresses (RFC 7296 2.23), so each needs a socket of its own.
 */
export function onEveryAddress(policy: Ikev2Policy, addresses: readonly string[]): Ikev2Policy {
  const pairs = policy.listen.flatMap(({ ike, nat }) => {
    if (!isWildcard(ike.address)) return [{ ike, nat }];
    const family = addresses.filter((address) => isIPv6(address) === isIPv6(ike.address));
    return family.map((address) => ({ ike: { ...ike, address }, nat: { ...nat, address } }));
  });
  const seen = new Set<string>();
  const listen = pairs.filter(({ ike }) => !seen.has(ike.address) && seen.add(ike.address));
  return { ...policy, listen };
}
