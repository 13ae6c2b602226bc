import { expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import type { Connection, PeerAuthentication } from "../../../src/ikev2/types.ts";
import {
  ask,
  bringUp,
  connection,
  type Ikev2World,
  ikeSas,
  ikev2Policy,
  ikev2World,
  kinds,
  rightAddress,
  told,
} from "../../support/ikev2.ts";
import { pki } from "../../support/phase1.ts";

const authority = pki("ecdsa-256");
const foreign = pki("ecdsa-384");
const trusted: PeerAuthentication = { method: "signature", anchors: [authority.anchor], crls: [] };
const serial = (der: Uint8Array | undefined) => nodeCrypto.parseCertificate(der ?? new Uint8Array()).serialHex;

const { signer, certificates } = authority.credentials("left.example", {});
const other = authority.credentials("other.example", {});
if (signer === undefined) throw new Error("no signer");

const plain = connection("left");
const left: Partial<Connection> = {
  local: { ...plain.local, authentication: { method: "signature", signer, certificates } },
};

/** The right gateway, whose peer proves itself so. */
function right(authentication: PeerAuthentication): Connection {
  const config = connection("right");
  return connection("right", { remote: { ...config.remote, authentication } });
}

async function standing(): Promise<Ikev2World> {
  const pair = ikev2World({ left, rightConnections: [right(trusted)] });
  await bringUp(pair);
  return pair;
}

async function reconfigured({ world, right: host }: Ikev2World, authentication: PeerAuthentication): Promise<void> {
  await ask(world, host, { do: "reconfigure", policy: ikev2Policy(rightAddress, [right(authentication)]) });
  await world.runFor(10_000);
}

test("a peer whose certificate was revoked is put out by the new list, told why, and not let in again", async () => {
  const pair = await standing();
  await reconfigured(pair, { ...trusted, crls: [authority.revoke([serial(certificates[0])])] });
  expect([ikeSas(pair.left), ikeSas(pair.right)]).toEqual([[], []]);
  expect(told(pair.world, pair.left)).toContain('peer deleted the IKE SA: "certificate revoked"');
  const { answer } = await ask(pair.world, pair.left, { do: "up", target: "tunnel" });
  expect(answer).toMatchObject({ refusal: { code: "AUTHENTICATION_FAILED" } });
  expect(told(pair.world, pair.right).join()).toMatch(/has revoked CN=left\.example/);
});

test("a peer stays when a list revokes somebody else, or comes from somebody else", async () => {
  const pair = await standing();
  const before = ikeSas(pair.right)[0]?.id;
  const lists = [authority.revoke([serial(other.certificates[0])]), foreign.revoke([serial(certificates[0])])];
  await reconfigured(pair, { ...trusted, crls: lists });
  expect(ikeSas(pair.right).map(({ id }) => id)).toEqual([before]);
  expect(kinds(pair.world, pair.left)).not.toContain("ikev2.deleted");
});

test("a peer whose authority is no anchor any more is put out", async () => {
  const pair = await standing();
  await reconfigured(pair, { ...trusted, anchors: [foreign.anchor] });
  expect(ikeSas(pair.right)).toEqual([]);
  expect(told(pair.world, pair.left)).toContain('peer deleted the IKE SA: "certificate no longer trusted"');
});

test("a peer that has proven itself in another way than it is to is put out", async () => {
  const pair = await standing();
  await reconfigured(pair, { method: "psk" });
  expect(ikeSas(pair.right)).toEqual([]);
  const byKey = ikev2World();
  await bringUp(byKey);
  await reconfigured(byKey, trusted);
  expect(told(byKey.world, byKey.left)).toContain(
    'peer deleted the IKE SA: "the peer is to prove itself by a certificate"',
  );
});
