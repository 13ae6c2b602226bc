/** A certificate is revoked while its owner is a member: it is out at once, with new TEKs and a new KEK. */
import { beforeAll, describe, expect, test } from "vitest";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { type Issued, issueCa, issueCertificate, issueCrl } from "../../../src/crypto/node/issue.ts";
import type { GcksPolicy } from "../../../src/gdoi/gcks/types.ts";
import type { GmPolicy } from "../../../src/gdoi/gm/types.ts";
import type { AuthenticationName, Phase1Policy } from "../../../src/ikev1/types.ts";
import { type GroupChanges, gcksPolicy, gmPolicy, groupPolicy, memberAddress } from "../../support/group.ts";
import { streamTek } from "../../support/stream.ts";
import { groupWorld, registered, settled } from "../../support/world.ts";

const minute = 60_000;
const start = Date.UTC(2026, 0, 1);
const validity = { notBefore: start - minute, notAfter: start + 365 * 24 * 60 * minute };
const p256 = { kind: "ecdsa", curve: "P-256" } as const;

let ca: Issued;
let impostor: Issued;
let other: Issued;
let server: Issued;
let devices: Issued[];

beforeAll(() => {
  ca = issueCa({ subject: "CN=Utility CA", algorithm: p256, ...validity });
  other = issueCa({ subject: "CN=Vendor CA", algorithm: p256, ...validity });
  impostor = issueCa({ subject: "CN=Utility CA", algorithm: p256, ...validity });
  server = issueCertificate({ ca, subject: "CN=kdc", algorithm: p256, ...validity });
  devices = [1, 2, 3].map((n) => device(n, String(10 + n)));
});

function device(n: number, serialHex: string): Issued {
  return issueCertificate({ ca, subject: `CN=ied${n},O=Utility`, algorithm: p256, ...validity, serialHex });
}

function crl(by: Issued, ...revoked: string[]): Uint8Array {
  const ca_ = { certificate: by.certificate, key: by.key };
  return issueCrl({ ca: ca_, revoked, number: 1, thisUpdate: start, nextUpdate: validity.notAfter });
}

/** What is configured beside keys and groups: anchors and lists. */
type Trust = Partial<Pick<Phase1Policy, "anchors" | "crls">>;

function withCertificate({ certificate, key }: Issued, trust: Trust = {}): Partial<Phase1Policy> {
  const authentication: AuthenticationName = "ecdsa-256";
  const { subject } = nodeCrypto.parseCertificate(certificate);
  return {
    local: { identity: { type: 9, data: subject }, certificates: [certificate], signer: nodeCrypto.importSigner(key) },
    proposals: [{ cipher: "aes-cbc", keyBits: 128, hash: "sha256", group: 19, authentication }],
    anchors: [ca.certificate],
    crls: [],
    ...trust,
  };
}

const everyDevice = [{ rule: "dn", pattern: "CN=*,O=Utility" }] as const;

function keyServer(changes: GroupChanges, trust: Trust = {}): GcksPolicy {
  const group = groupPolicy({ members: everyDevice, teks: [streamTek()], handOutNext: true, ...changes });
  const peers = [{ name: "devices", addresses: [] }];
  return gcksPolicy([group], { ...withCertificate(server, trust), peers });
}

function member(address: string, own: Issued, trust: Trust = {}): GmPolicy {
  const { subject } = nodeCrypto.parseCertificate(server.certificate);
  const peers = [{ name: "ks", addresses: [], identity: { type: 9, data: subject } }];
  return gmPolicy(address, {}, { ...withCertificate(own, trust), peers });
}

function substation(changes: GroupChanges) {
  let gcks = keyServer(changes);
  const own = new Map(devices.map((issued, n) => [memberAddress(n), issued]));
  const made = groupWorld({
    seed: 62_351,
    members: 3,
    gcks: () => gcks,
    gm: (address) => member(address, own.get(address) ?? server),
  });
  const { world, gcks: host, members } = made;
  /** New anchors or lists, as SIGHUP brings them. */
  const reload = (trust: Trust) => {
    gcks = keyServer(changes, trust);
    return host.command({ do: "reconfigure", policy: gcks });
  };
  return {
    ...made,
    reload,
    revoke: (list: Uint8Array) => reload({ crls: [list] }),
    /** The same in the configuration alone. */
    stage: (trust: Trust) => {
      gcks = keyServer(changes, trust);
    },
    own,
    keys: () => members.map((one) => one.engine.keys("plant")),
    standing: () =>
      host.engine
        .members("plant")
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
        .map(({ state, reason }) => reason ?? state),
    all: () => world.runUntil(() => registered(members), minute),
  };
}

