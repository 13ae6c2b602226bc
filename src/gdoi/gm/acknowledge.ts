/**
 * GROUPKEY-PUSH ACKs of a member (RFC 8263 3, 4, 7.2; READINGS 32-37).
 *
 * An octet-identical copy of a push that was accepted and acknowledged gets the identical acknowledgement again, at a
 * bounded rate and number: a key server sends copies to those whose acknowledgement was lost, and no other message could
 * reach it again. The copy was authenticated when it first came (READINGS 36 leaves copies unanswered).
 */
import type { Datagram, Endpoint } from "../../core/engine.ts";
import { addressOctets } from "../../util/address.ts";
import { hex } from "../../util/octets.ts";
import { ackKey, ackUsesLeaf, buildAck, isAckType } from "../ack.ts";
import { keyOfIvAndKey } from "../push.ts";
import { count, report } from "./report.ts";
import type { AcceptedPush, Gm, Group, PendingAck, RekeyState } from "./state.ts";

/** RFC 8263 6: an acknowledgement is never delayed for longer. */
const LONGEST_JITTER_MS = 5_000;
/** Copies of one push that are answered, and the time between two answers. */
const ANSWERED_COPIES = 16;
const BETWEEN_ANSWERS_MS = 200;
/** Accepted pushes that are remembered, on average over the groups. */
const REMEMBERED_PER_GROUP = 8;

/** The name under which a datagram is remembered. */
export function digestOf(gm: Gm, bytes: Uint8Array): string {
  return hex(gm.env.crypto.hash("sha256", bytes));
}

/**
 * Acknowledges a push that was carried out, as the most recent SAK asks, and remembers it.
 * @param under the Rekey SA that decrypted it.
 * @param fits false when it held LKH arrays and none was for this member: then it does not acknowledge.
 */
export function acknowledge(
  gm: Gm,
  group: Group,
  under: RekeyState,
  asked: number | undefined,
  leaf: Uint8Array | undefined,
  datagram: Datagram,
  seq: number,
  fits: boolean,
): void {
  const ack = fits ? makeAck(gm, group, under, asked, leaf, datagram, seq) : undefined;
  const digest = digestOf(gm, datagram.bytes);
  const { from } = datagram;
  const entry: AcceptedPush = { digest, group: group.name, from, seq, ack, answered: new Map() };
  gm.accepted.push(entry);
  if (gm.accepted.length > REMEMBERED_PER_GROUP * gm.groups.size) gm.accepted.shift();
  if (ack !== undefined) schedule(gm, entry, ack);
}

function makeAck(
  gm: Gm,
  group: Group,
  under: RekeyState,
  type: number | undefined,
  leaf: Uint8Array | undefined,
  datagram: Datagram,
  seq: number,
): PendingAck | undefined {
  if (!isAckType(type)) {
    if (type !== undefined) count(gm, "ack.unknown-type");
    return undefined;
  }
  const baseKey = ackUsesLeaf(type) ? leaf && keyOfIvAndKey(leaf) : under.baseKey;
  // the member's own address, as the key server saw it in the registration (RFC 8263 3.4)
  const own = group.registration?.local.address;
  const address = own === undefined ? undefined : addressOctets(own);
  if (baseKey === undefined || own === undefined || address === undefined) {
    count(gm, "ack.impossible");
    return undefined;
  }
  const key = ackKey(type, baseKey, under.kek.spi, gm.env);
  const bytes = buildAck(type, key, under.kek.spi, seq, address, gm.env);
  // the answer to a multicast push leaves by the multicast port with the member's own address (READINGS 37)
  const from = { address: own, port: datagram.via.port };
  const multicast = group.joined !== undefined && group.joined.port === datagram.via.port;
  return { group: group.name, from, to: datagram.from, bytes, type, seq, multicast };
}

function schedule(gm: Gm, entry: AcceptedPush, ack: PendingAck): void {
  const most = Math.min(gm.policy.ackJitterMs, LONGEST_JITTER_MS);
  const jitters = ack.multicast || gm.policy.ackJitterUnicast;
  const delay = jitters && most > 0 ? gm.env.random.fraction() * most : 0;
  const attempt = 1 + (entry.answered.get(nameOf(ack.to))?.times ?? 0);
  const at = gm.env.now + delay;
  entry.answered.set(nameOf(ack.to), { times: attempt, at });
  if (delay === 0) {
    send(gm, ack, attempt);
    return;
  }
  const key = `ack:${gm.ackCount++}`;
  gm.acks.set(key, { ack, attempt });
  gm.deadlines.set(key, at);
}

/** The delay of an acknowledgement is over. */
export function ackDue(gm: Gm, key: string): void {
  const waiting = gm.acks.get(key);
  gm.acks.delete(key);
  if (waiting !== undefined) send(gm, waiting.ack, waiting.attempt);
}

function send(gm: Gm, ack: PendingAck, attempt: number): void {
  gm.out.push({ out: "send", from: ack.from, to: ack.to, bytes: ack.bytes });
  count(gm, "ack.sent");
  const group = gm.groups.get(ack.group);
  if (group !== undefined) group.acksSent += 1;
  const { seq, type } = ack;
  report(gm, ack.group, "gm.acknowledged", { cause: "peer", figures: { seq, type, attempt } });
}

/**
 * Tells whether the datagram is a copy of a push that was accepted (RFC 6407 7.3.4), and answers it again when it comes
 * from the same endpoint or the key server of the registration, often enough apart and not too often to each.
 */
export function isCopy(gm: Gm, datagram: Datagram): boolean {
  const digest = digestOf(gm, datagram.bytes);
  const known = gm.accepted.find((p) => p.digest === digest);
  if (known === undefined) return false;
  count(gm, "push.copy");
  const { ack } = known;
  const to = answerTo(gm, known, datagram.from);
  if (ack === undefined || to === undefined || !gm.groups.has(known.group)) return true;
  const { times = 0, at = Number.NEGATIVE_INFINITY } = known.answered.get(nameOf(to)) ?? {};
  if (times < ANSWERED_COPIES && gm.env.now >= at + BETWEEN_ANSWERS_MS) {
    count(gm, "ack.repeated");
    schedule(gm, known, { ...ack, to });
  }
  return true;
}

/**
 * Who gets the answer to a copy. Whoever overheard a push may have sent it here before the key server's own came, so the
 * first source alone must not decide.
 */
function answerTo(gm: Gm, known: AcceptedPush, from: Endpoint): Endpoint | undefined {
  if (nameOf(from) === nameOf(known.from)) return from;
  const name = gm.groups.get(known.group)?.registration?.keyServer;
  const keyServer = gm.policy.keyServers.find((one) => one.name === name)?.endpoint;
  return keyServer?.address === from.address ? keyServer : undefined;
}

function nameOf({ address, port }: Endpoint): string {
  return `${port} ${address}`;
}
