/** Transport mode (RFC 7296 1.3.1, 2.23.1): a Child SA between the two ends of IKE themselves, whatever NATs write between. */
import { equal } from "../util/octets.ts";
import type { AddressSelector, TrafficSelector } from "../wire/ikev2/payloads.ts";
import { hostSelector, intersection } from "./selector.ts";
import type { Path } from "./state.ts";
import type { ProposedSelectors, Selectors } from "./traffic-selectors.ts";

/**
 * What is configured, as far as it is of the ends: each side's selectors must have that one address. When nothing is left, they
 * stay as they are, for the peer to refuse.
 */
export function betweenHosts({ local, remote }: Selectors, path: Path): Selectors {
  return { local: ofHost(local, path.local), remote: ofHost(remote, path.remote) };
}

function ofHost(selectors: readonly AddressSelector[], address: Uint8Array): readonly AddressSelector[] {
  const host = hostSelector(address);
  const common = selectors.flatMap((one) => intersection(one, host) ?? []);
  return common.length > 0 ? common : selectors;
}

/**
 * A peer's selectors with the addresses that this side sees, in the place of those that a NAT has made meaningless: each
 * side writes its own view.
 */
export function asSeenHere({ local, remote }: ProposedSelectors, path: Path): ProposedSelectors {
  return {
    local: path.nat.local ? local.map((one) => atAddress(one, path.local)) : local,
    remote: path.nat.remote ? remote.map((one) => atAddress(one, path.remote)) : remote,
  };
}

/** Another host's address; more than one address is no selector of transport mode, and left to be refused. */
function atAddress(selector: TrafficSelector, address: Uint8Array): TrafficSelector {
  if (selector.kind !== "addresses" || !equal(selector.startAddress, selector.endAddress)) return selector;
  return { ...selector, startAddress: address, endAddress: address };
}
