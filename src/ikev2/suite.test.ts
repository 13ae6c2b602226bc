import { describe, expect, test } from "vitest";
import {
  defaultEspProposals,
  defaultIkeProposals,
  type Encryption,
  encryptions,
  espSuiteText,
  groups,
  ikeSuiteText,
  integrities,
  prfs,
} from "./suite.ts";
import {
  espNames,
  espProposalText,
  ikeNames,
  ikeProposalText,
  parseEspProposal,
  parseIkeProposal,
} from "./suite-names.ts";

describe("algorithms", () => {
  test("have the key, salt, IV and ICV of their RFCs", () => {
    const octets = Object.fromEntries(
      encryptions.map((e) => [e.name, [e.id, e.keyBits, e.keyOctets, e.saltOctets, e.ivOctets, e.icvOctets]]),
    );
    expect(octets).toEqual({
      // RFC 5282 7.1: the salt of 4 octets follows the key
      "aes-gcm-16-256": [20, 256, 32, 4, 8, 16],
      "aes-gcm-16-192": [20, 192, 24, 4, 8, 16],
      "aes-gcm-16-128": [20, 128, 16, 4, 8, 16],
      "chacha20-poly1305": [28, undefined, 32, 4, 8, 16],
      "aes-cbc-256": [12, 256, 32, 0, 16, 0],
      "aes-cbc-192": [12, 192, 24, 0, 16, 0],
      "aes-cbc-128": [12, 128, 16, 0, 16, 0],
      null: [11, undefined, 0, 0, 0, 0],
    });
    // RFC 4868 2.6
    expect(integrities.map(({ name, id, keyOctets, icvOctets }) => [name, id, keyOctets, icvOctets])).toEqual([
      ["hmac-sha256-128", 12, 32, 16],
      ["hmac-sha384-192", 13, 48, 24],
      ["hmac-sha512-256", 14, 64, 32],
    ]);
    expect(prfs.map(({ id, octets }) => [id, octets])).toEqual([
      [5, 32],
      [6, 48],
      [7, 64],
    ]);
  });

  test("that RFC 8247 2 and RFC 8221 5 ask for are on by default, and none that they advise against", () => {
    const names = (lists: readonly (readonly { readonly name: string }[])[]) => lists.flat().map(({ name }) => name);
    const ike = names(defaultIkeProposals.flatMap((p) => [p.encryption, p.integrity, p.prf, p.groups]));
    const required = ["aes-cbc-256", "aes-cbc-128", "prf-hmac-sha256", "hmac-sha256-128", "modp-2048"];
    const advised = ["chacha20-poly1305", "aes-gcm-16-256", "aes-gcm-16-128", "prf-hmac-sha512", "ecp-256"];
    expect(ike).toEqual(expect.arrayContaining([...required, ...advised, "hmac-sha512-256", "curve25519"]));
    const esp = names(defaultEspProposals.flatMap((p) => [p.encryption, p.integrity]));
    expect(esp).toEqual(expect.arrayContaining(["aes-cbc-256", "aes-gcm-16-128", "hmac-sha256-128"]));
    for (const name of [...ike, ...esp]) expect(name).not.toMatch(/192$|^null$/);
  });

  test("stand in a proposal with combined modes apart from the others", () => {
    for (const { encryption, integrity } of [...defaultIkeProposals, ...defaultEspProposals]) {
      const combined = encryption.every(({ aead }: Encryption) => aead !== undefined);
      expect(integrity.length === 0).toBe(combined);
      expect(combined || encryption.every(({ aead }) => aead === undefined)).toBe(true);
    }
  });
});

