/** Pushes on their way: first send, repeats of the same octets under the same SEQ, and the end of waiting (RFC 8263 6). */
import type { Instant } from "../../core/engine.ts";
import type { AckPolicy, PushTransport } from "../policy.ts";
import { delivered, nextActivation } from "./assurance.ts";
import { commit, keepMember, nextGrace, persist } from "./commit.ts";
import { type Group, newTeks } from "./group.ts";
import type { Member } from "./members.ts";
import { rekeyRecord } from "./records.ts";
import { AckState, type Rekey } from "./rekey.ts";
import { type Turn, tell } from "./server.ts";

/** RFC 8263 6: an acknowledgement is not missing before ten seconds have passed. */
const LEAST_WAIT_MS = 10_000;
/** Octets of a push are not sent when they are older than this, or than the last of its repeats and some lateness. */
const LONGEST_AGE_MS = 60_000;
const LATENESS_MS = 5_000;
/**
 * After an update of the key tree the new TEKs wait this long for those who are silent, who get the update again
 * meanwhile and later. All repeats of the TEKs come so much behind those of the update, which brings their KEK.
 */
const REPLACE_AFTER_MS = 2_000;
type MulticastPush = Extract<PushTransport, { transport: "multicast" }>;

/** Names in one event; how many there are is always told. */
const MOST_NAMES = 20;

/** The first send: to the multicast address, or to every member that holds keys. Returns the number of datagrams. */
export function sendFirst(group: Group, rekey: Rekey, turn: Turn): number {
  const { datagram } = rekey;
  if (datagram === undefined || group.members.registered === 0) return 0;
  const transport = transportOf(group, rekey);
  if (transport.transport === "multicast") return sendMulticast(transport, datagram, turn);
  let sent = 0;
  for (const member of group.members.present()) {
    if (member.keyless) continue;
    sendTo(member, datagram, turn);
    sent += 1;
  }
  return sent;
}

/** The same octets to those who have not acknowledged; to the multicast address when pushes go there. */
function repeat(group: Group, rekey: Rekey, turn: Turn): void {
  const { datagram } = rekey;
  if (datagram === undefined || rekey.pending === 0) return;
  rekey.attempts += 1;
  const transport = transportOf(group, rekey);
  if (transport.transport === "multicast") sendMulticast(transport, datagram, turn);
  else {
    for (const slot of rekey.slotsIn(AckState.PENDING)) {
      const member = group.members.at(slot);
      if (member !== undefined) sendTo(member, datagram, turn);
    }
  }
  tell(turn, {
    kind: "gcks.rekey-repeated",
    subjects: [rekey.subject, group.subject],
    cause: "timer",
    because: { kind: "gcks.rekey-sent", subject: rekey.subject },
    figures: { group: group.name, seq: rekey.seq, pending: rekey.pending, attempt: rekey.attempts },
    level: "info",
  });
}

function sendTo(member: Member, bytes: Uint8Array, turn: Turn): void {
  const to = { address: member.address, port: member.port };
  turn.out.push({ out: "send", from: member.local, to, bytes });
}

/** Where a push goes: by the KEK that it is under, since members listen where the SAK of that KEK told them to. */
export function transportOf(group: Group, rekey: Rekey): PushTransport {
  const { push } = group.kekOf(rekey.spiHex) ?? group.kek;
  // interface and TTL are our own affair: they change at once
  return sameDestination(push, group.policy.push) ? group.policy.push : push;
}

/** Whether members listen in the same place for both. */
export function sameDestination(a: PushTransport, b: PushTransport): boolean {
  if (a.transport === "unicast" || b.transport === "unicast") return a.transport === b.transport;
  return a.address === b.address && a.port === b.port;
}

function sendMulticast(push: MulticastPush, bytes: Uint8Array, turn: Turn): number {
  const { address, port, ttl } = push;
  const multicast = push.interface === undefined ? { ttl } : { interface: push.interface, ttl };
  turn.out.push({ out: "send", from: turn.server.listenFor(address), to: { address, port }, bytes, multicast });
  return 1;
}

/** When something must happen to a push next: a repeat, or the end of waiting. */
function due(rekey: Rekey, acks: AckPolicy): Instant {
  const next = acks.retransmitAfterMs[rekey.repeats];
  if (next !== undefined && !rekey.superseded) return rekey.sentAt + next;
  return endOfWaiting(rekey, acks);
}

