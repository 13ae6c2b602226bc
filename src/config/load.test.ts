import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseIdentity } from "../core/identity.ts";
import { hex } from "../util/octets.ts";
import { exampleConfiguration } from "./example.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";
import type { Configuration } from "./types.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

function load(text: string, environment: NodeJS.ProcessEnv = {}) {
  return loadConfiguration(made.write("keyherald.yaml", text), environment, testTime);
}

function valid(text: string, environment?: NodeJS.ProcessEnv): Configuration {
  const loaded = load(text, environment);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
  return loaded.value;
}

const keyServer = (more: string, group = "") => `
state: { file: state.db, key: { file: state.key } }
keyServer:
  listen: ["192.0.2.1:848", "[2001:DB8::1]:848"]
${more}
  groups:
    - name: substation
      id: 1234
      members: [10.0.0.0/8]
      teks: [{ name: data, cipher: aes-gcm-16-128, destination: 239.192.0.1 }]
${group}`;
const psk = "  peers: [{ name: all, address: 10.0.0.0/8, psk: { file: gm1.psk } }]";
const certificate =
  "  certificate: { chain: server.pem, key: server.key }\n  trust: { anchors: [ca.pem], crls: [ca.crl] }";

describe("examples", () => {
  test.each([
    ["key-server", ["keyServer"]],
    ["member", ["member"]],
    ["ikev2", ["ikev2"]],
    ["both", ["keyServer", "member"]],
    ["all", ["keyServer", "member", "ikev2"]],
  ] as const)("the example of %s is valid and has no warning", (role, sections) => {
    const configuration = valid(exampleConfiguration(role));
    expect(["keyServer", "member", "ikev2"].filter((name) => name in configuration)).toEqual(sections);
    expect(configuration.warnings).toEqual([]);
  });
});