const revoked = "certificate revoked";
const distrusted = "certificate no longer trusted";

describe.each([
  { name: "without a key tree", changes: {} },
  { name: "with a key tree", changes: { kek: { management: "lkh" as const, ack: 2 as const } } },
])("$name", ({ changes }) => {
  test("the owner of a revoked certificate is out at once, with its Phase 1 SA; the others get a new KEK and TEKs", async () => {
    const { world, gcks, members, revoke, keys, standing, all } = substation(changes);
    await all();
    const before = keys()[0];
    const phase1 = gcks.engine.status().phase1;
    revoke(crl(ca, "0c"));
    expect(standing()).toEqual(["registered", "registered", "registered"]);
    revoke(crl(ca, "12"));
    expect(standing()).toEqual(["registered", revoked, "registered"]);
    expect(gcks.engine.status().phase1).toBe(phase1 - 1);
    await world.runFor(2 * minute);
    const [first, out, last] = keys();
    expect(last).toEqual(first);
    expect(first?.kekSpi).toBe(gcks.engine.group("plant")?.kek.spi);
    expect(first?.kekSpi).not.toBe(before?.kekSpi);
    const spis = first?.teks.map(({ spi }) => spi) ?? [];
    expect(spis).toHaveLength(2);
    expect(spis.some((spi) => before?.teks.some((tek) => tek.spi === spi))).toBe(false);
    for (const tek of out?.teks ?? []) expect(spis).not.toContain(tek.spi);
    expect(settled(gcks)).toBe(true);
    expect(standing()).toEqual(["registered", revoked, "registered"]);
    expect(registered([members[0], members[2]].filter((one) => one !== undefined))).toBe(true);
    members[1]?.command({ do: "register", group: "plant" });
    await world.runFor(minute);
    const failed = world.events.findLast((e) => e.host === "gcks" && e.event.reason?.includes("revoked") === true);
    expect(failed?.event).toMatchObject({ kind: "phase1.refused", figures: { code: "invalid-certificate" } });
    expect(standing()).toEqual(["registered", revoked, "registered"]);
  });

  test("a key server that starts with the new list does the same", async () => {
    const { world, gcks, stage, standing, keys, all } = substation(changes);
    await all();
    const before = gcks.engine.group("plant")?.kek.spi;
    gcks.kill();
    stage({ crls: [crl(ca, "11", "13")] });
    gcks.start();
    expect(standing()).toEqual([revoked, "registered", revoked]);
    await world.runFor(2 * minute);
    expect(gcks.engine.group("plant")?.kek.spi).not.toBe(before);
    expect(keys()[1]?.kekSpi).toBe(gcks.engine.group("plant")?.kek.spi);
  });

  test("a device with another certificate for its name comes back, with the revoked one it does not", async () => {
    const { world, members, revoke, own, standing, all } = substation(changes);
    await all();
    revoke(crl(ca, "12"));
    const [, second] = members;
    own.set(second?.address ?? "", device(2, "22"));
    second?.kill();
    second?.start();
    await world.runUntil(() => registered(members), 3 * minute);
    expect(standing()).toEqual(["registered", "registered", "registered"]);
    revoke(crl(ca, "12", "22"));
    expect(standing()).toEqual(["registered", revoked, "registered"]);
  });
});