function endOfWaiting(rekey: Rekey, acks: AckPolicy): Instant {
  const schedule = rekey.superseded ? rekey.sentAt : rekey.sentAt + Math.max(0, ...acks.retransmitAfterMs);
  if (rekey.ackType === 0) return schedule;
  return Math.max(schedule, rekey.patienceFrom + Math.max(LEAST_WAIT_MS, acks.missingAfterMs));
}

/** Repeats and settles whatever is due. Returns whether a push was settled. */
export function deliver(group: Group, turn: Turn): boolean {
  const { acks } = group.policy;
  let settled = false;
  for (const rekey of group.flights) {
    while (!rekey.settled && due(rekey, acks) <= turn.env.now) {
      if (!rekey.superseded && rekey.repeats < acks.retransmitAfterMs.length) {
        skipTo(rekey, acks, turn.env.now);
        repeatOrRemake(group, rekey, turn);
      } else {
        settle(group, rekey, turn);
        settled = true;
      }
    }
    if (!rekey.settled && rekey.pending === 0) {
      settle(group, rekey, turn);
      settled = true;
    }
  }
  return settled;
}

/** Passes over repeats whose time has come: after a pause only one of them is made up for. */
function skipTo(rekey: Rekey, acks: AckPolicy, now: Instant): void {
  for (;;) {
    const next = acks.retransmitAfterMs[rekey.repeats];
    if (next === undefined || rekey.sentAt + next > now) return;
    rekey.repeats += 1;
  }
}

/** A push of an earlier life goes on: the same octets at once, and a full time of waiting from now; or a new one. */
export function resume(group: Group, rekey: Rekey, turn: Turn): void {
  rekey.patienceFrom = Math.max(rekey.sentAt, turn.env.now);
  if (rekey.superseded) return;
  skipTo(rekey, group.policy.acks, turn.env.now);
  repeatOrRemake(group, rekey, turn);
}

/**
 * Lifetimes in a push count from when it was made: octets that waited too long would let members hold keys longer than
 * the key server believes. They give way to a push that is made now.
 */
function repeatOrRemake(group: Group, rekey: Rekey, turn: Turn): void {
  const { retransmitAfterMs } = group.policy.acks;
  const longest = Math.max(LONGEST_AGE_MS, LATENESS_MS + Math.max(0, ...retransmitAfterMs));
  const ageMs = turn.env.now - rekey.sentAt;
  if (rekey.kind === "delete" || ageMs <= longest || rekey.pending === 0) repeat(group, rekey, turn);
  else remake(group, rekey, ageMs, turn);
}

/**
 * Settles a push without blame, and plans what takes its place. A roll-over cannot be made anew, since the group is past
 * it, and an update of the key tree still less: whatever comes next under the new KEK makes those register again whom it
 * did not reach, so another roll-over is made when nothing is planned.
 */
function remake(group: Group, rekey: Rekey, ageMs: number, turn: Turn): void {
  const { queue } = group;
  rekey.superseded = true;
  const by = "policy" as const;
  const cause = `push ${rekey.seq} is too old to be sent again`;
  if (rekey.generations.length > 0) {
    const renewed = queue.some(({ what }) => what === "tek" || what === "replace");
    if (!renewed) queue.push({ what: "again", cause, by, generations: rekey.generations });
  } else if (queue.length === 0) {
    queue.push({ what: "kek", cause, by, nextSpi: turn.server.keks.freshSpi(turn.env) });
  }
  tell(turn, {
    kind: "gcks.rekey-outdated",
    subjects: [rekey.subject, group.subject],
    cause: "policy",
    because: { kind: "gcks.rekey-sent", subject: rekey.subject },
    figures: { group: group.name, seq: rekey.seq, spi: rekey.spiHex, pending: rekey.pending, afterMs: ageMs },
    level: "warning",
  });
  settle(group, rekey, turn);
}

/** Nobody is waited for any more. Whoever did not acknowledge is missing. */
export function settle(group: Group, rekey: Rekey, turn: Turn): void {
  const names: string[] = [];
  if (rekey.ackType !== 0) {
    for (const slot of rekey.slotsIn(AckState.PENDING)) {
      rekey.move(slot, AckState.MISSING);
      const member = group.members.at(slot);
      if (member === undefined) continue;
      if (names.length < MOST_NAMES) names.push(member.name);
      missing(group, rekey, member, turn);
    }
  }
  rekey.settled = true;
  rekey.datagram = undefined;
  delivered(group, rekey, turn);
  persist(turn, rekeyRecord(group, rekey));
  commit(group, turn);
  const { seq, targets, attempts } = rekey;
  const [, , acked = 0, gone = 0, reregistered = 0, left = 0] = rekey.counts;
  tell(turn, {
    kind: "gcks.rekey-settled",
    subjects: [rekey.subject, group.subject],
    cause: gone > 0 ? "failure" : "peer",
    because: { kind: "gcks.rekey-sent", subject: rekey.subject },
    figures: {
      group: group.name,
      seq,
      spi: rekey.spiHex,
      ackRequested: rekey.ackType !== 0,
      targets,
      acked,
      missing: gone,
      reregistered,
      left,
      attempts,
      afterMs: turn.env.now - rekey.sentAt,
      members: names,
    },
    level: gone === 0 ? "info" : group.policy.acks.whenMissing === "alert" ? "alert" : "warning",
  });
}

