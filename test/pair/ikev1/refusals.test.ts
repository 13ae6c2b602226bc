import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { IdType } from "../../../src/iana/isakmp.ts";
import type { LocalCredentials, Phase1Policy } from "../../../src/ikev1/types.ts";
import type { LedgerEvent } from "../../../src/ledger/event.ts";
import { decodeMessage, encodeMessage } from "../../../src/wire/message.ts";
import {
  certificatePolicies,
  identity,
  initiatorAddress,
  mallory,
  type Pair,
  pair,
  peer,
  pki,
  policy,
  proposal,
  pskPolicies,
  responderAddress,
  START,
  secret,
} from "../../support/phase1.ts";

const DAY = 86_400_000;

async function refused(both: { initiator: Phase1Policy; responder: Phase1Policy }): Promise<Pair> {
  const between = pair(both);
  between.initiate();
  await between.world.runUntil(() => between.initiator.engine.failures().length > 0, 120_000);
  await between.world.runFor(60_000);
  expect(between.responder.engine.phase1.halfOpen()).toBe(0);
  expect(between.initiator.engine.phase1.halfOpen()).toBe(0);
  expect(between.initiator.engine.sas()).toEqual([]);
  return between;
}

/** Both sides named by the subjects of their certificates, and asking it of each other. */
function subjects(): { initiator: Phase1Policy; responder: Phase1Policy } {
  const both = certificatePolicies("ecdsa-256", { peersAreSubjects: true, sendCertificateRequest: false });
  const named = (local: LocalCredentials): LocalCredentials => {
    const { subject } = nodeCrypto.parseCertificate(local.certificates[0] ?? new Uint8Array(0));
    return { ...local, identity: { type: IdType.ID_DER_ASN1_DN, data: subject } };
  };
  return {
    initiator: { ...both.initiator, local: named(both.initiator.local) },
    responder: { ...both.responder, local: named(both.responder.local) },
  };
}

const events = (between: Pair, host: string, kind: string): LedgerEvent[] =>
  between.world.events.filter((one) => one.host === host && one.event.kind === kind).map(({ event }) => event);

