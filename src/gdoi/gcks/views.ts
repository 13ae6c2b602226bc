/** What the control API shows of groups, members and rekeys. No key is in any of it. */
import { identityText } from "../../core/identity.ts";
import type { CryptoProvider } from "../../crypto/provider.ts";
import { KekAckRequested, TekProtocol } from "../../iana/gdoi.ts";
import { knownName, nameOf } from "../../iana/names.ts";
import { hex } from "../../util/octets.ts";
import { deliveryOf } from "./assurance.ts";
import type { Group } from "./group.ts";
import { tekEnd } from "./keys.ts";
import { identityOf, type Member } from "./members.ts";
import { planned } from "./plan.ts";
import { AckState, type Rekey, stateName } from "./rekey.ts";
import { sidValues } from "./sids.ts";
import type { GroupView, MemberView, RekeyMemberView, RekeyView } from "./types.ts";

export function groupView(group: Group, crypto: CryptoProvider | undefined): GroupView {
  const { kek, policy } = group;
  const { ack, management } = kek.policy;
  const delay = (policy.activationDelaySeconds ?? 0) * 1000;
  return {
    name: group.name,
    id: crypto === undefined ? `type${policy.id.type}:${hex(policy.id.data)}` : identityText(policy.id, crypto),
    members: group.members.registered,
    kek: {
      spi: kek.spiHex,
      seq: kek.seq,
      createdAt: kek.createdAt,
      expiresAt: kek.expiresAt,
      management,
      ack: ack === undefined ? "none" : (knownName(KekAckRequested, ack) ?? String(ack)),
    },
    teks: group.generations.flatMap((generation) =>
      generation.teks.map((tek) => ({
        name: tek.policy.name,
        spi: hex(tek.spi),
        protocol: nameOf(TekProtocol, tek.policy.protocolId),
        activateAt: generation.activatesAt + (generation.number > 1 && policy.handOutNext !== true ? delay : 0),
        expiresAt: tekEnd(generation, tek),
        ...(policy.assurance && { delivery: deliveryOf(group, generation) }),
      })),
    ),
    nextSid: group.sids.next,
    rekeys: group.rekeys.map((rekey) => rekeyView(group, rekey)),
    waiting: planned(group),
  };
}

export function rekeyView(group: Group, rekey: Rekey): RekeyView {
  const [, pending = 0, acked = 0, missing = 0] = rekey.counts;
  return {
    group: group.name,
    spi: rekey.spiHex,
    seq: rekey.seq,
    kind: rekey.kind,
    cause: rekey.cause,
    sentAt: rekey.sentAt,
    ackRequested: rekey.ackType !== 0,
    targets: rekey.targets,
    acked,
    pending,
    missing,
    settled: rekey.settled,
    attempts: rekey.attempts,
  };
}

/** The members that a push was meant for. */
export function rekeyMemberViews(group: Group, rekey: Rekey): RekeyMemberView[] {
  const views: RekeyMemberView[] = [];
  for (let slot = 0; slot < rekey.slots; slot++) {
    const code = rekey.states[slot] ?? AckState.NONE;
    const state = stateName(code);
    const member = group.members.at(slot);
    if (state === undefined || member === undefined) continue;
    const acked = code === AckState.ACKED;
    const silent = code === AckState.MISSING;
    views.push({
      member: member.name,
      address: member.address,
      state,
      ...(acked && { afterMs: rekey.afterMs[slot] ?? 0, attempt: rekey.attemptOf[slot] ?? 0 }),
      ...(silent && { silentSince: member.everAcked ? member.lastAckAt : member.registeredAt }),
      everAcked: member.everAcked,
    });
  }
  return views;
}

export function memberView(group: Group, member: Member, crypto: CryptoProvider | undefined): MemberView {
  const current = member.epoch === group.sids.epoch;
  return {
    name: member.name,
    identity: crypto === undefined ? member.key : identityText(identityOf(member.key), crypto),
    address: member.address,
    port: member.port,
    registeredAt: member.registeredAt,
    registrations: member.registrations,
    sids: current ? sidValues(member.sids) : [],
    ...(current && member.leaf > 0 && { leaf: member.leaf }),
    ...(member.everAcked && { lastAckAt: member.lastAckAt, lastAckSeq: member.lastAckSeq }),
    everAcked: member.everAcked,
    consecutiveMissed: member.missed,
    state: member.standing === "registered" && member.missed > 0 ? "missing" : member.standing,
    ...(member.reason !== undefined && { reason: member.reason }),
  };
}
