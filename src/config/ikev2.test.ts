import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultEspProposals, defaultIkeProposals } from "../ikev2/suite.ts";
import { loadConfiguration } from "./load.ts";
import { testFolder, testTime } from "./testing/files.ts";

let made: ReturnType<typeof testFolder>;
beforeAll(() => {
  made = testFolder();
});
afterAll(() => made.remove());

function load(text: string) {
  const state = "state: { file: state.db, key: { file: state.key } }\n";
  return loadConfiguration(made.write("keyherald.yaml", state + text), {}, testTime);
}

function valid(text: string) {
  const loaded = load(text);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.error, null, 1));
  if (loaded.value.ikev2 === undefined) throw new Error("no role");
  return { ...loaded.value.ikev2, configuration: loaded.value };
}

function problems(text: string): string[] {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.error.map(({ path, message }) => `${path}: ${message}`);
}

const shortest = `
ikev2:
  listen: [192.0.2.1]
  connections:
    - name: paris
      remote: { address: 203.0.113.9 }
      psk: { file: paris.psk }
      children: [{ name: lan, local: [10.1.0.0/16], remote: [10.2.0.0/16] }]
`;

const certified = (own: string, remote = 'address: 203.0.113.9, identity: "fqdn:paris.example"', more = "") => `
ikev2:
  certificate: { chain: ${own}.pem, key: ${own}.key }
  trust: { anchors: [ca.pem], crls: [ca.crl] }
  connections:
    - { name: paris, remote: { ${remote} }, children: [{ name: lan }]${more} }
`;