describe("main mode refuses", () => {
  test("a wrong pre-shared key, says so on both sides, and tells it once", async () => {
    const both = pskPolicies();
    const between = await refused({
      ...both,
      initiator: { ...both.initiator, peers: [peer(responderAddress, { psk: secret("another") })] },
    });
    const told = events(between, "responder", "phase1.refused");
    expect(told).toHaveLength(1);
    expect(told[0]?.reason).toMatch(/^wrong pre-shared key or/);
    expect(between.responder.engine.failures()).toMatchObject([{ code: "authentication-failed" }]);
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("AUTHENTICATION_FAILED") },
    ]);
    expect(between.responder.engine.sas()).toEqual([]);
  });

  test("an identity that the configuration does not have for this peer", async () => {
    const both = pskPolicies();
    const expected = identity("fqdn:other.example");
    const between = await refused({
      ...both,
      responder: { ...both.responder, peers: [peer(initiatorAddress, { identity: expected })] },
    });
    expect(between.responder.engine.failures()).toMatchObject([{ code: "not-authorized" }]);
    // the refusal was protected, so it counts at once
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("the peer refuses: INVALID_ID_INFORMATION") },
    ]);
    expect(between.world.wire).toHaveLength(7);
  });

  test.each([
    ["the identity of another peer", "fqdn:other.example", "the identity belongs to the peer other"],
    ["the address of another peer", "192.0.2.77", "the identity is none of the addresses of the peer peer"],
  ])("a pre-shared key that comes with %s", async (_, claimed, why) => {
    const both = pskPolicies();
    const other = peer("192.0.2.77", {
      name: "other",
      identity: identity("fqdn:other.example"),
      psk: secret("another"),
    });
    const between = await refused({
      initiator: { ...both.initiator, local: { identity: identity(claimed), certificates: [] } },
      responder: { ...both.responder, peers: [peer(initiatorAddress), other] },
    });
    expect(between.responder.engine.failures()).toMatchObject([{ code: "not-authorized", why }]);
  });

  test("whose certificate has expired since, by the end of the SA", async () => {
    const both = certificatePolicies("ecdsa-256");
    const valid = { from: START - DAY, to: START + 60_000 };
    const local = pki("ecdsa-256").credentials("gm.example", { valid });
    const between = pair({ ...both, initiator: { ...both.initiator, local } });
    between.initiate();
    await between.world.runUntil(between.established, 10_000);
    expect(between.responder.engine.sas()[0]?.expiresAt).toBe(valid.to);
    await between.world.runFor(61_000);
    expect(between.responder.engine.sas()).toEqual([]);
    expect(between.initiator.engine.sas()).toEqual([]);
  });

  test("a key server that is not the one the member expects", async () => {
    const both = pskPolicies();
    const expected = identity("fqdn:other.example");
    const between = await refused({
      ...both,
      initiator: { ...both.initiator, peers: [peer(responderAddress, { identity: expected })] },
    });
    expect(between.initiator.engine.failures()).toMatchObject([{ code: "not-authorized" }]);
  });

  test("an address that no peer has", async () => {
    const both = pskPolicies();
    const between = await refused({ ...both, responder: { ...both.responder, peers: [peer(mallory)] } });
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("NO_PROPOSAL_CHOSEN") },
    ]);
  });

  test("algorithms outside the policy, naming the one", async () => {
    const both = pskPolicies();
    const between = await refused({
      ...both,
      responder: { ...both.responder, proposals: [proposal({ group: 20 })] },
    });
    expect(events(between, "responder", "phase1.refused")[0]?.reason).toBe("group ECP_256 (19) is not allowed here");
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("group ECP_256 (19) is not allowed here") },
    ]);
  });

  test("weak and unknown algorithms, naming them in the notification", async () => {
    const transform = (number: number, ...values: readonly number[]) => ({
      number,
      id: 1,
      attributes: [1, 14, 2, 3, 4].flatMap((type, i) => (values[i] === 0 ? [] : [{ type, value: values[i] ?? 0 }])),
    });
    // 3DES with MD5 and MODP 1024, as old peers offer it; AES with an unassigned hash; AES with an unassigned group
    const transforms = [transform(1, 5, 0, 1, 1, 2), transform(2, 7, 128, 119, 1, 14), transform(3, 7, 128, 4, 1, 200)];
    const offer = encodeMessage(
      {
        initiatorCookie: new Uint8Array(8).fill(7),
        responderCookie: new Uint8Array(8),
        exchangeType: 2,
        flags: 0,
        messageId: 0,
      },
      [
        {
          kind: "SA",
          doi: 2,
          situation: 1,
          proposals: [{ number: 1, protocolId: 1, spi: new Uint8Array(0), transforms }],
        },
      ],
    );
    const between = pair(pskPolicies());
    between.world.send({
      from: { address: initiatorAddress, port: 848 },
      to: { address: responderAddress, port: 848 },
      bytes: offer,
    });
    await between.world.runFor(100);
    const reason = events(between, "responder", "phase1.refused")[0]?.reason ?? "";
    const [, notify] = between.world.wire;
    const message = decodeMessage(notify?.packet.bytes ?? new Uint8Array(0));
    if (!message.ok) throw new Error(message.error.message);
    const [first] = message.value.payloads;
    if (first?.payload.kind !== "N") throw new Error("no notification");
    expect(first.payload.notifyType).toBe(14);
    expect(Buffer.from(first.payload.data).toString()).toBe(reason);
    expect(reason).toContain("encryption algorithm TDES_CBC (5) is not supported");
    expect(reason).toContain("hash algorithm 119 is not supported");
    expect(reason).toContain("group 200 is not supported");
    expect(between.responder.engine.phase1.halfOpen()).toBe(0);
  });

  test("an expired certificate", async () => {
    const authority = pki("ecdsa-256");
    const both = certificatePolicies("ecdsa-256");
    const local = authority.credentials("gm.example", { valid: { from: START - 20 * DAY, to: START - DAY } });
    const between = await refused({ ...both, initiator: { ...both.initiator, local } });
    expect(between.responder.engine.failures()).toMatchObject([
      { code: "invalid-certificate", why: expect.stringMatching(/^certificate expired/) },
    ]);
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("INVALID_CERTIFICATE") },
    ]);
  });

  test("a revoked certificate, and the device is told so", async () => {
    const both = subjects();
    const [leaf] = both.initiator.local.certificates;
    const serials = [nodeCrypto.parseCertificate(leaf ?? new Uint8Array(0)).serialHex];
    const crls = [pki("ecdsa-256").revoke(serials)];
    const between = await refused({ ...both, responder: { ...both.responder, crls } });
    expect(events(between, "responder", "phase1.refused")[0]).toMatchObject({
      reason: "certificate revoked: CN=Lab CA,O=Keyherald has revoked CN=gm.example,O=Keyherald",
      figures: { code: "invalid-certificate", detail: "revoked" },
    });
    expect(between.initiator.engine.failures()).toMatchObject([
      { code: "refused-by-peer", why: expect.stringContaining("INVALID_CERTIFICATE: invalid-certificate: revoked") },
    ]);
    expect(between.responder.engine.sas()).toEqual([]);
  });

  describe("where peers are the subjects of their certificates", () => {
    test("nothing of one that is: one certificate, whose subject is the identity", async () => {
      const between = pair(subjects());
      between.initiate();
      await between.world.runUntil(between.established, 10_000);
      expect(between.established()).toBe(true);
    });

    test("any other identity, even one that the certificate has", async () => {
      const both = subjects();
      const local = { ...both.initiator.local, identity: identity("fqdn:gm.example") };
      const between = await refused({ ...both, initiator: { ...both.initiator, local } });
      expect(between.responder.engine.failures()).toMatchObject([
        {
          code: "invalid-identity",
          why: "identity fqdn:gm.example is no ID_DER_ASN1_DN, the subject of the certificate",
        },
      ]);
      expect(between.initiator.engine.failures()).toMatchObject([
        { code: "refused-by-peer", why: expect.stringContaining("not the subject of the certificate") },
      ]);
    });

    test("the subject of somebody else's certificate", async () => {
      const both = subjects();
      const local = { ...both.initiator.local, identity: both.responder.local.identity };
      const between = await refused({ ...both, initiator: { ...both.initiator, local } });
      expect(between.responder.engine.failures()).toMatchObject([
        {
          code: "invalid-identity",
          why: "identity dn:CN=gcks.example,O=Keyherald is not in the certificate: the certificate's subject is CN=gm.example,O=Keyherald",
        },
      ]);
    });

    test("more than one certificate, on either side", async () => {
      const both = subjects();
      const chain = (local: LocalCredentials) => ({
        ...local,
        certificates: [...local.certificates, pki("ecdsa-256").anchor],
      });
      const asInitiator = await refused({
        ...both,
        initiator: { ...both.initiator, local: chain(both.initiator.local) },
      });
      const failure = { code: "invalid-certificate", why: "2 certificates were sent, exactly one is taken" };
      expect(asInitiator.responder.engine.failures()).toMatchObject([failure]);
      const asResponder = await refused({
        ...both,
        responder: { ...both.responder, local: chain(both.responder.local) },
      });
      expect(asResponder.initiator.engine.failures()).toMatchObject([failure]);
    });
  });

  test("a certificate of another authority, on either side", async () => {
    const both = certificatePolicies("rsa");
    const foreign = pki("rsa", "Foreign CA");
    const asInitiator = await refused({
      ...both,
      initiator: { ...both.initiator, local: foreign.credentials("gm.example") },
    });
    expect(asInitiator.responder.engine.failures()).toMatchObject([
      { code: "invalid-certificate", why: expect.stringMatching(/^certificate untrusted/) },
    ]);
    const asResponder = await refused({
      ...both,
      responder: { ...both.responder, local: foreign.credentials("gcks.example") },
    });
    expect(asResponder.initiator.engine.failures()).toMatchObject([{ code: "invalid-certificate" }]);
  });

  test("an identity that the certificate does not have, on either side", async () => {
    const both = certificatePolicies("ecdsa-384");
    const claimed = { ...both.initiator.local, identity: identity("fqdn:gcks.example") };
    const asInitiator = await refused({ ...both, initiator: { ...both.initiator, local: claimed } });
    expect(asInitiator.responder.engine.failures()).toMatchObject([
      {
        code: "invalid-identity",
        why: "identity fqdn:gcks.example is not in the certificate: the certificate's subjectAltName has gm.example",
      },
    ]);
    const pretended = { ...both.responder.local, identity: identity("10.1.1.1") };
    const asResponder = await refused({ ...both, responder: { ...both.responder, local: pretended } });
    expect(asResponder.initiator.engine.failures()).toMatchObject([{ code: "invalid-identity" }]);
  });

  test("a certificate without the key that belongs to it", async () => {
    const both = certificatePolicies("ecdsa-521");
    const { signer } = pki("ecdsa-521").credentials("thief.example");
    const { identity: own, certificates } = both.initiator.local;
    const local = { identity: own, certificates, ...(signer === undefined ? {} : { signer }) };
    const between = await refused({ ...both, initiator: { ...both.initiator, local } });
    expect(between.responder.engine.failures()).toMatchObject([{ code: "authentication-failed" }]);
  });

  test("an attempt for which there is no peer or no credential fails by itself", async () => {
    const between = pair({
      initiator: policy({ peers: [{ name: "peer", addresses: [] }] }),
      responder: pskPolicies().responder,
    });
    between.initiate();
    const endpoint = { address: initiatorAddress, port: 848 };
    between.initiator.command({ local: endpoint, remote: endpoint, peer: "nobody" });
    await between.world.runFor(1);
    expect(between.initiator.engine.failures().map(({ attempt, code }) => [attempt, code])).toEqual([
      [1, "no-proposal-chosen"],
      [2, "no-proposal-chosen"],
    ]);
    expect(between.world.wire).toEqual([]);
  });
});