/** RFC 8263 6: logged in any case; a member that never acknowledged is not treated as departed. */
function missing(group: Group, rekey: Rekey, member: Member, turn: Turn): void {
  if (!rekey.superseded) {
    member.missed += 1;
    member.missedNumber = rekey.number;
  }
  const { whenMissing, removeAfterRekeys } = group.policy.acks;
  const departed = member.everAcked && !rekey.superseded;
  const remove = whenMissing === "remove" && departed && member.missed >= removeAfterRekeys;
  const subject = group.memberSubject(member.name);
  tell(turn, {
    kind: "gcks.ack-missing",
    subjects: [subject, rekey.subject, group.subject],
    cause: "failure",
    because: { kind: "gcks.rekey-sent", subject: rekey.subject },
    figures: {
      group: group.name,
      member: member.name,
      seq: rekey.seq,
      waitedMs: turn.env.now - rekey.sentAt,
      attempts: rekey.attempts,
      everAcked: member.everAcked,
      missed: member.missed,
      ...(member.everAcked && { lastAckAt: member.lastAckAt, lastAckSeq: member.lastAckSeq }),
    },
    level: whenMissing === "alert" && departed ? "alert" : "warning",
  });
  if (remove) {
    group.members.withdraw(member, "removed", `${member.missed} rekeys in a row without an acknowledgement`);
    leave(group, member);
    tell(turn, {
      kind: "gcks.member-removed",
      subjects: [subject, group.subject],
      cause: "policy",
      because: { kind: "gcks.ack-missing", subject },
      figures: { group: group.name, member: member.name, missed: member.missed },
      level: "alert",
    });
  }
  keepMember(group, member, turn);
}

/** A member that is no longer one is waited for by no push. */
export function leave(group: Group, member: Member): void {
  for (const rekey of group.flights) {
    if (rekey.states[member.slot] === AckState.PENDING) rekey.move(member.slot, AckState.LEFT);
  }
}

/** A member that registered again has everything that pushes under way would bring it. */
export function reregistered(group: Group, member: Member): void {
  for (const rekey of group.flights) {
    if (rekey.states[member.slot] === AckState.PENDING) rekey.move(member.slot, AckState.REREGISTERED);
  }
}

/** Pushes under way make room: they are not repeated any more, and nobody is blamed for not having got them. */
export function supersede(group: Group): void {
  for (const rekey of group.flights) rekey.superseded = true;
}

/**
 * When the TEKs that replace all others go, at the latest, while the update of the key tree before them is under way
 * (RFC 6407 7.4.1): Infinity when it is not their turn.
 */
export function replacement({ queue, flights }: Group): Instant {
  const [step] = queue;
  const before = flights.filter((rekey) => !rekey.superseded);
  if (step?.what !== "replace" || before.some(({ kind }) => kind !== "lkh")) return Number.POSITIVE_INFINITY;
  return Math.max(...before.map(({ sentAt }) => sentAt)) + REPLACE_AFTER_MS;
}

/** Sets the group's deadlines anew. */
export function schedule(group: Group): void {
  const { deadlines, flights, queue } = group;
  set("push", Math.min(replacement(group), ...flights.map((rekey) => due(rekey, group.policy.acks))));
  set("grace", nextGrace(group));
  const renewal = group.renewal();
  set("activate", nextActivation(group));
  const planned = (what: string) => queue.some((step) => step.what === what);
  const tek = newTeks.some(planned) ? Number.POSITIVE_INFINITY : renewal.tek;
  set(
    "renew",
    group.closing ? Number.POSITIVE_INFINITY : Math.min(tek, planned("kek") ? Number.POSITIVE_INFINITY : renewal.kek),
  );

  function set(name: "push" | "grace" | "renew" | "activate", at: Instant): void {
    if (Number.isFinite(at)) deadlines.set(name, at);
    else deadlines.clear(name);
  }
}
