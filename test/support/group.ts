/** A key server, members and a group with short, readable defaults, for tests that need no configuration file. */
import type { Endpoint } from "../../src/core/engine.ts";
import type { Identity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import type { KeyAlgorithm, Signer } from "../../src/crypto/provider.ts";
import type { GcksPolicy } from "../../src/gdoi/gcks/types.ts";
import type { GmPolicy } from "../../src/gdoi/gm/types.ts";
import type { GroupPolicy, KekPolicy, MemberRule, TekPolicy } from "../../src/gdoi/policy.ts";
import type { Phase1Policy, Phase1Proposal } from "../../src/ikev1/types.ts";
import { addressOctets } from "../../src/util/address.ts";
import { u32, utf8 } from "../../src/util/octets.ts";

export const gcksAddress = "192.0.2.1";
export const memberAddress = (n: number): string => `198.51.${100 + Math.floor(n / 200)}.${(n % 200) + 10}`;
export const at = (address: string, port = 848): Endpoint => ({ address, port });

/** ID_IPV4_ADDR of an address in text. */
export function addressIdentity(address: string): Identity {
  const data = addressOctets(address);
  if (data === undefined) throw new RangeError(`not an address: ${address}`);
  return { type: data.length === 4 ? 1 : 5, data };
}

const everybody: MemberRule = {
  rule: "addresses",
  from: new Uint8Array([0, 0, 0, 0]),
  to: new Uint8Array([255, 255, 255, 255]),
  text: "0.0.0.0/0",
};

const psk = nodeCrypto.importSecret(utf8("a pre-shared key of the tests"));

const proposal: Phase1Proposal = { cipher: "aes-cbc", keyBits: 128, hash: "sha256", group: 19, authentication: "psk" };

/** PSK, AES-CBC-128, SHA2-256, ECP-256 with one peer policy that is open to every address. */
export function phase1Policy(address: string, peerName: string, changes: Partial<Phase1Policy> = {}): Phase1Policy {
  return {
    local: { identity: addressIdentity(address), certificates: [] },
    proposals: [proposal],
    peers: [{ name: peerName, addresses: [], psk }],
    anchors: [],
    crls: [],
    doi: 2,
    lifetimeSeconds: 86_400,
    ecdsaSigns: "hash-of-HASH",
    sendCertificateRequest: false,
    retransmission: { firstMs: 500, factor: 1.6, maxMs: 8_000, tries: 10 },
    halfOpen: { total: 1000, perSource: 10, timeoutMs: 60_000 },
    ...changes,
  };
}

const signers = new Map<string, Signer>();

/** One signing key per algorithm for the whole test run. */
export function pushSigner(algorithm: KeyAlgorithm = { kind: "ecdsa", curve: "P-256" }): Signer {
  const name = JSON.stringify(algorithm);
  const known = signers.get(name) ?? nodeCrypto.generateSigner(algorithm).signer;
  signers.set(name, known);
  return known;
}

/** AES-GCM-16-128 for everything to 239.192.0.1. */
export const gcmTek: TekPolicy = {
  name: "data",
  protocolId: 1,
  transformId: 20,
  keyBits: 128,
  algorithmKeyOctets: 20,
  counterMode: true,
  protocol: 0,
  source: { idType: 4, port: 0, data: new Uint8Array(8) },
  destination: { idType: 1, port: 0, data: new Uint8Array([239, 192, 0, 1]) },
  mode: 1,
  lifetimeSeconds: 3_600,
};

export interface GroupChanges extends Partial<Omit<GroupPolicy, "kek" | "acks">> {
  readonly kek?: Partial<KekPolicy>;
  readonly acks?: Partial<GroupPolicy["acks"]>;
}

export function groupPolicy(changes: GroupChanges = {}): GroupPolicy {
  const { kek, acks, ...others } = changes;
  return {
    name: "plant",
    id: { type: 11, data: u32(1234) },
    members: [everybody],
    teks: [gcmTek],
    renewAtRemaining: 0.2,
    sidBits: 16,
    push: { transport: "unicast" },
    maxPushOctets: 1400,
    ...others,
    kek: {
      keyBits: 128,
      lifetimeSeconds: 86_400,
      management: "none",
      ack: 1,
      signature: { algorithm: 4, hash: 3, signer: pushSigner() },
      ...kek,
    },
    acks: {
      retransmitAfterMs: [1_000, 2_000, 4_000, 7_000, 11_000, 16_000, 22_000, 30_000, 40_000],
      missingAfterMs: 60_000,
      whenMissing: "alert",
      removeAfterRekeys: 3,
      graceMs: 60_000,
      ...acks,
    },
  };
}

export function gcksPolicy(groups: readonly GroupPolicy[], phase1: Partial<Phase1Policy> = {}): GcksPolicy {
  return { phase1: phase1Policy(gcksAddress, "members", phase1), listen: [at(gcksAddress)], groups };
}

export function gmPolicy(
  address: string,
  changes: Partial<GmPolicy> = {},
  phase1: Partial<Phase1Policy> = {},
): GmPolicy {
  return {
    phase1: phase1Policy(address, "ks", {
      peers: [{ name: "ks", addresses: [], identity: addressIdentity(gcksAddress), psk }],
      ...phase1,
    }),
    local: at(address),
    keyServers: [{ name: "ks", endpoint: at(gcksAddress) }],
    groups: [{ name: "plant", id: { type: 11, data: u32(1234) }, keyServers: ["ks"], sids: 1 }],
    ackJitterMs: 2_000,
    ackJitterUnicast: false,
    reregisterWithin: 0.2,
    retryMs: { first: 5_000, max: 60_000 },
    ...changes,
  };
}
