import { expect, test } from "vitest";
import { ikev2Captures, ikev2Datagrams, ikev2Keys, openedMessages } from "../../test/support/ikev2-golden.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { type LoggedKeys, parseKeyLogLine } from "../ikev2/key-log.ts";
import type { TreeNode } from "../wire/tree.ts";
import { Ikev2Reader, isIkev2 } from "./ikev2-reader.ts";

function keysOf(name: string): LoggedKeys[] {
  return ikev2Keys(name).flatMap(({ line }) => {
    const read = parseKeyLogLine(line, nodeCrypto);
    return read.ok ? [read.value] : [];
  });
}

/** Names of the payloads of a tree, those inside SK in braces. */
function names({ children = [] }: TreeNode): string {
  const inner = (node: TreeNode) => (node.children ?? []).filter(({ name }) => /^[A-Z]+[ir]?$/.test(name));
  return children
    .slice(1)
    .map((node) => (/^SKF?$/.test(node.name) ? `${node.name}{${inner(node).map((n) => n.name)}}` : node.name))
    .join(" ");
}

test.each(ikev2Captures())(
  "every message of %s opens with the keys beside it, fragments with the last of them",
  (name) => {
    const reader = new Ikev2Reader(keysOf(name));
    const datagrams = ikev2Datagrams(name);
    const opened = openedMessages(name);
    for (const [i, { bytes }] of datagrams.entries()) {
      expect(isIkev2(bytes)).toBe(true);
      const read = reader.read(bytes);
      if (!read.ok) throw new Error(JSON.stringify(read.error));
      const { payloads, inner } = opened[i] ?? { payloads: [] };
      const kinds = payloads.map(({ payload: { kind } }) =>
        kind === "SK" || kind === "SKF" ? `${kind}{${(inner?.payloads ?? []).map((p) => p.payload.kind)}}` : kind,
      );
      expect(names(read.value.tree)).toBe(kinds.join(" "));
      expect(read.value.remark !== undefined).toBe(kinds.some((kind) => kind.startsWith("SK")));
    }
  },
);

test("offsets inside SK are those of the message, behind the IV; what was put together has none", () => {
  const gcm = new Ikev2Reader(keysOf("strongswan-psk-gcm"));
  const [, , , , auth] = ikev2Datagrams("strongswan-psk-gcm");
  const read = gcm.read(auth?.bytes ?? new Uint8Array());
  const sk = read.ok ? read.value.tree.children?.at(-1) : undefined;
  // header, generic header, IV of 8 octets
  expect(sk?.children?.find(({ name }) => name === "IDi")?.offset).toBe(28 + 4 + 8);

  const fragments = new Ikev2Reader(keysOf("strongswan-rsa-cbc"));
  const trees = ikev2Datagrams("strongswan-rsa-cbc")
    .slice(2, 5)
    .map(({ bytes }) => fragments.read(bytes))
    .map((result) => (result.ok ? result.value : undefined));
  expect(trees.map((reading) => reading?.remark)).toEqual([
    "(fragment 1 of 3, decrypted; it is authentic)",
    "(fragment 2 of 3, decrypted; it is authentic)",
    "(fragment 3 of 3, all decrypted and put together; they are authentic)",
  ]);
  const idi = trees
    .at(-1)
    ?.tree.children?.at(-1)
    ?.children?.find(({ name }) => name === "IDi");
  expect(idi).toBeDefined();
  expect(JSON.stringify(idi)).not.toContain("offset");
});

test("without its keys, with those of another, and when it was changed, a message is told apart with what is in the clear", () => {
  const [, , , , auth] = ikev2Datagrams("strongswan-psk-gcm");
  const datagram = auth?.bytes ?? new Uint8Array();
  expect(new Ikev2Reader([]).read(datagram)).toMatchObject({
    ok: false,
    error: { what: "no-keys", spis: "b744e1df58023fc6,878c935b7978fdd7", tree: { name: "IKE_AUTH request" } },
  });
  const reader = new Ikev2Reader(keysOf("strongswan-psk-gcm"));
  expect(reader.read(datagram.with(100, (datagram[100] ?? 0) ^ 1))).toMatchObject({
    ok: false,
    error: { what: "protection", message: "the integrity check fails" },
  });
  expect(reader.read(datagram.subarray(0, 40))).toMatchObject({ ok: false, error: { what: "wire" } });
});
