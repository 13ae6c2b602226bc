import { describe, expect, test } from "vitest";
import type { Attribute, SaPayload } from "../wire/payloads.ts";
import { acceptAnswer, answerPayload, choose, offerPayload, proposalText, readTransform } from "./proposals.ts";
import type { Phase1Proposal } from "./types.ts";

const strong: Phase1Proposal = { cipher: "aes-cbc", keyBits: 256, hash: "sha384", group: 20, authentication: "psk" };
const other: Phase1Proposal = { cipher: "aes-cbc", keyBits: 128, hash: "sha256", group: 14, authentication: "rsa" };

const transform = (attributes: readonly Attribute[], id = 1) => ({ number: 1, id, attributes });
const whole: readonly Attribute[] = [
  { type: 1, value: 7 },
  { type: 14, value: 256 },
  { type: 2, value: 5 },
  { type: 3, value: 1 },
  { type: 4, value: 20 },
];
const sa = (...transforms: SaPayload["proposals"][number]["transforms"]): SaPayload => ({
  kind: "SA",
  doi: 2,
  situation: 1,
  proposals: [{ number: 1, protocolId: 1, spi: new Uint8Array(0), transforms }],
});

describe("a transform", () => {
  test("says the same in another order and in the other attribute format", () => {
    const reordered: Attribute[] = [...whole].reverse().map(({ type, value }) => ({
      type,
      value: Uint8Array.of(0, 0, Number(value) >>> 8, Number(value) & 0xff),
    }));
    for (const attributes of [whole, reordered]) {
      expect(readTransform(transform(attributes))).toEqual({
        ok: true,
        value: { proposal: strong, lifeSeconds: undefined },
      });
    }
  });

  test("may give its life in seconds, in kilobytes, or both", () => {
    const life = (type: number, duration: number): Attribute[] => [
      { type: 11, value: type },
      { type: 12, value: duration },
    ];
    const seconds = (...attributes: Attribute[]) => {
      const read = readTransform(transform([...whole, ...attributes]));
      return read.ok ? read.value.lifeSeconds : read.error;
    };
    expect(seconds(...life(1, 600))).toBe(600);
    expect(seconds(...life(2, 600))).toBeUndefined();
    expect(seconds(...life(2, 9000), ...life(1, 700))).toBe(700);
    expect(seconds(...life(3, 1))).toBe("LIFE_TYPE 3 is unknown");
    expect(seconds({ type: 12, value: 5 })).toBe("LIFE_DURATION without LIFE_TYPE before it");
  });

  test.each([
    ["an unknown encryption algorithm", [{ type: 1, value: 77 }], "encryption algorithm 77 is not supported"],
    ["3DES", [{ type: 1, value: 5 }], "encryption algorithm TDES_CBC (5) is not supported"],
    ["no encryption algorithm", [], "no encryption algorithm given"],
    ["AES without a key length", [{ type: 1, value: 7 }], "AES_CBC without KEY_LENGTH"],
    ["a negotiated prf", [...whole, { type: 13, value: 2 }], "attribute PRF (13) is not supported"],
    ["an attribute twice", [...whole, { type: 2, value: 4 }], "attribute HASH_ALGORITHM (2) occurs twice"],
    ["a group type that does not fit", [...whole, { type: 5, value: 1 }], "GROUP_TYPE 1 does not fit group ECP_384"],
    ["a value of nine octets", [{ type: 1, value: new Uint8Array(9) }], /too long/],
  ] as const)("with %s is refused, and named", (_, attributes, why) => {
    const read = readTransform(transform(attributes));
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.error).toMatch(why);
  });

  test.each([
    ["MD5", 2, 1, "hash algorithm MD5 (1) is not supported"],
    ["SHA-1", 2, 2, "hash algorithm SHA (2) is not supported"],
    ["MODP 1024", 4, 2, "group MODP_1024 (2) is not supported"],
    ["MODP 1536", 4, 5, "group MODP_1536 (5) is not supported"],
    ["DSS", 3, 2, "authentication method DSS (2) is not supported"],
  ])("with %s is refused, and named", (_, type, value, why) => {
    const read = readTransform(transform(whole.map((one) => (one.type === type ? { type, value } : one))));
    expect(read).toEqual({ ok: false, error: why });
  });
});

describe("a responder", () => {
  test("takes the first of the initiator's transforms that it accepts, and answers it unchanged", () => {
    const offer = offerPayload([{ ...strong, keyBits: 192 }, strong, other], 2, 3600);
    const choice = choose(offer, [other, strong]);
    if (!choice.ok) throw new Error(choice.error);
    expect(choice.value.proposal).toBe(strong);
    expect(choice.value.lifeSeconds).toBe(3600);
    const answer = answerPayload(2, choice.value);
    expect(answer.proposals).toEqual([{ ...offer.proposals[0], transforms: [offer.proposals[0]?.transforms[1]] }]);
  });

  test("says of every refused transform what it does not accept", () => {
    const offer = offerPayload([strong, other], 2, 3600);
    expect(choose(offer, [{ ...strong, group: 19 }])).toEqual({
      ok: false,
      error: "group ECP_384 (20) is not allowed here; authentication method rsa is not allowed here",
    });
    expect(choose({ ...offer, proposals: [] }, [strong])).toEqual({ ok: false, error: "no transform offered" });
  });

  test("names a combination that is not allowed though each of its parts is", () => {
    const mixed = { ...strong, group: 14 };
    const answer = choose(offerPayload([mixed], 2, 1), [strong, { ...other, authentication: "psk" }]);
    expect(answer).toEqual({ ok: false, error: `combination ${proposalText(mixed)} is not allowed here` });
  });

  test("keeps its reasons short for an offer of many transforms", () => {
    const many = Array.from({ length: 50 }, (_, n) => transform([{ type: 1, value: 100 + n }]));
    const answer = choose(sa(...many), [strong]);
    expect(answer.ok ? "" : answer.error).toMatch(/; and 46 more$/);
  });
});

describe("an initiator", () => {
  test("takes an answer by its meaning", () => {
    const reordered = [...whole].reverse();
    expect(acceptAnswer(sa(transform(reordered)), [other, strong])).toMatchObject({ ok: true });
  });

  test.each([
    ["nothing", sa()],
    ["two transforms", sa(transform(whole), transform(whole))],
    ["another transform ID", sa(transform(whole, 2))],
    ["what was not offered", sa(transform(whole.map((one) => (one.type === 14 ? { type: 14, value: 128 } : one))))],
  ])("refuses an answer with %s", (_, answer) => {
    expect(acceptAnswer(answer, [strong]).ok).toBe(false);
  });
});
