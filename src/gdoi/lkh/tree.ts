/**
 * The key server's LKH tree (RFC 2627 5.4, RFC 6407 5.6.3). Binary, of a depth fixed at creation: node 1 is the root,
 * node n has the children 2n and 2n+1, the leaves are 2^depth to 2^(depth+1)-1; LKH IDs are node numbers, so the depth
 * is at most 15. A node gets its key when the first member below it joins. A leaf that was put out is taken again only
 * after every key above it was replaced, which `evict` does at once; its own new key has a new Key Handle.
 *
 * A new member is given the keys of its path as they are: backward access control (RFC 6407 7.4.2) is for the group's
 * policy, by a rekey before the join.
 */
import type { Env } from "../../core/engine.ts";
import type { LkhDownloadArray, LkhUpdateArray } from "../../wire/payloads.ts";
import { buildDownload, buildUpdate, type KeyDates, type NodeKey, noDates } from "./update.ts";

const IV_OCTETS = 16;
const ROOT = 1;

/** Depth and key size of a tree: fixed for its life. AES-192 does not fit: IV | key must be whole blocks. */
export interface TreeShape {
  /** 1 to 15: room for 2^depth members. */
  readonly depth: number;
  readonly keyBits: 128 | 256;
}

/** A node as it is stored. Without `data` the node has no key; its handle is kept, so that none is used twice. */
export interface NodeRecord {
  readonly id: number;
  readonly handle: number;
  readonly data?: Uint8Array;
  /** Leaves only: a member holds it. */
  readonly taken: boolean;
}

/** What an eviction or root replacement sends out. */
export interface TreeUpdate {
  /** One for each subtree whose members still hold its key, the lowest subtrees first. */
  readonly arrays: readonly LkhUpdateArray[];
  /** IV | key of the new root: the group's new KEK. */
  readonly root: Uint8Array;
}

/** LKH IDs have 16 bits, and half of them are leaves (RFC 6407 5.6.3.1). */
export const MOST_LEAVES = 32_768;

/** The smallest depth with room for so many members. @throws RangeError above MOST_LEAVES. */
export function depthFor(members: number): number {
  if (members > MOST_LEAVES) throw new RangeError(`LKH IDs have 16 bits: at most ${MOST_LEAVES} members`);
  const depth = Math.max(1, Math.ceil(Math.log2(Math.max(1, members))));
  return depth;
}

/** Whether `leaf` lies below `node` or is it: who an update array with this LKH ID is for. */
export function covers(node: number, leaf: number): boolean {
  let at = leaf;
  while (at > node) at >>>= 1;
  return at === node;
}

export class KeyTree {
  readonly shape: TreeShape;
  readonly #octets: number;
  /** IV | key of node n at n * octets. */
  readonly #data: Uint8Array;
  readonly #handles: Uint32Array;
  readonly #present: Uint8Array;
  /** Members at or below each node. */
  readonly #members: Uint16Array;
  readonly #changed = new Set<number>();
  /** Leaves below this one were looked at and found taken. */
  #search: number;

  private constructor(shape: TreeShape) {
    if (!Number.isInteger(shape.depth) || shape.depth < 1 || shape.depth > 15) {
      throw new RangeError("an LKH tree has a depth of 1 to 15");
    }
    if (shape.keyBits !== 128 && shape.keyBits !== 256) throw new RangeError("LKH keys have 128 or 256 bits");
    const nodes = 2 ** (shape.depth + 1);
    this.shape = shape;
    this.#octets = IV_OCTETS + shape.keyBits / 8;
    this.#data = new Uint8Array(nodes * this.#octets);
    this.#handles = new Uint32Array(nodes);
    this.#present = new Uint8Array(nodes);
    this.#members = new Uint16Array(nodes);
    this.#search = 2 ** shape.depth;
  }

  /** An empty tree with a root key. @throws RangeError for a depth or key size it cannot have. */
  static create(shape: TreeShape, env: Pick<Env, "random">): KeyTree {
    const tree = new KeyTree(shape);
    tree.#renew(ROOT, env);
    return tree;
  }

