import { describe, expect, test } from "vitest";
import { at } from "../../../test/support/group.ts";
import { eventsIn, MemberBench, sadIn } from "../../../test/support/scripted-key-server.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import { hex, u32 } from "../../util/octets.ts";

describe("registration", () => {
  test("a member takes policy, KEK, TEKs and SIDs over, and says so", () => {
    const bench = new MemberBench().start();
    expect(bench.view).toMatchObject({ state: "registered", keyServer: "ks", sids: [7] });
    expect(bench.view.kek).toMatchObject({ spi: hex(bench.server.kek.spi), seq: 0, ack: "REKEY_ACK_KEK_SHA256" });
    const [tek] = bench.server.teks;
    expect(bench.engine.keys("plant")?.teks).toEqual([
      {
        spi: hex(tek?.spi ?? new Uint8Array(0)),
        algorithmKey: hex(tek?.algorithmKey ?? new Uint8Array(0)),
        integrityKey: "",
      },
    ]);
    const [install] = sadIn(bench.outputs);
    expect(install?.change === "install" && install.sa).toMatchObject({ protocol: 1, sids: [7], sidBits: 16 });
    expect(eventsIn(bench.outputs)).toContain("gm.registered");
  });

  test("lost messages are sent again as the same octets", () => {
    const bench = new MemberBench();
    bench.answering = false;
    bench.start();
    const outputs = bench.pass(2_000);
    const sent = bench.outputs.flatMap((o) => (o.out === "send" ? [hex(o.bytes)] : []));
    expect(sent.length).toBeGreaterThan(2);
    expect(new Set(sent).size).toBe(1);
    bench.answering = true;
    bench.pass(10_000);
    expect(bench.view.state).toBe("registered");
    expect(outputs.length).toBeGreaterThan(0);
  });

  test("it tries its key servers in order, then waits longer each time, and keeps what it has", () => {
    const keyServers = ["ks", "ks2"].map((name, n) => ({ name, endpoint: at(`192.0.2.${n + 1}`) }));
    const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks", "ks2"], sids: 1 };
    const bench = new MemberBench({ keyServers, groups: [group] });
    bench.phase1.dead.add("ks").add("ks2");
    bench.start();
    bench.pass(0);
    expect(bench.phase1.dialled).toEqual(["ks", "ks2"]);
    expect(bench.view.state).toBe("retrying");
    bench.pass(5_000);
    expect(bench.phase1.dialled).toEqual(["ks", "ks2", "ks", "ks2"]);
    const before = bench.phase1.dialled.length;
    bench.pass(4_900);
    expect(bench.phase1.dialled).toHaveLength(before);
    expect(eventsIn(bench.outputs).filter((kind) => kind === "gm.key-server-unreachable")).toHaveLength(1);
    bench.phase1.dead.delete("ks2");
    bench.pass(20_000);
    expect(bench.view).toMatchObject({ state: "registered", keyServer: "ks2" });
  });

  test("a command is answered when the registration is done, and refused when no key server helps", () => {
    const bench = new MemberBench().start();
    const done = bench.command({ do: "register", group: "plant" });
    expect(done.find((o) => o.out === "reply")).toBeDefined();
    bench.answering = false;
    bench.phase1.dead.add("ks");
    bench.command({ do: "register", group: "plant" });
    const outputs = bench.pass(100_000);
    expect(outputs.find((o) => o.out === "refuse")).toMatchObject({ refusal: { code: "not-registered" } });
    expect(bench.engine.keys("plant")?.teks).toHaveLength(1);
    const unknown = bench.command({ do: "register", group: "nobody" });
    expect(unknown.find((o) => o.out === "refuse")).toMatchObject({ refusal: { code: "unknown-group" } });
  });

  test("policy that it does not understand is refused with a notification, and Phase 1 torn down", () => {
    const bench = new MemberBench();
    bench.server.bend = (payloads, message) =>
      message === 4
        ? payloads
        : payloads.map((p) =>
            p.kind !== "GDOI-SA"
              ? p
              : {
                  ...p,
                  attributes: p.attributes.map((a) =>
                    a.kind === "SAK" ? { ...a, attributes: [...a.attributes, { type: 77, value: 1 }] } : a,
                  ),
                },
          );
    bench.start();
    expect(bench.view.state).toBe("retrying");
    expect(bench.view.lastError).toContain("attribute 77");
    expect(bench.phase1.informed).toMatchObject([{ kind: "N", notifyType: 13 }]);
    expect(bench.phase1.deleted).toHaveLength(1);
    expect(eventsIn(bench.outputs)).toContain("gm.policy-unacceptable");
  });

  test("a refusal by the key server ends the attempt; 'the keys changed' begins it again at once", () => {
    const bench = new MemberBench();
    bench.answering = false;
    bench.start();
    bench.phase1.notify(18);
    bench.wake();
    expect(bench.view.lastError).toContain("INVALID_ID_INFORMATION");
    const again = new MemberBench();
    again.answering = false;
    again.start();
    again.phase1.notify(11);
    again.answering = true;
    again.wake();
    expect(again.view.state).toBe("registered");
  });

  test("SIDs are asked for when more than one is wanted, and a counter mode without any is not installed", () => {
    const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks"], sids: 3 };
    const bench = new MemberBench({ groups: [group] });
    bench.server.sids = { bits: 16, values: [7, 8] };
    bench.start();
    expect(bench.server.asked?.attributes).toEqual([{ type: 3, value: 3 }]);
    expect(eventsIn(bench.outputs)).toContain("gm.fewer-sids");
    const without = new MemberBench();
    without.server.sids = undefined;
    without.start();
    expect(without.server.asked).toBeUndefined();
    expect(sadIn(without.outputs)).toEqual([]);
    expect(eventsIn(without.outputs)).toContain("gm.tek-not-installed");
  });

  test("a member that is refused more SIDs registers with one", () => {
    const group = { name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks"], sids: 3 };
    const bench = new MemberBench({ groups: [group] });
    bench.answering = false;
    bench.start();
    const first = bench.outputs.find((o) => o.out === "send");
    const [sa] = bench.phase1.sas();
    const second = first?.out === "send" && sa !== undefined ? bench.server.answer(sa, first.bytes) : undefined;
    bench.receive(second ?? expect.fail("no message 2"));
    bench.phase1.notify(NotifyType.ATTRIBUTES_NOT_SUPPORTED);
    bench.answering = true;
    bench.wake();
    expect(bench.view.state).toBe("registered");
    expect(bench.server.asked).toBeUndefined();
    expect(eventsIn(bench.outputs)).toContain("gm.fewer-sids");
    bench.server.sids = { bits: 16, values: [8, 9, 10] };
    bench.command({ do: "register", group: "plant" });
    expect(bench.server.asked?.attributes).toEqual([{ type: 3, value: 3 }]);
  });

  test("members register again at different times before their keys run out", () => {
    const times = Array.from({ length: 50 }, (_, seed) => {
      const bench = new MemberBench({}, seed + 1).start();
      return (bench.view.reregisterAt ?? 0) - bench.now;
    });
    const hour = 3_600_000;
    expect(Math.min(...times)).toBeGreaterThanOrEqual(0.8 * hour);
    expect(Math.max(...times)).toBeLessThanOrEqual(0.96 * hour);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(0.1 * hour);
  });

  test("it keeps its keys while no key server answers, and says when they expire", () => {
    const bench = new MemberBench().start();
    bench.answering = false;
    bench.phase1.dead.add("ks");
    const before = bench.pass(3_590_000);
    expect(eventsIn(before)).toContain("gm.key-server-unreachable");
    expect(bench.view).toMatchObject({ state: "retrying" });
    expect(bench.view.teks).toHaveLength(1);
    const after = bench.pass(10_000);
    expect(eventsIn(after)).toContain("gm.keys-expired");
    expect(sadIn(after)).toMatchObject([{ change: "remove" }]);
    bench.answering = true;
    bench.phase1.dead.clear();
    bench.pass(100_000);
    expect(bench.view.state).toBe("registered");
  });

  test("a SEQ below that of a push which came meanwhile is ignored", () => {
    const bench = new MemberBench().start();
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    bench.receive(bench.server.push(bench.server.tekPayloads([bench.server.newTek()])));
    bench.server.seq = 1;
    bench.command({ do: "register", group: "plant" });
    expect(bench.view.kek?.seq).toBe(2);
  });
});
