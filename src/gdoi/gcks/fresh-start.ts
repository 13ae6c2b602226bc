/** Starting over: all keys are deleted at the members, and new ones wait for those who register again. */
import type { Cause } from "../../ledger/event.ts";
import { depthFor, KeyTree, MOST_LEAVES } from "../lkh/tree.ts";
import type { GroupPolicy } from "../policy.ts";
import { persist, replaceKek } from "./commit.ts";
import { deleteAllPayloads } from "./compose.ts";
import { supersede } from "./delivery.ts";
import { freshGenerations } from "./generations.ts";
import type { Group } from "./group.ts";
import { launch, makeKek, makeRekey } from "./launch.ts";
import type { Member } from "./members.ts";
import { nodeRemoval } from "./records.ts";
import type { Rekey } from "./rekey.ts";
import type { Turn } from "./server.ts";

export interface Reason {
  readonly cause: string;
  readonly by: Cause;
}

/** Room in a new tree for groups whose rules do not say how many members there can be. */
const UNKNOWN_MEMBERS = 1024;
/** A tree that proved too small is followed by one with so many times its room. */
const GROWTH = 4;

/** An empty key tree when the group's policy has one. */
export function newTree(group: Group, turn: Turn): KeyTree | undefined {
  const { kek } = group.policy;
  if (kek.management !== "lkh") return undefined;
  if (kek.keyBits === 192) throw new RangeError("AES-192 does not fit LKH: IV | key must be whole blocks");
  const before = group.tree === undefined ? 0 : group.tree.capacity;
  const full = group.tree !== undefined && group.tree.members >= before;
  const wanted = Math.max(expected(group.policy), 2 * group.members.registered, full ? GROWTH * before : before);
  return KeyTree.create({ depth: depthFor(Math.min(MOST_LEAVES, wanted)), keyBits: kek.keyBits }, turn.env);
}

function expected(policy: GroupPolicy): number {
  const listed = policy.members.every((rule) => rule.rule === "identity");
  return listed ? Math.max(8, policy.members.length) : UNKNOWN_MEMBERS;
}

/** The group's first keys. Nothing is sent: nobody has older ones. */
export function firstKeys(group: Group, turn: Turn): void {
  group.tree = newTree(group, turn);
  group.kek = makeKek(group, turn, turn.server.keks.freshSpi(turn.env), group.tree);
  turn.server.keks.add(group.kek, group);
  group.generations = freshGenerations(group, turn.env.now, turn.env);
}

/**
 * The delete-all step (RFC 6407 3.5, steps 5 and 6; 5.9): a push under the old KEK deletes all TEKs and the KEK, new ones
 * are made at once, SIDs begin at zero again. It goes before everything that waits, and makes it needless.
 * @param out members that are put out with it.
 */
export function freshStart(group: Group, turn: Turn, why: Reason, out: readonly Member[] = []): Rekey {
  supersede(group);
  group.queue = [];
  const payloads = deleteAllPayloads(group);
  const ackType = group.kek.policy.ack ?? 0;
  const rekey = makeRekey(group, turn, { kind: "delete", cause: why.cause, payloads, ackType });
  const made = freshGenerations(group, turn.env.now, turn.env);
  const old = group.tree === undefined ? [] : [...group.tree.records()].map((node) => node.id);
  group.tree = newTree(group, turn);
  replaceKek(group, makeKek(group, turn, turn.server.keks.freshSpi(turn.env), group.tree), turn);
  group.generations = made;
  group.sids.reset(group.policy.sidBits);
  const nodes = group.tree?.takeChanges() ?? [];
  launch(group, turn, [rekey], why.by, { nodes, members: out });
  const kept = new Set(nodes.map((node) => node.id));
  for (const id of old) if (!kept.has(id)) persist(turn, nodeRemoval(group, id));
  return rekey;
}
