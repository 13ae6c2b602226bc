/**
 * GROUPKEY-PULL, the responder (RFC 6407 3.4). Nothing is recorded of a member, and no SID or leaf is given away, before
 * HASH(3) has proven that it is live (RFC 6407 3.2 and 7.2.5).
 */

import { CERTIFICATE_REVOKED, CERTIFICATE_UNTRUSTED } from "../../core/certificate-standing.ts";
import type { Datagram } from "../../core/engine.ts";
import { identityText, sameIdentity } from "../../core/identity.ts";
import { Doi, Flag, NotifyType } from "../../iana/isakmp.ts";
import { nameOf } from "../../iana/names.ts";
import type { Phase1Endpoint } from "../../ikev1/endpoint.ts";
import type { Phase1Sa } from "../../ikev1/types.ts";
import type { Subject } from "../../ledger/event.ts";
import { sanitise } from "../../ledger/sanitise.ts";
import { equal } from "../../util/octets.ts";
import type { Header, IdPayload, Payload } from "../../wire/payloads.ts";
import { readSidRequest } from "../policy-payloads.ts";
import { buildPull, firstIv, NONCE_OCTETS, openPull, pullHashFits } from "../pull.ts";
import { isPublisher } from "./assurance.ts";
import { authorise } from "./authorisation.ts";
import { isCertificateOf } from "./certificates.ts";
import { pullKd, pullSa } from "./compose.ts";
import type { Group } from "./group.ts";
import type { Member } from "./members.ts";
import { pump } from "./plan.ts";
import { type Admission, admission } from "./registration.ts";
import { type Server, type Turn, tell } from "./server.ts";
import { type Exchange, Sessions } from "./sessions.ts";

const NONCE_LENGTH = 32;
/** Copies of one message that are answered: more than any member sends of its own. */
const MOST_REPEATS = 32;

interface Refused {
  readonly code: string;
  readonly reason: string;
  readonly notify: number;
  readonly group?: Group;
}

export class PullResponder {
  readonly #phase1: Phase1Endpoint;
  readonly sessions = new Sessions();

  constructor(phase1: Phase1Endpoint) {
    this.#phase1 = phase1;
  }

  /** A datagram of exchange type 32. */
  receive(datagram: Datagram, header: Header, turn: Turn): void {
    const sa = this.#phase1.find(header.initiatorCookie, header.responderCookie);
    if (sa === undefined) {
      drop(turn, datagram, "unknown-sa", "no Phase 1 SA has these cookies");
      return;
    }
    if (header.flags !== Flag.ENCRYPTION) {
      drop(turn, datagram, "malformed", "Flags must have the Encryption bit alone");
      return;
    }
    if (header.messageId === 0) {
      drop(turn, datagram, "malformed", "Message ID is zero");
      return;
    }
    const exchange = this.sessions.find(sa, header.messageId);
    if (exchange === undefined) {
      this.#first(sa, datagram, header, turn);
      return;
    }
    if (equal(exchange.request, turn.env.crypto.hash("sha256", datagram.bytes))) {
      this.#repeated(exchange, turn);
      return;
    }
    if (exchange.done) {
      drop(turn, datagram, "unexpected", "the exchange is over");
      return;
    }
    this.#third(exchange, datagram, header, turn);
  }