  /** The tree that the records of `takeChanges` describe; later ones of a node replace earlier ones. */
  static restore(shape: TreeShape, records: Iterable<NodeRecord>): KeyTree {
    const tree = new KeyTree(shape);
    const taken = new Set<number>();
    for (const record of records) {
      const { id, handle, data } = record;
      if (id < ROOT || id >= tree.#handles.length) throw new RangeError(`LKH node ${id} is outside the tree`);
      tree.#handles[id] = handle;
      tree.#present[id] = data === undefined ? 0 : 1;
      if (data !== undefined) {
        if (data.length !== tree.#octets) throw new RangeError(`LKH node ${id} has a key of another size`);
        tree.#data.set(data, id * tree.#octets);
      }
      if (record.taken) taken.add(id);
      else taken.delete(id);
    }
    for (const leaf of taken) tree.#count(leaf, 1);
    return tree;
  }

  /** Room for so many members. */
  get capacity(): number {
    return 2 ** this.shape.depth;
  }

  get members(): number {
    return this.#members[ROOT] ?? 0;
  }

  /** IV | key of the root: the group's KEK. */
  get root(): Uint8Array {
    return this.#key(ROOT).data;
  }

  /** Takes a free leaf and gives it a new key; undefined when the tree is full. */
  join(env: Pick<Env, "random">): number | undefined {
    const first = this.capacity;
    for (let i = 0; i < first; i++) {
      const leaf = first + ((this.#search - first + i) % first);
      if (this.#members[leaf] !== 0) continue;
      this.#search = leaf + 1 === 2 * first ? first : leaf + 1;
      this.#renew(leaf, env);
      this.#count(leaf, 1);
      for (let node = leaf >>> 1; node >= ROOT; node >>>= 1) if (this.#present[node] === 0) this.#renew(node, env);
      return leaf;
    }
    return undefined;
  }

  /** Whether a member holds the leaf. */
  has(leaf: number): boolean {
    return leaf >= this.capacity && leaf < 2 * this.capacity && this.#members[leaf] === 1;
  }

  /** The keys of a member's path, from its leaf to the root. @throws RangeError when nobody holds the leaf. */
  path(leaf: number): NodeKey[] {
    if (!this.has(leaf)) throw new RangeError(`LKH leaf ${leaf} is not taken`);
    const keys: NodeKey[] = [];
    for (let node = leaf; node >= ROOT; node >>>= 1) keys.push(this.#key(node));
    return keys;
  }

  /** LKH_DOWNLOAD_ARRAY for a member. @throws RangeError when nobody holds the leaf. */
  downloadArray(leaf: number, dates: KeyDates = noDates): LkhDownloadArray {
    return buildDownload(this.path(leaf), dates);
  }

  /**
   * Puts members out, all at once: replaces every key that any of them held and that somebody else needs, and the root
   * in any case. With no leaves it replaces the root alone.
   * @throws RangeError when nobody holds one of the leaves; nothing has changed then.
   */
  evict(leaves: readonly number[], env: Pick<Env, "random" | "crypto">, dates: KeyDates = noDates): TreeUpdate {
    const out = new Set(leaves);
    for (const leaf of out) if (!this.has(leaf)) throw new RangeError(`LKH leaf ${leaf} is not taken`);
    const broken = new Set<number>([ROOT]);
    for (const leaf of out) {
      this.#count(leaf, -1);
      this.#drop(leaf);
      for (let node = leaf >>> 1; node >= ROOT; node >>>= 1) broken.add(node);
    }
    // from the leaves up, as RFC 2627 5.4.1 has it
    const order = [...broken].sort((a, b) => b - a);
    for (const node of order) {
      if (node === ROOT || (this.#members[node] ?? 0) > 0) this.#renew(node, env);
      else this.#drop(node);
    }
    const arrays: LkhUpdateArray[] = [];
    const wrapped = new Map<string, Uint8Array>();
    for (const node of order) {
      for (const child of [2 * node + 1, 2 * node]) {
        if (broken.has(child) || (this.#members[child] ?? 0) === 0) continue;
        const path: NodeKey[] = [];
        for (let up = node; up >= ROOT; up >>>= 1) path.push(this.#key(up));
        arrays.push(buildUpdate(this.#key(child), path, dates, env, wrapped));
      }
    }
    return { arrays, root: this.root };
  }

  /** Nodes that changed since the last call, to be made durable before anything made of them is sent. */
  takeChanges(): NodeRecord[] {
    const records = [...this.#changed].map((id) => this.#record(id));
    this.#changed.clear();
    return records;
  }

  /** Every node that ever had a key: a whole snapshot. */
  *records(): Generator<NodeRecord> {
    for (let id = ROOT; id < this.#handles.length; id++) if (this.#handles[id] !== 0) yield this.#record(id);
  }

  #record(id: number): NodeRecord {
    const taken = id >= this.capacity && this.#members[id] === 1;
    const base = { id, handle: this.#handles[id] ?? 0, taken };
    return this.#present[id] === 1 ? { ...base, data: this.#key(id).data } : base;
  }

  #key(id: number): NodeKey {
    return { id, handle: this.#handles[id] ?? 0, data: this.#data.slice(id * this.#octets, (id + 1) * this.#octets) };
  }

  #renew(id: number, env: Pick<Env, "random">): void {
    this.#data.set(env.random.octets(this.#octets), id * this.#octets);
    this.#handles[id] = (this.#handles[id] ?? 0) + 1;
    this.#present[id] = 1;
    this.#changed.add(id);
  }

  #drop(id: number): void {
    this.#data.fill(0, id * this.#octets, (id + 1) * this.#octets);
    this.#present[id] = 0;
    this.#changed.add(id);
  }

  #count(leaf: number, by: 1 | -1): void {
    for (let node = leaf; node >= ROOT; node >>>= 1) this.#members[node] = (this.#members[node] ?? 0) + by;
  }
}

/**
 * Splits arrays over several pushes, none split itself.
 * @param octetsOf the size of one array in the message.
 * @param room octets for arrays in each push; one that is larger travels alone.
 */
export function splitArrays(
  arrays: readonly LkhUpdateArray[],
  octetsOf: (array: LkhUpdateArray) => number,
  room: number,
): LkhUpdateArray[][] {
  const parts: LkhUpdateArray[][] = [];
  let left = 0;
  for (const array of arrays) {
    const octets = octetsOf(array);
    if (octets > left || parts.length === 0) {
      parts.push([]);
      left = room;
    }
    parts.at(-1)?.push(array);
    left -= octets;
  }
  return parts;
}

/** Octets of an LKH_UPDATE_ARRAY attribute: its header (4), the array's (12), and 16 and the data for each key. */
export function updateArrayOctets(array: LkhUpdateArray): number {
  return array.keys.reduce((sum, key) => sum + 16 + key.data.length, 16);
}
