/** Which configured peer somebody is: by address before the identity is known, by address and identity after. */
import { type Identity, identityKey } from "../core/identity.ts";
import { samePeer } from "../core/identity-binding.ts";
import type { CryptoProvider, SecretKey } from "../crypto/provider.ts";
import { IdType } from "../iana/isakmp.ts";
import { addressOctets, within } from "../util/address.ts";
import { hex } from "../util/octets.ts";
import { canSign } from "./authentication.ts";
import type { PeerPolicy, Phase1Policy, Phase1Proposal } from "./types.ts";

/** Peers whose addresses include `address`, in configured order. */
export function peersAt(policy: Phase1Policy, address: string): PeerPolicy[] {
  const octets = addressOctets(address);
  if (octets === undefined) return [];
  return policy.peers.filter(
    ({ addresses }) => addresses.length === 0 || addresses.some(({ from, to }) => within(octets, from, to)),
  );
}

/** What can be agreed with one of `peers`: proposals whose authentication both it and our credentials can serve. */
export function usableProposals(policy: Phase1Policy, peers: readonly PeerPolicy[]): Phase1Proposal[] {
  const withPsk = peers.some(({ psk }) => psk !== undefined);
  return policy.proposals.filter(({ authentication }) => {
    if (authentication === "psk") return withPsk;
    return peers.length > 0 && policy.anchors.length > 0 && canSign(policy.local.signer, authentication);
  });
}

/**
 * The first of `peers` that may have `identity`. With a pre-shared key it must also be a peer of that same key: the key
 * was chosen by address before the identity was known (RFC 2409 5.4).
 */
export function admit(
  peers: readonly PeerPolicy[],
  identity: Identity,
  psk: SecretKey | undefined,
  crypto: CryptoProvider,
): PeerPolicy | undefined {
  return peers.find((peer) => {
    if (psk !== undefined && !sameSecret(peer.psk, psk, crypto)) return false;
    return peer.identity === undefined || samePeer(peer.identity, identity);
  });
}

/**
 * Why somebody with the pre-shared key of `peer` may not have `identity` where the configuration gives that peer none: the
 * key proves no more than that it is the peer, so it must neither be another one nor come from elsewhere. Undefined when it
 * may.
 */
export function claimedBecause(policy: Phase1Policy, peer: PeerPolicy, identity: Identity): string | undefined {
  if (peer.identity !== undefined) return undefined;
  const other = policy.peers.find((one) => one.identity !== undefined && samePeer(one.identity, identity));
  if (other !== undefined) return `the identity belongs to the peer ${other.name}`;
  const isAddress = identity.type === IdType.ID_IPV4_ADDR || identity.type === IdType.ID_IPV6_ADDR;
  if (!isAddress || peer.addresses.length === 0) return undefined;
  return peer.addresses.some(({ from, to }) => within(identity.data, from, to))
    ? undefined
    : `the identity is none of the addresses of the peer ${peer.name}`;
}

/**
 * Whether somebody who was let in as the peer `name` would not be let in as that any more: it is gone, has another key or
 * identity, or other addresses without this one.
 */
export function noLongerPeer(
  before: Phase1Policy,
  after: Phase1Policy,
  crypto: CryptoProvider,
): (name: string, address: string) => boolean {
  const old = new Map(before.peers.map((peer) => [peer.name, peer]));
  const next = new Map(after.peers.map((peer) => [peer.name, peer]));
  return (name, address) => {
    const [was, is] = [old.get(name), next.get(name)];
    if (was === undefined || is === undefined || !sameTerms(was, is, crypto)) return true;
    return !sameRanges(was.addresses, is.addresses) && !peersAt(after, address).includes(is);
  };
}

function sameTerms(a: PeerPolicy, b: PeerPolicy, crypto: CryptoProvider): boolean {
  if ((a.identity && identityKey(a.identity)) !== (b.identity && identityKey(b.identity))) return false;
  if (a.psk === undefined || b.psk === undefined) return a.psk === b.psk;
  return sameSecret(a.psk, b.psk, crypto);
}

function sameRanges(a: PeerPolicy["addresses"], b: PeerPolicy["addresses"]): boolean {
  const text = (ranges: PeerPolicy["addresses"]) => ranges.map(({ from, to }) => `${hex(from)}-${hex(to)}`).join();
  return text(a) === text(b);
}

function sameSecret(a: SecretKey | undefined, b: SecretKey, crypto: CryptoProvider): boolean {
  if (a === undefined || a === b) return a === b;
  return crypto.equal(crypto.exportSecret(a), crypto.exportSecret(b));
}
