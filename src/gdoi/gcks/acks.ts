/**
 * Takes GROUPKEY-PUSH ACKs (RFC 8263 5 and 6). This is the hot path of a large group: up to the HMAC nothing is made
 * but the view of the datagram, and a member that was counted already costs no cryptography.
 */
import type { Datagram } from "../../core/engine.ts";
import { type Identity, oidIdentity } from "../../core/identity.ts";
import { TekProtocol } from "../../iana/gdoi.ts";
import { IdType } from "../../iana/isakmp.ts";
import type { Subject } from "../../ledger/event.ts";
import { type AckView, decodeAck } from "../../wire/gdoi/ack.ts";
import { ackNames, ackUsesLeaf, verifyAck } from "../ack.ts";
import { received } from "./assurance.ts";
import { keepMember, persist } from "./commit.ts";
import type { Group } from "./group.ts";
import type { Kek } from "./keys.ts";
import { hasAddress, type Member } from "./members.ts";
import { ackRecord } from "./records.ts";
import { AckState, type Rekey } from "./rekey.ts";
import type { Turn } from "./server.ts";

const MOST_MS = 0xffffffff;
const SERVER: Subject = { kind: "server", name: "server" };

/**
 * Judges one datagram of exchange type 35, in the order of cost: form, KEK, rekey, member, duplicate, HASH.
 * @returns the group whose deadlines may have changed, undefined when none have.
 */
export function receiveAck(datagram: Datagram, turn: Turn): Group | undefined {
  const decoded = decodeAck(datagram.bytes);
  if (!decoded.ok) {
    const { message, offset, section } = decoded.error;
    refuse(turn, undefined, datagram, "malformed", message, { offset, section });
    return undefined;
  }
  const view = decoded.value;
  const found = turn.server.keks.find(view.spi);
  if (found === undefined) {
    refuse(turn, undefined, datagram, "unknown-kek", "no Rekey SA has this SPI");
    return undefined;
  }
  const { kek, owner: group } = found;
  const rekey = kek.rekeys.get(view.sequenceNumber);
  if (rekey === undefined) {
    const reason = "no push with this sequence number is remembered";
    refuse(turn, group, datagram, "unknown-rekey", reason, { seq: view.sequenceNumber });
    return undefined;
  }
  if (rekey.ackType === 0) {
    refuse(turn, group, datagram, "not-requested", "the group's policy asks for no acknowledgements", {
      seq: rekey.seq,
    });
    return undefined;
  }
  const member = senderOf(group, datagram, view);
  if (member === undefined) {
    unknownSender(group, datagram, view, turn);
    return undefined;
  }
  return judge(group, kek, rekey, member, view, datagram, turn);
}

/** The registered member at the source address; several at one address are told apart by the port. */
function senderOf(group: Group, datagram: Datagram, view: AckView): Member | undefined {
  const there = group.members.atAddress(datagram.from.address);
  if (there === undefined) return undefined;
  if (!isList(there)) return isNamed(there, group, view) ? there : undefined;
  const { port } = datagram.from;
  return there.find((member) => member.port === port && isNamed(member, group, view));
}

/** Whether the ID is the member's address, or an ID_OID that names the group or one of its streams. */
function isNamed(member: Member, group: Group, view: AckView): boolean {
  return view.idType === IdType.ID_OID ? ackNames(view, oidsOf(group)) : hasAddress(member, view.idType, view.id);
}

function* oidsOf(group: Group): Generator<Identity> {
  yield group.policy.id;
  for (const { teks } of group.generations) {
    for (const { policy } of teks) if (policy.protocolId === TekProtocol.IEC_61850) yield oidIdentity(policy);
  }
}

function isList(there: Member | readonly Member[]): there is readonly Member[] {
  return Array.isArray(there);
}

function judge(
  group: Group,
  kek: Kek,
  rekey: Rekey,
  member: Member,
  view: AckView,
  datagram: Datagram,
  turn: Turn,
): Group | undefined {
  const { counters } = turn.server;
  const state = rekey.states[member.slot] ?? AckState.NONE;
  if (state === AckState.ACKED) {
    counters.count("ack.duplicate");
    return undefined;
  }
  // the leaf of a member that registered again, or was put out, is no longer the one that it signs with
  const foreign = state === AckState.NONE || state === AckState.LEFT;
  if (foreign || (state === AckState.REREGISTERED && ackUsesLeaf(rekey.ackType))) {
    counters.count("ack.drop.not-awaited");
    return undefined;
  }
  const key = kek.ackKey(rekey.ackType, member.leaf, turn.env);
  if (key === undefined || !verifyAck(rekey.ackType, key, view, turn.env)) {
    refuse(turn, group, datagram, "not-authentic", "HASH does not fit", { seq: rekey.seq, member: member.name });
    return undefined;
  }
  record(group, rekey, member, turn);
  return rekey.pending === 0 && !rekey.settled ? group : undefined;
}

function record(group: Group, rekey: Rekey, member: Member, turn: Turn): void {
  const { out, server, env } = turn;
  const { slot } = member;
  const afterMs = Math.min(MOST_MS, Math.max(0, Math.round(env.now - rekey.sentAt)));
  const late = rekey.settled;
  rekey.move(slot, AckState.ACKED);
  received(group, rekey, slot);
  rekey.afterMs[slot] = afterMs;
  rekey.attemptOf[slot] = Math.min(255, rekey.attempts);
  acknowledged(member, rekey, env.now);
  server.counters.count("ack.accepted");
  persist(turn, ackRecord(rekey, slot, env.now, afterMs, rekey.attempts));
  if (member.keyless) keepMember(group, member, turn);
  out.push({
    out: "event",
    event: {
      kind: "gcks.ack-received",
      subjects: [group.memberSubject(member.name), rekey.subject],
      cause: "peer",
      figures: { group: group.name, member: member.name, seq: rekey.seq, afterMs, attempt: rekey.attempts, late },
      level: "info",
    },
  });
}

/** What an acknowledgement says about a member, also one of an earlier life of the key server. */
export function acknowledged(
  member: Member,
  rekey: Pick<Rekey, "number" | "seq" | "kind" | "sentAt">,
  at: number,
): void {
  member.everAcked = true;
  if (at >= member.lastAckAt) {
    member.lastAckAt = at;
    member.lastAckSeq = rekey.seq;
  }
  if (rekey.number >= member.missedNumber) member.missed = 0;
  // it has deleted its keys now, and hears of new ones when it registers again
  if (rekey.kind === "delete" && member.registeredAt <= rekey.sentAt) member.keyless = true;
}

function unknownSender(group: Group, datagram: Datagram, view: AckView, turn: Turn): void {
  const there = group.members.atAddress(datagram.from.address);
  if (there === undefined) {
    refuse(turn, group, datagram, "unknown-id", "no member is registered at this address");
  } else if (isList(there) && there.some((member) => isNamed(member, group, view))) {
    refuse(turn, group, datagram, "unknown-id", "several members share this address, none of them this port");
  } else {
    refuse(turn, group, datagram, "wrong-address", "the ID is not the address that the member registered from");
  }
}

/** RFC 8263 6: failure events. */
function refuse(
  turn: Turn,
  group: Group | undefined,
  datagram: Datagram,
  code: string,
  reason: string,
  figures: Readonly<Record<string, string | number>> = {},
): void {
  const fault = {
    name: `ack.drop.${code}`,
    kind: "gcks.ack-refused",
    subjects: [group?.subject ?? SERVER] as const,
    reason,
    figures: { code, from: datagram.from.address, port: datagram.from.port, ...figures },
  };
  turn.server.faults.report(fault, turn.env.now, turn.out);
}
