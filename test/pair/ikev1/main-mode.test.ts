import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import type { Phase1Policy, Phase1Proposal, Phase1Sa } from "../../../src/ikev1/types.ts";
import { hex } from "../../../src/util/octets.ts";
import { certificatePolicies, type Pair, pair, proposal, pskPolicies } from "../../support/phase1.ts";

/** What must be equal on both sides of one SA. */
function shared(sa: Phase1Sa | undefined) {
  if (sa === undefined) return undefined;
  return {
    id: sa.id,
    doi: sa.doi,
    proposal: sa.proposal,
    skeyidA: hex(nodeCrypto.exportSecret(sa.skeyidA)),
    encryptionKey: hex(nodeCrypto.exportSecret(sa.encryptionKey)),
    lastBlock: hex(sa.lastBlock),
  };
}

async function complete(between: Pair): Promise<void> {
  between.initiate();
  await between.world.runUntil(between.established, 120_000);
  const [ours] = between.initiator.engine.sas();
  const [theirs] = between.responder.engine.sas();
  expect(shared(ours)).toEqual(shared(theirs));
  expect([ours?.role, theirs?.role]).toEqual(["initiator", "responder"]);
}

const policies = (one: Phase1Proposal, changed: Partial<Phase1Policy> = {}) =>
  one.authentication === "psk"
    ? pskPolicies({ proposals: [one], ...changed })
    : certificatePolicies(one.authentication, { proposals: [one], ...changed });

describe("main mode", () => {
  for (const authentication of ["psk", "rsa", "ecdsa-256", "ecdsa-384", "ecdsa-521"] as const) {
    for (const keyBits of [128, 192, 256] as const) {
      for (const hash of ["sha256", "sha384", "sha512"] as const) {
        test(`completes with ${authentication}, AES-CBC ${keyBits} and ${hash} in six messages`, async () => {
          const between = pair(policies(proposal({ authentication, keyBits, hash })));
          await complete(between);
          expect(between.world.wire).toHaveLength(6);
        });
      }
    }
  }

  for (const group of [14, 15, 16, 17, 18, 19, 20, 21]) {
    test(`completes with group ${group}`, async () => {
      await complete(pair(policies(proposal({ group }))));
    });
  }

  test("leaves nothing behind but the SA on either side", async () => {
    const between = pair(pskPolicies());
    await complete(between);
    await between.world.runFor(60_000);
    expect(between.initiator.engine.phase1.halfOpen()).toBe(0);
    expect(between.responder.engine.phase1.halfOpen()).toBe(0);
    expect(between.world.wire).toHaveLength(6);
  });

  for (const doi of [1, 2] as const) {
    test(`sends DOI ${doi} when it is configured so, and the responder answers in it`, async () => {
      const between = pair(pskPolicies({ doi }));
      await complete(between);
      expect(between.responder.engine.sas()[0]?.doi).toBe(doi);
    });
  }

  for (const ecdsaSigns of ["HASH", "hash-of-HASH"] as const) {
    test(`accepts ECDSA over ${ecdsaSigns}, with a prf that is not the curve's hash, and records the reading`, async () => {
      const one = proposal({ authentication: "ecdsa-384", hash: "sha256" });
      const between = pair(policies(one, { ecdsaSigns }));
      await complete(between);
      const noted = between.world.events.filter(({ event }) => event.kind === "phase1.established");
      const reading = ecdsaSigns === "HASH" ? "ecdsa over sha384 HASH" : "ecdsa over hash of sha384 HASH";
      expect(noted.map(({ event }) => event.figures?.["notes"])).toEqual([
        [`signature: ${reading}`],
        [`signature: ${reading}`],
      ]);
    });
  }

  test("survives a network that loses a third, doubles and reorders, for every seed", async () => {
    const link = { loss: 0.33, duplicate: 0.2, delayMs: 20, jitterMs: 3000 };
    for (let seed = 1; seed <= 40; seed++) {
      const retransmission = { firstMs: 500, factor: 1.5, maxMs: 4000, tries: 15 };
      const both =
        seed % 2 === 0 ? pskPolicies({ retransmission }) : certificatePolicies("ecdsa-256", { retransmission });
      const between = pair({ seed, link, ...both });
      await complete(between);
      await between.world.runFor(120_000);
      expect(between.initiator.engine.sas(), `seed ${seed}`).toHaveLength(1);
      expect(between.responder.engine.sas(), `seed ${seed}`).toHaveLength(1);
      expect(between.initiator.engine.phase1.halfOpen(), `seed ${seed}`).toBe(0);
      expect(between.responder.engine.phase1.halfOpen(), `seed ${seed}`).toBe(0);
    }
  });

  test("repeats with back-off and then gives up, when nobody answers", async () => {
    const between = pair(pskPolicies());
    between.responder.kill();
    between.initiate();
    await between.world.runFor(120_000);
    const times = between.world.wire.map(({ at }) => at - (between.world.wire[0]?.at ?? 0));
    expect(times).toHaveLength(6);
    const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0));
    for (const [i, gap] of gaps.entries()) {
      const expected = Math.min(10_000, 1000 * 1.8 ** i);
      expect(gap).toBeGreaterThanOrEqual(Math.floor(expected));
      expect(gap).toBeLessThanOrEqual(Math.ceil(expected * 1.1));
    }
    expect(between.initiator.engine.failures()).toMatchObject([{ attempt: 1, code: "timeout" }]);
    expect(between.initiator.engine.phase1.halfOpen()).toBe(0);
  });

  test("answers a repeated message 5 with the same octets as long as the answer is kept", async () => {
    const between = pair(pskPolicies());
    await complete(between);
    const sent = between.world.wire.map(({ packet }) => packet);
    const [message5, message6] = sent.slice(4);
    if (message5 === undefined || message6 === undefined) throw new Error("six messages");
    const again = async () => {
      const before = between.world.wire.length;
      between.world.send(message5);
      await between.world.runFor(100);
      return between.world.wire.slice(before + 1).map(({ packet }) => hex(packet.bytes));
    };
    expect(await again()).toEqual([hex(message6.bytes)]);
    await between.world.runFor(31_000);
    expect(await again()).toEqual([]);
    expect(between.responder.engine.sas()).toHaveLength(1);
  });

  test("ends an SA when its lifetime is over, the shorter of both, and tells the peer", async () => {
    const both = pskPolicies();
    const between = pair({ ...both, initiator: { ...both.initiator, lifetimeSeconds: 600 } });
    await complete(between);
    await between.world.runFor(599_000);
    expect(between.responder.engine.sas()).toHaveLength(1);
    await between.world.runFor(2_000);
    expect(between.initiator.engine.sas()).toHaveLength(0);
    expect(between.responder.engine.sas()).toHaveLength(0);
    expect(between.world.events.map(({ event }) => event.kind)).toContain("phase1.deleted");
  });

  test("an initiator that starts anew replaces what the responder had of it", async () => {
    const between = pair(pskPolicies());
    await complete(between);
    between.initiator.kill();
    between.initiator.start();
    between.initiate();
    await between.world.runUntil(() => between.initiator.engine.sas().length === 1, 10_000);
    const [ours] = between.initiator.engine.sas();
    expect(between.responder.engine.sas().map(({ id }) => id)).toEqual([ours?.id]);
    expect(between.responder.engine.upcalls).toContainEqual(expect.objectContaining({ up: "deleted", by: "peer" }));
  });
});
