import { describe, expect, test } from "vitest";
import { acksIn, MemberBench } from "../../../test/support/scripted-key-server.ts";
import { hex } from "../../util/octets.ts";
import { decodeAck } from "../../wire/gdoi/ack.ts";
import { ackKey, verifyAck } from "../ack.ts";
import { buildKd } from "../key-packets.ts";
import { KeyTree } from "../lkh/tree.ts";
import { buildSa } from "../policy-payloads.ts";

describe("LKH", () => {
  /** Eight members; ours holds the first leaf. */
  function grove() {
    const bench = new MemberBench();
    const tree = KeyTree.create({ depth: 3, keyBits: 128 }, bench.server.env);
    const leaves = Array.from({ length: 8 }, () => tree.join(bench.server.env) ?? 0);
    bench.server.kek = bench.server.newKek(tree.root);
    const publicKey = bench.server.signer.publicKey;
    const [own = 0] = leaves;
    bench.server.lkh = { spi: bench.server.kek.spi, download: tree.downloadArray(own), updates: [], publicKey };
    bench.server.ack = 2;
    bench.start();
    const evict = (members: readonly number[]) =>
      tree.evict(
        members.map((m) => leaves[m] ?? 0),
        bench.server.env,
      );
    return { bench, tree, own, evict };
  }

  test("an update that fits gives the new KEK, acknowledged with the leaf's key; further parts are passed over", () => {
    const { bench, tree, own, evict } = grove();
    const { server } = bench;
    expect(bench.view.kek?.spi).toBe(hex(server.kek.spi));
    const [leaf] = tree.path(own);
    const update = evict([5]);
    const next = server.newKek(update.root);
    const part = (arrays: typeof update.arrays) =>
      server.push([
        buildSa([server.sak(next, { management: "lkh" })]),
        buildKd({ lkh: { spi: next.spi, updates: arrays }, teks: [] }),
      ]);
    const fitting = update.arrays.filter((a) => a.lkhId === 2);
    const others = update.arrays.filter((a) => a.lkhId !== 2);
    expect(acksIn(bench.receive(part(others)))).toEqual([]);
    expect(bench.view.kek?.spi).toBe(hex(server.kek.spi));
    const [ack] = acksIn(bench.receive(part(fitting)));
    const view = decodeAck(ack?.bytes ?? new Uint8Array(0));
    if (!view.ok || leaf === undefined) throw new Error("no acknowledgement");
    const key = ackKey(2, leaf.data.subarray(16), server.kek.spi, bench.env);
    expect(verifyAck(2, key, view.value, bench.env)).toBe(true);
    expect(bench.view.kek?.spi).toBe(hex(next.spi));
    bench.receive(part(others));
    expect(bench.count("push.further-part")).toBe(1);
    server.kek = next;
    server.seq = 0;
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.view.kek).toMatchObject({ seq: 1 });
  });

  test("who is put out reads nothing of what follows, although it gets every datagram", () => {
    const { bench, evict } = grove();
    const { server } = bench;
    const update = evict([0, 3]);
    const next = server.newKek(update.root);
    bench.receive(
      server.push([
        buildSa([server.sak(next, { management: "lkh" })]),
        buildKd({ lkh: { spi: next.spi, updates: update.arrays }, teks: [] }),
      ]),
    );
    expect(bench.view.kek?.spi).not.toBe(hex(next.spi));
    expect(acksIn(bench.outputs)).toEqual([]);
    const keys = bench.engine.keys("plant")?.teks;
    server.kek = next;
    server.seq = 0;
    bench.answering = false;
    bench.receive(server.push(server.tekPayloads([server.newTek()])));
    expect(bench.engine.keys("plant")?.teks).toEqual(keys);
    expect(bench.view.pushesAccepted).toBe(1);
  });
});