describe("an authority that is taken out of trust.anchors", () => {
  test.each([
    { name: "while the key server runs", restart: false },
    { name: "before it starts", restart: true },
  ])("puts out whom it has certified, with their Phase 1 SAs: $name", async ({ restart }) => {
    const { world, gcks, members, reload, stage, own, standing, keys, all } = substation({});
    own.set(
      memberAddress(1),
      issueCertificate({ ca: other, subject: "CN=ied2,O=Utility", algorithm: p256, ...validity }),
    );
    stage({ anchors: [ca.certificate, other.certificate] });
    for (const host of [gcks, members[1]]) {
      host?.kill();
      host?.start();
    }
    await all();
    const before = keys()[0];
    if (restart) {
      gcks.kill();
      stage({ anchors: [ca.certificate] });
      gcks.start();
    } else {
      expect(gcks.engine.status().phase1).toBe(3);
      reload({ anchors: [ca.certificate] });
      expect(gcks.engine.status().phase1).toBe(2);
    }
    expect(standing()).toEqual(["registered", distrusted, "registered"]);
    expect(world.events.findLast(({ event }) => event.kind === "gcks.member-evicted")?.event).toMatchObject({
      cause: "policy",
      reason: distrusted,
      subjects: [{ name: "plant/dn:CN=ied2,O=Utility" }, { name: "plant" }],
    });
    await world.runFor(2 * minute);
    const [first, out, last] = keys();
    expect(last).toEqual(first);
    expect(first?.kekSpi).not.toBe(before?.kekSpi);
    for (const tek of out?.teks ?? []) expect(first?.teks.map(({ spi }) => spi)).not.toContain(tek.spi);

    // the certificate is good again with its authority, and so is one of another authority
    own.set(memberAddress(1), restart ? device(2, "22") : (own.get(memberAddress(1)) ?? server));
    if (!restart) reload({ anchors: [ca.certificate, other.certificate] });
    members[1]?.kill();
    members[1]?.start();
    await world.runUntil(() => registered(members), 3 * minute);
    expect(standing()).toEqual(["registered", "registered", "registered"]);
  });

  test("puts nobody out when another certificate of it takes its place", async () => {
    const { reload, standing, all } = substation({});
    await all();
    reload({ anchors: [impostor.certificate, ca.certificate] });
    expect(standing()).toEqual(["registered", "registered", "registered"]);
    reload({ anchors: [impostor.certificate] });
    expect(standing()).toEqual([distrusted, distrusted, distrusted]);
  });

  test("ends a member's Phase 1 with a key server that it has certified", async () => {
    const { world, gcks, members, all } = substation({});
    await all();
    const [first] = members;
    first?.command({
      do: "reconfigure",
      policy: member(first.address, devices[0] ?? server, { anchors: [other.certificate] }),
    });
    expect(first?.engine.status().phase1).toBe(0);
    await world.runFor(1_000);
    expect(gcks.engine.status().phase1).toBe(2);
  });
});

test("a list that another authority of the same name signed puts nobody out", async () => {
  const { revoke, standing, all } = substation({});
  await all();
  const given = revoke(crl(impostor, "11", "12", "13"));
  expect(given.answer).toHaveProperty("reply");
  expect(standing()).toEqual(["registered", "registered", "registered"]);
});

test.each(["stolen", "certificate revoked"])(
  "an operator's eviction is not undone by another certificate: %s",
  async (reason) => {
    const { world, gcks, members, own, standing, all } = substation({});
    await all();
    const [first] = gcks.engine.members("plant");
    gcks.command({ do: "evict", group: "plant", members: [first?.name ?? ""], reason });
    const host = members.find((one) => one.address === first?.address);
    own.set(host?.address ?? "", device(1, "21"));
    host?.kill();
    host?.start();
    await world.runFor(2 * minute);
    expect(standing()).toContainEqual(expect.stringMatching(new RegExp(`^${reason}`)));
  },
);

test("an operator's eviction of a member whose certificate was revoked already stays, until it is admitted", async () => {
  const { world, gcks, members, revoke, own, standing, all } = substation({});
  await all();
  revoke(crl(ca, "12"));
  const { answer } = gcks.command({
    do: "evict",
    group: "plant",
    members: ["dn:CN=ied2,O=Utility"],
    reason: "scrapped",
  });
  expect(answer).toMatchObject({ reply: { evicted: ["dn:CN=ied2,O=Utility"], rekeys: [] } });
  expect(standing()).toEqual(["registered", "scrapped", "registered"]);
  const [, second] = members;
  const restarted = async () => {
    second?.kill();
    second?.start();
    await world.runFor(2 * minute);
  };
  own.set(second?.address ?? "", device(2, "22"));
  await restarted();
  expect(standing()).toEqual(["registered", "scrapped", "registered"]);
  gcks.kill();
  gcks.start();
  await restarted();
  expect(standing()).toEqual(["registered", "scrapped", "registered"]);
  gcks.command({ do: "admit", group: "plant", members: ["dn:CN=ied2,O=Utility"] });
  await restarted();
  expect(standing()).toEqual(["registered", "registered", "registered"]);
});

test("a list that comes while devices register counts for them", async () => {
  const { world, gcks, members, revoke, standing } = substation({});
  await world.runUntil(() => gcks.engine.status().halfOpen > 0, minute);
  revoke(crl(ca, "11", "12", "13"));
  await world.runFor(minute);
  expect(gcks.engine.status().phase1).toBe(0);
  expect(registered(members)).toBe(false);
  expect(standing()).toEqual([]);
});
