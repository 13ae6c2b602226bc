/**
 * A registration storm: 2,000 devices with certificates come back at once after a power cut. What it costs the key
 * server stands beside the bare public-key operations that nobody can save, timed in between so that whatever else the
 * machine does falls on both.
 */
import { X509Certificate } from "node:crypto";
import type { Endpoint } from "../src/core/engine.ts";
import { nodeCrypto } from "../src/crypto/node/index.ts";
import { type Issued, issueCa, issueCertificate } from "../src/crypto/node/issue.ts";
import type { KeyAlgorithm, SignatureScheme } from "../src/crypto/provider.ts";
import { GcksEngine } from "../src/gdoi/gcks/engine.ts";
import { GmEngine } from "../src/gdoi/gm/engine.ts";
import type { AuthenticationName, Phase1Policy } from "../src/ikev1/types.ts";
import { gcksAddress, gcksPolicy, gmPolicy, groupPolicy, memberAddress } from "../test/support/group.ts";
import { streamTek } from "../test/support/stream.ts";
import type { Figure } from "./figure.ts";
import { StormNetwork, threadMs } from "./storm-network.ts";

const DEVICES = 2_000;
/** A storm that is not counted, so that the code is there before the one that is. */
const WARM_UP = 100;
/** Devices that share an address with others, and how many do. */
const SHARING = 200;
const PER_ADDRESS = 10;
const LIMIT_MS = 5 * 60_000;
/** Steps of the key server between two samples of the bare operations. */
const SAMPLE_EVERY = 25;

interface Variant {
  readonly name: string;
  readonly algorithm: KeyAlgorithm;
  readonly authentication: AuthenticationName;
  readonly group: number;
  readonly scheme: SignatureScheme;
}

const variants: readonly Variant[] = [
  {
    name: "RSA-2048, MODP-2048",
    algorithm: { kind: "rsa", bits: 2048 },
    authentication: "rsa",
    group: 14,
    scheme: { name: "rsa-pkcs1-raw" },
  },
  {
    name: "ECDSA P-256, ECP-256",
    algorithm: { kind: "ecdsa", curve: "P-256" },
    authentication: "ecdsa-256",
    group: 19,
    scheme: { name: "ecdsa", curve: "P-256" },
  },
];

export async function stormFigures(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const variant of variants) {
    const pki = certificates(variant);
    await storm(variant, pki, WARM_UP);
    figures.push(...(await storm(variant, pki, DEVICES)));
  }
  return figures;
}

async function storm(variant: Variant, pki: Pki, many: number): Promise<Figure[]> {
  const engine = new GcksEngine(keyServer(variant, pki));
  const network = new StormNetwork(engine, { address: gcksAddress, port: 848 });
  const bare = new BareOperations(variant, pki);
  let steps = 0;
  network.each = () => {
    if (steps++ % SAMPLE_EVERY === 0) bare.sample();
  };
  await network.startServer();
  const began = network.now;
  const devices = Array.from({ length: many }, (_, n) => new GmEngine(device(n, variant, pki)));
  for (const [n, one] of devices.entries()) network.add(endpointOf(n), one);
  await network.runUntil(() => engine.status().members === many, LIMIT_MS);
  const took = network.now - began;
  await network.runUntil(() => devices.every(isRegistered), LIMIT_MS);
  const operations = (bare.perRegistration() * many) / 1000;
  const { counters } = engine.status();
  const repeated = (counters["phase1.repeated"] ?? 0) + (counters["pull.repeated"] ?? 0);
  const server = network.serverMs / 1000;
  const note = `${network.datagrams} datagrams, ${network.overflowed} over the buffer, ${repeated} answered from memory`;
  const of = `storm of ${many} (${variant.name})`;
  return [
    { name: `${of}: all registered after`, value: took / 1000, unit: "s", note },
    { name: `${of}: key server`, value: server, unit: "s" },
    { name: `${of}: bare public-key operations`, value: operations, unit: "s", note: bare.text() },
    { name: `${of}: key server, times the bare operations`, value: server / operations, unit: "x", limit: 2.5 },
  ];
}

function isRegistered(one: GmEngine): boolean {
  return one.status().groups.every(({ state }) => state === "registered");
}

interface Pki {
  readonly ca: Issued;
  readonly server: Issued;
  /** One key, and a certificate for each device. */
  readonly devices: readonly Issued[];
}

