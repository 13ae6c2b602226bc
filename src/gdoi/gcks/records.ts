/**
 * What the key server makes durable. `gcks.group` is the commit point of every change of keys: it holds the keys, the
 * plan, the pushes under way with their octets, and what else must change with them (tree nodes, members put out), which
 * is then written to its own records and taken from here when those are missing.
 */
import type { Env, Instant, Plain, StoreRecord } from "../../core/engine.ts";
import { TekProtocol } from "../../iana/gdoi.ts";
import type { NodeRecord } from "../lkh/tree.ts";
import type { KekPolicy, TekPolicy } from "../policy.ts";
import type { Group, Step } from "./group.ts";
import type { Kek, Tek, TekGeneration } from "./keys.ts";
import type { Member } from "./members.ts";
import { AckState, HISTORY, type Rekey } from "./rekey.ts";

type CryptoEnv = Pick<Env, "crypto">;

export const RecordKind = {
  GROUP: "gcks.group",
  LKH: "gcks.lkh",
  MEMBER: "gcks.member",
  REKEY: "gcks.rekey",
  ACK: "gcks.ack",
} as const;

/** What belongs to a commit and has records of its own. */
export interface Redo {
  readonly nodes: readonly NodeRecord[];
  readonly members: readonly Member[];
}

export const nothingElse: Redo = { nodes: [], members: [] };

/** `gcks.group`, key: the group's name. */
export function groupRecord(group: Group, redo: Redo, env: CryptoEnv): StoreRecord {
  const value: Plain = {
    commits: group.commits,
    number: group.number,
    closing: group.closing,
    epoch: group.sids.epoch,
    sidBits: group.sids.bits,
    sidNext: group.sids.next,
    kek: kekPlain(group.kek, env),
    retired: group.retired.map((kek) => kekPlain(kek, env)),
    ...(group.tree && { treeDepth: group.tree.shape.depth }),
    generations: group.generations.map((generation) => generationPlain(generation, env)),
    flights: group.flights.map(rekeyPlain),
    queue: group.queue.map(stepPlain),
    nodes: redo.nodes.map(nodePlain),
    members: redo.members.map((member) => memberPlain(group, member)),
  };
  return { kind: RecordKind.GROUP, key: group.name, value };
}

function kekPlain(kek: Kek, env: CryptoEnv): Plain {
  const { keyBits, lifetimeSeconds, management, ack, signature } = kek.policy;
  return {
    spi: kek.key.spi,
    ivAndKey: kek.ivAndKey(env),
    createdAt: kek.createdAt,
    seq: kek.seq,
    ...(kek.retiredAt !== undefined && { retiredAt: kek.retiredAt }),
    keyBits,
    lifetimeSeconds,
    management,
    ...(ack !== undefined && { ack }),
    algorithm: signature.algorithm,
    hash: signature.hash,
    publicKey: signature.signer.publicKey,
    push: { ...kek.push },
  } satisfies Record<keyof Omit<KekPolicy, "signature"> | string, Plain>;
}

function generationPlain(generation: TekGeneration, env: CryptoEnv): Plain {
  const { number, createdAt, activatesAt, assessed, holders, teks } = generation;
  return {
    number,
    createdAt,
    activatesAt,
    assessed,
    /** As of this commit: later acknowledgements and registrations have their own records. */
    holders: holders.octets,
    teks: teks.map((tek) => tekPlain(tek, env)),
  };
}

function tekPlain(tek: Tek, env: CryptoEnv): Plain {
  return {
    policy: tekPolicyPlain(tek.policy),
    spi: tek.spi,
    ...(tek.algorithmKey && { algorithmKey: env.crypto.exportSecret(tek.algorithmKey) }),
    ...(tek.integrityKey && { integrityKey: env.crypto.exportSecret(tek.integrityKey) }),
  };
}

function tekPolicyPlain(policy: TekPolicy): Plain {
  const { authentication: auth } = policy;
  const authentication = auth && { authentication: { ...auth } };
  if (policy.protocolId === TekProtocol.IEC_61850) {
    const { authentication: _, ...others } = policy;
    return { ...others, ...authentication };
  }
  const { source, destination, authentication: _, ...others } = policy;
  return { ...others, source: { ...source }, destination: { ...destination }, ...authentication };
}

function stepPlain(step: Step): Plain {
  const { what, cause, by, nextSpi, generations } = step;
  return { what, cause, by, ...(nextSpi && { nextSpi }), ...(generations && { generations: [...generations] }) };
}

function nodePlain(node: NodeRecord): Plain {
  const { id, handle, data, taken } = node;
  return { id, handle, taken, ...(data && { data }) };
}

