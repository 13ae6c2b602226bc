import { expect, test } from "vitest";
import { KeyTree, type NodeRecord } from "../../src/gdoi/lkh/tree.ts";
import { applyUpdates, type NodeKey, readDownload } from "../../src/gdoi/lkh/update.ts";
import { fromHex, hex } from "../../src/util/octets.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload, encodeLkhUpdate } from "../../src/wire/gdoi/lkh.ts";
import { env, lkhData, type NodeData } from "./gdoi-data.ts";

const dates = { created: lkhData.created, expires: lkhData.expires };
const plain = (nodes: readonly NodeData[]): NodeKey[] =>
  nodes.map((n) => ({ id: n.id, handle: n.handle, data: fromHex(n.lkh_key_data) }));

function tree(): KeyTree {
  const records = lkhData.tree.map(
    (n): NodeRecord => ({ id: n.id, handle: n.handle, data: fromHex(n.lkh_key_data), taken: n.id >= 8 }),
  );
  return KeyTree.restore({ depth: 3, keyBits: 128 }, records);
}

/** New keys in the order in which they are drawn: from the leaves up. */
function givenKeys() {
  const [longest] = lkhData.update_arrays;
  const keys = (longest?.keys ?? []).map((k) => fromHex(k.lkh_key_data));
  return { octets: () => keys.shift() ?? new Uint8Array(0), fraction: () => 0 };
}

test.each(lkhData.downloads)("member $member downloads the keys of its path", (d) => {
  const array = tree().downloadArray(d.leaf, dates);
  expect(array.keys.map((k) => k.lkhId)).toEqual(d.path);
  expect(hex(encodeLkhDownload(array))).toBe(d.array);
  const decoded = decodeLkhDownload(fromHex(d.array));
  if (!decoded.ok) throw new Error(decoded.error.message);
  const path = readDownload(decoded.value, 128);
  if (!path.ok) throw new Error(path.error.message);
  expect(path.value).toEqual(plain(d.keys));
  const root = path.value.at(-1);
  expect(root && hex(root.data)).toBe(d.lkh_kek);
});

test("putting a member out gives the update arrays, octet for octet, and the new KEK", () => {
  const update = tree().evict([7 + lkhData.put_out], { random: givenKeys(), crypto: env.crypto }, dates);
  expect(update.arrays.map((a) => hex(encodeLkhUpdate(a)))).toEqual(lkhData.update_arrays.map((a) => a.octets));
  expect(hex(update.root)).toBe(lkhData.new_kek);
  update.arrays.forEach((array, i) => {
    const given = lkhData.update_arrays[i];
    expect([array.lkhId, array.keyHandle]).toEqual([given?.lkh_id, given?.key_handle]);
    expect(array.keys.map((k) => hex(k.data))).toEqual(given?.keys.map((k) => k.encrypted_key_data));
  });
});

test.each(lkhData.after)("member $member holds the right keys after the update", (a) => {
  const arrays = lkhData.update_arrays.map((u) => {
    const decoded = decodeLkhUpdate(fromHex(u.octets));
    if (!decoded.ok) throw new Error(decoded.error.message);
    return decoded.value;
  });
  const before = lkhData.downloads.find((d) => d.member === a.member);
  if (before === undefined) throw new Error("no such member");
  const applied = applyUpdates(plain(before.keys), arrays, 128, env);
  if (!applied.ok) throw new Error(applied.error.message);
  if (a.keys === null) {
    expect(applied.value).toBeUndefined();
    return;
  }
  expect(applied.value?.path).toEqual(plain(a.keys));
  expect(applied.value && hex(applied.value.root)).toBe(a.lkh_kek);
  expect(applied.value?.changed).toEqual(a.changed);
  arrays.forEach((array, i) => {
    const alone = applyUpdates(plain(before.keys), [array], 128, env);
    expect(alone.ok && alone.value !== undefined).toBe(a.uses_arrays.includes(i));
  });
});
