import { expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import type { Connection } from "../../../src/ikev2/types.ts";
import { utf8 } from "../../../src/util/octets.ts";
import {
  ask,
  bringUp,
  childSas,
  connection,
  dataPlane,
  type Ikev2World,
  type Ikev2WorldOptions,
  identity,
  ikeSas,
  ikev2World,
  kinds,
  leftAddress,
  mirrored,
  rightAddress,
  told,
} from "../../support/ikev2.ts";
import { type CertifiedKey, type IssueOptions, pki, START } from "../../support/phase1.ts";

type Side = "left" | "right";

/** A connection in which both sides prove themselves by certificates of one authority. */
function certified(
  side: Side,
  key: CertifiedKey,
  changes: Partial<IssueOptions> = {},
  crls: readonly Uint8Array[] = [],
) {
  const authority = pki(key);
  const { signer, certificates } = authority.credentials(`${side}.example`, changes);
  if (signer === undefined) throw new Error("no signer");
  const plain = connection(side);
  return {
    local: { ...plain.local, authentication: { method: "signature", signer, certificates } },
    remote: { ...plain.remote, authentication: { method: "signature", anchors: [authority.anchor], crls } },
  } satisfies Partial<Connection>;
}

async function attempt(options: Ikev2WorldOptions): Promise<Ikev2World & { refusal: string }> {
  const pair = ikev2World(options);
  const { answer } = await ask(pair.world, pair.left, { do: "up", target: "tunnel" }, 120_000);
  await pair.world.runFor(60_000);
  return { ...pair, refusal: answer !== undefined && "refusal" in answer ? answer.refusal.code : "" };
}

function nothingStands({ left, right }: Ikev2World): void {
  for (const host of [left, right]) {
    expect(ikeSas(host)).toEqual([]);
    expect(dataPlane(host).size).toBe(0);
    expect(host.engine.leftovers).toEqual([]);
  }
}

test.each([
  ["rsa", "RSASSA-PSS with sha256"],
  ["ecdsa-256", "ECDSA with sha256"],
  ["ecdsa-384", "ECDSA with sha384"],
  ["ecdsa-521", "ECDSA with sha512"],
  ["ed25519", "Ed25519"],
] as const)("both sides prove themselves by certificates with %s keys", async (key, scheme) => {
  const pair = ikev2World({ left: certified("left", key), right: certified("right", key) });
  await bringUp(pair);
  const { left, right } = pair;
  for (const host of [left, right]) expect(ikeSas(host)[0]?.authentication).toBe(scheme);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  expect(left.engine.leftovers).toEqual([]);
});

test("RSA signatures by PKCS #1 for a peer that is configured so", async () => {
  const signatures = { rsaPadding: "pkcs1", rsaSha1: false } as const;
  const pair = ikev2World({ left: { ...certified("left", "rsa"), signatures }, right: certified("right", "rsa") });
  await bringUp(pair);
  expect(ikeSas(pair.right)[0]?.authentication).toBe("RSA PKCS #1 v1.5 with sha256");
  expect(ikeSas(pair.left)[0]?.authentication).toBe("RSASSA-PSS with sha256");
});

test("one side may use a certificate, the other a pre-shared key", async () => {
  const [left, right] = [connection("left"), connection("right")];
  const pair = ikev2World({
    left: { remote: { ...left.remote, authentication: certified("left", "ecdsa-256").remote.authentication } },
    right: { local: { ...right.local, authentication: certified("right", "ecdsa-256").local.authentication } },
  });
  await bringUp(pair);
  expect(ikeSas(pair.left)[0]?.authentication).toBe("ECDSA with sha256");
  expect(ikeSas(pair.right)[0]?.authentication).toBe("psk");
});

test("certificates that do not fit a datagram travel in fragments, each small enough", async () => {
  const policy = { fragmentOctets: 576 };
  const pair = ikev2World({ left: certified("left", "rsa"), right: certified("right", "rsa"), policy });
  await bringUp(pair);
  const { world } = pair;
  const sizes = world.wire.slice(2).map(({ packet }) => packet.bytes.length);
  expect(sizes.length).toBeGreaterThan(4);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(576 - 28);
});

test("without fragmentation at one side a message goes as a whole", async () => {
  const pair = ikev2World({
    left: certified("left", "rsa"),
    right: { ...certified("right", "rsa"), fragmentation: false },
    policy: { fragmentOctets: 576 },
  });
  await bringUp(pair);
  expect(pair.world.wire).toHaveLength(4);
});

test.each<[string, "peer refuses" | "we refuse", Ikev2WorldOptions, RegExp]>([
  [
    "another pre-shared key",
    "peer refuses",
    { right: { psk: nodeCrypto.importSecret(utf8("another")) } },
    /the pre-shared keys differ/,
  ],
  [
    "an identity that the responder does not know",
    "peer refuses",
    { left: { local: { ...connection("left").local, identity: identity("fqdn:mallory.example") } } },
    /no connection is for fqdn:mallory.example/,
  ],
  [
    "another identity of the responder than is expected",
    "peer refuses",
    { left: { remote: { ...connection("left").remote, identity: identity("fqdn:other.example") } } },
    /asks for another identity than ours/,
  ],
  [
    "a certificate where a pre-shared key is expected",
    "peer refuses",
    { left: { local: certified("left", "ecdsa-256").local } },
    /the peer does not use the pre-shared key/,
  ],
  [
    "a pre-shared key where a certificate is expected",
    "peer refuses",
    { right: { remote: certified("right", "ecdsa-256").remote } },
    /a signature is expected/,
  ],
  [
    "a certificate of another authority",
    "peer refuses",
    { left: certified("left", "ecdsa-384"), right: certified("right", "ecdsa-256") },
    /trust/,
  ],
  [
    "an expired certificate",
    "peer refuses",
    {
      left: certified("left", "ecdsa-256", { valid: { from: START - 1e9, to: START - 1000 } }),
      right: certified("right", "ecdsa-256"),
    },
    /expired/,
  ],
  [
    "a certificate for another name",
    "peer refuses",
    {
      left: {
        ...certified("left", "ecdsa-256"),
        local: { ...certified("right", "ecdsa-256").local, identity: identity("fqdn:left.example") },
      },
      right: certified("right", "ecdsa-256"),
    },
    /does not entitle to fqdn:left.example/,
  ],
  [
    "a responder with an expired certificate",
    "we refuse",
    {
      left: certified("left", "ecdsa-256"),
      right: certified("right", "ecdsa-256", { valid: { from: START - 1e9, to: START - 1000 } }),
    },
    /expired/,
  ],
])("%s: no IKE SA (%s)", async (_what, who, options, why) => {
  const pair = await attempt(options);
  const { world, left, right, refusal } = pair;
  nothingStands(pair);
  expect(refusal).not.toBe("");
  const teller = who === "we refuse" ? left : right;
  expect(told(world, teller).some((line) => why.test(line))).toBe(true);
  // the peer is told that it failed, and nothing of why
  if (who === "peer refuses") expect(refusal).toBe("AUTHENTICATION_FAILED");
  else expect(told(world, right).join()).toContain("the peer does not accept our proof of identity");
});

test("a revoked certificate is refused", async () => {
  const key = "ecdsa-256" as const;
  const plain = certified("left", key);
  const serial = nodeCrypto.parseCertificate(plain.local.authentication.certificates[0] ?? new Uint8Array()).serialHex;
  const pair = await attempt({ left: plain, right: certified("right", key, {}, [pki(key).revoke([serial])]) });
  nothingStands(pair);
  expect(told(pair.world, pair.right).join()).toContain("revoked");
});

test("whoever is refused waits as long for any reason, and is counted", async () => {
  const waits: number[] = [];
  for (const options of [
    { right: { psk: nodeCrypto.importSecret(utf8("another")) } },
    { left: { local: { ...connection("left").local, identity: identity("fqdn:mallory.example") } } },
  ]) {
    const { world, right } = await attempt(options);
    const [asked] = world.wire.filter(({ packet }) => packet.from.address === leftAddress).slice(1);
    const refused = world.wire.filter(({ packet }) => packet.from.address === rightAddress).at(-1);
    waits.push((refused?.at ?? 0) - (asked?.at ?? 0));
    expect(right.engine.status().counters["authentication-failed"]).toBe(1);
  }
  expect(waits).toEqual([1001, 1001]);
});

test("a peer is found by its identity among the connections that share an address", async () => {
  const config = connection("right");
  const named = (name: string): Connection => ({
    ...config,
    name,
    remote: { ...config.remote, identity: identity(`fqdn:${name}.example`) },
  });
  const anybody: Connection = { ...config, name: "anybody", remote: { ...config.remote, identity: undefined } };
  const pair = ikev2World({ rightConnections: [anybody, named("other"), named("left")] });
  await bringUp(pair);
  expect(ikeSas(pair.right).map((sa) => sa.connection)).toEqual(["left"]);
});

test("whoever has the common key cannot take the name of a peer that another connection knows", async () => {
  const config = connection("right");
  const anybody: Connection = { ...config, name: "anybody", remote: { ...config.remote, identity: undefined } };
  const known: Connection = { ...config, name: "known", psk: nodeCrypto.importSecret(utf8("its own key")) };
  const pair = await attempt({ rightConnections: [anybody, known] });
  nothingStands(pair);
});

test("an IKE SA stands without its Child SA when only that is refused", async () => {
  const pair = await attempt({
    right: { children: [{ ...(connection("right").children[0] ?? never()), localSelectors: [], remoteSelectors: [] }] },
  });
  const { world, left, right, refusal } = pair;
  expect(refusal).toBe("TS_UNACCEPTABLE");
  for (const host of [left, right]) {
    expect(ikeSas(host)).toHaveLength(1);
    expect(childSas(host)).toEqual([]);
  }
  expect(kinds(world, right)).toContain("ikev2.child-refused");
  expect(kinds(world, left)).toContain("ikev2.child-failed");
});

function never(): never {
  throw new Error("the connection has a child");
}

test("an IKE SA without any Child SA is established when nothing starts with the connection", async () => {
  const pair = ikev2World({ left: { children: [] } });
  await bringUp(pair);
  expect(childSas(pair.right)).toEqual([]);
  expect(ikeSas(pair.left)[0]?.state).toBe("established");
});