/** A rekey with its states; acknowledgements that came later are in `gcks.ack`. */
function rekeyPlain(rekey: Rekey): Plain {
  return {
    spi: rekey.spi,
    seq: rekey.seq,
    number: rekey.number,
    kind: rekey.kind,
    cause: rekey.cause,
    ackType: rekey.ackType,
    sentAt: rekey.sentAt,
    generations: [...rekey.generations],
    announcement: rekey.announcement,
    attempts: rekey.attempts,
    settled: rekey.settled,
    superseded: rekey.superseded,
    states: rekey.states.slice(),
    afterMs: new Uint8Array(rekey.afterMs.slice().buffer),
    attemptOf: rekey.attemptOf.slice(),
    ...(rekey.datagram && { datagram: rekey.datagram }),
  };
}

/** `gcks.rekey`, key: GROUP/NUMBER: a settled rekey. */
export function rekeyRecord(group: Group, rekey: Rekey): StoreRecord {
  return { kind: RecordKind.REKEY, key: `${group.name}/${rekey.number}`, value: rekeyPlain(rekey) };
}

/** Takes a forgotten rekey out of the store. */
export function rekeyRemoval(group: Group, rekey: Rekey): StoreRecord {
  return { kind: RecordKind.REKEY, key: `${group.name}/${rekey.number}` };
}

/** `gcks.lkh`, key: GROUP/NODE. Nodes of a tree that was given up have another epoch. */
export function nodeRecord(group: Group, node: NodeRecord): StoreRecord {
  const value = { epoch: group.sids.epoch, node: nodePlain(node) };
  return { kind: RecordKind.LKH, key: `${group.name}/${node.id}`, value };
}

/** Takes a node of a tree that was given up out of the store. */
export function nodeRemoval(group: Group, id: number): StoreRecord {
  return { kind: RecordKind.LKH, key: `${group.name}/${id}` };
}

/** `gcks.member`, key: GROUP/IDENTITY. */
export function memberRecord(group: Group, member: Member): StoreRecord {
  return { kind: RecordKind.MEMBER, key: `${group.name}/${member.key}`, value: memberPlain(group, member) };
}

function memberPlain(group: Group, member: Member): Plain {
  return {
    /** Commits of the group when this was written: a commit's own copy counts only over older ones. */
    commits: group.commits,
    slot: member.slot,
    identity: member.key,
    name: member.name,
    standing: member.standing,
    ...(member.reason !== undefined && { reason: member.reason }),
    address: member.address,
    port: member.port,
    localAddress: member.local.address,
    localPort: member.local.port,
    ...(member.certificate && { certificate: { ...member.certificate } }),
    registeredAt: member.registeredAt,
    registrations: member.registrations,
    epoch: member.epoch,
    sidFrom: member.sids.from,
    sidCount: member.sids.count,
    sidsTaken: member.sidsTaken,
    sidsCountedUntil: member.sidsCountedUntil,
    generation: member.generation,
    leaf: member.leaf,
    keyless: member.keyless,
    missed: member.missed,
    missedNumber: member.missedNumber,
  };
}

/**
 * `gcks.ack`, key: GROUP/RING/SLOT, where RING is the rekey's number modulo the history: later rekeys overwrite it, so
 * the records are as many as members times rekeys that are remembered.
 */
export function ackRecord(rekey: Rekey, slot: number, at: Instant, afterMs: number, attempt: number): StoreRecord {
  const { number, seq } = rekey;
  return { kind: RecordKind.ACK, key: rekey.ackPrefix + slot, value: { number, seq, at, afterMs, attempt } };
}

/** Takes everything of a group out of the store, its own record last. */
export function* removals(group: Group): Generator<StoreRecord> {
  for (const rekey of group.rekeys) yield rekeyRemoval(group, rekey);
  // also of rekeys that are no longer remembered: a group of the same name must not find them
  for (let ring = 0; ring < Math.min(HISTORY, group.number + 1); ring++) {
    for (let slot = 0; slot < group.members.size; slot++) {
      yield { kind: RecordKind.ACK, key: `${group.name}/${ring}/${slot}` };
    }
  }
  for (const node of group.tree?.records() ?? []) yield nodeRemoval(group, node.id);
  for (const member of group.members.all()) yield { kind: RecordKind.MEMBER, key: `${group.name}/${member.key}` };
  yield { kind: RecordKind.GROUP, key: group.name };
}

/** Everything of a group that is durable. */
export function* snapshotOf(group: Group, env: CryptoEnv): Generator<StoreRecord> {
  for (const node of group.tree?.records() ?? []) yield nodeRecord(group, node);
  for (const member of group.members.all()) yield memberRecord(group, member);
  for (const rekey of group.rekeys) {
    if (rekey.settled) yield rekeyRecord(group, rekey);
    for (const slot of rekey.slotsIn(AckState.ACKED)) {
      const afterMs = rekey.afterMs[slot] ?? 0;
      yield ackRecord(rekey, slot, rekey.sentAt + afterMs, afterMs, rekey.attemptOf[slot] ?? 0);
    }
  }
  yield groupRecord(group, nothingElse, env);
}
