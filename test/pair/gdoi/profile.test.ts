/** A key distribution centre and devices in the profile of IEC 62351-9, from their configuration files to their keys. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfiguration } from "../../../src/config/load.ts";
import type { Configuration } from "../../../src/config/types.ts";
import { nodeCrypto } from "../../../src/crypto/node/index.ts";
import { type Issued, issueCa, issueCertificate, issueCrl } from "../../../src/crypto/node/issue.ts";
import { toPem } from "../../../src/crypto/node/pem.ts";
import { withGeneratedSigners } from "../../../src/daemon/signers.ts";
import type { GcksPolicy } from "../../../src/gdoi/gcks/types.ts";
import type { GmPolicy } from "../../../src/gdoi/gm/types.ts";
import type { LocalCredentials } from "../../../src/ikev1/types.ts";
import { securityEvent } from "../../../src/ledger/security-events.ts";
import { memberAddress } from "../../support/group.ts";
import { groupWorld, registered, settled } from "../../support/world.ts";

const start = Date.UTC(2026, 0, 1);
const day = 86_400_000;
const minute = 60_000;
const validity = { notBefore: start - day, notAfter: start + 365 * day };
const p256 = { kind: "ecdsa", curve: "P-256" } as const;
const folder = mkdtempSync(join(tmpdir(), "keyherald-profile-"));

let ca: Issued;
let device: Issued;

beforeAll(() => {
  ca = issueCa({ subject: "CN=Utility CA,O=Utility", algorithm: p256, ...validity });
  device = issue("CN=ied1,O=Utility");
  const revoked = issue("CN=ied9,O=Utility", { serialHex: "0badcafe" });
  write("ca.pem", ca.certificatePem);
  write("state.key", "ab".repeat(32));
  const list = { ca, revoked: ["0badcafe"], number: 1, thisUpdate: start - day, nextUpdate: start + day };
  write("ca.crl", toPem("X509 CRL", issueCrl(list)));
  for (const [name, issued] of Object.entries({ kdc: issue("CN=kdc,O=Utility"), ied: device, ied9: revoked })) {
    write(`${name}.pem`, issued.certificatePem);
    write(`${name}.key`, issued.keyPem);
  }
});
afterAll(() => rmSync(folder, { recursive: true }));

function issue(subject: string, more: { notAfter?: number; serialHex?: string } = {}): Issued {
  return issueCertificate({ ca, subject, algorithm: p256, ...validity, ...more });
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
}

function configured(name: string, text: string): Configuration {
  const head = "state: { file: state.db, key: { file: state.key } }\n";
  const loaded = loadConfiguration(write(`${name}.yaml`, head + text), {}, start);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
  expect(loaded.value.warnings).toEqual([]);
  return loaded.value;
}

const stream = '"oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001"';

function centre(): GcksPolicy {
  const { keyServer, generatedSigners } = configured(
    "kdc",
    `keyServer:
  listen: ["192.0.2.1:848"]
  certificate: { chain: kdc.pem, key: kdc.key }
  trust: { anchors: [ca.pem], crls: [ca.crl] }
  groups:
    - name: goose
      id: ${stream}
      profile: iec-62351-9
      members: ["dn:CN=*,O=Utility"]
      teks: [{ name: trip, protocol: iec-61850, authentication: hmac-sha256-128, lifetime: 1h }]
`,
  );
  if (keyServer === undefined) throw new Error("no key server");
  return withGeneratedSigners(keyServer, generatedSigners, [], nodeCrypto).policy;
}

function ied(address: string, name = "ied"): GmPolicy {
  const { member } = configured(
    name,
    `member:
  local: "${address}:848"
  certificate: { chain: ${name}.pem, key: ${name}.key }
  trust: { anchors: [ca.pem], crls: [ca.crl] }
  keyServers: [{ name: kdc, address: 192.0.2.1, identity: "dn:CN=kdc,O=Utility" }]
  groups: [{ name: goose, profile: iec-62351-9, id: ${stream} }]
`,
  );
  if (member === undefined) throw new Error("no member");
  return member;
}

test("a device gets this key and the next one, and acknowledges the next push", async () => {
  const { world, gcks, members } = groupWorld({ seed: 9, members: 1, gcks: centre(), gm: (address) => ied(address) });
  await world.runUntil(() => registered(members), minute);
  expect(members[0]?.engine.keys("goose")?.teks).toHaveLength(2);
  gcks.command({ do: "rekey", group: "goose", what: "kek" });
  await world.runUntil(() => settled(gcks, "goose"), minute);
  expect(gcks.engine.group("goose")?.rekeys.at(-1)).toMatchObject({ ackRequested: true, acked: 1, missing: 0 });
});

/** A device whose policy is as it should be but for what it shows of itself. */
async function refusedDevice(policy: (address: string) => GmPolicy) {
  const { world, gcks, members } = groupWorld({ seed: 9, members: 1, gcks: centre(), gm: policy });
  await world.runFor(5 * minute);
  expect(registered(members)).toBe(false);
  expect(gcks.engine.members("goose")).toEqual([]);
  expect(gcks.engine.status()).toMatchObject({ members: 0, phase1: 0, halfOpen: 0 });
  const told = world.events.filter(({ host, event }) => host === "gcks" && event.kind === "phase1.refused");
  const [first] = told.map(({ event }) => event);
  if (first === undefined) throw new Error("the operator was told nothing");
  // one event in ten seconds at most
  expect(told.length).toBeLessThan(32);
  return { reason: first.reason, security: securityEvent(first), view: members[0]?.engine.status().groups[0] };
}

