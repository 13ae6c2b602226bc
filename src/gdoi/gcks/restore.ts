/** What an earlier life left in the store becomes groups again. */
import type { Env, StoreRecord } from "../../core/engine.ts";
import { TekProtocol } from "../../iana/gdoi.ts";
import type { Cause } from "../../ledger/event.ts";
import { equal } from "../../util/octets.ts";
import { KeyTree, type NodeRecord } from "../lkh/tree.ts";
import { Fields } from "../plain.ts";
import type { GroupPolicy, IpsecTekPolicy, KekPolicy, PushTransport, TekPolicy } from "../policy.ts";
import { acknowledged } from "./acks.ts";
import { received } from "./assurance.ts";
import { Group, type Step } from "./group.ts";
import { Kek, type Tek, type TekGeneration } from "./keys.ts";
import { Member, type Standing } from "./members.ts";
import { RecordKind } from "./records.ts";
import { AckState, Rekey, type RekeyKind } from "./rekey.ts";
import { SidCounter } from "./sids.ts";
import { Slots } from "./slots.ts";

/** The records of one group, sorted. */
export interface StoredGroup {
  group?: Fields;
  readonly nodes: Fields[];
  readonly members: Fields[];
  readonly rekeys: Fields[];
  readonly acks: { readonly slot: number; readonly fields: Fields }[];
  /** All of them, to be removed when the group is no longer configured. */
  readonly all: StoreRecord[];
}

/** Sorts records by group; other kinds are passed over. @throws Error for a record of another form. */
export function sortRecords(records: Iterable<StoreRecord>): Map<string, StoredGroup> {
  const groups = new Map<string, StoredGroup>();
  for (const record of records) {
    const { kind, key, value } = record;
    const name = groupName(kind, key);
    if (name === undefined) continue;
    const stored = groups.get(name) ?? { nodes: [], members: [], rekeys: [], acks: [], all: [] };
    groups.set(name, stored);
    stored.all.push(record);
    const fields = new Fields(value, `${kind} ${key}`);
    if (kind === RecordKind.GROUP) stored.group = fields;
    else if (kind === RecordKind.LKH) stored.nodes.push(fields);
    else if (kind === RecordKind.MEMBER) stored.members.push(fields);
    else if (kind === RecordKind.REKEY) stored.rekeys.push(fields);
    else stored.acks.push({ slot: Number(key.slice(key.lastIndexOf("/") + 1)), fields });
  }
  return groups;
}

/** Keys are GROUP, GROUP/X or, for acknowledgements, GROUP/X/Y; neither X nor Y has a slash. */
function groupName(kind: string, key: string): string | undefined {
  if (kind === RecordKind.GROUP) return key;
  const parent = key.slice(0, Math.max(0, key.lastIndexOf("/")));
  if (kind === RecordKind.LKH || kind === RecordKind.MEMBER || kind === RecordKind.REKEY) return parent;
  return kind === RecordKind.ACK ? parent.slice(0, Math.max(0, parent.lastIndexOf("/"))) : undefined;
}

export interface Restored {
  readonly group: Group;
  /** The configured signing key is not the one that members verify pushes with. */
  readonly signerChanged: boolean;
  /** Nodes and members whose own records may be missing: to be written again. */
  readonly nodes: readonly NodeRecord[];
  readonly members: readonly Member[];
}

/** Puts a group together. @throws Error when a record is not of the form that it was written in. */
export function restoreGroup(policy: GroupPolicy, stored: StoredGroup, own: Fields, env: Env): Restored {
  const group = new Group(policy);
  group.commits = own.number("commits");
  group.number = own.number("number");
  group.closing = own.flag("closing");
  group.sids = new SidCounter(own.number("sidBits"), own.number("epoch"), own.number("sidNext"));
  const members = restoreMembers(group, stored, own);
  const { tree, redone } = restoreTree(group, stored, own);
  group.tree = tree;
  group.kek = restoreKek(own.fields("kek"), policy, tree, env);
  group.retired = own.list("retired").map((fields) => restoreKek(fields, policy, tree, env));
  group.generations = own.list("generations").map((fields) => restoreGeneration(fields, env));
  group.queue = own.list("queue").map(restoreStep);
  restoreRekeys(group, stored, own);
  const signerChanged = !equal(own.fields("kek").octets("publicKey"), policy.kek.signature.signer.publicKey);
  return { group, signerChanged, nodes: redone, members };
}

