/**
 * What becomes of a peer's older IKE SAs when it has a new one (RFC 7296 2.4). After INITIAL_CONTACT they end without a word:
 * the peer has lost them. Otherwise, where a connection is to be unique, all but one are deleted after a while, in which a peer
 * that authenticates anew has deleted its old one itself.
 */
import { identityKey, sameIdentity } from "../core/identity.ts";
import { samePeer } from "../core/identity-binding.ts";
import { NotifyType } from "../iana/ikev2.ts";
import { concat } from "../util/octets.ts";
import type { ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { notifyOf } from "./contents.ts";
import { deleteIkeSa } from "./deletion.ts";
import { endIkeSa } from "./sa-life.ts";
import { type ConnectionState, type EstablishedSa, type IkeSa, type Ikev2, isEstablished } from "./state.ts";
import type { Connection } from "./types.ts";

/** As long as strongSwan waits. */
const GRACE_MS = 10_000;

/**
 * Whether to say INITIAL_CONTACT: no other IKE SA with this peer stands or is about to, by whichever connection, and no other
 * device than this one has our identity.
 * @param sa the one that would say it
 */
export function isFirstContact(ike: Ikev2, sa: IkeSa, { config }: ConnectionState): boolean {
  // an identity of several devices must not say it
  if (config.unique === "keep") return false;
  for (const other of ike.connections.values()) {
    if (!isSamePair(other.config, config)) continue;
    for (const one of other.ikeSas) if (one !== sa && peerMayHave(one)) return false;
  }
  return true;
}

/** The same two identities, as far as the configuration tells. */
function isSamePair(a: Connection, b: Connection): boolean {
  if (!sameIdentity(a.local.identity, b.local.identity)) return false;
  const [one, other] = [a.remote.identity, b.remote.identity];
  if (one !== undefined && other !== undefined) return samePeer(one, other);
  return a.remote.endpoint !== undefined && a.remote.endpoint.address === b.remote.endpoint?.address;
}

function peerMayHave({ phase: { at } }: IkeSa): boolean {
  return at === "AUTH_SENT" || at === "VERIFYING" || at === "ESTABLISHED";
}

/**
 * An IKE SA stands, and the peer's others are held against it.
 * @param payloads of the peer's IKE_AUTH message
 */
export function supersede(ike: Ikev2, sa: EstablishedSa, payloads: readonly ReceivedPayload[]): void {
  const others = othersOf(ike, sa);
  if (others.length === 0) return;
  endSurplus(ike, sa, others);
  if (notifyOf(payloads, NotifyType.INITIAL_CONTACT) !== undefined) {
    for (const other of others) {
      if (!mayEnd(sa, other)) continue;
      // what stands only since the peer began this one it did not know of when it wrote that
      if (other.phase.authenticatedAt < sa.beganAt)
        endIkeSa(ike, other, { by: "replacement", why: { cause: "initial-contact" } });
    }
  }
  const { connection } = sa.phase;
  if (
    connection.config.unique === "replace" &&
    othersOf(ike, sa).some((other) => other.phase.connection === connection)
  ) {
    ike.deadlines.set(`unique:${sa.key}`, ike.env.now + GRACE_MS);
  }
}

/**
 * A key that several peers have proves the identity of none of them: what one says of it counts among those of its own
 * connection, and ends nobody's IKE SA that another connection, which may ask for better proof, let in.
 */
function mayEnd({ phase: { connection } }: EstablishedSa, other: EstablishedSa): boolean {
  const { remote } = connection.config;
  const named = remote.identity !== undefined || remote.authentication.method !== "psk";
  return named || other.phase.connection === connection;
}

/**
 * IKE SAs of one identity in one connection: those of devices that share it, or the old ones of a peer that begins again and
 * again.
 */
const MOST = { keep: 256, replace: 8 };

/**
 * A peer that goes on beginning IKE SAs pays with its oldest ones: their Delete is sent, and its answer not waited for, since
 * there would be no bound of those that get none.
 */
function endSurplus(ike: Ikev2, sa: EstablishedSa, others: readonly EstablishedSa[]): void {
  const { connection } = sa.phase;
  const most = MOST[connection.config.unique];
  const same = others.filter((other) => other.phase.connection === connection);
  const text = `one identity has no more than ${most} IKE SAs`;
  for (const other of same.slice(0, Math.max(0, same.length + 1 - most))) {
    deleteIkeSa(ike, other, { cause: "initial-contact", text });
    endIkeSa(ike, other, { by: "us" });
  }
}

/** Established IKE SAs between the same two identities. */
function othersOf(ike: Ikev2, sa: EstablishedSa): EstablishedSa[] {
  const { connection, peer } = sa.phase;
  const own = connection.config.local.identity;
  return [...(ike.byPeer.get(identityKey(peer.identity)) ?? [])].filter(
    (other): other is EstablishedSa =>
      other !== sa && isEstablished(other) && sameIdentity(other.phase.connection.config.local.identity, own),
  );
}

/** The deadline `unique:KEY`: one IKE SA of the connection is left. */
export function uniqueDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa === undefined || !isEstablished(sa)) return;
  const { connection } = sa.phase;
  if (connection.config.unique !== "replace") return;
  for (const other of othersOf(ike, sa)) {
    if (other.phase.connection !== connection) continue;
    // one that is being rekeyed is followed by a successor, and deleted by those who rekey it
    if (other.phase.rekeying || sa.phase.rekeying) {
      ike.deadlines.set(`unique:${key}`, ike.env.now + GRACE_MS);
      continue;
    }
    const loser = lesser(sa, other);
    deleteIkeSa(ike, loser, { cause: "initial-contact", text: "replaced by a newer IKE SA of the same peer" });
    if (loser === sa) return;
  }
}

/**
 * The one to go: the older. Of two that both sides began at about the same time, each side could take another for the older:
 * there it is the one whose SPIs are the lesser number.
 */
function lesser(a: EstablishedSa, b: EstablishedSa): EstablishedSa {
  // a rekey does not make it younger
  const [first, second] = [a.phase.authenticatedAt, b.phase.authenticatedAt];
  const crossing = a.role !== b.role && Math.abs(first - second) < GRACE_MS;
  if (!crossing) return first < second ? a : b;
  return Buffer.compare(concat(a.spiI, a.spiR), concat(b.spiI, b.spiR)) < 0 ? a : b;
}
