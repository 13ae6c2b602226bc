import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIdentity } from "../core/identity.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { hex } from "../util/octets.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";
import { substation } from "./testing/substation.ts";
import type { Configuration } from "./types.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

/** The substation with pieces of its text replaced. */
function valid(...edits: readonly (readonly [from: string | RegExp, to: string])[]): Configuration {
  const text = edits.reduce((before, [from, to]) => {
    const after = before.replaceAll(from, () => to);
    expect(after).not.toBe(before);
    return after;
  }, substation);
  const loaded = loadConfiguration(made.write("keyherald.yaml", text), {}, testTime);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
  return loaded.value;
}

const warnings = ({ warnings: all }: Configuration) => all.map(({ path, message }) => `${path}: ${message}`);
const kek = /kek:\n(?: {8}.*\n)+/g;
const phase1 = / {2}phase1: .*\n/g;

describe("a substation in the profile", () => {
  test("has streams with the algorithms and key sizes of RFC 8052, the first of them the group's own", () => {
    const group = valid().keyServer?.groups[0];
    expect(group?.id).toEqual(parseIdentity("oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001"));
    const teks = group?.teks.flatMap((tek) => (tek.protocolId === 3 ? [tek] : []));
    expect(teks?.map(({ oid, oidSpecificPayload }) => [hex(oid), hex(oidSpecificPayload)])).toEqual([
      ["2a8648ce5683e31a080102", "0404efc00001"],
      ["2a8648ce5683e31a080101", "0404efc00002"],
    ]);
    expect(teks).toMatchObject([
      { encAlg: 1, algorithmKeyOctets: 0, authentication: { algorithm: 2, keyOctets: 32 }, lifetimeSeconds: 86_400 },
      { encAlg: 5, algorithmKeyOctets: 36, counterMode: true, lifetimeSeconds: 3_600 },
    ]);
    expect(teks?.[1]).not.toHaveProperty("authentication");
  });

  test("hands out the next keys, asks for acknowledgements, tells publishers of key delivery", () => {
    const { keyServer, warnings: none } = valid();
    expect(keyServer?.groups[0]).toMatchObject({
      profile: "iec-62351-9",
      handOutNext: true,
      assurance: { levelPercent: 90, publishers: [{ rule: "dn", pattern: "CN=server,O=Utility" }], announce: true },
      kek: { keyBits: 256, ack: 1, signature: { algorithm: 1, hash: 3 } },
    });
    expect(none).toEqual([]);
    const off = valid(["      assurance:", "      handOutNext: false\n      assurance:"]);
    expect(off.keyServer?.groups[0]).not.toHaveProperty("handOutNext");
  });

  test("has one certificate in either role, and peers that are the subjects of theirs", () => {
    const { keyServer, member } = valid([/chain: kdc.pem/g, "chain: server.pem"]);
    for (const role of [keyServer, member]) {
      const { local, peersAreSubjects, sendCertificateRequest } = role?.phase1 ?? valid().keyServer?.phase1 ?? {};
      expect(local?.certificates).toHaveLength(1);
      const { subject } = nodeCrypto.parseCertificate(local?.certificates[0] ?? new Uint8Array());
      expect(local?.identity).toEqual({ type: 9, data: subject });
      expect(peersAreSubjects).toBe(true);
      expect(sendCertificateRequest).toBe(false);
    }
    expect(member?.groups[0]?.keepWhenUnreachable).toBe(true);
  });

  test("offers by default AES-CBC with SHA-2 and MODP 15 and 16, no elliptic curves and no 14", () => {
    const proposals = valid([phase1, ""]).keyServer?.phase1.proposals ?? [];
    expect(proposals).toHaveLength(12);
    expect(proposals[0]).toEqual({
      cipher: "aes-cbc",
      keyBits: 256,
      hash: "sha256",
      group: 15,
      authentication: "ecdsa-256",
    });
    expect(new Set(proposals.map(({ group }) => group))).toEqual(new Set([15, 16]));
    expect(new Set(proposals.map(({ keyBits }) => keyBits))).toEqual(new Set([128, 256]));
  });

  test("signs pushes by RSA with 2048 bits, which every device has, and acknowledges with the same hash", () => {
    const plain = valid([kek, "kek: {}\n"]);
    expect(plain.keyServer?.groups[0]?.kek).toMatchObject({ ack: 1, signature: { algorithm: 1, hash: 3 } });
    expect(plain.generatedSigners).toEqual([{ group: "goose", algorithm: "rsa-2048" }]);
    const strong = valid([kek, "kek: { management: lkh, signature: { algorithm: rsa-sha512 } }\n"]);
    expect(strong.keyServer?.groups[0]?.kek).toMatchObject({ ack: 4, signature: { hash: 5 } });
    const asked = valid([kek, "kek: { acknowledge: kek-sha512 }\n"]);
    expect(asked.keyServer?.groups[0]?.kek).toMatchObject({ ack: 3, signature: { algorithm: 1, hash: 5 } });
    const curve = valid([kek, "kek: { signature: { algorithm: ecdsa-256 } }\n"]);
    expect(curve.generatedSigners).toEqual([{ group: "goose", algorithm: "ecdsa-256" }]);
  });

  test("warns of MODP 14, of no revocation list, of certificates that are not sent, and of streams without protection", () => {
    const found = warnings(
      valid(
        ["modp-3072]", "modp-2048]"],
        [", crls: [ca.crl]", ""],
        ["chain: kdc.pem", "chain: server.pem"],
        ["authentication: hmac-sha256-128", "authentication: none"],
      ),
    );
    expect(found).toEqual([
      expect.stringMatching(/^keyServer.certificate.chain: only the first .*IEC 62351-9 clause 8/),
      expect.stringMatching(/^keyServer.trust: without a revocation list .*IEC 62351-9 clause 8/),
      expect.stringMatching(/^keyServer.phase1.proposals\[0\]: modp-2048 .*old devices.*IEC 62351-9 clause 8/),
      expect.stringMatching(/^keyServer.groups\[0\].teks\[0\]: .* neither authenticated nor encrypted \(RFC 8052 3\)/),
      expect.stringMatching(/^member.certificate.chain: only the first/),
      expect.stringMatching(/^member.trust: without a revocation list/),
    ]);
  });

  test("may use other ports in a laboratory, which is told as a weak spot", () => {
    const lab = valid(
      ['listen: ["192.0.2.1:848"]', 'listen: ["127.0.0.1:8480"]\n  labPorts: true'],
      ["local: 192.0.2.10:848", "local: 127.0.0.2:8480\n  labPorts: true"],
      ["port: 848, identity", "port: 8480, identity"],
    );
    expect(warnings(lab)).toEqual([
      expect.stringMatching(/^keyServer.labPorts: ports other than 848 .*IEC 62351-9 clause 8/),
      expect.stringMatching(/^member.labPorts: ports other than 848/),
    ]);
  });
});

