import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ScriptedKeyServer } from "../../../test/support/scripted-key-server.ts";
import { u32 } from "../../util/octets.ts";
import { decodeChain, encodeChain, payloadType } from "../../wire/message.ts";
import type { GdoiSaPayload, KdPayload, SaAttributePayload } from "../../wire/payloads.ts";
import { buildKd, readKd } from "../key-packets.ts";
import { KeyTree } from "../lkh/tree.ts";
import { buildGap, buildSa } from "../policy-payloads.ts";
import { matchKek, matchTeks, readContents } from "./download.ts";

const server = new ScriptedKeyServer();
const { env } = server;
const tree = KeyTree.create({ depth: 3, keyBits: 128 }, env);
const leaf = tree.join(env) ?? 0;
for (let i = 0; i < 5; i++) tree.join(env);
const path = tree.path(leaf);
const { arrays } = tree.evict([leaf + 2], env);

const policy = buildSa([
  server.sak(server.kek, { management: "lkh" }),
  buildGap({ activationSeconds: 1 }),
  ...server.teks.map((tek) => server.sat(tek)),
]);
const keys = buildKd({
  lkh: { spi: server.kek.spi, updates: arrays, publicKey: server.signer.publicKey },
  teks: server.teks,
});

/** Judges an SA and a KD as the member does; says what was refused first. */
function judge(sa: GdoiSaPayload, kd: KdPayload): string {
  const contents = readContents(sa, "push");
  if (!contents.ok) return contents.error.message;
  const download = readKd(kd, "push");
  if (!download.ok) return download.error.message;
  const kek = matchKek(contents.value.rekey, download.value, path, env);
  if (!kek.ok) return kek.error.message;
  const teks = matchTeks(contents.value, download.value, "push");
  return teks.ok ? kek.value.kek : teks.error.message;
}

const withAttributes = (change: (list: readonly SaAttributePayload[]) => SaAttributePayload[]): GdoiSaPayload => ({
  ...policy,
  attributes: change(policy.attributes),
});

test("what is right is taken", () => {
  expect(judge(policy, keys)).toBe("new");
});

describe("refused, with the reason", () => {
  const [sak, gap, sat] = policy.attributes;
  if (sak?.kind !== "SAK" || gap?.kind !== "GAP" || sat?.kind !== "SAT" || sat.body === undefined)
    throw new Error("test");
  const { body } = sat;
  const set = (type: number, value: number | Uint8Array) => ({
    ...sak,
    attributes: [...sak.attributes.filter((a) => a.type !== type), { type, value }],
  });
  test.each<[string, GdoiSaPayload, KdPayload, RegExp]>([
    ["DES", withAttributes(() => [set(2, 1), gap, sat]), keys, /KEK_ALG_AES/],
    ["a KEK of 100 bits", withAttributes(() => [set(3, 100), gap, sat]), keys, /KEK_KEY_LENGTH/],
    [
      "RSA with SHA-1",
      withAttributes(() => [
        { ...set(6, 1), attributes: [...set(6, 1).attributes.filter((a) => a.type !== 5), { type: 5, value: 2 }] },
        gap,
        sat,
      ]),
      keys,
      /not supported/,
    ],
    ["another key management", withAttributes(() => [set(1, 7), gap, sat]), keys, /KEK_MANAGEMENT/],
    ["an unknown SAK attribute", withAttributes(() => [set(99, 1), gap, sat]), keys, /attribute 99/],
    [
      "an unknown GAP attribute",
      withAttributes(() => [sak, { ...gap, attributes: [{ type: 9, value: 1 }] }, sat]),
      keys,
      /GAP has attribute 9/,
    ],
    ["the wrong order", withAttributes(() => [gap, sak, sat]), keys, /out of order/],
    ["two SAKs", withAttributes(() => [sak, sak, sat]), keys, /twice/],
    ["nothing", withAttributes(() => []), keys, /neither SAK nor SAT/],
    ["two TEKs with one SPI", withAttributes(() => [sak, sat, sat]), keys, /one SPI/],
    ["DES for data", withAttributes(() => [sak, { ...sat, body: { ...body, transformId: 2 } }]), keys, /transform 2/],
    [
      "CBC without authentication",
      withAttributes(() => [sak, { ...sat, body: { ...body, transformId: 12 } }]),
      keys,
      /without authentication/,
    ],
    ["DOI 1", { ...policy, doi: 1 }, keys, /DOI 1/],
    [
      "a TEK without keys",
      policy,
      buildKd({ lkh: { spi: server.kek.spi, updates: arrays }, teks: [] }),
      /no keys for the TEK/,
    ],
    [
      "keys without a TEK",
      policy,
      buildKd({
        lkh: { spi: server.kek.spi, updates: arrays },
        teks: [...server.teks, { spi: u32(1), algorithmKey: new Uint8Array(20) }],
      }),
      /no SAT names/,
    ],
    [
      "short keys",
      policy,
      buildKd({
        lkh: { spi: server.kek.spi, updates: arrays },
        teks: server.teks.map((t) => ({ ...t, algorithmKey: new Uint8Array(16) })),
      }),
      /do not fit/,
    ],
    [
      "a KEK for another SPI",
      policy,
      buildKd({ lkh: { spi: new Uint8Array(16), updates: arrays }, teks: server.teks }),
      /another SPI/,
    ],
    ["a SAK without KEK", policy, buildKd({ teks: server.teks }), /without KEK/],
    ["a KEK without SAK", withAttributes(() => [sat]), keys, /without a SAK/],
    [
      "a download array in a push",
      policy,
      buildKd({ lkh: { spi: server.kek.spi, updates: [], download: tree.downloadArray(leaf) }, teks: server.teks }),
      /LKH_DOWNLOAD_ARRAY/,
    ],
    ["SIDs in a push", policy, buildKd({ teks: server.teks, sids: { bits: 16, values: [1] } }), /SIDs/],
    [
      "a KEK that is not the LKH root",
      policy,
      buildKd({ kek: server.kekKeys(), lkh: { spi: server.kek.spi, updates: arrays }, teks: server.teks }),
      /root is not the KEK/,
    ],
    [
      "a public key that is none",
      policy,
      buildKd({ lkh: { spi: server.kek.spi, updates: arrays, publicKey: new Uint8Array(9) }, teks: server.teks }),
      /SIG_ALGORITHM_KEY/,
    ],
  ])("%s", (_name, sa, kd, reason) => {
    expect(judge(sa, kd)).toMatch(reason);
  });
});

test("LKH keys of another size are refused before any is used", () => {
  const odd = arrays.map((a) => ({ ...a, keys: a.keys.map((k) => ({ ...k, data: new Uint8Array(48) })) }));
  expect(judge(policy, buildKd({ lkh: { spi: server.kek.spi, updates: odd }, teks: server.teks }))).toMatch(
    /48 octets/,
  );
});

test("any mutation of policy and keys is judged without an exception", () => {
  const whole = encodeChain([policy, keys]);
  const change = fc.record({ at: fc.nat(whole.length - 1), to: fc.integer({ min: 0, max: 255 }) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const octets = whole.slice();
      for (const { at, to } of changes) octets[at] = to;
      const chain = decodeChain(payloadType(policy), octets, 0, "gdoi", "none");
      if (!chain.ok) return;
      const [sa, kd] = chain.value.payloads.map((p) => p.payload);
      if (sa?.kind === "GDOI-SA" && kd?.kind === "KD") expect(typeof judge(sa, kd)).toBe("string");
    }),
    { seed: 1, numRuns: 5_000 },
  );
});