function restoreKek(fields: Fields, policy: GroupPolicy, tree: KeyTree | undefined, env: Env): Kek {
  const ivAndKey = fields.octets("ivAndKey");
  const terms: KekPolicy = {
    keyBits: fields.number("keyBits") as KekPolicy["keyBits"],
    lifetimeSeconds: fields.number("lifetimeSeconds"),
    management: fields.text("management") as KekPolicy["management"],
    ...(fields.has("ack") && { ack: fields.number("ack") as NonNullable<KekPolicy["ack"]> }),
    signature: {
      algorithm: fields.number("algorithm") as KekPolicy["signature"]["algorithm"],
      hash: fields.number("hash") as KekPolicy["signature"]["hash"],
      signer: policy.kek.signature.signer,
    },
  };
  const key = {
    spi: fields.octets("spi"),
    iv: ivAndKey.slice(0, 16),
    key: env.crypto.importSecret(ivAndKey.slice(16)),
  };
  const push = fields.has("push") ? restorePush(fields.fields("push")) : policy.push;
  const kek = new Kek(key, terms, push, fields.number("createdAt"), terms.management === "lkh" ? tree : undefined);
  kek.seq = fields.number("seq");
  if (fields.has("retiredAt")) kek.retiredAt = fields.number("retiredAt");
  return kek;
}

function restorePush(fields: Fields): PushTransport {
  if (fields.text("transport") === "unicast") return { transport: "unicast" };
  return {
    transport: "multicast",
    address: fields.text("address"),
    port: fields.number("port"),
    ...(fields.has("interface") && { interface: fields.text("interface") }),
    ttl: fields.number("ttl"),
  };
}

function restoreGeneration(fields: Fields, env: Env): TekGeneration {
  const teks = fields.list("teks").map((tek): Tek => {
    const key = (name: string) => env.crypto.importSecret(tek.octets(name));
    return {
      policy: restoreTekPolicy(tek.fields("policy")),
      spi: tek.octets("spi"),
      ...(tek.has("algorithmKey") && { algorithmKey: key("algorithmKey") }),
      ...(tek.has("integrityKey") && { integrityKey: key("integrityKey") }),
    };
  });
  return {
    number: fields.number("number"),
    createdAt: fields.number("createdAt"),
    activatesAt: fields.number("activatesAt"),
    teks,
    holders: new Slots(fields.octets("holders").slice()),
    assessed: fields.flag("assessed"),
  };
}

function restoreTekPolicy(fields: Fields): TekPolicy {
  const authentication = fields.has("authentication") ? fields.fields("authentication") : undefined;
  const terms = {
    name: fields.text("name"),
    algorithmKeyOctets: fields.number("algorithmKeyOctets"),
    counterMode: fields.flag("counterMode"),
    lifetimeSeconds: fields.number("lifetimeSeconds"),
    ...(authentication && {
      authentication: {
        algorithm: authentication.number("algorithm"),
        keyOctets: authentication.number("keyOctets"),
      },
    }),
  };
  const protocolId = fields.number("protocolId");
  if (protocolId === TekProtocol.IEC_61850) {
    const oidSpecificPayload = fields.octets("oidSpecificPayload");
    return { ...terms, protocolId, oid: fields.octets("oid"), oidSpecificPayload, encAlg: fields.number("encAlg") };
  }
  const selector = (name: string) => {
    const id = fields.fields(name);
    return { idType: id.number("idType"), port: id.number("port"), data: id.octets("data") };
  };
  return {
    ...terms,
    protocolId: protocolId as IpsecTekPolicy["protocolId"],
    transformId: fields.number("transformId"),
    protocol: fields.number("protocol"),
    source: selector("source"),
    destination: selector("destination"),
    mode: fields.number("mode") as IpsecTekPolicy["mode"],
    ...(fields.has("keyBits") && { keyBits: fields.number("keyBits") }),
    ...(fields.has("addressPreservation") && { addressPreservation: fields.number("addressPreservation") }),
    ...(fields.has("direction") && { direction: fields.number("direction") }),
  };
}

function restoreStep(fields: Fields): Step {
  return {
    what: fields.text("what") as Step["what"],
    cause: fields.text("cause"),
    by: fields.text("by") as Cause,
    ...(fields.has("nextSpi") && { nextSpi: fields.octets("nextSpi") }),
    ...(fields.has("generations") && { generations: fields.numbers("generations") }),
  };
}

/** Members as their records have them, or as the last commit has them when that is newer. Returns the latter. */
function restoreMembers(group: Group, stored: StoredGroup, own: Fields): Member[] {
  const newest = new Map<string, { readonly fields: Fields; readonly redo: boolean }>();
  for (const fields of stored.members) newest.set(fields.text("identity"), { fields, redo: false });
  for (const fields of own.list("members")) {
    const known = newest.get(fields.text("identity"))?.fields.number("commits") ?? 0;
    if (known < fields.number("commits")) newest.set(fields.text("identity"), { fields, redo: true });
  }
  const redone: Member[] = [];
  for (const { fields, redo } of newest.values()) {
    const member = restoreMember(fields);
    group.members.restore(member);
    group.sids.raise(member.epoch, member.sids);
    if (redo) redone.push(member);
  }
  return redone;
}

