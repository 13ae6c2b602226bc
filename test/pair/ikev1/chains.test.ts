import { describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { certificatesFrom, crlsFrom } from "../../../src/crypto/node/pem.ts";
import { utf8 } from "../../../src/util/octets.ts";
import { vectorFile } from "../../support/golden.ts";
import { type Pair, pair, policy, proposal } from "../../support/phase1.ts";

/** Made with OpenSSL; `root` issued `sub`, `sub` issued `gm1` and `gmrev`. */
const pem = vectorFile<Readonly<Record<string, string>>>("certificates.json");
const octets = (name: string) => utf8(pem[name] ?? "");
const certificates = (...names: readonly string[]) => names.flatMap((name) => certificatesFrom(octets(name)));
/** A moment within the validity of all of them. */
const startAt = Date.parse("2026-11-24T00:00:00Z");

const signer = nodeCrypto.importSigner(pem["gm1.key"] ?? "");
const [leaf = new Uint8Array(0)] = certificates("gm1");
const identity = { type: 9, data: nodeCrypto.parseCertificate(leaf).subject };

function member(chain: readonly string[], crls: readonly Uint8Array[] = []): Pair {
  const side = policy({
    local: { identity, certificates: certificates(...chain), signer },
    peers: [{ name: "peer", addresses: [] }],
    anchors: certificates("root"),
    crls,
    proposals: [proposal({ authentication: "ecdsa-256" })],
  });
  return pair({ startAt, initiator: side, responder: side });
}

describe("certificate chains in several CERT payloads", () => {
  test.each([
    ["leaf and intermediate authority", ["gm1", "sub"]],
    ["leaf, anchor and intermediate authority", ["gm1", "root", "sub"]],
    ["leaf, intermediate authority and what has nothing to do with it", ["gm1", "foreign", "sub", "rsaroot"]],
  ])("lead to the anchor: %s", async (_, chain) => {
    const between = member(chain);
    between.initiate();
    await between.world.runUntil(between.established, 10_000);
    expect(between.responder.engine.sas()[0]?.certificateSubject).toBe(nodeCrypto.nameText(identity.data));
  });

  test("without the intermediate authority lead nowhere", async () => {
    const between = member(["gm1"]);
    between.initiate();
    await between.world.runFor(60_000);
    expect(between.responder.engine.failures()[0]).toMatchObject({ code: "invalid-certificate" });
    expect(between.initiator.engine.sas()).toEqual([]);
  });

  test("are checked against revocation lists", async () => {
    const listed = member(["gm1", "sub"], crlsFrom(octets("sub.crl")));
    listed.initiate();
    await listed.world.runUntil(listed.established, 10_000);
    const between = member(["gmrev", "sub"], crlsFrom(octets("sub.crl")));
    between.initiate();
    await between.world.runFor(60_000);
    expect(between.responder.engine.failures()[0]).toMatchObject({
      code: "invalid-certificate",
      why: expect.stringMatching(/^certificate revoked/),
    });
  });
});