  /** The same octets again, unless what they say is over: then the member is to begin anew. */
  #repeated(exchange: Exchange, turn: Turn): void {
    turn.server.counters.count("pull.repeated");
    // anybody on the way can send a copy, and message 4 may have a hundred times its octets
    if (++exchange.repeats > MOST_REPEATS) return;
    const overtaken = overtakenBy(exchange);
    if (overtaken === undefined) {
      send(exchange.sa, exchange.answer, turn);
      return;
    }
    this.sessions.drop(exchange);
    this.#refuse(exchange.sa, turn, overtaken);
  }

  /** HDR*, HASH(1), Ni, ID */
  #first(sa: Phase1Sa, datagram: Datagram, header: Header, turn: Turn): void {
    const { env } = turn;
    const { messageId } = header;
    if (this.sessions.used(sa, messageId)) {
      drop(turn, datagram, "replay", "the Message ID was used before");
      return;
    }
    const opened = openPull(sa, env, header, datagram.bytes, firstIv(sa, messageId, env));
    if (!opened.ok) {
      drop(turn, datagram, "malformed", opened.error.message);
      return;
    }
    if (!pullHashFits(sa, env, messageId, [], opened.value)) {
      drop(turn, datagram, "not-authentic", "HASH(1) does not fit");
      return;
    }
    relocate(sa, datagram, turn.server);
    const [ni, id, ...others] = opened.value.payloads;
    if (ni?.kind !== "NONCE" || id?.kind !== "ID" || others.length > 0 || !nonceFits(ni.data)) {
      this.#refuse(sa, turn, malformed("message 1 has other payloads than Ni of 8 to 128 octets and ID"));
      return;
    }
    const group = groupOf(turn.server, id);
    const refused = group === undefined ? unknownGroup(id, turn) : standingOf(group, sa, turn);
    if (refused !== undefined || group === undefined) {
      this.#refuse(sa, turn, refused ?? unknownGroup(id, turn));
      return;
    }

    const nrB = env.random.octets(NONCE_LENGTH);
    const niB = ni.data.slice();
    const publisher = isPublisher(group, sa.peerIdentity, env.crypto);
    const policy = pullSa(group, turn.server.pushSource(group.kek), publisher, env.now);
    const answer: Payload[] = [{ kind: "NONCE", data: nrB }, policy];
    const { datagram: bytes, nextIv } = buildPull(sa, env, messageId, [niB], answer, opened.value.nextIv);
    const request = env.crypto.hash("sha256", datagram.bytes);
    const { version } = group;
    const exchange = { sa, messageId, group, niB, nrB, version, iv: nextIv, request, answer: bytes };
    this.sessions.add({ ...exchange, repeats: 0, done: false, expiresAt: 0 }, env.now);
    turn.server.counters.count("pull.begun");
    send(sa, bytes, turn);
  }

  /** HDR*, HASH(3) [,GAP] */
  #third(exchange: Exchange, datagram: Datagram, header: Header, turn: Turn): void {
    const { env } = turn;
    const { sa, messageId, group, niB, nrB } = exchange;
    const opened = openPull(sa, env, header, datagram.bytes, exchange.iv);
    if (!opened.ok) {
      drop(turn, datagram, "malformed", opened.error.message);
      return;
    }
    if (!pullHashFits(sa, env, messageId, [niB, nrB], opened.value)) {
      drop(turn, datagram, "not-authentic", "HASH(3) does not fit");
      return;
    }
    // genuine: whatever is wrong from here on ends the exchange
    relocate(sa, datagram, turn.server);
    const asked = this.#askedSids(opened.value.payloads, group);
    const refused = "code" in asked ? asked : this.#overtaken(exchange, turn);
    const admitted = refused ?? admission(group, sa, "count" in asked ? asked.count : undefined, turn);
    if ("code" in admitted) {
      this.sessions.drop(exchange);
      this.#refuse(sa, turn, { ...admitted, group });
      pump(group, turn);
      return;
    }
    this.#fourth(exchange, admitted, opened.value.nextIv, turn);
    exchange.request = env.crypto.hash("sha256", datagram.bytes);
    exchange.repeats = 0;
    exchange.done = true;
    this.sessions.prolong(exchange, env.now);
    pump(group, turn);
  }

  /** HDR*, HASH(4), SEQ, KD */
  #fourth(exchange: Exchange, admitted: Admission, iv: Uint8Array, turn: Turn): void {
    const { sa, messageId, group, niB, nrB } = exchange;
    const payloads: Payload[] = [
      { kind: "SEQ", sequenceNumber: group.kek.seq },
      pullKd(group, admitted.member, turn.env),
    ];
    exchange.answer = buildPull(sa, turn.env, messageId, [niB, nrB], payloads, iv).datagram;
    send(sa, exchange.answer, turn);
    turn.server.counters.count("pull.registered");
    tell(turn, admitted.event);
  }

  #askedSids(payloads: readonly Payload[], group: Group): { readonly count: number | undefined } | Refused {
    const [gap, ...others] = payloads;
    if (gap === undefined) return { count: undefined };
    if (gap.kind !== "GAP" || others.length > 0) {
      return { ...malformed("message 3 has other payloads than a GAP"), group };
    }
    const count = readSidRequest(gap);
    if (!count.ok) return { code: count.error.code, reason: count.error.message, notify: count.error.notify, group };
    return { count: count.value };
  }

  /** Whether message 4 can no longer be what message 2 announced. */
  #overtaken(exchange: Exchange, turn: Turn): Refused | undefined {
    return standingOf(exchange.group, exchange.sa, turn) ?? overtakenBy(exchange);
  }

  /** Tells the member, protected, and the ledger. */
  #refuse(sa: Phase1Sa, turn: Turn, refused: Refused): void {
    const { code, reason, notify, group } = refused;
    const none = new Uint8Array(0);
    const notification: Payload = {
      kind: "N",
      doi: Doi.GDOI,
      protocolId: 0,
      spi: none,
      notifyType: notify,
      data: none,
    };
    this.#phase1.inform(sa, [notification], turn.env, turn.out);
    const identity = sanitise(identityText(sa.peerIdentity, turn.env.crypto));
    const peer: Subject = { kind: "phase1", name: sa.remote.address };
    const fault = {
      name: `pull.refused.${code}`,
      kind: "gcks.pull-refused",
      subjects: group === undefined ? ([peer] as const) : ([group.subject, peer] as const),
      reason,
      figures: { code, identity, peer: sa.peerName, from: sa.remote.address, notify: nameOf(NotifyType, notify) },
      level: code === "overtaken" ? ("info" as const) : ("warning" as const),
    };
    turn.server.faults.report(fault, turn.env.now, turn.out);
  }
}

