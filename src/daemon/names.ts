/** What people call members: by the peer's name in the configuration, or by the common name of a certificate. */
import { identityText } from "../core/identity.ts";
import type { CryptoProvider } from "../crypto/provider.ts";
import { authorise } from "../gdoi/gcks/authorisation.ts";
import { memberName } from "../gdoi/gcks/members.ts";
import type { MemberView } from "../gdoi/gcks/types.ts";
import type { GroupPolicy } from "../gdoi/policy.ts";
import type { PeerPolicy } from "../ikev1/types.ts";
import type { ConnectionView } from "../ikev2/types.ts";
import { addressText } from "../util/address.ts";
import { equal } from "../util/octets.ts";

type Named = Pick<MemberView, "name" | "identity" | "address">;

/** A member that a group lists by its identity, and that has never registered. */
export interface AbsentMember {
  readonly name: string;
  readonly identity: string;
  /** Where its peer is, when it may only be at one address. */
  readonly address?: string;
}

/**
 * The name of the one member that is called so: its own name, identity or address; else the `name` of the peer that has
 * its identity or its only address; else the common name with which its distinguished name begins. `called` itself when
 * that is nobody, or not one alone.
 */
export function memberCalled(
  called: string,
  members: readonly Named[],
  peers: readonly PeerPolicy[],
  crypto: CryptoProvider,
): string {
  if (members.some(({ name, identity, address }) => name === called || identity === called || address === called)) {
    return called;
  }
  const peer = peers.find(({ name }) => name === called);
  const identity = peer?.identity && identityText(peer.identity, crypto);
  const address = peer && onlyAddress(peer);
  for (const fits of [
    (member: Named) => member.identity === identity,
    (member: Named) => identity === undefined && member.address === address,
    (member: Named) => commonName(member.identity) === called,
  ]) {
    const [first, ...others] = members.filter(fits);
    if (first !== undefined) return others.length === 0 ? first.name : called;
  }
  return called;
}

/**
 * The subjects of the ledger that tell of one who is called so: as a member, by the identity of its Phase 1, and by the
 * address that its exchanges come from, unless others share that.
 */
export function subjectsOf(
  called: string,
  members: readonly Named[],
  peers: readonly PeerPolicy[],
  crypto: CryptoProvider,
): string[] {
  const name = memberCalled(called, members, peers, crypto);
  const member = members.find((one) => one.name === name || one.identity === name);
  const peer = peers.find(
    (one) =>
      one.name === called ||
      (one.identity !== undefined &&
        [identityText(one.identity, crypto), memberName(one.identity, crypto)].includes(name)),
  );
  const addresses = [member?.address, peer && onlyAddress(peer)].filter((address) => address !== undefined);
  const shared = (address: string) => members.some((one) => one.address === address && one.name !== member?.name);
  return [
    ...new Set([
      called,
      name,
      ...(member === undefined ? [] : [member.name, member.identity]),
      ...addresses.filter((address) => address !== "" && !shared(address)),
    ]),
  ];
}

/**
 * Subjects of the ledger that tell of connections called so: by the name of one also the address of its peer, unless
 * others share that; by a peer's address or identity the connections with it.
 */
export function connectionsCalled(called: string, connections: readonly ConnectionView[]): string[] {
  const address = (connection: ConnectionView) => connection.remote.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  const [owner] = called.split("/");
  const named = connections.find(({ name }) => name === owner);
  if (named !== undefined) {
    // the life of a child is told with that of its connection
    if (owner !== called) return [named.name];
    const shared = connections.filter((connection) => address(connection) === address(named)).length > 1;
    return named.remote === "any" || shared ? [] : [address(named)];
  }
  return connections
    .filter((connection) => [address(connection), ...identities(connection)].includes(called))
    .map(({ name }) => name);
}

/** Of the peer, with and without what kind it is. */
function identities({ remoteIdentity, ikeSas }: ConnectionView): string[] {
  const all = [remoteIdentity, ...ikeSas.map((sa) => sa.remoteIdentity)].filter((text) => text !== undefined);
  return all.flatMap((text) => [text, text.replace(/^(fqdn|user):/, "")]);
}

/** Members that the group lists one by one, and that are not among those who ever registered. */
export function absentMembers(
  policy: GroupPolicy,
  members: readonly Named[],
  peers: readonly PeerPolicy[],
  crypto: CryptoProvider,
): AbsentMember[] {
  const there = new Set(members.map(({ identity }) => identity));
  return policy.members.flatMap((rule) => {
    if (rule.rule !== "identity" || there.has(identityText(rule.identity, crypto))) return [];
    const peer = peers.find(({ identity }) => identity && authorise([rule], identity, crypto) !== undefined);
    const address = peer && onlyAddress(peer);
    return [
      {
        name: memberName(rule.identity, crypto),
        identity: identityText(rule.identity, crypto),
        ...(address === undefined ? {} : { address }),
      },
    ];
  });
}

function onlyAddress({ addresses }: PeerPolicy): string | undefined {
  const [only, ...others] = addresses;
  if (only === undefined || others.length > 0 || !equal(only.from, only.to)) return undefined;
  return addressText(only.from);
}

function commonName(identity: string): string | undefined {
  return /^dn:CN=((?:[^,\\+]|\\.)+)(?:,|$)/i.exec(identity)?.[1];
}