test("a group beside one with the profile is warned of rules that admit nobody", () => {
  const beside = `    - name: office
      id: 7
      members: [10.0.0.0/8, "dn:CN=*,O=Office", fqdn:gm.example]
      teks: [{ name: data, cipher: aes-gcm-16-128, destination: 239.192.0.1 }]
member:`;
  expect(warnings(valid([/^member:/gm, beside]))).toEqual(
    [0, 2].map((index) =>
      expect.stringMatching(
        new RegExp(
          `^keyServer.groups\\[1\\].members\\[${index}\\]: admits nobody: the profile of group goose .*clause 8.3.5`,
        ),
      ),
    ),
  );
  expect(warnings(valid([/^member:/gm, beside], [/ {6}profile: iec-62351-9\n/g, ""]))).toEqual([]);
});

test("a weak algorithm without the profile has no clause of it", () => {
  const text = substation
    .replace(/ {6}profile: iec-62351-9\n/g, "")
    .replace("profile: iec-62351-9, ", "")
    .replace("aes-cbc-256/sha2-256/modp-3072", "aes-cbc-256/sha1/modp-3072");
  const loaded = loadConfiguration(made.write("keyherald.yaml", text), {}, testTime);
  expect(loaded).toMatchObject({ ok: false, error: [{ message: expect.stringMatching(/"sha1" is refused/) }] });
  expect(JSON.stringify(loaded)).not.toContain("62351-9");
});

test("without the profile streams need nothing of it", () => {
  const free = valid(
    [/ {6}profile: iec-62351-9\n/g, ""],
    ["profile: iec-62351-9, ", ""],
    ["modp-3072]", "ecp-256]"],
    [kek, "kek: {}\n"],
    ['listen: ["192.0.2.1:848"]', 'listen: ["192.0.2.1:8480"]'],
  );
  expect(free.keyServer?.groups[0]).not.toHaveProperty("handOutNext");
  expect(free.keyServer?.phase1).not.toHaveProperty("peersAreSubjects");
  expect(free.keyServer?.phase1.sendCertificateRequest).toBe(true);
  expect(free.member?.groups[0]).not.toHaveProperty("keepWhenUnreachable");
  expect(free.generatedSigners).toEqual([{ group: "goose", algorithm: "ecdsa-256" }]);
});