describe("a connection", () => {
  test("needs no more than two addresses, a secret and two networks; everything else has a default", () => {
    const { listen, connections, deleteReason, keyLog, pools, configuration } = valid(shortest);
    expect(listen).toEqual([{ ike: { address: "192.0.2.1", port: 500 }, nat: { address: "192.0.2.1", port: 4500 } }]);
    expect(deleteReason).toEqual({ send: true, notifyType: 40960, downtimeSeconds: {} });
    expect({ keyLog, pools, warnings: configuration.warnings }).toEqual({ keyLog: false, pools: [], warnings: [] });
    const [paris] = connections;
    expect(paris).toMatchObject({
      name: "paris",
      local: {
        address: undefined,
        identity: { type: 1, data: new Uint8Array([192, 0, 2, 1]) },
        authentication: { method: "psk" },
      },
      remote: {
        endpoint: { address: "203.0.113.9", port: 500 },
        natPort: 4500,
        addresses: [{ from: new Uint8Array([203, 0, 113, 9]), to: new Uint8Array([203, 0, 113, 9]) }],
        identity: undefined,
        authentication: { method: "psk" },
      },
      start: "always",
      rekeyMs: 4 * 3_600_000,
      lifetimeMs: 264 * 60_000,
      reauthenticateMs: Number.POSITIVE_INFINITY,
      livenessMs: 30_000,
      unique: "replace",
      encapsulation: "auto",
      fragmentation: true,
    });
    expect(paris?.ikeProposals).toEqual(defaultIkeProposals);
    const selector = { kind: "addresses", ipProtocol: 0, startPort: 0, endPort: 65535 };
    expect(paris?.children).toEqual([
      {
        name: "lan",
        mode: "tunnel",
        localSelectors: [
          { ...selector, startAddress: new Uint8Array([10, 1, 0, 0]), endAddress: new Uint8Array([10, 1, 255, 255]) },
        ],
        remoteSelectors: [
          { ...selector, startAddress: new Uint8Array([10, 2, 0, 0]), endAddress: new Uint8Array([10, 2, 255, 255]) },
        ],
        proposals: defaultEspProposals,
        rekeyMs: 3_600_000,
        lifetimeMs: 3_960_000,
        jitter: 0.1,
        rekeyOctets: Number.POSITIVE_INFINITY,
        rekeyPackets: Number.POSITIVE_INFINITY,
        inactivityMs: Number.POSITIVE_INFINITY,
        start: "connection",
      },
    ]);
  });

  test("with anybody, or with a network, is begun by the peer alone", () => {
    for (const [address, ranges] of [
      ["any", 0],
      ["203.0.113.0/24", 1],
      ["[203.0.113.9, 2001:db8::/32]", 2],
    ] as const) {
      const { connections } = valid(shortest.replace("address: 203.0.113.9", `address: ${address}`));
      expect(connections[0]).toMatchObject({ start: "manual", remote: { endpoint: undefined } });
      expect(connections[0]?.remote.addresses).toHaveLength(ranges);
    }
  });

  test("takes its identity from its certificate, and signs with the key of that, Ed25519 too", () => {
    for (const [own, kind] of [
      ["server", "ecdsa"],
      ["ed25519", "ed25519"],
    ]) {
      const [paris] = valid(certified(own ?? "")).connections;
      expect(paris?.local.identity.type).toBe(9);
      expect(paris?.local.authentication).toMatchObject({ method: "signature", signer: { algorithm: { kind } } });
      expect(paris?.remote.authentication).toMatchObject({ method: "signature", anchors: [{}], crls: [{}] });
    }
  });

  test("may prove itself by a pre-shared key to a peer that has a certificate", () => {
    const text = certified("server", "address: any, auth: certificate", ", psk: { file: paris.psk }");
    const [paris] = valid(text.replace("name: paris,", "name: paris, local: { identity: 192.0.2.1 },")).connections;
    expect(paris?.local.authentication).toEqual({ method: "psk" });
    expect(paris?.remote.authentication.method).toBe("signature");
  });

  test("may have a certificate and authorities of its own", () => {
    const own = ", local: { certificate: { chain: server.pem, key: server.key } }";
    const text = certified("ed25519", "address: any, trust: { anchors: [ed25519.pem] }", own);
    const [paris] = valid(text).connections;
    expect(paris?.local.authentication).toMatchObject({ signer: { algorithm: { kind: "ecdsa" } } });
    expect(paris?.remote.authentication).toMatchObject({ anchors: [{}], crls: [] });
  });

  test("has proposals, selectors, lifetimes and wishes as they are written", () => {
    const written = `
ikev2:
  listen: [192.0.2.1, "2001:db8::1"]
  ports: { ike: 5500, nat: 5501 }
  connections:
    - name: paris
      local: { address: "2001:DB8::1", identity: "user:a@b.example" }
      remote: { address: "2001:db8::9", ports: { ike: 6500, nat: 6501 } }
      psk: { file: paris.psk }
      proposals: ["aes-cbc-256 / hmac-sha256-128 / prf-hmac-sha384 / modp-3072, ecp-384"]
      start: manual
      rekey: never
      reauthenticate: 12h
      liveness: never
      requestAddress: [ipv4, ipv6]
      followRedirect: true
      children:
        - name: web
          local: []
          remote: ["2001:db8:2::7[tcp/443]", "2001:db8:3::/48[udp/1024-2048]", "2001:db8:4::1-2001:db8:4::9[47]"]
          proposals: ["chacha20-poly1305 / curve25519, no-pfs / no-esn"]
          inactivity: 10m
          rekeyPackets: 4000000000
          start: manual
`;
    const { listen, connections } = valid(written);
    expect(listen[1]).toEqual({
      ike: { address: "2001:db8::1", port: 5500 },
      nat: { address: "2001:db8::1", port: 5501 },
    });
    const [paris] = connections;
    expect(paris).toMatchObject({
      local: { address: "2001:db8::1", identity: { type: 3 } },
      remote: { endpoint: { address: "2001:db8::9", port: 6500 }, natPort: 6501 },
      start: "manual",
      rekeyMs: Number.POSITIVE_INFINITY,
      lifetimeMs: Number.POSITIVE_INFINITY,
      reauthenticateMs: 43_200_000,
      livenessMs: Number.POSITIVE_INFINITY,
      requestAddress: ["ipv4", "ipv6"],
      followRedirect: true,
    });
    expect(paris?.ikeProposals).toMatchObject([
      {
        encryption: [{ name: "aes-cbc-256" }],
        integrity: [{}],
        prf: [{}],
        groups: [{ name: "modp-3072" }, { name: "ecp-384" }],
      },
    ]);
    const [web] = paris?.children ?? [];
    expect(web).toMatchObject({ localSelectors: [], inactivityMs: 600_000, rekeyPackets: 4e9, start: "manual" });
    expect(web?.remoteSelectors).toMatchObject([
      { ipProtocol: 6, startPort: 443, endPort: 443 },
      { ipProtocol: 17, startPort: 1024, endPort: 2048 },
      { ipProtocol: 47, startPort: 0, endPort: 65535 },
    ]);
    expect(web?.proposals).toMatchObject([{ groups: [{ name: "curve25519" }, "none"], esn: [false] }]);
  });
});

