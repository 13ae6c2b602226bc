import { describe, expect, test } from "vitest";
import { AuthAlg, EncAlg } from "../iana/gdoi.ts";
import { NotifyType } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import { fromHex, hex, u32 } from "../util/octets.ts";
import { oidOctets } from "../util/oid.ts";
import type { Result } from "../util/result.ts";
import { decodeChain, encodeChain } from "../wire/message.ts";
import type { Attribute, Iec61850Tek, Payload, SaTekPayload } from "../wire/payloads.ts";
import { iec61850TekPolicy } from "./iec61850.ts";
import { iec61850Protection } from "./iec61850-algorithms.ts";
import { buildKd, readKd } from "./key-packets.ts";
import type { Iec61850TekPolicy } from "./policy.ts";
import { buildSa } from "./policy-payloads.ts";
import { buildSat, fitKeys, readSat, type TekDescription } from "./tek-payloads.ts";

const oid = oidOctets("1.2.840.10070.61850.8.1.2") ?? new Uint8Array();
const oidSpecificPayload = fromHex("0404e9fc0001");
const spi = fromHex("11223344");

function good<T, E>(result: Result<T, E>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function policy(authAlg: number, encAlg: number): Result<Iec61850TekPolicy, { readonly code: string }> {
  return iec61850TekPolicy({ name: "goose", oid, oidSpecificPayload, authAlg, encAlg, lifetimeSeconds: 3600 });
}

/** The payloads of a chain that begins with type `first`, as they come out of its octets. */
function travelled<P extends Payload>(payload: P, first: number): P {
  const [received] = good(decodeChain(first, encodeChain([payload]), 0, "gdoi", "none")).payloads;
  if (received?.payload.kind !== payload.kind) throw new Error("another payload came");
  return received.payload as P;
}

function readBack(sat: SaTekPayload): Result<TekDescription | undefined, unknown> {
  const [received] = travelled(buildSa([sat]), 1).attributes;
  if (received?.kind !== "SAT") throw new Error("no SAT");
  return readSat(received);
}

function sat(changes: Partial<Iec61850Tek> = {}): SaTekPayload {
  const tek = { oid, oidSpecificPayload, spi, authAlg: 1, encAlg: 4, remainingLifetime: 3600, attributes: [] };
  return { kind: "SAT", protocolId: 3, iec61850: { ...tek, ...changes } };
}

/** Octets of TEK_ALGORITHM_KEY and TEK_INTEGRITY_KEY by RFC 8052 2.3; no entry: the combination is refused. */
const octets: Readonly<Record<string, readonly [number, number]>> = {
  "NONE NONE": [0, 0],
  "NONE AES_GCM_128": [20, 0],
  "NONE AES_GCM_256": [36, 0],
  "HMAC_SHA256_128 NONE": [0, 32],
  "HMAC_SHA256_128 AES_CBC_128": [16, 32],
  "HMAC_SHA256_128 AES_CBC_256": [32, 32],
  "HMAC_SHA256 NONE": [0, 32],
  "HMAC_SHA256 AES_CBC_128": [16, 32],
  "HMAC_SHA256 AES_CBC_256": [32, 32],
  "AES_GMAC_128 NONE": [0, 20],
  "AES_GMAC_128 AES_CBC_128": [16, 20],
  "AES_GMAC_128 AES_CBC_256": [32, 20],
  "AES_GMAC_256 NONE": [0, 36],
  "AES_GMAC_256 AES_CBC_128": [16, 36],
  "AES_GMAC_256 AES_CBC_256": [32, 36],
};
const combinations = Object.values(AuthAlg).flatMap((authAlg) =>
  Object.values(EncAlg).map((encAlg) => ({
    authAlg,
    encAlg,
    name: `${nameOf(AuthAlg, authAlg)} ${nameOf(EncAlg, encAlg)}`,
  })),
);

describe("a combination of algorithms", () => {
  const allowed = combinations.filter(({ name }) => octets[name] !== undefined);
  const forbidden = combinations.filter(({ name }) => octets[name] === undefined);

  test("is one of fifteen", () => {
    expect([allowed.length, forbidden.length]).toEqual([15, 10]);
  });

  test.each(allowed)(
    "$name goes from policy to SAT, KD and back with keys of its lengths",
    ({ authAlg, encAlg, name }) => {
      const [algorithm = 0, integrity = 0] = octets[name] ?? [];
      const made = good(policy(authAlg, encAlg));
      expect([made.algorithmKeyOctets, made.authentication?.keyOctets ?? 0]).toEqual([algorithm, integrity]);
      const description = good(readBack(buildSat(made, spi, 1800)));
      const counterMode = /G(CM|MAC)/.test(name);
      expect(made.counterMode).toBe(counterMode);
      expect(description).toMatchObject({
        protocolId: 3,
        spi,
        lifetimeSeconds: 1800,
        counterMode,
        algorithmKeyOctets: algorithm,
        integrityKeyOctets: integrity,
        iec61850: { oid, oidSpecificPayload, authAlg, encAlg, unprotected: name === "NONE NONE" },
      });
      const algorithmKey = algorithm > 0 ? { algorithmKey: new Uint8Array(algorithm).fill(1) } : {};
      const integrityKey = integrity > 0 ? { integrityKey: new Uint8Array(integrity).fill(2) } : {};
      const sent = { spi, ...algorithmKey, ...integrityKey };
      const [keys] = good(readKd(travelled(buildKd({ teks: [sent] }), 17), "pull")).teks;
      expect(keys).toEqual(sent);
      expect(description && keys && fitKeys(description, keys)).toEqual({ ok: true, value: [] });
    },
  );

  test.each(forbidden)("$name is refused as policy and when it comes in a SAT", ({ authAlg, encAlg, name }) => {
    const cbc = name.includes("CBC");
    const error = {
      code: cbc ? "weak" : "unsupported",
      notify: cbc ? NotifyType.NO_PROPOSAL_CHOSEN : NotifyType.ATTRIBUTES_NOT_SUPPORTED,
      section: "RFC 8052 2.2.3",
    };
    expect(policy(authAlg, encAlg)).toMatchObject({ ok: false, error });
    expect(readBack(sat({ authAlg, encAlg }))).toMatchObject({ ok: false, error });
  });

  test("of nothing and nothing is allowed and pointed out", () => {
    expect(good(readBack(sat({ encAlg: 1 })))?.notes).toEqual([
      "Auth Alg and Enc Alg are NONE: the stream is not protected",
    ]);
    expect(iec61850Protection(1, 1)).toMatchObject({ ok: true, value: { unprotected: true } });
  });

  test.each([
    [0, 4, "2.2.2", /Auth Alg 0 is reserved/],
    [6, 1, "2.2.2", /Auth Alg 6 is not supported/],
    [61_440, 1, "2.2.2", /Auth Alg 61440 is not supported/],
    [1, 0, "2.2.3", /Enc Alg 0 is reserved/],
    [2, 6, "2.2.3", /Enc Alg 6 is not supported/],
  ])(
    "%i and %i, which have no definition, is kept on the wire and refused with the reason",
    (authAlg, encAlg, section, message) => {
      const error = { code: "unsupported", section: `RFC 8052 ${section}`, message: expect.stringMatching(message) };
      expect(readBack(sat({ authAlg, encAlg }))).toMatchObject({ ok: false, error });
      expect(policy(authAlg, encAlg)).toMatchObject({ ok: false, error });
    },
  );
});

describe("keys", () => {
  const description = (authAlg: number, encAlg: number) => {
    const read = good(readBack(sat({ authAlg, encAlg })));
    if (read === undefined) throw new Error("not read");
    return read;
  };
  const of = (algorithm: number, integrity: number) => ({
    ...(algorithm > 0 && { algorithmKey: new Uint8Array(algorithm) }),
    ...(integrity > 0 && { integrityKey: new Uint8Array(integrity) }),
  });

  test.each([
    [1, 4, 16, 0, "TEK_ALGORITHM_KEY has no salt"],
    [1, 5, 32, 0, "TEK_ALGORITHM_KEY has no salt"],
    [4, 2, 16, 16, "TEK_INTEGRITY_KEY has no salt"],
    [5, 1, 0, 32, "TEK_INTEGRITY_KEY has no salt"],
  ])(
    "of Auth Alg %i and Enc Alg %i are taken without salt, which is noted",
    (authAlg, encAlg, algorithm, integrity, note) => {
      expect(fitKeys(description(authAlg, encAlg), of(algorithm, integrity))).toEqual({ ok: true, value: [note] });
    },
  );

  test.each([
    [1, 4, 32, 0],
    [1, 4, 36, 0],
    [1, 4, 20, 32],
    [1, 4, 0, 0],
    [2, 1, 0, 28],
    [2, 1, 32, 0],
    [2, 2, 12, 32],
    [3, 3, 16, 32],
    [1, 1, 16, 0],
  ])("of Auth Alg %i and Enc Alg %i are not %i and %i octets long", (authAlg, encAlg, algorithm, integrity) => {
    expect(fitKeys(description(authAlg, encAlg), of(algorithm, integrity))).toMatchObject({
      ok: false,
      error: { code: "mismatch", section: "RFC 8052 2.3" },
    });
  });
});

describe("SA Data Attributes", () => {
  const ATD = { type: 1, value: u32(3300) };
  const KDA = { type: 2, value: 75 };

  test("are sent as the registry has them, SA_ATD first", () => {
    const built = buildSat(good(policy(1, 4)), spi, 60, { activationSeconds: 3300, keyDeliveryAssurance: 75 });
    expect(built.iec61850?.attributes).toEqual([ATD, KDA]);
    expect(good(readBack(built))).toMatchObject({
      activationSeconds: 3300,
      iec61850: { keyDeliveryAssurance: 75 },
      notes: [],
    });
    expect(buildSat(good(policy(1, 4)), spi, 60).iec61850?.attributes).toEqual([]);
  });

  test.each<[string, Attribute[], string[]]>([
    ["in the other order", [KDA, ATD], []],
    ["with SA_ATD basic", [{ type: 1, value: 3300 }, KDA], ["SA_ATD has not four octets"]],
    ["with SA_ATD of two octets", [{ type: 1, value: fromHex("0ce4") }, KDA], ["SA_ATD has not four octets"]],
    [
      "with SA_ATD of eight octets",
      [{ type: 1, value: fromHex("0000000000000ce4") }, KDA],
      ["SA_ATD has not four octets"],
    ],
    ["with SA_KDA variable", [ATD, { type: 2, value: fromHex("4b") }], ["SA_KDA is not a basic attribute"]],
  ])("are taken %s, and what is unusual is noted", (_, attributes, notes) => {
    const read = good(readBack(sat({ attributes })));
    expect(read).toMatchObject({ activationSeconds: 3300, iec61850: { keyDeliveryAssurance: 75 }, notes });
  });

  test.each<[string, Attribute[], string]>([
    ["an attribute without a definition", [{ type: 3, value: 1 }], "unsupported"],
    ["SA_ATD twice", [ATD, ATD], "malformed"],
    ["SA_KDA twice in both formats", [KDA, { type: 2, value: fromHex("4b") }], "malformed"],
    ["SA_ATD without a value", [{ type: 1, value: new Uint8Array() }], "malformed"],
    ["SA_ATD beyond four octets", [{ type: 1, value: fromHex("0100000000") }], "malformed"],
    ["SA_KDA above 100", [{ type: 2, value: 101 }], "malformed"],
  ])("are refused with %s", (_, attributes, code) => {
    expect(readBack(sat({ attributes }))).toMatchObject({ ok: false, error: { code, section: "RFC 8052 2.2.4" } });
  });

  test("say 0 and 100 percent, and no delay", () => {
    for (const percent of [0, 100]) {
      const attributes = [
        { type: 1, value: u32(0) },
        { type: 2, value: percent },
      ];
      expect(good(readBack(sat({ attributes })))).toMatchObject({
        activationSeconds: 0,
        iec61850: { keyDeliveryAssurance: percent },
      });
    }
  });
});

describe("a SAT of IEC 61850", () => {
  test("with a lifetime of 0 does not expire", () => {
    expect(good(readBack(sat({ remainingLifetime: 0 })))?.lifetimeSeconds).toBe(Number.POSITIVE_INFINITY);
  });

  test("with an OID in its contents octets only says so", () => {
    expect(good(readBack(sat({ oidForm: "contents" })))?.notes).toEqual([
      "the OID has its contents octets only, without tag and length",
    ]);
  });

  test("keeps its body as it came, for the data plane", () => {
    const body = "0d060b2a8648ce5683e31a08010200060404e9fc0001 11223344 0001 0004 00000e10";
    expect(hex(good(readBack(sat()))?.policy ?? new Uint8Array())).toBe(hex(fromHex(body)));
  });

  test.each([
    ["that is no DER", fromHex("ffffff"), "malformed"],
    ["that is cut off", fromHex("0404e9fc00"), "malformed"],
    ["of two elements", fromHex("0404e9fc00010500"), "malformed"],
    ["of 60 000 octets", new Uint8Array(60_000), "unsupported"],
  ])("is refused with an OID-Specific Payload %s", (_, payload, code) => {
    const error = { code, section: "RFC 8052 2.2" };
    expect(readBack(sat({ oidSpecificPayload: payload }))).toMatchObject({ ok: false, error });
    const terms = { name: "x", oid, oidSpecificPayload: payload, authAlg: 1, encAlg: 4, lifetimeSeconds: 1 };
    expect(iec61850TekPolicy(terms)).toMatchObject({ ok: false, error });
  });

  test("of another protocol is still carried and not interpreted", () => {
    expect(readSat({ kind: "SAT", protocolId: 7, opaque: fromHex("aa") })).toEqual({ ok: true, value: undefined });
  });
});

/** RFC 8052 figure 9, octet by octet. */
const figure9 = fromHex(
  [
    "00 00", // Next Payload, RESERVED
    "00 6a", // Payload Length: 4 + 4 + 65 + 33 = 106
    "00 02 00 00", // Number of Key Packets, RESERVED2
    "01 00", // KD Type: TEK, RESERVED
    "00 41", // Key Packet Length: 4 + 1 + 4 + 4 + 32 + 4 + 16 = 65
    "04 00 00 00 01", // SPI Size, SPI
    "00 02 00 20", // TEK_INTEGRITY_KEY, 32 octets
    "a1".repeat(32), // HMAC-SHA256 key
    "00 01 00 10", // TEK_ALGORITHM_KEY, 16 octets
    "b2".repeat(16), // AES-CBC-128 key
    "01 00", // KD Type: TEK, RESERVED
    "00 21", // Key Packet Length: 4 + 1 + 4 + 4 + 20 = 33
    "04 00 00 00 02", // SPI Size, SPI
    "00 01 00 14", // TEK_ALGORITHM_KEY, 20 octets
    "c3".repeat(16), // AES-GCM-128 key
    "d4".repeat(4), // salt
  ].join(""),
);

test("the KD payload of figure 9 has the keys of the SATs of figure 8", () => {
  const [received] = good(decodeChain(17, figure9, 0, "gdoi", "none")).payloads;
  if (received?.payload.kind !== "KD") throw new Error("no KD");
  const { teks } = good(readKd(received.payload, "pull"));
  const descriptions = [
    good(readBack(sat({ spi: u32(1), authAlg: AuthAlg.HMAC_SHA256_128, encAlg: EncAlg.AES_CBC_128 }))),
    good(readBack(sat({ spi: u32(2), authAlg: AuthAlg.NONE, encAlg: EncAlg.AES_GCM_128 }))),
  ];
  expect(teks.map((keys) => hex(keys.spi))).toEqual(["00000001", "00000002"]);
  for (const [i, keys] of teks.entries()) {
    const description = descriptions[i];
    expect(description && fitKeys(description, keys)).toEqual({ ok: true, value: [] });
  }
  expect([hex(teks[1]?.algorithmKey ?? new Uint8Array())]).toEqual(["c3".repeat(16) + "d4".repeat(4)]);
});
