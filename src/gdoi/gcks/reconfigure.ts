/** Groups that come, change and go with the configuration. Keys and sessions of the others are left alone. */

import { CERTIFICATE_REVOKED, CERTIFICATE_UNTRUSTED } from "../../core/certificate-standing.ts";
import type { StoreRecord } from "../../core/engine.ts";
import { equal } from "../../util/octets.ts";
import type { GroupPolicy } from "../policy.ts";
import { authorise } from "./authorisation.ts";
import { commit, persist } from "./commit.ts";
import { resume, sameDestination, supersede } from "./delivery.ts";
import { evict } from "./eviction.ts";
import { firstKeys, freshStart } from "./fresh-start.ts";
import { Group } from "./group.ts";
import { identityOf } from "./members.ts";
import { enqueue, pump } from "./plan.ts";
import { memberRecord, nodeRecord, removals } from "./records.ts";
import { type Restored, restoreGroup, type StoredGroup, sortRecords } from "./restore.ts";
import { type Turn, tell } from "./server.ts";
import type { GcksPolicy } from "./types.ts";

/** Names of groups by what a new configuration did to them. */
export interface Changes {
  readonly added: string[];
  readonly removed: string[];
  readonly changed: string[];
}

/** Takes back what was stored, opens groups that are new, drops those that are no longer configured. */
export function restoreAll(records: Iterable<StoreRecord>, turn: Turn): void {
  const all = [...records];
  turn.server.certificates.restore(all);
  const stored = sortRecords(all);
  for (const policy of turn.server.policy.groups) {
    const mine = stored.get(policy.name);
    stored.delete(policy.name);
    if (mine?.group === undefined) openGroup(policy, turn);
    else takeBack(restoreGroup(policy, mine, mine.group, turn.env), turn);
  }
  for (const [name, left] of stored) forgetStored(name, left, turn);
}

function openGroup(policy: GroupPolicy, turn: Turn): void {
  const group = new Group(policy);
  turn.server.groups.set(group.name, group);
  firstKeys(group, turn);
  commit(group, turn, { nodes: group.tree?.takeChanges() ?? [], members: [] });
  tell(turn, {
    kind: "gcks.group-opened",
    subjects: [group.subject],
    cause: "policy",
    figures: {
      group: group.name,
      spi: group.kek.spiHex,
      management: group.kek.policy.management,
      acks: group.kek.policy.ack ?? 0,
      teks: group.policy.teks.map((tek) => tek.name),
    },
    level: "info",
  });
  pump(group, turn);
}

/** An earlier life goes on: SEQ and SID above every value ever sent, pushes under way with the same octets. */
function takeBack({ group, signerChanged, nodes, members }: Restored, turn: Turn): void {
  const { server } = turn;
  server.groups.set(group.name, group);
  for (const kek of [group.kek, ...group.retired]) server.keks.add(kek, group);
  for (const member of group.members.all()) member.local = server.endpoint(member.local);
  for (const node of nodes) persist(turn, nodeRecord(group, node));
  for (const member of members) persist(turn, memberRecord(group, member));
  group.closing = false;
  const flights = group.flights;
  tell(turn, {
    kind: "gcks.group-restored",
    subjects: [group.subject],
    cause: "policy",
    figures: {
      group: group.name,
      spi: group.kek.spiHex,
      seq: group.kek.seq,
      members: group.members.registered,
      nextSid: group.sids.next,
      resumed: flights.map((rekey) => `${rekey.spiHex.slice(0, 8)}/${rekey.seq}`),
      waiting: group.queue.length,
    },
    level: "info",
  });
  for (const rekey of flights) resume(group, rekey, turn);
  if (signerChanged) newSigner(group, turn);
  applyRules(group, turn);
  followTransport(group, turn);
  pump(group, turn);
}

/** Members cannot verify what the new key signs, and the old key is gone: new keys wait for those who register again. */
function newSigner(group: Group, turn: Turn): void {
  supersede(group);
  group.queue = [];
  const { kek, tree } = group;
  kek.retiredAt = turn.env.now;
  group.retired.push(kek);
  group.sids.reset(group.policy.sidBits);
  firstKeys(group, turn);
  commit(group, turn, { nodes: group.tree?.takeChanges() ?? [], members: [] });
  tell(turn, {
    kind: "gcks.signer-lost",
    subjects: [group.subject],
    cause: "policy",
    figures: { group: group.name, members: group.members.registered, tree: tree !== undefined },
    level: "alert",
  });
}

