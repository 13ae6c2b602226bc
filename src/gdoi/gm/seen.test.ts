import { describe, expect, test } from "vitest";
import { eventsIn, MemberBench } from "../../../test/support/scripted-key-server.ts";
import { hex } from "../../util/octets.ts";

function seen(bench: MemberBench, spi: string) {
  const outputs = bench.command({ do: "seen", group: "plant", spi });
  const answer = outputs.find((output) => output.out === "reply" || output.out === "refuse");
  return answer?.out === "reply" ? answer.reply : answer;
}

describe("an SPI that the data plane saw", () => {
  test("leads to a PULL at once when its key is not here", () => {
    const bench = new MemberBench().start();
    const next = bench.server.newTek();
    bench.server.teks = [...bench.server.teks, next];
    expect(seen(bench, hex(next.spi))).toEqual({ group: "plant", spi: hex(next.spi), known: false, inMs: 0 });
    expect(bench.view.teks.map((tek) => tek.spi)).toContain(hex(next.spi));
    expect(eventsIn(bench.outputs)).toContain("gm.unknown-spi");
    expect(seen(bench, hex(next.spi).toUpperCase())).toEqual({ group: "plant", spi: hex(next.spi), known: true });
  });

  test("leads to one PULL in five seconds, whatever is seen", () => {
    const bench = new MemberBench().start();
    for (let i = 0; i < 100; i++) {
      seen(bench, `0000${(i + 0x1000).toString(16)}`);
      bench.pass(100);
    }
    expect(bench.count("registered")).toBe(1 + 3);
    bench.pass(60_000);
    expect(bench.count("registered")).toBe(1 + 3);
  });

  test("does not wait for its turn when its key has come meanwhile", () => {
    const bench = new MemberBench().start();
    seen(bench, "00000001");
    const next = bench.server.newTek();
    expect(seen(bench, hex(next.spi))).toMatchObject({ known: false, inMs: 5_000 });
    bench.receive(bench.server.push(bench.server.tekPayloads([next])));
    bench.pass(10_000);
    expect(bench.count("registered")).toBe(2);
  });

  test("does not hurry a member whose key servers do not answer", () => {
    const bench = new MemberBench();
    bench.phase1.dead.add("ks");
    bench.start();
    bench.pass(0);
    const dialled = bench.phase1.dialled.length;
    expect(seen(bench, "00000001")).toMatchObject({ known: false });
    expect(bench.phase1.dialled).toHaveLength(dialled);
  });

  test.each(["", "12345", "0123456g", "001122334455"])("is refused when %j is none", (spi) => {
    const bench = new MemberBench().start();
    expect(seen(bench, spi)).toMatchObject({ refusal: { code: "bad-spi" } });
  });
});
