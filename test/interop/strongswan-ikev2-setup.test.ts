/** IKE_SA_INIT and IKE_AUTH with strongSwan, begun by either side. What both say of the SAs, keys included, is compared. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KeyAlgorithm } from "../../src/crypto/provider.ts";
import { ExchangeType, PayloadType } from "../../src/iana/ikev2.ts";
import { hex } from "../../src/util/octets.ts";
import { charonPki } from "../support/charon-pki.ts";
import { psk, selector } from "../support/ikev2.ts";
import {
  type Agreed,
  Ikev2Lab,
  type LabCertificates,
  type LabSetup,
  labCertificates,
  type Role,
  roles,
  sasOf,
} from "../support/ikev2-lab.ts";
import type { Ikev2Peer } from "../support/ikev2-peer.ts";

let lab: Ikev2Lab;

beforeAll(async () => {
  lab = await Ikev2Lab.start();
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function established(role: Role, setup: LabSetup = {}): Promise<Agreed> {
  using ours = await lab.sides(setup);
  return await lab.established(role, ours);
}

const both = (ours: string, charon: string) => ({ ours: [ours], charon: [charon] });

const suites: readonly (LabSetup & { readonly name: string })[] = [
  {
    name: "AES-GCM-128 and Curve25519",
    ike: both("aes-gcm-16-128 / prf-hmac-sha256 / curve25519", "aes128gcm16-prfsha256-curve25519"),
    esp: both("aes-gcm-16-128 / no-esn", "aes128gcm16"),
  },
  {
    name: "AES-CBC-256 with SHA-256 and MODP-2048",
    ike: both("aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha256 / modp-2048", "aes256-sha256-modp2048"),
    esp: both("aes-cbc-256 / hmac-sha256-128 / no-esn", "aes256-sha256"),
  },
  {
    name: "ChaCha20-Poly1305 and ECP-384",
    ike: both("chacha20-poly1305 / prf-hmac-sha384 / ecp-384", "chacha20poly1305-prfsha384-ecp384"),
    esp: both("chacha20-poly1305 / no-esn", "chacha20poly1305"),
  },
  {
    name: "AES-GCM-256 and ECP-521",
    ike: both("aes-gcm-16-256 / prf-hmac-sha512 / ecp-521", "aes256gcm16-prfsha512-ecp521"),
    esp: both("aes-gcm-16-256 / no-esn", "aes256gcm16"),
  },
  {
    name: "AES-CBC-192 with SHA-384 and ECP-256",
    ike: both("aes-cbc-192 / hmac-sha384-192 / prf-hmac-sha384 / ecp-256", "aes192-sha384-ecp256"),
    esp: both("aes-cbc-192 / hmac-sha384-192 / no-esn", "aes192-sha384"),
  },
  {
    name: "AES-CBC-128 with SHA-512 and MODP-4096",
    ike: both("aes-cbc-128 / hmac-sha512-256 / prf-hmac-sha512 / modp-4096", "aes128-sha512-modp4096"),
    esp: both("aes-cbc-128 / hmac-sha512-256 / no-esn", "aes128-sha512"),
  },
  {
    name: "AES-GCM-192 and Curve448",
    ike: both("aes-gcm-16-192 / prf-hmac-sha256 / curve448", "aes192gcm16-prfsha256-curve448"),
    esp: both("aes-gcm-16-192 / no-esn", "aes192gcm16"),
  },
];

describe.each(roles)("our endpoint as %s", (role) => {
  test.each(suites)("with a pre-shared key: $name", async (setup) => {
    const { ike } = await established(role, setup);
    expect(ike.view.authentication).toBe("psk");
  });

  test("extended sequence numbers, when both sides want them", async () => {
    // kernel-libipsec has none, so charon must not choose what it offers there
    const esp = both("aes-gcm-16-128 / esn, no-esn", "aes128gcm16");
    const { child } = await established(role, { esp });
    expect(child.pair.esn).toBe(false);
  });

  test("the first group is not the one that the responder has: INVALID_KE_PAYLOAD, and again", async () => {
    const ike =
      role === "initiator"
        ? both("aes-gcm-16-128 / prf-hmac-sha256 / modp-3072, curve25519", "aes128gcm16-prfsha256-curve25519")
        : both("aes-gcm-16-128 / prf-hmac-sha256 / curve25519", "aes128gcm16-prfsha256-modp3072-curve25519");
    using ours = await lab.sides({ ike });
    const { ike: agreed } = await lab.established(role, ours);
    expect(agreed.charon.suite).toMatch(/CURVE_25519$/);
    expect(inits(ours)).toHaveLength(4);
  });

  test("the responder has one of several proposals of the initiator", async () => {
    const many = {
      ours: [
        "aes-gcm-16-256, chacha20-poly1305 / prf-hmac-sha512 / curve25519",
        "aes-cbc-256, aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / curve25519, ecp-256",
      ],
      charon: ["aes256gcm16-prfsha512-curve25519", "aes256-aes128-sha256-curve25519-ecp256"],
    };
    const one = both("aes-cbc-128 / hmac-sha256-128 / prf-hmac-sha256 / ecp-256", "aes128-sha256-ecp256");
    const ike =
      role === "initiator" ? { ours: many.ours, charon: one.charon } : { ours: one.ours, charon: many.charon };
    const { ike: agreed } = await established(role, { ike });
    expect(agreed.charon.suite).toBe("AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256");
  });

  test("traffic selectors are narrowed to what the responder has", async () => {
    const [narrowOurs, narrowCharon] = ["10.1.0.0/24", "10.2.0.0/24"];
    const wide = [selector("10.0.0.0", "10.255.255.255")];
    const setup: LabSetup =
      role === "initiator"
        ? {
            ours: { child: { localSelectors: wide, remoteSelectors: wide } },
            charon: { child: { local_ts: [narrowCharon], remote_ts: [narrowOurs] } },
          }
        : {
            ours: {},
            charon: { child: { local_ts: ["10.0.0.0/8"], remote_ts: ["10.0.0.0/8"] } },
          };
    const { child } = await established(role, setup);
    expect([child.charon.local, child.charon.remote]).toEqual([[narrowCharon], [narrowOurs]]);
  });

  test("several traffic selectors on a side", async () => {
    const { child } = await established(role, {
      ours: { child: { localSelectors: [selector("10.1.0.0", "10.1.0.255"), selector("10.1.4.0", "10.1.7.255")] } },
      charon: { child: { remote_ts: ["10.1.0.0/24", "10.1.4.0/22"] } },
    });
    expect(child.charon.remote).toHaveLength(2);
  });

  test("ESP in UDP is forced: the peer takes us to be behind a NAT", async () => {
    const { ike, child } = await established(role, { ours: { connection: { encapsulation: "force" } } });
    expect(ike.charon.natRemote).toBe(true);
    expect(ike.view.remote.port).toBe(4500);
    expect(child.pair.encapsulated).toBe(true);
  });

  test("charon pretends to be behind a NAT: ESP goes inside UDP, and all moves to port 4500", async () => {
    const { ike, child } = await established(role);
    expect(ike.view.nat).toBe("remote");
    expect([ike.view.local.port, ike.view.remote.port]).toEqual([4500, 4500]);
    expect(child.pair.encapsulated).toBe(true);
  });
});

type Key = readonly [name: string, algorithm: KeyAlgorithm];

const rsa: Key = ["RSA-2048", { kind: "rsa", bits: 2048 }];
const ecdsa: readonly Key[] = [
  ["ECDSA P-256", { kind: "ecdsa", curve: "P-256" }],
  ["ECDSA P-384", { kind: "ecdsa", curve: "P-384" }],
  ["ECDSA P-521", { kind: "ecdsa", curve: "P-521" }],
];
const ed25519: Key = ["Ed25519", { kind: "ed25519" }];

const made = new Map<string, Promise<LabCertificates>>();

/** Made once for each kind of key. */
function certificatesOf([name, algorithm]: Key): Promise<LabCertificates> {
  const known = made.get(name) ?? labCertificates(algorithm);
  made.set(name, known);
  return known;
}

