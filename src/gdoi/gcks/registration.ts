/** What message 3 of a GROUPKEY-PULL changes: the member, its SIDs, its leaf (RFC 6407 3.4, 3.5). */
import type { Instant } from "../../core/engine.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import type { Phase1Sa } from "../../ikev1/types.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import { keepMember, persist } from "./commit.ts";
import { needsSids } from "./compose.ts";
import { reregistered } from "./delivery.ts";
import { freshStart } from "./fresh-start.ts";
import type { Group } from "./group.ts";
import { generationEnd } from "./keys.ts";
import type { Member } from "./members.ts";
import { nodeRecord } from "./records.ts";
import { type Turn, tell } from "./server.ts";

export interface Admission {
  readonly member: Member;
  /** For the ledger, once message 4 is sent. */
  readonly event: LedgerEvent;
}

export interface NotAdmitted {
  readonly code: string;
  readonly reason: string;
  readonly notify: number;
}

/**
 * Registers a member that is live and authorised; everything about it is durable before message 4.
 * @param asked SIDs that it asked for; undefined when it asked for none, which yields one.
 */
export function admission(group: Group, sa: Phase1Sa, asked: number | undefined, turn: Turn): Admission | NotAdmitted {
  const count = needsSids(group) ? (asked ?? 1) : 0;
  if (count > group.sids.limit) {
    const reason = `${count} SIDs asked for, at most ${group.sids.limit} are given to one member`;
    return { code: "too-many-sids", reason, notify: NotifyType.ATTRIBUTES_NOT_SUPPORTED };
  }
  const known = group.members.find(sa.peerIdentity);
  const taken = known === undefined ? 0 : sidsTaken(group, known, turn.env.now);
  if (taken + count > group.sids.share(count)) {
    const reason = `the member was given ${taken} SIDs for TEKs that live, and asks for ${count} more`;
    return { code: "too-many-sids", reason, notify: NotifyType.ATTRIBUTES_NOT_SUPPORTED };
  }
  if (!group.sids.has(count)) return startOver(group, turn, "the SIDs are exhausted", "gcks.sids-exhausted");

  const member = group.members.open(sa.peerIdentity, turn.env.crypto);
  const leaf = leafFor(group, member, turn);
  if (leaf === undefined) return startOver(group, turn, "the key tree is full", "gcks.tree-full");
  member.leaf = leaf;
  if (taken === 0) member.sidsCountedUntil = Math.max(...group.live(turn.env.now).map(generationEnd));
  member.sidsTaken = taken + count;
  member.epoch = group.sids.epoch;
  member.generation = group.generation?.number ?? 0;
  member.sids = group.sids.take(count);
  member.registeredAt = turn.env.now;
  member.registrations += 1;
  noteCertificate(member, sa, turn);
  member.missed = 0;
  const { address, port } = sa.remote;
  group.members.register(member, address, port, turn.server.endpoint(sa.local));
  reregistered(group, member);
  keepMember(group, member, turn);
  return { member, event: registered(group, member) };
}

/** SIDs that the member was given since the TEKs lived that it was given the first of them for. */
function sidsTaken(group: Group, member: Member, now: Instant): number {
  return member.epoch === group.sids.epoch && now < member.sidsCountedUntil ? member.sidsTaken : 0;
}

function noteCertificate(member: Member, sa: Phase1Sa, turn: Turn): void {
  const { certificates } = turn.server;
  const noted = sa.certificate && certificates.note(sa.certificate, turn.env.crypto);
  member.certificate = noted?.certificate;
  if (noted?.record !== undefined) persist(turn, noted.record);
}

/** Its own leaf of this tree, or a free one; 0 without a tree, undefined when the tree is full. */
function leafFor(group: Group, member: Member, turn: Turn): number | undefined {
  const { tree } = group;
  if (tree === undefined) return 0;
  if (member.epoch === group.sids.epoch && tree.has(member.leaf)) return member.leaf;
  const leaf = tree.join(turn.env);
  for (const node of tree.takeChanges()) persist(turn, nodeRecord(group, node));
  return leaf;
}

/** RFC 6407 3.5, steps 5 and 6: this registration is overtaken by it, and so will all others be. */
function startOver(group: Group, turn: Turn, cause: string, kind: string): NotAdmitted {
  tell(turn, {
    kind,
    subjects: [group.subject],
    cause: "policy",
    figures: { group: group.name, bits: group.sids.bits, members: group.members.registered },
    level: "warning",
  });
  freshStart(group, turn, { cause, by: "policy" });
  return { code: "overtaken", reason: cause, notify: NotifyType.INVALID_SPI };
}

function registered(group: Group, member: Member): LedgerEvent {
  return {
    kind: "gcks.member-registered",
    subjects: [group.memberSubject(member.name), group.subject],
    cause: "peer",
    figures: {
      group: group.name,
      member: member.name,
      address: member.address,
      port: member.port,
      registrations: member.registrations,
      seq: group.kek.seq,
      spi: group.kek.spiHex,
      sids: member.sids.count,
      ...(member.sids.count > 0 && { firstSid: member.sids.from }),
      ...(member.leaf > 0 && { leaf: member.leaf }),
    },
    level: "info",
  };
}