test("a pool out of a subnet gives away neither its first address nor its last", () => {
  const range = (addresses: string) =>
    valid(`${shortest}  pools: [{ name: clients, addresses: ${addresses} }]`).pools[0]?.range;
  expect(range("10.9.0.0/24")).toEqual({ from: new Uint8Array([10, 9, 0, 1]), to: new Uint8Array([10, 9, 0, 254]) });
  expect(range("10.9.0.0-10.9.0.9")).toEqual({
    from: new Uint8Array([10, 9, 0, 0]),
    to: new Uint8Array([10, 9, 0, 9]),
  });
});

test("downtimes are whole seconds by cause, and only those that are given", () => {
  const more = "  deleteReason: { downtime: { host-restart: 2m, inactivity: 0s } }";
  expect(valid(shortest + more).deleteReason.downtimeSeconds).toEqual({ "host-restart": 120, inactivity: 0 });
});

describe("what does not fit together is told where it stands", () => {
  test.each([
    [
      "an own address that nothing listens on",
      shortest.replace("remote:", "local: { address: 192.0.2.7 }\n      remote:"),
      /^ikev2.connections\[0\].local.address: nothing listens on 192.0.2.7$/,
    ],
    [
      "a secret that neither side uses",
      certified(
        "server",
        "address: any, auth: certificate",
        ", local: { auth: certificate }, psk: { file: paris.psk }",
      ),
      /^ikev2.connections\[0\].psk: is used by neither side$/,
    ],
    [
      "a secret that is not there",
      certified("server", "address: any, auth: psk"),
      /^ikev2.connections\[0\].remote: is by pre-shared key, but there is none$/,
    ],
    [
      "a peer that anybody could pass for",
      certified("server", "address: 203.0.113.9"),
      /^ikev2.connections\[0\].remote: names no identity: anybody/,
    ],
    [
      "an identity that the certificate has not",
      certified("ed25519", "address: any", ', local: { identity: "fqdn:rome.example" }'),
      /^ikev2.connections\[0\].local.identity: the peer would refuse fqdn:rome.example: .*berlin.example/,
    ],
    [
      "a key of another certificate",
      certified("server").replace("key: server.key", "key: other.key"),
      /^ikev2.certificate.key: is not the key of the certificate/,
    ],
    [
      "sockets of the key server",
      `${shortest.replace("listen: [192.0.2.1]", "listen: [192.0.2.1]\n  ports: { ike: 848 }")}
keyServer:
  peers: [{ name: all, address: 10.0.0.0/8, psk: { file: gm1.psk } }]
  identity: 192.0.2.1
  groups: [{ name: g, id: 1, members: [10.0.0.0/8], teks: [{ name: d, cipher: aes-gcm-16-128, destination: 239.192.0.1 }] }]`,
      /^ikev2.listen\[0\]: the key server listens on port 848 there$/,
    ],
  ])("%s", (_, text, says) => {
    expect(problems(text)).toEqual([expect.stringMatching(says)]);
  });
});

test("weak spots are warnings: a short secret, one that anybody may use, no encryption, and loudly a key log", () => {
  const text = shortest
    .replace("paris.psk", "short.psk")
    .replace("address: 203.0.113.9", "address: any")
    .replace("children:", "signatures: { rsaSha1: true }\n      children:")
    .replace("[10.2.0.0/16]", "[10.2.0.0/16], proposals: [null / hmac-sha256-128]");
  const { configuration } = valid(`${text}  keyLog: { file: keys.txt }`);
  expect(configuration.keyLog).toEqual({ file: `${made.folder}/keys.txt` });
  expect(configuration.warnings.map(({ path, message }) => `${path}: ${message}`)).toEqual([
    expect.stringMatching(/^ikev2.connections\[0\]: whoever knows the pre-shared key of paris/),
    expect.stringMatching(/^ikev2.connections\[0\].psk: the pre-shared key of paris has 6 octets/),
    expect.stringMatching(/^ikev2.connections\[0\].signatures.rsaSha1: .*SHA-1, which is broken/),
    expect.stringMatching(/^ikev2.connections\[0\].children\[0\].proposals: traffic of lan may go unencrypted/),
    expect.stringMatching(/^ikev2.keyLog: ALL KEYS/),
  ]);
});