describe.each(roles)("our endpoint as %s, with certificates", (role) => {
  test.each([rsa, ...ecdsa, ed25519])("%s, by RFC 7427", async (...key) => {
    using ours = await lab.sides({ certificates: await certificatesOf(key) });
    const mark = await lab.charon.mark();
    const { ike } = await lab.established(role, ours);
    const scheme = { rsa: "RSA PKCS #1 v1.5 with sha", ecdsa: "ECDSA with sha", ed25519: "Ed25519", other: "" };
    expect(ike.view.authentication).toContain(scheme[key[1].kind]);
    const theirs = { rsa: "RSA_EMSA_PSS", ecdsa: "ECDSA_WITH_SHA", ed25519: "ED25519", other: "" };
    const verified = await lab.charon.logged(/authentication of 'ours.example' with (.*) successful/, mark);
    expect(verified[1]).toContain(theirs[key[1].kind]);
  });

  test("chains that are larger than a datagram travel in fragments (RFC 7383)", async () => {
    const certificates = await longChains();
    using ours = await lab.sides({ certificates });
    await lab.established(role, ours);
    const fragments = ours.datagrams.filter(
      ({ bytes, toPort }) => toPort === 4500 && bytes[4 + 16] === PayloadType.SKF,
    );
    const senders = new Set(fragments.map(({ from }) => from));
    expect(senders).toEqual(new Set([lab.pair.left.address, lab.pair.right.address]));
    expect(Math.max(...ours.datagrams.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1280);
  });

  test("the same chains without RFC 7383: IP fragments them", async () => {
    const certificates = await longChains();
    using ours = await lab.sides({
      certificates,
      ours: { connection: { fragmentation: false } },
      charon: { connection: { fragmentation: "no" } },
    });
    await lab.established(role, ours);
    expect(Math.max(...ours.datagrams.map(({ bytes }) => bytes.length))).toBeGreaterThan(1500);
  });

  test("a peer from an authority that we do not trust is refused", async () => {
    const certificates = await certificatesOf(ed25519);
    const { anchor } = certificates.ours;
    const untrusted = { ...certificates, charon: { ...certificates.charon, anchor } };
    await lab.configureCharon({ certificates });
    using ours = await lab.ours({ certificates: untrusted });
    expect(await failure(role, ours)).toMatch(/authority|trust|anchor/);
    expect(ours.pairs.size).toBe(0);
  });

  test("a peer that does not trust our authority refuses us", async () => {
    const certificates = await certificatesOf(ed25519);
    const { anchor } = certificates.charon;
    await lab.configureCharon({ certificates: { ...certificates, ours: { ...certificates.ours, anchor } } });
    using ours = await lab.ours({ certificates });
    expect(await failure(role, ours)).toContain("AUTHENTICATION_FAILED");
    await ours.until("no pair", () => ours.pairs.size === 0);
    await lab.charon.until("no SA", (sas) => sas.length === 0);
  });
});

describe("peers without RFC 7427", () => {
  beforeAll(async () => {
    await lab.restartCharon(["signature_authentication = no"]);
  });

  afterAll(async () => {
    await lab.restartCharon();
  });

  describe.each(roles)("our endpoint as %s", (role) => {
    test.each(ecdsa)("%s, by its own method (RFC 4754)", async (...key) => {
      const { ike } = await established(role, { certificates: await certificatesOf(key) });
      expect(ike.view.authentication).toMatch(/^ECDSA on P-/);
    });

    test("RSA with SHA-1, which method 1 is to strongSwan, when it is allowed", async () => {
      const { ike } = await established(role, {
        certificates: await certificatesOf(rsa),
        ours: { connection: { signatures: { rsaPadding: "pss", rsaSha1: true } } },
      });
      expect(ike.view.authentication).toBe("RSA PKCS #1 v1.5 with sha1");
    });

    test("RSA with SHA-1 is refused by default", async () => {
      using ours = await lab.sides({ certificates: await certificatesOf(rsa) });
      expect(await failure(role, ours)).toMatch(
        role === "initiator" ? /AUTHENTICATION_FAILED/ : /signature does not verify/,
      );
    });
  });
});

describe("COOKIE", () => {
  test("charon demands one of us", async () => {
    await lab.restartCharon(["cookie_threshold = 1", "cookie_threshold_ip = 1"]);
    await lab.configureCharon({});
    await leaveHalfOpen();
    using ours = await lab.ours();
    await lab.established("initiator", ours);
    await lab.charon.logged(/generating IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/);
    expect(inits(ours)).toHaveLength(4);
    await lab.restartCharon();
  });

  test("we demand one of charon", async () => {
    const halfOpen = { total: 100, perSource: 50, cookieFrom: 0, timeoutMs: 10_000 };
    using ours = await lab.sides({ ours: { policy: { halfOpen } } });
    await lab.established("responder", ours);
    await lab.charon.logged(/parsed IKE_SA_INIT response 0 \[ N\(COOKIE\) \]/);
    expect(inits(ours)).toHaveLength(4);
  });
});

describe.each(roles)("what does not fit, our endpoint as %s", (role) => {
  test("another pre-shared key: no side has an SA", async () => {
    await lab.configureCharon({});
    using ours = await lab.ours({ ours: { connection: { psk } } });
    expect(await failure(role, ours)).toMatch(role === "initiator" ? /AUTHENTICATION_FAILED/ : /pre-shared key/);
    await lab.charon.until("no SA", (sas) => sas.length === 0);
  });

  test("no proposal that both have: NO_PROPOSAL_CHOSEN", async () => {
    using ours = await lab.sides({ ike: both("aes-gcm-16-256 / prf-hmac-sha512 / ecp-384", "aes128-sha256-ecp256") });
    expect(await failure(role, ours)).toMatch(role === "initiator" ? /NO_PROPOSAL_CHOSEN/ : /proposal/);
  });

  test("no traffic selectors that both have: the IKE SA stands without a Child SA", async () => {
    using ours = await lab.sides({
      ours: { child: { remoteSelectors: [selector("172.16.0.0", "172.16.255.255")] } },
    });
    const mark = await lab.charon.mark();
    if (role === "initiator") ours.command({ do: "up", target: "charon" });
    else await expect(lab.charon.initiate()).rejects.toThrow(/CHILD_SA/);
    await lab.charon.logged(/TS_UNACCEPT/, mark);
    await lab.charon.until(
      "an IKE SA without child",
      ([sa]) => sa?.state === "ESTABLISHED" && sa.children.length === 0,
    );
    expect(sasOf(ours)).toMatchObject([{ state: "established", children: [] }]);
    expect(ours.pairs.size).toBe(0);
  });
});

/** Begins, and waits for the reason why it fails: what the initiator is refused with, or the responder's event. */
async function failure(role: Role, ours: Ikev2Peer): Promise<string> {
  if (role === "initiator") {
    return await ours.ask({ do: "up", target: "charon" }).then(
      () => "it is up",
      (refused: Error) => refused.message,
    );
  }
  await expect(lab.charon.initiate()).rejects.toThrow();
  const { reason, figures } = await ours.until("refused", () =>
    ours.events.find(({ kind }) => ["ikev2.refused", "ikev2.broken", "ikev2.dropped"].includes(kind)),
  );
  return `${figures?.["code"]}: ${reason}`;
}

/** An initiator that does not go on after the first answer. */
async function leaveHalfOpen(): Promise<void> {
  using ours = await lab.ours();
  ours.hold((direction) => direction === "in");
  ours.command({ do: "up", target: "charon" });
  await ours.until("answered", () => ours.held > 0);
}

/** The IKE_SA_INIT messages that the newest IKE SA began with; one that was repeated counts once. */
function inits(ours: Ikev2Peer): readonly string[] {
  const all = ours.datagrams.flatMap(({ bytes }) => (bytes[18] === ExchangeType.IKE_SA_INIT ? [hex(bytes)] : []));
  const spiI = all.at(-1)?.slice(0, 16) ?? "";
  return [...new Set(all.filter((one) => one.startsWith(spiI)))];
}

let chains: Promise<LabCertificates> | undefined;

/** RSA certificates with two CAs between them and the anchor, on both sides. */
function longChains(): Promise<LabCertificates> {
  chains ??= (async () => {
    const [ours, charon] = await Promise.all(
      ["ours.example", "charon.example"].map((name) => charonPki({ kind: "rsa", bits: 2048 }, name, 2)),
    );
    if (ours === undefined || charon === undefined) throw new Error("two were asked for");
    return {
      ours: { own: [ours.certificate, ...ours.intermediates], key: ours.key, anchor: ours.anchor },
      charon: {
        own: [charon.certificate],
        intermediates: charon.intermediates,
        key: charon.key,
        anchor: charon.anchor,
      },
    };
  })();
  return chains;
}