function forgetStored(name: string, stored: StoredGroup, turn: Turn): void {
  for (const { kind, key } of stored.all) persist(turn, { kind, key });
  tell(turn, {
    kind: "gcks.group-forgotten",
    subjects: [{ kind: "group", name }],
    cause: "policy",
    reason: "it is not in the configuration that the key server was started with",
    figures: { group: name, members: stored.members.length },
    level: "warning",
  });
}

/** Takes another configuration while running (SIGHUP). */
export function reconfigure(policy: GcksPolicy, turn: Turn): Changes {
  const { server } = turn;
  const changes: Changes = { added: [], removed: [], changed: [] };
  const before = server.policy;
  server.policy = policy;
  const wanted = new Map(policy.groups.map((group) => [group.name, group]));
  for (const group of [...server.groups.values()]) {
    const next = wanted.get(group.name);
    if (next === undefined) {
      if (!group.closing) changes.removed.push(group.name);
      closeGroup(group, turn);
      continue;
    }
    wanted.delete(group.name);
    if (!sameGroup(group.policy, next) || group.closing) changes.changed.push(group.name);
    group.closing = false;
    group.policy = next;
    applyRules(group, turn);
    followTransport(group, turn);
    pump(group, turn);
  }
  for (const added of wanted.values()) {
    changes.added.push(added.name);
    openGroup(added, turn);
  }
  if (before !== policy) server.counters.count("reconfigured");
  for (const name of changes.changed) {
    tell(turn, {
      kind: "gcks.group-changed",
      subjects: [{ kind: "group", name }],
      cause: "operator",
      figures: { group: name },
      level: "info",
    });
  }
  return changes;
}

/**
 * Members whose certificates were revoked, or whose authority is trusted no more, are put out until they come with a good
 * one; so are members whom no rule admits any more, until one does.
 */
function applyRules(group: Group, turn: Turn): void {
  const { crypto } = turn.env;
  const { certificates, policy } = turn.server;
  const faults = [...group.members.present()].map((member) => ({
    member,
    fault: member.certificate && certificates.memberFault(member.certificate, policy.phase1, turn.env),
  }));
  for (const reason of [CERTIFICATE_REVOKED, CERTIFICATE_UNTRUSTED]) {
    const list = faults.filter(({ fault }) => fault === reason).map(({ member }) => member);
    if (list.length > 0) evict(group, turn, list, { standing: "evicted", reason, by: "policy" });
  }
  const unwanted = [...group.members.present()].filter(
    (member) => authorise(group.policy.members, identityOf(member.key), crypto) === undefined,
  );
  if (unwanted.length === 0) return;
  evict(group, turn, unwanted, {
    standing: "removed",
    reason: "no rule of the group admits it any more",
    by: "policy",
  });
}

/** Only a SAK can tell members another place for pushes: a roll-over that goes to the old one brings it. */
function followTransport(group: Group, turn: Turn): void {
  const planned = group.queue.some(({ what }) => what === "kek");
  if (planned || sameDestination(group.kek.push, group.policy.push)) return;
  enqueue(group, turn, "kek", "pushes go elsewhere from now on", "operator");
}

/** Deletes all keys at the members; the group ends when that push is settled. */
function closeGroup(group: Group, turn: Turn): void {
  if (!group.closing) {
    group.closing = true;
    freshStart(group, turn, { cause: "the group was taken out of the configuration", by: "operator" });
  }
  pump(group, turn);
}

/** Ends a closing group whose last push is settled. */
export function endClosed(group: Group, turn: Turn): void {
  if (!group.closing || group.flights.length > 0) return;
  const { server } = turn;
  for (const kek of [group.kek, ...group.retired]) server.keks.remove(kek);
  server.groups.delete(group.name);
  for (const record of removals(group)) persist(turn, record);
  tell(turn, {
    kind: "gcks.group-closed",
    subjects: [group.subject],
    cause: "operator",
    figures: { group: group.name, members: group.members.registered },
    level: "info",
  });
}

/** Whether two configurations of a group say the same. Signers are compared by their public keys. */
function sameGroup(a: GroupPolicy, b: GroupPolicy): boolean {
  const signers = equal(a.kek.signature.signer.publicKey, b.kek.signature.signer.publicKey);
  return signers && text(a) === text(b);
}

function text(policy: GroupPolicy): string {
  return JSON.stringify(policy, (name, value: unknown) => (name === "signer" ? undefined : value));
}