function certificates({ algorithm }: Variant): Pki {
  const now = Date.UTC(2026, 0, 1);
  const terms = { algorithm, notBefore: now - 86_400_000, notAfter: now + 365 * 86_400_000 };
  const ca = issueCa({ ...terms, subject: "CN=Utility CA,O=Utility" });
  const issue = (subject: string, key?: Uint8Array) => issueCertificate({ ...terms, ca, subject, ...(key && { key }) });
  const server = issue("CN=kdc,O=Utility");
  const first = issue("CN=ied0,O=Utility");
  const others = Array.from({ length: DEVICES - 1 }, (_, n) => issue(`CN=ied${n + 1},O=Utility`, first.key));
  return { ca, server, devices: [first, ...others] };
}

function phase1(own: Issued, peer: string, { authentication, group }: Variant, { ca }: Pki): Partial<Phase1Policy> {
  const identity = { type: 9, data: nodeCrypto.parseCertificate(own.certificate).subject };
  return {
    local: { identity, certificates: [own.certificate], signer: nodeCrypto.importSigner(own.key) },
    proposals: [{ cipher: "aes-cbc", keyBits: 256, hash: "sha256", group, authentication }],
    peers: [{ name: peer, addresses: [] }],
    anchors: [ca.certificate],
    // as the configuration has them
    retransmission: { firstMs: 1_000, factor: 1.8, maxMs: 10_000, tries: 6 },
    halfOpen: { total: 4_096, perSource: 64, timeoutMs: 30_000 },
  };
}

function keyServer(variant: Variant, pki: Pki) {
  const members = [{ rule: "dn", pattern: "CN=*,O=Utility" }] as const;
  const assurance = { levelPercent: 90, publishers: [], announce: false };
  const group = groupPolicy({ members, teks: [streamTek()], handOutNext: true, assurance });
  return gcksPolicy([group], phase1(pki.server, "devices", variant, pki));
}

function device(n: number, variant: Variant, pki: Pki) {
  const own = pki.devices[n] ?? pki.server;
  const { address, port } = endpointOf(n);
  return { ...gmPolicy(address, {}, phase1(own, "ks", variant, pki)), local: { address, port } };
}

function endpointOf(n: number): Endpoint {
  if (n < SHARING) return { address: memberAddress(Math.floor(n / PER_ADDRESS)), port: 10_000 + (n % PER_ADDRESS) };
  return { address: memberAddress(n), port: 848 };
}

/**
 * What no key server can do a registration without: key pair, shared secret, its own signature, the member's, and the
 * one on the member's certificate.
 */
class BareOperations {
  readonly #times = new Map<string, number[]>();
  readonly #work: readonly { readonly name: string; readonly run: () => unknown }[];

  constructor({ group, scheme }: Variant, { ca, server, devices }: Pki) {
    const own = nodeCrypto.keyExchange(group);
    const { publicValue } = nodeCrypto.keyExchange(group);
    const signer = nodeCrypto.importSigner(server.key);
    const data = new Uint8Array(32).fill(7);
    const signature = signer.sign(scheme, data);
    const issuer = new X509Certificate(ca.certificate).publicKey;
    const certificate = devices[0]?.certificate ?? server.certificate;
    this.#work = [
      { name: "key pair", run: () => nodeCrypto.keyExchange(group) },
      { name: "shared secret", run: () => own.agree(publicValue) },
      { name: "signature", run: () => signer.sign(scheme, data) },
      { name: "verification", run: () => nodeCrypto.importVerifier(signer.publicKey).verify(scheme, data, signature) },
      { name: "certificate", run: () => new X509Certificate(certificate).verify(issuer) },
    ];
  }

  /** Times each once. */
  sample(): void {
    for (const { name, run } of this.#work) {
      const before = threadMs();
      run();
      const time = threadMs() - before;
      this.#times.set(name, [...(this.#times.get(name) ?? []), time]);
    }
  }

  /** Milliseconds. */
  perRegistration(): number {
    return [...this.#times.values()].reduce((sum, times) => sum + mean(times), 0);
  }

  text(): string {
    return [...this.#times].map(([name, times]) => `${name} ${mean(times).toFixed(2)} ms`).join(", ");
  }
}

function mean(times: readonly number[]): number {
  return times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
}