describe("a valid file", () => {
  test("paths are relative to the file, addresses are canonical, defaults are filled in", () => {
    const { state, control, keyServer: server, retention, generatedSigners } = valid(keyServer(psk));
    expect(state.file).toBe(join(made.folder, "state.db"));
    expect(hex(state.key)).toBe("ab".repeat(32));
    expect(control.socket).toBe("/run/keyherald/control.sock");
    expect(retention).toEqual({ maxAgeMs: 90 * 86_400_000, maxEvents: 1_000_000 });
    expect(server?.listen).toEqual([
      { address: "192.0.2.1", port: 848 },
      { address: "2001:db8::1", port: 848 },
    ]);
    expect(server?.phase1.local.identity).toEqual({ type: 1, data: new Uint8Array([192, 0, 2, 1]) });
    expect(server?.phase1.doi).toBe(2);
    expect(server?.groups[0]?.kek).toMatchObject({ keyBits: 256, lifetimeSeconds: 86_400, management: "none", ack: 1 });
    expect(server?.groups[0]?.acks).toMatchObject({ missingAfterMs: 30_000, whenMissing: "alert" });
    expect(generatedSigners).toEqual([{ group: "substation", algorithm: "ecdsa-256" }]);
  });

  test("security events go to a socket in the form of syslog(3), and by UDP in that of RFC 5424", () => {
    const syslog = (to: string) => valid(`${keyServer(psk)}\nsyslog: { ${to} }`).syslog;
    expect(syslog("to: unix:/dev/log")).toEqual({
      to: { transport: "unix", path: "/dev/log" },
      facility: 10,
      format: "local",
    });
    const endpoint = { address: "2001:db8::1", port: 6514 };
    expect(syslog('to: "udp://[2001:DB8::1]:6514", facility: local7')).toEqual({
      to: { transport: "udp", endpoint },
      facility: 23,
      format: "rfc5424",
    });
    expect(syslog("to: udp://192.0.2.9, format: local")).toMatchObject({
      to: { endpoint: { address: "192.0.2.9", port: 514 } },
      format: "local",
    });
    expect(valid(keyServer(psk)).syslog).toBeUndefined();
  });

  test("security events may have other names, numbers and severities than here", () => {
    const given = `${keyServer(psk)}
securityEvents:
  gm.left: { name: GROUP_LEFT, id: IEC62351-9:5.9 }
  phase1.flooded: { severity: error }`;
    expect([...(valid(given).securityEvents ?? [])]).toEqual([
      ["gm.left", { name: "GROUP_LEFT", id: "IEC62351-9:5.9" }],
      ["phase1.flooded", { severity: "error" }],
    ]);
    expect(valid(keyServer(psk)).securityEvents).toBeUndefined();
  });

  test("a generated signing key stays a placeholder that refuses to sign", () => {
    const signer = valid(keyServer(psk)).keyServer?.groups[0]?.kek.signature.signer;
    expect(() => signer?.sign({ name: "ecdsa", curve: "P-256" }, new Uint8Array())).toThrow("out of the store");
  });

  test("with a certificate its subject is the identity, its key chooses the method, and any certified peer may come", () => {
    const phase1 = valid(keyServer(certificate)).keyServer?.phase1;
    expect(phase1?.local.identity.type).toBe(9);
    expect(phase1?.local.certificates).toHaveLength(2);
    expect(new Set(phase1?.proposals.map((one) => one.authentication))).toEqual(new Set(["ecdsa-256"]));
    expect(phase1?.peers).toEqual([{ name: "any", addresses: [] }]);
    expect(phase1?.anchors).toHaveLength(1);
    expect(phase1?.crls).toHaveLength(1);
  });

  test("proposals and methods are combined in their order", () => {
    const more = `${psk}\n${certificate}\n  phase1: { proposals: [aes-cbc-128/sha2-512/modp-4096, aes-cbc-256/sha2-384/ecp-521], authentication: [ecdsa-256, psk], doi: ipsec, lifetime: 2h }`;
    const phase1 = valid(keyServer(more)).keyServer?.phase1;
    expect(phase1?.proposals).toEqual([
      { cipher: "aes-cbc", keyBits: 128, hash: "sha512", group: 16, authentication: "ecdsa-256" },
      { cipher: "aes-cbc", keyBits: 128, hash: "sha512", group: 16, authentication: "psk" },
      { cipher: "aes-cbc", keyBits: 256, hash: "sha384", group: 21, authentication: "ecdsa-256" },
      { cipher: "aes-cbc", keyBits: 256, hash: "sha384", group: 21, authentication: "psk" },
    ]);
    expect(phase1?.doi).toBe(1);
    expect(phase1?.lifetimeSeconds).toBe(7_200);
  });

  test("TEKs have the transforms, key lengths and selectors of their RFCs", () => {
    const teks = `      - { name: a, cipher: aes-gcm-16-256, destination: 239.192.0.0/24 }
      - { name: b, cipher: aes-cbc-192, integrity: sha2-384-192, source: 10.0.0.1-10.0.0.9, destination: 239.192.0.1, ipProtocol: udp, destinationPort: 102, mode: transport }
      - { name: c, cipher: "null", integrity: sha2-512-256, destination: "ff02::1" }
      - { name: d, protocol: ah, integrity: sha2-256-128, destination: 239.192.0.1, direction: receiver, addressPreservation: both }
      - { name: e, cipher: aes-gmac-128, destination: 239.192.0.1 }`;
    const text = keyServer(psk).replace(/teks: .*/, `teks:\n${teks}`);
    const policies = valid(text).keyServer?.groups[0]?.teks.filter((tek) => tek.protocolId !== 3) ?? [];
    const any4 = { idType: 4, port: 0, data: new Uint8Array(8) };
    expect(policies).toMatchObject([
      {
        protocolId: 1,
        transformId: 20,
        keyBits: 256,
        algorithmKeyOctets: 36,
        counterMode: true,
        source: any4,
        mode: 1,
      },
      {
        transformId: 12,
        keyBits: 192,
        algorithmKeyOctets: 24,
        authentication: { algorithm: 6, keyOctets: 48 },
        counterMode: false,
        mode: 2,
        protocol: 17,
      },
      {
        transformId: 11,
        algorithmKeyOctets: 0,
        authentication: { algorithm: 7, keyOctets: 64 },
        source: { idType: 6 },
      },
      {
        protocolId: 2,
        transformId: 5,
        algorithmKeyOctets: 0,
        authentication: { algorithm: 5, keyOctets: 32 },
        direction: 2,
        addressPreservation: 4,
      },
      { transformId: 23, keyBits: 128, algorithmKeyOctets: 20, counterMode: true },
    ]);
    expect(policies[0]?.destination).toEqual({
      idType: 4,
      port: 0,
      data: new Uint8Array([239, 192, 0, 0, 255, 255, 255, 0]),
    });
    expect(policies[1]?.source).toEqual({ idType: 7, port: 0, data: new Uint8Array([10, 0, 0, 1, 10, 0, 0, 9]) });
    expect(policies[1]?.destination).toEqual({ idType: 1, port: 102, data: new Uint8Array([239, 192, 0, 1]) });
    expect(policies[2]).not.toHaveProperty("keyBits");
  });

  test("a group may be named by an OID, with a payload in DER", () => {
    const id = (text: string) => keyServer(psk).replace("id: 1234", `id: "${text}"`);
    const text = "oid:1.2.840.10070.61850.8.1.2;payload=0404efc00001";
    expect(valid(id(text)).keyServer?.groups[0]?.id).toEqual(parseIdentity(text));
    const problems = (written: string) => {
      const loaded = load(written);
      return loaded.ok ? [] : loaded.error;
    };
    for (const wrong of ["oid:1.2.x", "oid:1.2;payload=0404efc000", "oid:"]) {
      expect(problems(id(wrong))).toMatchObject([{ path: "keyServer.groups[0].id", severity: "error" }]);
    }
    const member = keyServer(psk).replace(/members: .*/, 'members: ["oid:1.2.3"]');
    expect(problems(member)).toMatchObject([{ path: "keyServer.groups[0].members[0]" }]);
  });

  test("members are identities, ranges and patterns", () => {
    const text = keyServer(psk).replace(
      "[10.0.0.0/8]",
      `[192.0.2.7, 10.1.0.0/16, 10.0.0.1-10.0.0.3, "fqdn:gm.example", keyid:0a0b, "dn:CN=*,O=Utility", "2001:db8::/32"]`,
    );
    const rules = valid(text).keyServer?.groups[0]?.members;
    expect(rules).toMatchObject([
      { rule: "identity", identity: { type: 1 } },
      { rule: "addresses", from: new Uint8Array([10, 1, 0, 0]), to: new Uint8Array([10, 1, 255, 255]) },
      { rule: "addresses", to: new Uint8Array([10, 0, 0, 3]) },
      { rule: "identity", identity: { type: 2 } },
      { rule: "identity", identity: { type: 11, data: new Uint8Array([10, 11]) } },
      { rule: "dn", pattern: "CN=*,O=Utility" },
      { rule: "addresses", text: "2001:db8::/32" },
    ]);
  });

  test("secrets come out of the environment as well, as text, hex or base64", () => {
    const text = keyServer("  peers: [{ name: a, address: 10.0.0.0/8, psk: { environment: PSK } }]").replace(
      "{ file: state.key }",
      "{ environment: STATE_KEY }",
    );
    const base64 = Buffer.alloc(32, 5).toString("base64");
    const configuration = valid(text, { PSK: `hex:${"00".repeat(20)}`, STATE_KEY: base64 });
    expect(configuration.state.key).toEqual(new Uint8Array(32).fill(5));
    expect(configuration.warnings).toEqual([]);
  });

  test("anchors and aliases of YAML work, and an alias that is wrong is told where it is used", () => {
    const text = keyServer(psk).replace("members: [10.0.0.0/8]", "members: &all [10.0.0.0/8]");
    expect(valid(text).keyServer?.groups[0]?.members).toHaveLength(1);
  });

  test("weak spots are warnings with their places", () => {
    const peers =
      "  peers:\n    - { name: a, psk: { file: short.psk } }\n    - { name: b, address: 10.0.0.1, psk: { file: gm1.psk } }";
    const own = "  certificate: { chain: old.pem, key: old.key }\n  trust: { anchors: [ca.pem] }";
    const { warnings } = valid(keyServer(`${peers}\n${own}`));
    expect(warnings.map(({ line, path, severity }) => [line, path, severity])).toEqual([
      [6, "keyServer.peers[0].psk", "warning"],
      [6, "keyServer.peers[0]", "warning"],
      [8, "keyServer.certificate.chain", "warning"],
    ]);
    expect(warnings.map((one) => one.message).join("\n")).toMatch(/6 octets.*any address.*expired on 2025-12-31/s);
  });
});

describe("a file that cannot be read", () => {
  test("is one problem without a place", () => {
    for (const [file, says] of [
      ["nowhere.yaml", /does not exist/],
      ["folder", /is a folder/],
    ] as const) {
      const loaded = loadConfiguration(join(made.folder, file), {}, testTime);
      expect(!loaded.ok && loaded.error).toMatchObject([{ line: 0, path: "", message: expect.stringMatching(says) }]);
    }
  });

  test("an alias that grows without end is refused", () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [${"*a,".repeat(9)}]\nc: &c [${"*b,".repeat(9)}]\nd: [${"*c,".repeat(9)}]`;
    expect(load(bomb).ok).toBe(false);
  });
});
