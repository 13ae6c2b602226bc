import fc from "fast-check";
import { expect, test } from "vitest";
import { nodeCrypto } from "../../crypto/node/index.ts";
import { seededRandom } from "../../crypto/seeded.ts";
import { equal, hex } from "../../util/octets.ts";
import { encodeLkhUpdate } from "../../wire/gdoi/lkh.ts";
import { covers, depthFor, KeyTree, splitArrays, updateArrayOctets } from "./tree.ts";
import { applyUpdates, type NodeKey } from "./update.ts";

function environment(seed: number) {
  return { random: seededRandom(seed), crypto: nodeCrypto };
}

/** A tree with so many members, each with the keys of its path. */
function grove(depth: number, members: number, seed = 1) {
  const env = environment(seed);
  const tree = KeyTree.create({ depth, keyBits: 128 }, env);
  const held = new Map<number, readonly NodeKey[]>();
  for (let i = 0; i < members; i++) {
    const leaf = tree.join(env);
    if (leaf !== undefined) held.set(leaf, tree.path(leaf));
  }
  return { env, tree, held };
}

test("after any evictions and joins every member has the tree's root, and those put out have not", () => {
  const rounds = fc.array(fc.record({ out: fc.array(fc.nat(40), { maxLength: 6 }), joins: fc.nat(4) }), {
    maxLength: 5,
  });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 16 }), rounds, (members, list) => {
      const { env, tree, held } = grove(4, members);
      for (const { out, joins } of list) {
        const leaves = [...held.keys()];
        const chosen = [...new Set(out.flatMap((n) => leaves[n] ?? []))];
        const former = chosen.map((leaf) => held.get(leaf) ?? []);
        const update = tree.evict(chosen, env);
        for (const leaf of chosen) held.delete(leaf);
        expect(hex(update.root)).toBe(hex(tree.root));
        for (const [leaf, path] of held) {
          const applied = applyUpdates(path, update.arrays, 128, env);
          if (!applied.ok || applied.value === undefined) throw new Error(`leaf ${leaf} found no array`);
          expect(applied.value.path).toEqual(tree.path(leaf));
          expect(update.arrays.filter((a) => covers(a.lkhId, leaf))).toHaveLength(1);
          held.set(leaf, applied.value.path);
        }
        for (const path of former) {
          const applied = applyUpdates(path, update.arrays, 128, env);
          expect(applied.ok && applied.value).toBeUndefined();
        }
        for (let i = 0; i < joins; i++) {
          const leaf = tree.join(env);
          if (leaf !== undefined) held.set(leaf, tree.path(leaf));
        }
        expect(tree.members).toBe(held.size);
      }
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("one eviction costs one array for each level, and none for empty subtrees", () => {
  const full = grove(5, 32);
  const [leaf = 0] = full.held.keys();
  expect(full.tree.evict([leaf], full.env).arrays).toHaveLength(5);
  const alone = grove(5, 1);
  const [only = 0] = alone.held.keys();
  expect(alone.tree.evict([only], alone.env).arrays).toEqual([]);
});

test("a leaf that is taken again has another key and another Key Handle", () => {
  const { env, tree, held } = grove(1, 2);
  const [[leaf = 0, path = []] = []] = held;
  tree.evict([leaf], env);
  expect(tree.join(env)).toBe(leaf);
  const [before] = path;
  const [after] = tree.path(leaf);
  expect(after?.handle).toBe((before?.handle ?? 0) + 1);
  expect(before && after && equal(before.data, after.data)).toBe(false);
});

test("without leaves the root alone is replaced, for both halves", () => {
  const { env, tree } = grove(3, 8);
  const { arrays } = tree.evict([], env);
  expect(arrays.map((a) => [a.lkhId, a.keys.map((k) => k.lkhId)])).toEqual([
    [3, [1]],
    [2, [1]],
  ]);
});

test("a full tree takes nobody, and a leaf that nobody holds cannot be put out", () => {
  const { env, tree, held } = grove(2, 4);
  expect(tree.join(env)).toBeUndefined();
  const before = hex(tree.root);
  const [leaf = 0] = held.keys();
  expect(() => tree.evict([leaf, 99], env)).toThrow(RangeError);
  expect(hex(tree.root)).toBe(before);
  expect(tree.has(leaf)).toBe(true);
});

test("the tree comes back from its changes as it was, and handles go on", () => {
  const { env, tree, held } = grove(4, 9);
  const records = tree.takeChanges();
  const [a = 0, b = 0] = held.keys();
  tree.evict([a, b], env);
  const later = tree.takeChanges();
  expect(later.length).toBeLessThanOrEqual(2 * 5);
  const back = KeyTree.restore(tree.shape, [...records, ...later]);
  expect([...back.records()]).toEqual([...tree.records()]);
  expect(back.members).toBe(7);
  const leaf = back.join(environment(2)) ?? 0;
  expect(back.path(leaf)[0]?.handle).toBeGreaterThan(0);
});

test("shapes that cannot be are refused", () => {
  const env = environment(1);
  expect(() => KeyTree.create({ depth: 16, keyBits: 128 }, env)).toThrow(RangeError);
  expect(depthFor(1024)).toBe(10);
  expect(depthFor(1025)).toBe(11);
  expect(() => depthFor(40_000)).toThrow(RangeError);
});

test("arrays are split by octets and none is lost", () => {
  const { env, tree, held } = grove(6, 64);
  const out = [...held.keys()].filter((_, i) => i % 7 === 0);
  const { arrays } = tree.evict(out, env);
  for (const array of arrays) expect(updateArrayOctets(array)).toBe(4 + encodeLkhUpdate(array).length);
  const parts = splitArrays(arrays, updateArrayOctets, 1_000);
  expect(parts.length).toBeGreaterThan(1);
  expect(parts.flat()).toEqual(arrays);
  for (const part of parts) {
    expect(part.reduce((sum, array) => sum + updateArrayOctets(array), 0)).toBeLessThanOrEqual(1_000);
  }
});

test("ten thousand members take few octets", () => {
  const { tree, held } = grove(14, 10_000);
  expect(tree.members).toBe(10_000);
  expect(held.size).toBe(10_000);
});