/** Whether the group's keys are no longer those that message 2 described. */
function overtakenBy({ group, version }: Exchange): Refused | undefined {
  if (group.version === version) return undefined;
  const reason = "the group's keys changed since message 2";
  return { code: "overtaken", reason, notify: NotifyType.INVALID_SPI, group };
}

function nonceFits(nonce: Uint8Array): boolean {
  return nonce.length >= NONCE_OCTETS.least && nonce.length <= NONCE_OCTETS.most;
}

function malformed(reason: string): Refused {
  return { code: "malformed", reason, notify: NotifyType.PAYLOAD_MALFORMED };
}

function groupOf(server: Server, id: IdPayload): Group | undefined {
  const named = { type: id.idType, data: id.data };
  for (const group of server.groups.values()) {
    if (!group.closing && sameIdentity(group.policy.id, named)) return group;
  }
  return undefined;
}

function unknownGroup(id: IdPayload, turn: Turn): Refused {
  const text = sanitise(identityText({ type: id.idType, data: id.data }, turn.env.crypto));
  return { code: "unknown-group", reason: `no group ${text}`, notify: NotifyType.INVALID_ID_INFORMATION };
}

/** Why the identity may not join, undefined when it may. */
function standingOf(group: Group, sa: Phase1Sa, turn: Turn): Refused | undefined {
  const notify = NotifyType.INVALID_ID_INFORMATION;
  if (group.closing) return { code: "unknown-group", reason: "the group is being closed", notify, group };
  if (authorise(group.policy.members, sa.peerIdentity, turn.env.crypto) === undefined) {
    return { code: "not-authorised", reason: "no rule of the group admits this identity", notify, group };
  }
  const member = group.members.find(sa.peerIdentity);
  if (member?.standing === "evicted" && !comesAnew(member, sa, turn)) {
    return { code: "evicted", reason: "the member was put out of the group", notify, group };
  }
  return undefined;
}

/** Whether a member that was put out for its certificate has a good one now; Phase 1 has looked at it. */
function comesAnew(member: Member, sa: Phase1Sa, turn: Turn): boolean {
  if (member.reason === CERTIFICATE_UNTRUSTED) return true;
  if (member.reason !== CERTIFICATE_REVOKED || member.certificate === undefined || sa.certificate === undefined) {
    return false;
  }
  return !isCertificateOf(member.certificate, sa.certificate, turn.env.crypto);
}

/** An authenticated message tells where the peer is now. */
function relocate(sa: Phase1Sa, datagram: Datagram, server: Server): void {
  sa.remote = datagram.from;
  sa.local = server.endpoint(datagram.via);
}

function send(sa: Phase1Sa, bytes: Uint8Array, turn: Turn): void {
  turn.out.push({ out: "send", from: sa.local, to: sa.remote, bytes });
}

function drop(turn: Turn, datagram: Datagram, code: string, reason: string): void {
  const fault = {
    name: `pull.drop.${code}`,
    kind: "gcks.datagram-dropped",
    subjects: [{ kind: "phase1", name: datagram.from.address }] as const,
    reason,
    figures: { code, exchange: "GROUPKEY-PULL", from: datagram.from.address },
  };
  turn.server.faults.report(fault, turn.env.now, turn.out);
}
