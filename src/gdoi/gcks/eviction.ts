/** Putting members out, and letting them in again (RFC 6407 7.4.1, RFC 2627 5.4). */
import type { Cause } from "../../ledger/event.ts";
import { encodeChain } from "../../wire/message.ts";
import type { LkhUpdateArray } from "../../wire/payloads.ts";
import { covers, type KeyTree, splitArrays, updateArrayOctets } from "../lkh/tree.ts";
import { pushOctets } from "../push.ts";
import { signatureOctets } from "../signature.ts";
import { keepMember, replaceKek } from "./commit.ts";
import { kekPayloads } from "./compose.ts";
import { leave, supersede } from "./delivery.ts";
import { freshStart } from "./fresh-start.ts";
import { type Group, needsFreshStart } from "./group.ts";
import type { Kek } from "./keys.ts";
import { launch, makeKek, makeRekey } from "./launch.ts";
import type { Member, Standing } from "./members.ts";
import { type Planned, planned } from "./plan.ts";
import type { Rekey } from "./rekey.ts";
import { type Turn, tell } from "./server.ts";

export interface EvictionOrder {
  /** `evicted`: refused from now on. `removed`: may come back when its authorisation does. */
  readonly standing: Exclude<Standing, "registered">;
  readonly reason: string;
  readonly by: Cause;
}

/**
 * Puts members out, all at once, before everything that waits. Without a key tree: all keys are deleted and the others
 * register again. With one: update arrays under the old KEK bring the others a new one, and when that is settled new
 * TEKs follow under it. Returns where the pushes stand; none when nobody of them held keys.
 */
export function evict(group: Group, turn: Turn, list: readonly Member[], order: EvictionOrder): Planned[] {
  const tree = needsFreshStart(group) ? undefined : group.tree;
  const holders = list.filter((member) => holdsKeys(group, member));
  for (const member of list) {
    leave(group, member);
    group.members.withdraw(member, order.standing, order.reason);
    tell(turn, {
      kind: order.standing === "evicted" ? "gcks.member-evicted" : "gcks.member-removed",
      subjects: [group.memberSubject(member.name), group.subject],
      cause: order.by,
      reason: order.reason,
      figures: { group: group.name, member: member.name },
      level: "warning",
    });
  }
  const names = list.map((member) => member.name).join(", ");
  if (holders.length === 0) {
    for (const member of list) keepMember(group, member, turn);
    return [];
  }
  const why = { cause: `${names} ${list.length === 1 ? "was" : "were"} put out: ${order.reason}`, by: order.by };
  const rekeys =
    tree === undefined ? [freshStart(group, turn, why, list)] : updateTree(group, turn, tree, list, holders, why);
  return [...rekeys.map(({ spiHex, seq }) => ({ spi: spiHex, seq })), ...planned(group)];
}

/** Whether the member was given keys that are still in use. */
function holdsKeys(group: Group, member: Member): boolean {
  if (member.epoch !== group.sids.epoch) return false;
  return group.tree === undefined || group.tree.has(member.leaf);
}

function updateTree(
  group: Group,
  turn: Turn,
  tree: KeyTree,
  list: readonly Member[],
  holders: readonly Member[],
  why: { readonly cause: string; readonly by: Cause },
): Rekey[] {
  supersede(group);
  const { arrays } = tree.evict(
    holders.map((member) => member.leaf),
    turn.env,
  );
  for (const member of holders) member.leaf = 0;
  const next = makeKek(group, turn, turn.server.keks.freshSpi(turn.env), tree);
  const listen = turn.server.pushSource(next);
  const ackType = next.policy.ack ?? 0;
  const rekeys = parts(group, turn, next, arrays).map((part) =>
    makeRekey(group, turn, {
      kind: "lkh",
      cause: why.cause,
      payloads: kekPayloads(group, next, part, listen, turn.env),
      ackType,
      covers: (member) => part.some((array) => covers(array.lkhId, member.leaf)),
    }),
  );
  replaceKek(group, next, turn);
  // new TEKs go under the new KEK alone, and the old ones end with them; what was planned is contained in this
  group.queue = group.policy.teks.length === 0 ? [] : [{ what: "replace", cause: why.cause, by: why.by }];
  launch(group, turn, rekeys, why.by, { nodes: tree.takeChanges(), members: list });
  return rekeys;
}

/** The arrays of each push: as many as its largest size allows, one at least (RFC 6407 4). */
function parts(group: Group, turn: Turn, next: Kek, arrays: readonly LkhUpdateArray[]): LkhUpdateArray[][] {
  const frame = kekPayloads(group, next, [], turn.server.pushSource(next), turn.env);
  const { algorithm, signer } = group.kek.policy.signature;
  const octets = encodeChain([{ kind: "SEQ", sequenceNumber: 0 }, ...frame]).length;
  const room = group.policy.maxPushOctets - pushOctets(octets, signatureOctets(algorithm, signer.algorithm) ?? 0);
  const split = splitArrays(arrays, updateArrayOctets, room);
  return split.length === 0 ? [[]] : split;
}

/** Lets evicted members register again. Returns their names. */
export function admit(group: Group, turn: Turn, list: readonly Member[]): string[] {
  const admitted = list.filter((member) => member.standing === "evicted");
  for (const member of admitted) {
    group.members.withdraw(member, "removed", "admitted again");
    keepMember(group, member, turn);
    tell(turn, {
      kind: "gcks.member-admitted",
      subjects: [group.memberSubject(member.name), group.subject],
      cause: "operator",
      figures: { group: group.name, member: member.name },
      level: "info",
    });
  }
  return admitted.map((member) => member.name);
}
