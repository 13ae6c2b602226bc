import { describe, expect, test } from "vitest";
import { gmPolicy } from "../../../test/support/group.ts";
import { eventsIn, keyServer, MemberBench, member, sadIn } from "../../../test/support/scripted-key-server.ts";

const minutes = (n: number) => n * 60_000;

/** A registered member whose keys last an hour, and that goes on with them when nobody answers. */
function keeping(keepWhenUnreachable = true): MemberBench {
  const { groups } = gmPolicy(member.address);
  return new MemberBench({ groups: groups.map((group) => ({ ...group, keepWhenUnreachable })) }).start();
}

/** From now on no key server answers. */
function cutOff(bench: MemberBench): void {
  bench.answering = false;
  bench.phase1.dead.add("ks");
}

describe("a member that cannot reach its key server", () => {
  test("goes on with its last keys and says so, at most every ten minutes", () => {
    const bench = keeping();
    cutOff(bench);
    const outputs = bench.pass(minutes(95));
    expect(bench.view).toMatchObject({ state: "retrying", teks: [{ kept: true }] });
    expect(sadIn(outputs)).toMatchObject([{ change: "install", sa: { kept: true } }]);
    const told = eventsIn(outputs).filter((kind) => kind === "gm.keys-kept");
    expect(told.length).toBeGreaterThan(2);
    expect(told.length).toBeLessThan(5);
  });

  test("gives them up when it is answered again, for the new ones", () => {
    const bench = keeping();
    cutOff(bench);
    bench.pass(minutes(70));
    const old = bench.view.teks[0]?.spi;
    bench.phase1.dead.clear();
    bench.answering = true;
    bench.server.teks = [bench.server.newTek()];
    const outputs = bench.pass(minutes(5));
    expect(bench.view.state).toBe("registered");
    expect(bench.view.teks.map((tek) => tek.spi)).not.toContain(old);
    expect(bench.view.teks).toHaveLength(1);
    expect(sadIn(outputs).map(({ change }) => change)).toEqual(["remove", "install"]);
    expect(eventsIn(bench.pass(minutes(20)))).not.toContain("gm.keys-kept");
  });

  test("gives them up when a key server refuses it", () => {
    const bench = keeping();
    cutOff(bench);
    bench.pass(minutes(70));
    bench.phase1.dead.clear();
    while ([...bench.phase1.sas()].length === 0) bench.pass(1_000);
    bench.phase1.notify(18);
    bench.wake();
    expect(bench.view.teks).toEqual([]);
    expect(eventsIn(bench.outputs)).toContain("gm.keys-expired");
  });

  test("gives them up at a push", () => {
    const bench = keeping();
    cutOff(bench);
    bench.pass(minutes(70));
    const fresh = bench.server.newTek();
    bench.receive(bench.server.push(bench.server.tekPayloads([fresh])), keyServer);
    expect(bench.view.teks).toHaveLength(1);
    expect(bench.view.teks[0]?.kept).toBeUndefined();
  });

  test("keeps the last generation alone", () => {
    const bench = keeping();
    bench.pass(minutes(5));
    const last = bench.server.newTek();
    bench.receive(bench.server.push(bench.server.tekPayloads([last])));
    expect(bench.view.teks).toHaveLength(2);
    cutOff(bench);
    bench.pass(minutes(70));
    expect(bench.view.teks).toMatchObject([{ kept: true }]);
  });

  test("loses them at their end, when its group does not say otherwise", () => {
    const bench = keeping(false);
    cutOff(bench);
    const outputs = bench.pass(minutes(70));
    expect(bench.view).toMatchObject({ state: "retrying", teks: [] });
    expect(sadIn(outputs)).toMatchObject([{ change: "remove" }]);
    expect(eventsIn(outputs)).not.toContain("gm.keys-kept");
  });

  test("loses kept keys when the configuration no longer keeps them", () => {
    const bench = keeping();
    cutOff(bench);
    bench.pass(minutes(70));
    bench.command({ do: "reconfigure", policy: gmPolicy(member.address) });
    expect(bench.view.teks).toEqual([]);
  });
});
