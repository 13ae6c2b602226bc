/** Makes keys and pushes them. The state changes and is durable before the first datagram leaves. */
import type { Instant } from "../../core/engine.ts";
import type { Cause } from "../../ledger/event.ts";
import type { LkhUpdateArray, Payload } from "../../wire/payloads.ts";
import type { KeyTree } from "../lkh/tree.ts";
import { buildPush, kekKey } from "../push.ts";
import { commit, persist, replaceKek } from "./commit.ts";
import { againPayloads, kekPayloads, tekPayloads } from "./compose.ts";
import { sendFirst, transportOf } from "./delivery.ts";
import { earliestUse, followingGeneration, freshGenerations } from "./generations.ts";
import type { Group, Step } from "./group.ts";
import { generationEnd, Kek, type TekGeneration } from "./keys.ts";
import type { Member } from "./members.ts";
import { nothingElse, type Redo, rekeyRemoval } from "./records.ts";
import { Rekey, type RekeyKind } from "./rekey.ts";
import { type Turn, tell } from "./server.ts";

export interface PushOrder {
  readonly kind: RekeyKind;
  readonly cause: string;
  /** D, SA and KD, without SEQ and SIG. */
  readonly payloads: readonly Payload[];
  /** KEK_ACK_REQUESTED of the SAK that holds once the push is processed. */
  readonly ackType: number;
  /** Generations whose TEKs it carries. */
  readonly generations?: readonly TekGeneration[];
  readonly announcement?: boolean;
  /** Members that can make something of it; all when absent. */
  readonly covers?: (member: Member) => boolean;
}

/** Signs and encrypts a push under the group's KEK with its next sequence number. Nothing is sent. */
export function makeRekey(group: Group, turn: Turn, order: PushOrder): Rekey {
  const { kek } = group;
  const seq = kek.seq + 1;
  const payloads: Payload[] = [{ kind: "SEQ", sequenceNumber: seq }, ...order.payloads];
  const datagram = buildPush(kek.key, payloads, kek.policy.signature, turn.env);
  kek.seq = seq;
  group.number += 1;
  const { kind, cause, ackType, covers } = order;
  const terms = {
    number: group.number,
    kind,
    cause,
    ackType,
    sentAt: turn.env.now,
    slots: group.members.size,
    generations: (order.generations ?? []).map((generation) => generation.number),
    announcement: order.announcement === true,
  };
  const rekey = new Rekey(kek.key.spi, seq, group.name, terms, datagram);
  for (const member of group.members.present()) {
    if (!member.keyless && (covers === undefined || covers(member))) rekey.target(member.slot);
  }
  group.remember(rekey);
  for (const forgotten of group.forgetOld()) persist(turn, rekeyRemoval(group, forgotten));
  return rekey;
}

/** Makes everything durable, then sends. */
export function launch(group: Group, turn: Turn, rekeys: readonly Rekey[], by: Cause, redo: Redo = nothingElse): void {
  commit(group, turn, redo);
  for (const rekey of rekeys) {
    const datagrams = sendFirst(group, rekey, turn);
    turn.server.counters.count("push.made");
    tell(turn, {
      kind: "gcks.rekey-sent",
      subjects: [rekey.subject, group.subject],
      cause: by,
      reason: rekey.cause,
      figures: {
        group: group.name,
        seq: rekey.seq,
        spi: rekey.spiHex,
        kind: rekey.kind,
        targets: rekey.targets,
        datagrams,
        octets: rekey.datagram?.length ?? 0,
        ackRequested: rekey.ackType !== 0,
        transport: transportOf(group, rekey).transport,
        newSpi: group.kek.spiHex,
      },
      level: "info",
    });
  }
}

/**
 * New TEKs. Without `handOutNext` two generations live on: the push that brings generation n deletes n-2. With it they
 * live until they end, but those that were to come make room. `replace` deletes all older ones, after members were put
 * out (RFC 6407 7.4.1).
 */
export function launchTek(group: Group, turn: Turn, step: Step): void {
  const { env } = turn;
  const { generation, policy } = group;
  if (policy.teks.length === 0) return;
  const follows = step.what === "next" && generation !== undefined;
  const at = step.what === "replace" ? env.now : earliestUse(group, env);
  const made = follows ? [followingGeneration(group, generation, env)] : freshGenerations(group, at, env);
  const kept = keptBeside(group, step, env.now);
  const ended = group.generations.filter((other) => !kept.includes(other));
  const payloads = tekPayloads(group, made, ended, env);
  const ackType = group.kek.policy.ack ?? 0;
  const rekey = makeRekey(group, turn, { kind: "tek", cause: step.cause, payloads, ackType, generations: made });
  group.generations = [...kept, ...made];
  group.version += 1;
  launch(group, turn, [rekey], step.by);
}

function keptBeside(group: Group, { what }: Step, now: Instant): TekGeneration[] {
  if (what === "replace") return [];
  if (what === "next") return group.live(now);
  const active = group.active(now);
  return group.policy.handOutNext === true ? active.filter((one) => generationEnd(one) > now) : active.slice(-1);
}

/** TEKs that were pushed before, as long as they live: what is left of their lives, and how many members have them. */
export function launchAgain(group: Group, turn: Turn, step: Step): void {
  const generations = group.live(turn.env.now).filter(({ number }) => step.generations?.includes(number) === true);
  if (generations.length === 0) return;
  const announcement = step.what === "announce";
  const payloads = againPayloads(group, generations, announcement, turn.env);
  const ackType = group.kek.policy.ack ?? 0;
  const order = { kind: "tek", cause: step.cause, payloads, ackType, generations, announcement } as const;
  launch(group, turn, [makeRekey(group, turn, order)], step.by);
}

/** A KEK of random octets, or with the root of a tree. */
export function makeKek(group: Group, turn: Turn, spi: Uint8Array, tree: KeyTree | undefined): Kek {
  const { env } = turn;
  const ivAndKey = tree?.root ?? env.random.octets(16 + group.policy.kek.keyBits / 8);
  return new Kek(kekKey(spi, ivAndKey, env), group.policy.kek, group.policy.push, env.now, tree);
}

/** KEK roll-over: SAK and key under the old KEK (RFC 6407 4); with a tree a new root for all who hold its children. */
export function launchKek(group: Group, turn: Turn, step: Step): void {
  const { tree } = group;
  const arrays: readonly LkhUpdateArray[] | undefined = tree?.evict([], turn.env).arrays;
  const next = makeKek(group, turn, step.nextSpi ?? turn.server.keks.freshSpi(turn.env), tree);
  const payloads = kekPayloads(group, next, arrays, turn.server.pushSource(next), turn.env);
  const rekey = makeRekey(group, turn, { kind: "kek", cause: step.cause, payloads, ackType: next.policy.ack ?? 0 });
  replaceKek(group, next, turn);
  launch(group, turn, [rekey], step.by, { nodes: tree?.takeChanges() ?? [], members: [] });
}
