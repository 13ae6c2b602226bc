/** What a member makes of RFC 8052 TEKs that are not as Keyherald's own key server sends them. */
import { describe, expect, test } from "vitest";
import { MemberBench, sadIn } from "../../../test/support/scripted-key-server.ts";
import { fromHex, u32 } from "../../util/octets.ts";
import { oidOctets } from "../../util/oid.ts";
import type { Iec61850Tek, Payload } from "../../wire/payloads.ts";
import { buildKd, type TekKeys } from "../key-packets.ts";
import { buildSa } from "../policy-payloads.ts";

const spi = fromHex("11223344");
const gcm: Iec61850Tek = {
  oid: oidOctets("1.2.840.10070.61850.8.1.2") ?? new Uint8Array(0),
  oidSpecificPayload: new Uint8Array(0),
  spi,
  authAlg: 1,
  encAlg: 4,
  remainingLifetime: 3_600,
  attributes: [],
};

/** A member that was given this TEK in a GROUPKEY-PULL. */
function given(tek: Partial<Iec61850Tek>, keys: Partial<TekKeys> = { algorithmKey: new Uint8Array(20) }): MemberBench {
  const bench = new MemberBench();
  const { server } = bench;
  server.sids = undefined;
  server.teks = [{ spi, ...keys }];
  server.bend = (payloads, message): Payload[] => {
    if (message === 4) return payloads;
    const [nonce] = payloads;
    const sat = { kind: "SAT", protocolId: 3, iec61850: { ...gcm, ...tek } } as const;
    return [...(nonce ? [nonce] : []), buildSa([server.sak(), sat])];
  };
  return bench.start();
}

describe("a member", () => {
  test("installs a TEK of a counter mode without a SID, which RFC 8052 does not ask for", () => {
    const bench = given({});
    expect(bench.view).toMatchObject({ state: "registered", teks: [{ protocol: "IEC_61850" }] });
  });

  test("waits as long as SA_ATD says, whatever the GAP says", () => {
    const bench = given({});
    const next = { ...gcm, spi: u32(0x55), attributes: [{ type: 1, value: u32(3_300) }] };
    const keys = { spi: next.spi, algorithmKey: new Uint8Array(20) };
    const gap = { kind: "GAP", attributes: [{ type: 1, value: 5 }] } as const;
    const sa = buildSa([gap, { kind: "SAT", protocolId: 3, iec61850: next }]);
    const outputs = bench.receive(bench.server.push([sa, buildKd({ teks: [keys] })]));
    expect(sadIn(outputs)).toMatchObject([{ change: "install", sa: { activateAt: bench.now + 3_300_000 } }]);
  });

  test("keeps a TEK that does not expire, and shows no end of it", () => {
    const bench = given({ remainingLifetime: 0 });
    const { oid, ...shown } = bench.view.teks[0] ?? {};
    expect(shown).toEqual({ spi: "11223344", protocol: "IEC_61850", activateAt: bench.now });
    expect(oid).toBe("1.2.840.10070.61850.8.1.2");
    bench.pass(3_600_000 * 20);
    expect(bench.view.teks).toHaveLength(1);
  });

  test("shows how many have the key, as the key server told it", () => {
    const bench = given({ attributes: [{ type: 2, value: 95 }], oidSpecificPayload: fromHex("0404efc00001") });
    expect(bench.view.teks).toMatchObject([{ keyDeliveryAssurance: 95, selector: "0404efc00001" }]);
    const [install] = sadIn(bench.outputs);
    expect(install).toMatchObject({ sa: { iec61850: { keyDeliveryAssurance: 95, encAlg: 4 } } });
    const told = { ...gcm, oidSpecificPayload: fromHex("0404efc00001"), attributes: [{ type: 2, value: 100 }] };
    const sa = buildSa([{ kind: "SAT", protocolId: 3, iec61850: told }]);
    bench.receive(bench.server.push([sa, buildKd({ teks: [{ spi, algorithmKey: new Uint8Array(20) }] })]));
    expect(bench.view.teks).toMatchObject([{ keyDeliveryAssurance: 100 }]);
  });

  test("has a stream's keys until the last of them ends, and asks again before", () => {
    const bench = given({ remainingLifetime: 600 });
    const next = { ...gcm, spi: u32(0x55), remainingLifetime: 3_600, attributes: [{ type: 1, value: u32(500) }] };
    const sa = buildSa([{ kind: "SAT", protocolId: 3, iec61850: next }]);
    bench.receive(bench.server.push([sa, buildKd({ teks: [{ spi: next.spi, algorithmKey: new Uint8Array(20) }] })]));
    expect(bench.view.reregisterAt).toBeGreaterThan(bench.now + 2_800_000);
    bench.pass(601_000);
    expect(bench.view.teks).toMatchObject([{ spi: "00000055" }]);
  });

  test("takes a key without salt, and an OID in its contents octets only", () => {
    const bench = given({ oidForm: "contents" }, { algorithmKey: new Uint8Array(16) });
    expect(bench.view.state).toBe("registered");
    const noted = bench.outputs.flatMap((output) => (output.out === "event" ? [output.event] : []));
    expect(noted.find(({ kind }) => kind === "gm.tek-noted")).toMatchObject({
      level: "info",
      reason: expect.stringMatching(/contents octets only.*no salt/) as string,
    });
  });

  test("takes a stream without protection, and warns of it", () => {
    const bench = given({ encAlg: 1 }, {});
    expect(bench.view.state).toBe("registered");
    const warned = bench.outputs.flatMap((output) => (output.out === "event" ? [output.event] : []));
    expect(warned.find(({ kind }) => kind === "gm.tek-noted")).toMatchObject({ level: "warning" });
  });

  test.each<[string, Partial<Iec61850Tek>]>([
    ["a cipher that nothing authenticates", { encAlg: 2 }],
    ["an algorithm without a definition", { authAlg: 9 }],
    ["a selector that is no DER", { oidSpecificPayload: fromHex("ff") }],
    ["a selector of 60 000 octets", { oidSpecificPayload: new Uint8Array(60_000) }],
    ["an attribute without a definition", { attributes: [{ type: 7, value: 1 }] }],
  ])("refuses %s, tells the key server, and installs nothing", (_, tek) => {
    const bench = given(tek);
    expect(bench.view.state).not.toBe("registered");
    expect(bench.view.teks).toEqual([]);
    expect(bench.view.lastError).toMatch(/Enc Alg|Auth Alg|OID-Specific Payload|attribute 7/);
  });

  test("refuses keys of another length", () => {
    const bench = given({}, { algorithmKey: new Uint8Array(24) });
    expect(bench.view.lastError).toContain("keys of 24 and 0 octets");
  });
});
