import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Result } from "../util/result.ts";
import type { Proposal, SaPayload, Transform } from "../wire/ikev2/payloads.ts";
import {
  acceptEsp,
  acceptIke,
  answer,
  chooseEsp,
  chooseIke,
  espOffer,
  firstEspGroup,
  firstIkeGroup,
  groupAskedFor,
  groupToAskFor,
  ikeOffer,
} from "./proposals.ts";
import {
  type EspProposal,
  encryptions,
  espSuiteText,
  type Group,
  groups,
  type IkeProposal,
  ikeSuiteText,
  integrities,
  prfs,
} from "./suite.ts";
import { parseEspProposal, parseIkeProposal } from "./suite-names.ts";

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
const ike = (...texts: string[]): IkeProposal[] => texts.map((text) => value(parseIkeProposal(text)));
const esp = (...texts: string[]): EspProposal[] => texts.map((text) => value(parseEspProposal(text)));
const noSpi = new Uint8Array(0);
const spiA = Uint8Array.of(0xc0, 1, 2, 3);
const spiB = Uint8Array.of(0xc0, 4, 5, 6);

function group(name: string): Group {
  const found = groups.find((one) => one.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

const t = (type: number, id: number, ...attributes: Transform["attributes"]): Transform => ({ type, id, attributes });
const bits = (length: number | Uint8Array) => ({ type: 14, value: length });
const gcm256 = t(1, 20, bits(256));
const cbc128 = t(1, 12, bits(128));
const sha256 = t(3, 12);
const prf = t(2, 5);
const x25519 = t(4, 31);
const noEsn = t(5, 0);
const proposal = (transforms: Transform[], over: Partial<Proposal> = {}): Proposal => ({
  number: 1,
  protocolId: 1,
  spi: noSpi,
  transforms,
  ...over,
});
const sa = (...proposals: Proposal[]): SaPayload => ({ kind: "SA", proposals });
const espSa = (...transforms: Transform[]) => sa(proposal(transforms, { protocolId: 3, spi: spiA }));

const chosenIke = (offer: SaPayload, policy: readonly IkeProposal[], keGroup?: number): string => {
  const choice = chooseIke(offer, policy, 0, keGroup);
  return choice.ok ? ikeSuiteText(choice.value.suite) : choice.error;
};
const chosenEsp = (offer: SaPayload, policy: readonly EspProposal[], keGroup?: number): string => {
  const choice = chooseEsp(offer, policy, "CREATE_CHILD_SA", keGroup);
  return choice.ok ? espSuiteText(choice.value.suite) : choice.error;
};

describe("an offer", () => {
  test("has a proposal for each of the policy, numbered from 1, and the transforms in order of preference", () => {
    const policy = ike(
      "aes-gcm-16-256, chacha20-poly1305 / prf-hmac-sha384 / curve25519, ecp-384",
      "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
    );
    expect(ikeOffer(policy, noSpi)).toEqual(
      sa(
        proposal([gcm256, t(1, 28), t(2, 6), x25519, t(4, 20)]),
        proposal([cbc128, sha256, prf, t(4, 14)], { number: 2 }),
      ),
    );
  });

  test("of a rekey holds the new SPI in each proposal", () => {
    const spi = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const policy = ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519", "aes-gcm-16-128 / prf-hmac-sha256 / ecp-256");
    expect(ikeOffer(policy, spi).proposals.map((one) => one.spi)).toEqual([spi, spi]);
  });

  test("for a Child SA has groups only beside a KE payload, and NONE among them when doing without is allowed", () => {
    const policy = esp("aes-gcm-16-256 / curve25519, no-pfs");
    expect(espOffer(policy, spiA, undefined)).toEqual(espSa(gcm256, t(5, 1), noEsn));
    expect(espOffer(policy, spiA, group("curve25519"))).toEqual(espSa(gcm256, x25519, t(4, 0), t(5, 1), noEsn));
  });

  test("begins with the KE payload of the first group", () => {
    expect(firstIkeGroup(ike("aes-gcm-16-256 / prf-hmac-sha256 / ecp-384, curve25519"))).toEqual(group("ecp-384"));
    expect(firstEspGroup(esp("aes-gcm-16-256 / ecp-384, no-pfs"))).toEqual(group("ecp-384"));
    expect(firstEspGroup(esp("aes-gcm-16-256"))).toBeUndefined();
    expect(firstEspGroup([{ ...value(parseEspProposal("aes-gcm-16-256")), groups: ["none", group("ecp-256")] }])).toBe(
      undefined,
    );
  });
});

describe("a choice", () => {
  const policy = ike(
    "aes-gcm-16-256 / prf-hmac-sha384, prf-hmac-sha256 / curve25519, ecp-384",
    "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
  );

  test("is what we like best, in whatever order the peer offers it", () => {
    const plain = [cbc128, sha256, prf, t(4, 14)];
    const combined = [t(4, 20), x25519, prf, t(2, 6), t(1, 20, bits(128)), gcm256];
    for (const offer of [
      sa(proposal(plain), proposal(combined, { number: 2 })),
      sa(proposal(combined), proposal(plain, { number: 2 })),
    ]) {
      expect(chosenIke(offer, policy)).toBe("aes-gcm-16-256 / prf-hmac-sha384 / curve25519");
    }
  });

  test("is of the group whose KE payload is there, when it is acceptable", () => {
    const offer = sa(proposal([gcm256, prf, x25519, t(4, 20), t(4, 14)]));
    expect(chosenIke(offer, policy, 20)).toBe("aes-gcm-16-256 / prf-hmac-sha256 / ecp-384");
    const other = value(chooseIke(offer, policy, 0, 14));
    expect(groupToAskFor(other, 14)).toBe(31);
    expect(groupToAskFor(other, 31)).toBeUndefined();
  });

  test("is answered with the peer's own transforms, the number of its proposal and our SPI", () => {
    const offer = sa(
      proposal([t(1, 99), prf, x25519]),
      proposal([t(1, 20, bits(Uint8Array.of(0, 0, 1, 0))), t(3, 0), { ...prf, reserved: 7 }, x25519], { number: 2 }),
    );
    const choice = value(chooseIke(offer, policy, 0, 31));
    expect(answer(choice, noSpi)).toEqual(
      sa(proposal([t(1, 20, bits(Uint8Array.of(0, 0, 1, 0))), t(3, 0), prf, x25519], { number: 2 })),
    );
    const rekey = sa(proposal([gcm256, prf, x25519], { spi: new Uint8Array(8).fill(5) }));
    const own = new Uint8Array(8).fill(6);
    const rekeyed = value(chooseIke(rekey, policy, 8, 31));
    expect(rekeyed.spi).toEqual(new Uint8Array(8).fill(5));
    expect(answer(rekeyed, own).proposals[0]?.spi).toEqual(own);
  });

  test("takes a combined mode without integrity or with NONE alone, and no other encryption without it", () => {
    const both = ike(
      "aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
      "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / curve25519",
    );
    const rest = [prf, x25519];
    expect(chosenIke(sa(proposal([gcm256, t(3, 0), ...rest])), both)).toMatch(/^aes-gcm-16-256/);
    expect(chosenIke(sa(proposal([gcm256, sha256, ...rest])), both)).toBe(
      "proposal 1: AUTH_HMAC_SHA2_256_128 (12) is not allowed here",
    );
    // one proposal for both, against 3.3: what can be taken of it is
    expect(chosenIke(sa(proposal([gcm256, cbc128, sha256, ...rest])), both)).toMatch(/^aes-cbc-128 \/ hmac-sha256-128/);
    expect(chosenIke(sa(proposal([cbc128, ...rest])), both)).toBe(
      "proposal 1: no transform of INTEG (3) is not allowed here",
    );
    expect(chosenIke(sa(proposal([cbc128, t(3, 0), ...rest])), both)).toBe("proposal 1: NONE (0) is not allowed here");
  });

  test.each([
    ["its encryption is not allowed", [t(1, 3), prf, x25519], "proposal 1: ENCR_3DES (3) is not allowed here"],
    ["a key length is not allowed", [t(1, 20, bits(192)), prf, x25519], /ENCR_AES_GCM_16 \(20\) with 192 bits is not/],
    ["a key length is missing", [t(1, 20), prf, x25519], "proposal 1: ENCR_AES_GCM_16 (20) is not allowed here"],
    ["a key length stands twice", [t(1, 20, bits(256), bits(256)), prf, x25519], /ENCR_AES_GCM_16/],
    ["a prf has a key length", [gcm256, t(2, 5, bits(256)), x25519], /PRF_HMAC_SHA2_256 \(5\) with 256 bits is not/],
    ["an attribute is unknown", [t(1, 20, { type: 15, value: 256 }), prf, x25519], /ENCR_AES_GCM_16/],
    ["its group is not allowed", [gcm256, prf, t(4, 2)], "proposal 1: MODP_1024 (2) is not allowed here"],
    ["it does without a group", [gcm256, prf, t(4, 0)], "proposal 1: NONE (0) is not allowed here"],
    ["it has no group", [gcm256, prf], "proposal 1: it has no transform of DH (4)"],
    ["it has no prf", [gcm256, x25519], "proposal 1: it has no transform of PRF (2)"],
    [
      "a type is unknown",
      [gcm256, prf, x25519, t(6, 37)],
      "proposal 1: transform type ADDKE1 (6) is not understood here",
    ],
    ["a type is not of IKE", [gcm256, prf, x25519, noEsn], "proposal 1: transform type ESN (5) is not understood here"],
    ["there are no transforms", [], "proposal 1: it has no transform of ENCR (1)"],
  ])("is none when %s", (_, transforms, why) => {
    const said = chosenIke(sa(proposal(transforms)), policy, 31);
    expect(said).toMatch(why);
  });

  test("goes past a transform, an attribute or a proposal that is not understood", () => {
    const offer = sa(
      proposal([gcm256, prf, x25519, t(6, 37)]),
      proposal([t(1, 200), t(1, 20, bits(256), { type: 99, value: 1 }), gcm256, t(2, 77), prf, x25519], { number: 2 }),
    );
    expect(chosenIke(offer, policy, 31)).toBe("aes-gcm-16-256 / prf-hmac-sha256 / curve25519");
    expect(value(chooseIke(offer, policy, 0, 31)).proposal.number).toBe(2);
  });

  test.each([
    ["a wrong number", { number: 2 }, "proposal 2: its number must be 1 (RFC 7296 3.3.1)"],
    ["another protocol", { protocolId: 3 }, "proposal 1: it is for ESP (3), not IKE (1)"],
    ["an SPI in IKE_SA_INIT", { spi: new Uint8Array(8).fill(1) }, "proposal 1: its SPI has 8 octets, not 0"],
  ])("is none of a proposal with %s", (_, over, why) => {
    expect(chosenIke(sa(proposal([gcm256, prf, x25519], over)), policy)).toBe(why);
  });

  test("tells what was wrong with each proposal, and bounded", () => {
    const weak = Array.from({ length: 250 }, (_, i) => proposal([t(1, 100 + i), prf, x25519], { number: i + 1 }));
    const said = chosenIke(sa(...weak), policy);
    expect(said).toMatch(/^proposal 1: 100 \(?.*and 246 more$/);
    const many = Array.from({ length: 250 }, (_, i) => t(1, 100 + i));
    expect(chosenIke(sa(proposal([...many, prf, x25519])), policy)).toMatch(/or 246 more is not allowed here$/);
    expect(chosenIke(sa(), policy)).toBe("nothing was offered");
  });
});

describe("a choice for a Child SA", () => {
  test("needs a transform about sequence numbers, and is none when the kind is not allowed", () => {
    expect(chosenEsp(espSa(gcm256), esp("aes-gcm-16-256"))).toBe("proposal 1: it has no transform of ESN (5)");
    expect(chosenEsp(espSa(gcm256, noEsn), esp("aes-gcm-16-256 / esn"))).toBe(
      "proposal 1: NO_ESN (0) is not allowed here",
    );
    expect(chosenEsp(espSa(gcm256, noEsn, t(5, 1)), esp("aes-gcm-16-256"))).toBe("aes-gcm-16-256 / esn");
    expect(chosenEsp(espSa(gcm256, noEsn), esp("aes-gcm-16-256"))).toBe("aes-gcm-16-256 / no-esn");
  });

  test("has no SPI of zero or of another length", () => {
    const offer = (spi: Uint8Array) => sa(proposal([gcm256, noEsn], { protocolId: 3, spi }));
    expect(chosenEsp(offer(new Uint8Array(4)), esp("aes-gcm-16-256"))).toBe("proposal 1: its SPI is zero");
    expect(chosenEsp(offer(new Uint8Array(8)), esp("aes-gcm-16-256"))).toMatch("its SPI has 8 octets, not 4");
  });

  test("is without a fresh key exchange in IKE_AUTH, even where later ones must have it", () => {
    const policy = esp("aes-gcm-16-256 / curve25519");
    const inAuth = (...transforms: Transform[]) => {
      const choice = chooseEsp(espSa(...transforms), policy, "IKE_AUTH", undefined);
      return choice.ok ? espSuiteText(choice.value.suite) : choice.error;
    };
    expect(inAuth(gcm256, noEsn)).toBe("aes-gcm-16-256 / no-esn");
    expect(inAuth(gcm256, t(4, 0), noEsn)).toBe("aes-gcm-16-256 / no-esn");
    expect(inAuth(gcm256, x25519, noEsn)).toBe("proposal 1: CURVE25519 (31) is not allowed here");
  });

  test("has a group when the policy asks for it, and may do without when both allow it", () => {
    const strict = esp("aes-gcm-16-256 / curve25519");
    const lax = esp("aes-gcm-16-256 / curve25519, no-pfs");
    const never = esp("aes-gcm-16-256");
    const without = espSa(gcm256, noEsn);
    const either = espSa(gcm256, x25519, t(4, 0), noEsn);
    const only = espSa(gcm256, x25519, noEsn);
    expect(chosenEsp(without, strict)).toBe("proposal 1: no transform of DH (4) is not allowed here");
    expect(chosenEsp(without, lax)).toBe("aes-gcm-16-256 / no-esn");
    expect(chosenEsp(either, strict, 31)).toBe("aes-gcm-16-256 / curve25519 / no-esn");
    expect(chosenEsp(either, lax, 31)).toBe("aes-gcm-16-256 / curve25519 / no-esn");
    expect(chosenEsp(either, never, 31)).toBe("aes-gcm-16-256 / no-esn");
    expect(chosenEsp(only, never, 31)).toBe("proposal 1: CURVE25519 (31) is not allowed here");
    // without a KE payload a group is the last resort, since it must be asked for
    expect(chosenEsp(either, lax)).toBe("aes-gcm-16-256 / no-esn");
    expect(groupToAskFor(value(chooseEsp(either, strict, "CREATE_CHILD_SA", undefined)), undefined)).toBe(31);
    expect(value(chooseEsp(either, never, "CREATE_CHILD_SA", 31)).proposal.transforms).toContainEqual(t(4, 0));
  });
});

describe("INVALID_KE_PAYLOAD", () => {
  test("may ask for a group that was offered in any proposal, and for no other", () => {
    const policy = ike(
      "aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
      "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
    );
    expect(groupAskedFor(policy, 14)).toEqual(group("modp-2048"));
    expect(groupAskedFor(policy, 2)).toBeUndefined();
    expect(groupAskedFor(esp("aes-gcm-16-256 / curve25519, no-pfs"), 0)).toBeUndefined();
  });
});

describe("an answer", () => {
  const offered = ike(
    "aes-gcm-16-256, aes-gcm-16-128 / prf-hmac-sha256 / curve25519, ecp-256",
    "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
  );
  const accepted = (answered: SaPayload, ours = "curve25519") => {
    const result = acceptIke(answered, offered, 0, group(ours));
    return result.ok ? ikeSuiteText(result.value.suite) : result.error;
  };

  test("is one suite of what was offered, in whatever order its transforms stand", () => {
    expect(accepted(sa(proposal([x25519, prf, t(1, 20, bits(128))])))).toBe(
      "aes-gcm-16-128 / prf-hmac-sha256 / curve25519",
    );
    expect(accepted(sa(proposal([cbc128, sha256, prf, t(4, 14)], { number: 2 })), "modp-2048")).toBe(
      "aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048",
    );
  });

  test.each([
    ["no proposal", sa(), "the answer has 0 proposals, not one"],
    [
      "two proposals",
      sa(proposal([gcm256, prf, x25519]), proposal([gcm256, prf, x25519], { number: 2 })),
      "the answer has 2 proposals, not one",
    ],
    [
      "two ciphers",
      sa(proposal([gcm256, t(1, 20, bits(128)), prf, x25519])),
      "the answer has 2 transforms of ENCR (1)",
    ],
    ["the same one twice", sa(proposal([gcm256, prf, prf, x25519])), "the answer has 2 transforms of PRF (2)"],
    [
      "a number that was not offered",
      sa(proposal([gcm256, prf, x25519], { number: 3 })),
      "proposal 3 of the answer was not offered",
    ],
    ["number 0", sa(proposal([gcm256, prf, x25519], { number: 0 })), "proposal 0 of the answer was not offered"],
    [
      "the suite of another proposal",
      sa(proposal([cbc128, sha256, prf, x25519])),
      "the peer chose what was not offered: ENCR_AES_CBC (12) with 128 bits",
    ],
    [
      "integrity beside a combined mode",
      sa(proposal([gcm256, sha256, prf, x25519])),
      "the peer chose what was not offered: AUTH_HMAC_SHA2_256_128 (12)",
    ],
    [
      "another group than that of the KE payload",
      sa(proposal([gcm256, prf, t(4, 19)])),
      "the peer chose a group other than that of its KE payload, curve25519",
    ],
    ["no group", sa(proposal([gcm256, prf])), "it has no transform of DH (4)"],
    ["a type of its own", sa(proposal([gcm256, prf, x25519, t(9, 1)])), /is not understood here/],
  ])("with %s is refused", (_, answered, why) => {
    expect(accepted(answered)).toMatch(why);
  });

  test("for a Child SA may do without a fresh key exchange only where that was offered", () => {
    const text = (policy: EspProposal[], ours: string | undefined, ...transforms: Transform[]) => {
      const result = acceptEsp(espSa(...transforms), policy, ours === undefined ? undefined : group(ours));
      return result.ok ? espSuiteText(result.value.suite) : result.error;
    };
    const strict = esp("aes-gcm-16-256 / curve25519, ecp-256");
    const lax = esp("aes-gcm-16-256 / curve25519, no-pfs");
    expect(text(strict, "curve25519", gcm256, x25519, noEsn)).toBe("aes-gcm-16-256 / curve25519 / no-esn");
    expect(text(strict, "curve25519", gcm256, t(4, 19), noEsn)).toMatch(/a group other than that of its KE payload/);
    expect(text(strict, "curve25519", gcm256, noEsn)).toBe(
      "the peer chose what was not offered: no transform of DH (4)",
    );
    expect(text(lax, "curve25519", gcm256, t(4, 0), noEsn)).toBe("aes-gcm-16-256 / no-esn");
    expect(text(lax, "curve25519", gcm256, noEsn)).toBe("aes-gcm-16-256 / no-esn");
    expect(text(strict, undefined, gcm256, noEsn)).toBe("aes-gcm-16-256 / no-esn");
    expect(text(strict, undefined, gcm256, x25519, noEsn)).toBe("the peer chose what was not offered: CURVE25519 (31)");
  });
});

describe("any two policies", () => {
  const some = <T>(all: readonly T[]) =>
    fc.shuffledSubarray([...all], { minLength: 1, maxLength: Math.min(3, all.length) });
  const combined = encryptions.filter(({ aead }) => aead !== undefined);
  const plain = encryptions.filter(({ aead, espOnly }) => aead === undefined && espOnly === undefined);
  const cipher = fc.oneof(
    fc.record({ encryption: some(combined), integrity: fc.constant([]) }),
    fc.record({ encryption: some(plain), integrity: some(integrities) }),
  );
  const few = groups.slice(0, 4);
  const ikeProposal = fc
    .tuple(cipher, some(prfs), some(few))
    .map(([parts, prf, groups]): IkeProposal => ({ ...parts, prf, groups }));
  const espProposal = fc
    .tuple(cipher, fc.shuffledSubarray<Group | "none">([...few.slice(0, 3), "none"]), some([true, false]))
    .map(([parts, groups, esn]): EspProposal => ({ ...parts, groups, esn }));
  const policies = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: 1, maxLength: 4 });
  const seeded = { seed: 7296, numRuns: 400 };

  test("come to the same suite on both sides, within a second try of the group that was asked for", () => {
    let agreed = 0;
    fc.assert(
      fc.property(policies(ikeProposal), policies(ikeProposal), (initiator, responder) => {
        const offer = ikeOffer(initiator, noSpi);
        let ke = firstIkeGroup(initiator) ?? group("curve25519");
        let choice = chooseIke(offer, responder, 0, ke.id);
        const wanted = choice.ok ? groupToAskFor(choice.value, ke.id) : undefined;
        if (wanted !== undefined) {
          ke = groupAskedFor(initiator, wanted) ?? ke;
          choice = chooseIke(offer, responder, 0, ke.id);
        }
        if (!choice.ok) return;
        agreed += 1;
        expect(groupToAskFor(choice.value, ke.id)).toBeUndefined();
        const suite = value(acceptIke(answer(choice.value, noSpi), initiator, 0, ke)).suite;
        expect(suite).toEqual(choice.value.suite);
        for (const policy of [initiator, responder]) expect(policy.some((one) => allows(one, suite))).toBe(true);
      }),
      seeded,
    );
    expect(agreed).toBeGreaterThan(100);
  });

  test("come to the same suite of a Child SA on both sides", () => {
    let agreed = 0;
    fc.assert(
      fc.property(policies(espProposal), policies(espProposal), (initiator, responder) => {
        let ke = firstEspGroup(initiator);
        let choice = chooseEsp(espOffer(initiator, spiA, ke), responder, "CREATE_CHILD_SA", ke?.id);
        const wanted = choice.ok ? groupToAskFor(choice.value, ke?.id) : undefined;
        if (wanted !== undefined) {
          ke = groupAskedFor(initiator, wanted);
          choice = chooseEsp(espOffer(initiator, spiA, ke), responder, "CREATE_CHILD_SA", ke?.id);
        }
        if (!choice.ok) return;
        agreed += 1;
        expect(choice.value.spi).toEqual(spiA);
        const accepted = value(acceptEsp(answer(choice.value, spiB), initiator, ke));
        expect(accepted).toEqual({ suite: choice.value.suite, spi: spiB });
      }),
      seeded,
    );
    expect(agreed).toBeGreaterThan(50);
  });

  test("agree or do not, whichever of them offers", () => {
    fc.assert(
      fc.property(policies(ikeProposal), policies(ikeProposal), (a, b) => {
        const agree = (offering: IkeProposal[], choosing: IkeProposal[]) =>
          chooseIke(ikeOffer(offering, noSpi), choosing, 0, undefined).ok;
        expect(agree(a, b)).toBe(agree(b, a));
      }),
      seeded,
    );
  });

  function allows(one: IkeProposal, suite: ReturnType<typeof suiteOf>): boolean {
    return (
      one.encryption.includes(suite.encryption) &&
      (suite.integrity === undefined ? one.integrity.length === 0 : one.integrity.includes(suite.integrity)) &&
      one.prf.includes(suite.prf) &&
      one.groups.includes(suite.group)
    );
  }
  const suiteOf = (policy: IkeProposal[]) => value(chooseIke(ikeOffer(policy, noSpi), policy, 0, undefined)).suite;
});

test("arbitrary transforms give a choice that was offered and is allowed, or a reason", () => {
  const transform = fc.record({
    type: fc.integer({ min: 0, max: 7 }),
    id: fc.constantFrom(0, 1, 5, 12, 14, 20, 31, 99),
    attributes: fc.array(
      fc.record({ type: fc.constantFrom(14, 14, 3), value: fc.oneof(fc.constantFrom(128, 256), fc.uint8Array()) }),
      { maxLength: 2 },
    ),
  });
  const proposals = fc.array(
    fc.record({
      number: fc.integer({ min: 0, max: 3 }),
      protocolId: fc.constantFrom(1, 3),
      spi: fc.constantFrom(noSpi, spiA),
      transforms: fc.array(transform, { maxLength: 12 }),
    }),
    { maxLength: 3 },
  );
  const policy = ike("aes-gcm-16-256 / prf-hmac-sha256 / curve25519, modp-2048");
  fc.assert(
    fc.property(proposals, (offered) => {
      const choice = chooseIke(sa(...offered), policy, 0, 31);
      if (!choice.ok) {
        expect(choice.error).not.toBe("");
        return;
      }
      const types = choice.value.proposal.transforms.map(({ type }) => type);
      expect(new Set(types).size).toBe(types.length);
      expect(choice.value.suite.encryption.name).toBe("aes-gcm-16-256");
    }),
    { seed: 33, numRuns: 2000 },
  );
});