describe("proposals in words", () => {
  test("are lists between slashes, in order of preference, whatever the spacing and case", () => {
    const read = parseIkeProposal(" AES-GCM-16-256,aes-gcm-16-128/prf-hmac-sha256 / curve25519, ecp-256");
    expect(read.ok && ikeProposalText(read.value)).toBe(
      "aes-gcm-16-256, aes-gcm-16-128 / prf-hmac-sha256 / curve25519, ecp-256",
    );
    const cbc = parseIkeProposal("modp-2048 prf-hmac-sha512 hmac-sha256-128 aes-cbc-128");
    expect(cbc.ok && ikeProposalText(cbc.value)).toBe("aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha512 / modp-2048");
  });

  test("of Child SAs leave out what they do without, and have both kinds of sequence numbers unless they say", () => {
    const text = (written: string) => {
      const read = parseEspProposal(written);
      return read.ok ? espProposalText(read.value) : read.error;
    };
    expect(text("aes-gcm-16-128")).toBe("aes-gcm-16-128 / esn, no-esn");
    expect(text("aes-cbc-256/hmac-sha256-128/ecp-384/no-esn")).toBe("aes-cbc-256 / hmac-sha256-128 / ecp-384 / no-esn");
    expect(text("chacha20-poly1305 / no-pfs, curve25519")).toBe("chacha20-poly1305 / curve25519, no-pfs / esn, no-esn");
    expect(text("null / hmac-sha512-256 / no-pfs / esn")).toBe("null / hmac-sha512-256 / esn");
  });

  test("that are the default are read back", () => {
    for (const proposal of defaultIkeProposals) {
      expect(parseIkeProposal(ikeProposalText(proposal))).toEqual({ ok: true, value: proposal });
    }
    for (const proposal of defaultEspProposals) {
      expect(parseEspProposal(espProposalText(proposal))).toEqual({ ok: true, value: proposal });
    }
  });

  test("may have every name that is listed", () => {
    for (const name of ikeNames) {
      expect(parseIkeProposal(`${name} / rest`)).toEqual({ ok: false, error: "rest is no algorithm of it" });
    }
    for (const name of espNames) {
      expect(parseEspProposal(`${name} / ${name}`)).toEqual({ ok: false, error: `${name} stands twice` });
    }
  });

  test.each([
    ["", "it names no encryption"],
    ["prf-hmac-sha256 / curve25519", "it names no encryption"],
    ["null / hmac-sha256-128 / prf-hmac-sha256 / curve25519", "null is no algorithm of it"],
    ["aes-gcm-16-256 / curve25519", "it names no pseudorandom function, such as prf-hmac-sha256"],
    ["aes-gcm-16-256 / prf-hmac-sha256", "it names no group, such as curve25519"],
    ["aes-cbc-256 / prf-hmac-sha256 / curve25519", "aes-cbc-256 needs an integrity algorithm"],
    [
      "aes-gcm-16-256 / hmac-sha256-128 / prf-hmac-sha256 / curve25519",
      "aes-gcm-16-256 protects integrity itself: hmac-sha256-128 cannot stand beside it",
    ],
    [
      "aes-gcm-16-256, aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / curve25519",
      "combined modes and others do not go into one proposal (RFC 7296 3.3): write two",
    ],
  ])("say what is wrong: '%s'", (text, error) => {
    expect(parseIkeProposal(text)).toEqual({ ok: false, error });
  });
});

test("a suite reads as its parts", () => {
  const [gcm, , , , cbc] = encryptions;
  const [integrity] = integrities;
  const [prf] = prfs;
  const [group] = groups;
  if (!gcm || !cbc || !integrity || !prf || !group) throw new Error("no algorithms");
  expect(ikeSuiteText({ encryption: gcm, integrity: undefined, prf, group })).toBe(
    "aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
  );
  expect(ikeSuiteText({ encryption: cbc, integrity, prf, group })).toBe(
    "aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / curve25519",
  );
  expect(espSuiteText({ encryption: gcm, integrity: undefined, group: undefined, esn: true })).toBe(
    "aes-gcm-16-256 / esn",
  );
  expect(espSuiteText({ encryption: cbc, integrity, group, esn: false })).toBe(
    "aes-cbc-256 / hmac-sha256-128 / curve25519 / no-esn",
  );
});
