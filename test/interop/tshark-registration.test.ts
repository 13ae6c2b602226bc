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
import { TekProtocol } from "../../src/iana/gdoi.ts";
import { IdType, PayloadType } from "../../src/iana/isakmp.ts";
import { fromHex, hex } from "../../src/util/octets.ts";
import { ours, theirs } from "../support/agreement.ts";
import { decodeClear, decryptDatagrams } from "../support/golden.ts";
import { addressIdentity, gcksPolicy, gmPolicy, groupPolicy } from "../support/group.ts";
import { end, written } from "../support/namespace.ts";
import { readPcap, writePcap } from "../support/pcap.ts";
import { capturedRegistrations, type Registration, vectorRegistrations } from "../support/registrations.ts";
import { boundSocket, SocketHost, watched } from "../support/socket-host.ts";
import { combinations, streamTek } from "../support/stream.ts";
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
      groups: defaults.groups.map((one) => ({ ...one, id: group.id })),
      keyServers: [{ name: "ks", endpoint: keyServer.local }],
    };
    const gcksEngine = new GcksEngine({
      ...gcksPolicy([group], { local: { identity, certificates: [] } }),
      listen: [keyServer.local],
    });
    using gcks = new SocketHost(gcksEngine, [keyServer], nodeCrypto);
    using gm = new SocketHost(new GmEngine(policy), [member], crypto);
    await vi.waitUntil(() => gm.engine.status().groups[0]?.state === "registered", { timeout: 60_000 });
    expect(gcks.engine.status().members).toBe(1);
    const datagrams = await vi.waitUntil(
      async () => {
        const captured = readPcap(await readFile(file));
        return captured.length >= 10 ? captured : undefined;
      },
      { timeout: 60_000 },
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

/** A group by its OID, with every pair of algorithms, and with selectors. */
const streams = {
  id: { type: IdType.ID_OID, data: fromHex("0d 060b2a8648ce5683e31a080102 0006 0404efc00001") },
  teks: combinations.map((algorithms, n) =>
    streamTek({ ...algorithms, oidSpecificPayload: new Uint8Array([0x04, 1, n]) }),
  ),
};

/** The kinds of the payloads, message by message. */
const kinds = (registration: Registration) =>
  clearMessages(registration).map((message) => decodeClear(message).payloads.map(({ payload }) => payload.kind));

describe.each([
  { name: "a group without LKH", group: groupPolicy({ activationDelaySeconds: 5, deactivationDelaySeconds: 10 }) },
  { name: "a group with LKH", group: groupPolicy({ kek: { management: "lkh", ack: 2 } }) },
  { name: "streams of IEC 61850", group: groupPolicy({ ...streams, handOutNext: true }) },
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

test("tshark takes ID_OID and protocol 3, which it does not know, as long as they are, whichever algorithms come first", async () => {
  for (const first of [0, 4, combinations.length - 1]) {
    const teks = [...streams.teks.slice(first), ...streams.teks.slice(0, first)];
    const registration = await captureOurs("streams", groupPolicy({ ...streams, teks, handOutNext: true }));
    const { seen, expected } = await bothReadings(registration);
    const payloads = seen.flatMap((message) => message.payloads);
    expect(payloads.filter(({ type }) => type === PayloadType.ID).at(-1)).toMatchObject({
      octets: `0000001e0d000000${hex(streams.id.data)}`,
      fields: { idType: IdType.ID_OID },
    });
    const sa = payloads.filter(({ type }) => type === PayloadType.SA).at(-1);
    expect(sa?.fields).toMatchObject({ sat: { protocolId: TekProtocol.IEC_61850 } });
    expect(seen).toEqual(expected);
  }
});