function restoreMember(fields: Fields): Member {
  const member = new Member(fields.number("slot"), fields.text("identity"), fields.text("name"));
  const local = { address: fields.text("localAddress"), port: fields.number("localPort") };
  member.locate(fields.text("address"), fields.number("port"), local);
  member.standing = fields.text("standing") as Standing;
  if (fields.has("reason")) member.reason = fields.text("reason");
  if (fields.has("certificate")) {
    const certificate = fields.fields("certificate");
    member.certificate = { issuer: certificate.text("issuer"), serialHex: certificate.text("serialHex") };
  }
  member.registeredAt = fields.number("registeredAt");
  member.registrations = fields.number("registrations");
  member.epoch = fields.number("epoch");
  member.sids = { from: fields.number("sidFrom"), count: fields.number("sidCount") };
  if (fields.has("sidsTaken")) {
    member.sidsTaken = fields.number("sidsTaken");
    member.sidsCountedUntil = fields.number("sidsCountedUntil");
  }
  member.generation = fields.number("generation");
  member.leaf = fields.number("leaf");
  member.keyless = fields.flag("keyless");
  member.missed = fields.number("missed");
  member.missedNumber = fields.number("missedNumber");
  return member;
}

/** The tree of this epoch. A leaf is taken when a member's record says so: without one, nobody was told of it. */
function restoreTree(group: Group, stored: StoredGroup, own: Fields): { tree?: KeyTree; redone: NodeRecord[] } {
  if (!own.has("treeDepth")) return { redone: [] };
  const { epoch } = group.sids;
  const nodes = new Map<number, NodeRecord>();
  for (const fields of stored.nodes) {
    if (fields.number("epoch") !== epoch) continue;
    const node = restoreNode(fields.fields("node"));
    nodes.set(node.id, node);
  }
  const redone = own.list("nodes").map(restoreNode);
  const newer = redone.filter((node) => (nodes.get(node.id)?.handle ?? 0) <= node.handle);
  for (const node of newer) nodes.set(node.id, node);
  const taken = new Set<number>();
  for (const member of group.members.all()) if (member.epoch === epoch && member.leaf > 0) taken.add(member.leaf);
  const records = [...nodes.values()].map((node) => ({ ...node, taken: taken.has(node.id) }));
  const bits = own.fields("kek").number("keyBits");
  const shape = { depth: own.number("treeDepth"), keyBits: bits === 256 ? (256 as const) : (128 as const) };
  return { tree: KeyTree.restore(shape, records), redone: newer };
}

function restoreNode(fields: Fields): NodeRecord {
  const base = { id: fields.number("id"), handle: fields.number("handle"), taken: fields.flag("taken") };
  return fields.has("data") ? { ...base, data: fields.octets("data") } : base;
}

function restoreRekeys(group: Group, stored: StoredGroup, own: Fields): void {
  const byNumber = new Map<number, Rekey>();
  for (const fields of [...stored.rekeys, ...own.list("flights")]) {
    const rekey = restoreRekey(group, fields);
    byNumber.set(rekey.number, rekey);
  }
  const ordered = [...byNumber.values()].sort((a, b) => a.number - b.number);
  for (const rekey of ordered) group.remember(rekey);
  for (const { slot, fields } of stored.acks) restoreAck(group, byNumber.get(fields.number("number")), slot, fields);
  for (const rekey of group.flights) {
    for (const slot of [...rekey.slotsIn(AckState.PENDING)]) {
      const member = group.members.at(slot);
      if (member?.standing !== "registered") rekey.move(slot, AckState.LEFT);
      else if (member.registeredAt > rekey.sentAt) rekey.move(slot, AckState.REREGISTERED);
    }
  }
}

function restoreRekey(group: Group, fields: Fields): Rekey {
  const states = fields.octets("states");
  const terms = {
    number: fields.number("number"),
    kind: fields.text("kind") as RekeyKind,
    cause: fields.text("cause"),
    ackType: fields.number("ackType"),
    sentAt: fields.number("sentAt"),
    slots: states.length,
    generations: fields.numbers("generations"),
    announcement: fields.flag("announcement"),
  };
  const datagram = fields.has("datagram") ? fields.octets("datagram") : undefined;
  const rekey = new Rekey(fields.octets("spi"), fields.number("seq"), group.name, terms, datagram);
  rekey.attempts = fields.number("attempts");
  rekey.settled = fields.flag("settled");
  rekey.superseded = fields.flag("superseded");
  rekey.takeStates(states, fields.octets("afterMs"), fields.octets("attemptOf"));
  return rekey;
}

function restoreAck(group: Group, rekey: Rekey | undefined, slot: number, fields: Fields): void {
  const member = group.members.at(slot);
  if (member === undefined) return;
  const at = fields.number("at");
  const seq = fields.number("seq");
  const known = rekey !== undefined && (rekey.states[slot] ?? AckState.NONE) !== AckState.NONE;
  if (known) {
    rekey.move(slot, AckState.ACKED);
    received(group, rekey, slot);
    rekey.afterMs[slot] = fields.number("afterMs");
    rekey.attemptOf[slot] = fields.number("attempt");
  }
  const forgotten = { number: fields.number("number"), seq, kind: "tek" as const, sentAt: 0 };
  acknowledged(member, known ? rekey : forgotten, at);
}