const withLocal = (change: (local: LocalCredentials) => LocalCredentials) => (address: string) => {
  const policy = ied(address);
  return { ...policy, phase1: { ...policy.phase1, local: change(policy.phase1.local) } };
};
const credentials = ({ certificate, key }: Issued): LocalCredentials => ({
  identity: { type: 9, data: nodeCrypto.parseCertificate(certificate).subject },
  certificates: [certificate],
  signer: nodeCrypto.importSigner(key),
});

describe("nothing is recorded of a device, the operator gets an event and the device a notification, when", () => {
  test("its certificate is revoked", async () => {
    const { reason, security, view } = await refusedDevice((address) => ied(address, "ied9"));
    expect(reason).toMatch(/^certificate revoked: CN=Utility CA,O=Utility has revoked CN=ied9,O=Utility$/);
    expect(security).toEqual({ name: "CERT_V_REVOKED", id: "IEC62351-9:4.1", severity: "alarm" });
    expect(view?.lastError).toContain("INVALID_CERTIFICATE: invalid-certificate: revoked");
  });

  test("its certificate has expired", async () => {
    const old = issue("CN=ied2,O=Utility", { notAfter: start - minute });
    const { reason, security, view } = await refusedDevice(withLocal(() => credentials(old)));
    expect(reason).toMatch(/^certificate expired: CN=ied2,O=Utility has expired on 2025-12-31/);
    expect(security).toEqual({ name: "CERT_V_PK_EXPIRED", id: "IEC62351-9:2.6", severity: "error" });
    expect(view?.lastError).toContain("invalid-certificate: expired");
  });

  test("its identity is another subject than that of its certificate", async () => {
    const { identity } = credentials(issue("CN=ied3,O=Utility"));
    const { reason, security, view } = await refusedDevice(withLocal((local) => ({ ...local, identity })));
    expect(reason).toMatch(/^identity dn:CN=ied3,O=Utility is not in the certificate: .* CN=ied1,O=Utility$/);
    expect(security).toEqual({ name: "phase1.identity-refused", severity: "error" });
    expect(view?.lastError).toContain("INVALID_ID_INFORMATION: invalid-identity");
  });

  test("its identity is no subject at all", async () => {
    const identity = { type: 1, data: Uint8Array.of(198, 51, 100, 10) };
    const { reason, view } = await refusedDevice(withLocal((local) => ({ ...local, identity })));
    expect(reason).toMatch(/^identity 198.51.100.10 is no ID_DER_ASN1_DN/);
    expect(view?.lastError).toContain("not the subject of the certificate");
    expect(memberAddress(0)).toBe("198.51.100.10");
  });

  test("it sends more certificates than one", async () => {
    const { reason } = await refusedDevice(
      withLocal((local) => ({ ...local, certificates: [...local.certificates, ca.certificate] })),
    );
    expect(reason).toBe("2 certificates were sent, exactly one is taken");
  });
});
