import { expect, test } from "vitest";
import { addressIdentity, gmPolicy } from "../../../test/support/group.ts";
import { eventsIn, MemberBench, member, sadIn } from "../../../test/support/scripted-key-server.ts";
import type { Output, StoreRecord } from "../../core/engine.ts";
import type { GmPolicy } from "./types.ts";

const persisted = (outputs: readonly Output[]) =>
  outputs.flatMap((output) => (output.out === "persist" ? [output.record] : []));

function registered(): { readonly bench: MemberBench; readonly record: StoreRecord } {
  const bench = new MemberBench().start();
  bench.pass(10_000);
  const record = persisted(bench.outputs).at(-1);
  if (record === undefined) throw new Error("nothing is durable");
  return { bench, record };
}

/** A member with these groups that starts on what is durable, while no key server answers. */
function startedOn(record: StoreRecord, groups: GmPolicy["groups"]): MemberBench {
  const bench = new MemberBench({ groups });
  bench.phase1.dead.add("ks");
  return bench.start([record]);
}

test("keys are durable before the push that brought them is acknowledged", () => {
  const { bench } = registered();
  const fresh = bench.server.newTek();
  const outputs = bench.receive(bench.server.push(bench.server.tekPayloads([fresh])));
  const order = outputs.flatMap(({ out }) => (out === "persist" || out === "send" ? [out] : []));
  expect(order).toEqual(["persist", "send"]);
  expect(persisted(outputs)).toMatchObject([{ kind: "gm.keys", key: "plant", value: { teks: [{}, {}] } }]);
});

test("a group that is no longer configured, or is another one by now, is forgotten and nothing of it comes back", () => {
  const { record } = registered();
  const [group] = gmPolicy(member.address).groups;
  if (group === undefined) throw new Error("no group");
  for (const groups of [[{ ...group, name: "other" }], [{ ...group, id: addressIdentity("203.0.113.1") }]]) {
    const bench = startedOn(record, groups);
    expect(persisted(bench.outputs)).toEqual([{ kind: "gm.keys", key: "plant" }]);
    expect(sadIn(bench.outputs)).toEqual([]);
    expect(eventsIn(bench.outputs)).toContain("gm.left");
  }
});

test("a group that leaves the configuration while the member runs is forgotten", () => {
  const { bench } = registered();
  const outputs = bench.command({ do: "reconfigure", policy: gmPolicy(member.address, { groups: [] }) });
  expect(persisted(outputs)).toEqual([{ kind: "gm.keys", key: "plant" }]);
});

test("a record that is damaged keeps nobody from registering", () => {
  const bench = new MemberBench();
  expect(() => bench.start([{ kind: "gm.keys", key: "plant", value: { id: 7 } }])).toThrow(/no usable id/);
  bench.now += 1_000;
  bench.wake();
  bench.pass(10_000);
  expect(bench.view.state).toBe("registered");
});
