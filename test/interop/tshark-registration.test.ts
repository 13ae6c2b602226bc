import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { GcksEngine } from "../../src/gdoi/gcks/engine.ts";
import { GmEngine } from "../../src/gdoi/gm/engine.ts";
import type { GmPolicy } from "../../src/gdoi/gm/types.ts";
import type { GroupPolicy } from "../../src/gdoi/policy.ts";
import { hex } from "../../src/util/octets.ts";
import { ours, theirs } from "../support/agreement.ts";
import { decodeClear, decryptDatagrams } from "../support/golden.ts";
import { addressIdentity, gcksPolicy, gmPolicy, groupPolicy } from "../support/group.ts";
import { end, written } from "../support/namespace.ts";
import { readPcap, writePcap } from "../support/pcap.ts";
import { capturedRegistrations, type Registration, vectorRegistrations } from "../support/registrations.ts";
import { boundSocket, SocketHost, watched } from "../support/socket-host.ts";
import { dissect } from "../support/tshark.ts";

const portsOf = ({ datagrams }: Registration) => [
  ...new Set(datagrams.flatMap(({ fromPort, toPort }) => [fromPort, toPort])),
];

const clearMessages = ({ name, datagrams, key }: Registration) =>
  decryptDatagrams(
    name,
    datagrams.map(({ bytes }) => bytes),
    key.key,
  );

/** tshark and our decoder on every message of a registration. */
async function bothReadings(registration: Registration) {
  const dissected = await dissect(writePcap(registration.datagrams), portsOf(registration), registration.key);
  return { seen: dissected.map(theirs), expected: clearMessages(registration).map(ours) };
}

describe.each([...capturedRegistrations(), ...vectorRegistrations().slice(0, 4)])(
  "tshark and our decoder on $name, which others made",
  (registration) => {
    test("agree on every payload of main mode and GROUPKEY-PULL", async () => {
      const { seen, expected } = await bothReadings(registration);
      expect(seen).toHaveLength(10);
      expect(seen).toEqual(expected);
    });
  },
);

/** Our key server and our member on loopback, with dumpcap listening. */
async function captureOurs(name: string, group: GroupPolicy): Promise<Registration> {
  const keyServer = await boundSocket("127.0.0.1");
  const member = await boundSocket("127.0.0.2");
  const directory = await mkdtemp(join(tmpdir(), "keyherald-capture-"));
  const file = join(directory, "registration.pcap");
  const listener = listen(file, `udp port ${keyServer.local.port}`);
  try {
    await written(listener, /^File: /mu);
    const { crypto, firstKey } = watched(nodeCrypto);
    const defaults = gmPolicy(member.local.address);
    const identity = addressIdentity(keyServer.local.address);
    const policy: GmPolicy = {
      ...defaults,
      phase1: { ...defaults.phase1, peers: defaults.phase1.peers.map((peer) => ({ ...peer, identity })) },
      local: member.local,
      keyServers: [{ name: "ks", endpoint: keyServer.local }],
    };
    const gcksEngine = new GcksEngine({
      ...gcksPolicy([group], { local: { identity, certificates: [] } }),
      listen: [keyServer.local],
    });
    using gcks = new SocketHost(gcksEngine, keyServer.socket, keyServer.local, nodeCrypto);
    using gm = new SocketHost(new GmEngine(policy), member.socket, member.local, crypto);
    await vi.waitUntil(() => gm.engine.status().groups[0]?.state === "registered", { timeout: 20_000 });
    expect(gcks.engine.status().members).toBe(1);
    const datagrams = await vi.waitUntil(
      async () => {
        const captured = readPcap(await readFile(file));
        return captured.length >= 10 ? captured : undefined;
      },
      { timeout: 20_000 },
    );
    const cookie = hex(datagrams[0]?.bytes.subarray(0, 8) ?? new Uint8Array());
    return { name, datagrams, key: { cookie, key: hex(firstKey() ?? new Uint8Array()) } };
  } finally {
    await end(listener);
    await rm(directory, { recursive: true });
  }
}

function listen(file: string, filter: string): ChildProcess {
  return spawn("dumpcap", ["-q", "-P", "-i", "lo", "-f", filter, "-w", file]);
}

/** The kinds of the payloads, message by message. */
const kinds = (registration: Registration) =>
  clearMessages(registration).map((message) => decodeClear(message).payloads.map(({ payload }) => payload.kind));

describe.each([
  { name: "a group without LKH", group: groupPolicy({ activationDelaySeconds: 5, deactivationDelaySeconds: 10 }) },
  { name: "a group with LKH", group: groupPolicy({ kek: { management: "lkh", ack: 2 } }) },
])("our own registration with $name, captured on loopback", ({ name, group }) => {
  test("is decrypted by tshark, which agrees with our decoder on every payload", async () => {
    const registration = await captureOurs(name, group);
    const { seen, expected } = await bothReadings(registration);
    expect(kinds(registration).slice(-4)).toEqual([
      ["HASH", "NONCE", "ID"],
      ["HASH", "NONCE", "GDOI-SA"],
      ["HASH"],
      ["HASH", "SEQ", "KD"],
    ]);
    expect(seen).toEqual(expected);
  });
});
