/** Policies for IKEv2, and a World of two gateways that talk to each other. */
import type { Endpoint } from "../../src/core/engine.ts";
import { type Identity, parseIdentity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import type { RandomSource } from "../../src/crypto/provider.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { Ikev2Engine } from "../../src/ikev2/engine.ts";
import { defaultEspProposals, defaultIkeProposals } from "../../src/ikev2/suite.ts";
import { parseEspProposal, parseIkeProposal } from "../../src/ikev2/suite-names.ts";
import type {
  ChildPolicy,
  ChildSaView,
  Connection,
  IkeSaView,
  Ikev2Command,
  Ikev2Policy,
} from "../../src/ikev2/types.ts";
import { sentence } from "../../src/ledger/story.ts";
import type { ChildSaPair } from "../../src/sad/sad.ts";
import type { Link } from "../../src/sim/network.ts";
import { type Host, World } from "../../src/sim/world.ts";
import { addressOctets } from "../../src/util/address.ts";
import { hex, utf8 } from "../../src/util/octets.ts";
import type { AddressSelector } from "../../src/wire/ikev2/payloads.ts";

export const leftAddress = "192.0.2.1";
export const rightAddress = "198.51.100.2";

export const psk = nodeCrypto.importSecret(utf8("a secret that both gateways have"));

/** The identity that a text names. */
export function identity(text: string): Identity {
  const parsed = parseIdentity(text);
  if (parsed === undefined) throw new Error(`${text} is no identity`);
  return parsed;
}

/** All traffic of the addresses from `first` to `last`. */
export function selector(first: string, last = first): AddressSelector {
  return {
    kind: "addresses",
    ipProtocol: 0,
    startPort: 0,
    endPort: 0xffff,
    startAddress: octets(first),
    endAddress: octets(last),
  };
}

function octets(address: string): Uint8Array {
  const read = addressOctets(address);
  if (read === undefined) throw new Error(`${address} is no address`);
  return read;
}

const leftNet = selector("10.1.0.0", "10.1.255.255");
const rightNet = selector("10.2.0.0", "10.2.255.255");

/** The IKE proposal that a text writes. */
export function ike(text: string): Connection["ikeProposals"] {
  const parsed = parseIkeProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return [parsed.value];
}

/** The ESP proposal that a text writes. */
export function esp(text: string): ChildPolicy["proposals"] {
  const parsed = parseEspProposal(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return [parsed.value];
}

/** The Child SA `net` between the two networks, as the left or the right gateway sees it. */
export function childPolicy(side: "left" | "right", changes: Partial<ChildPolicy> = {}): ChildPolicy {
  const [local, remote] = side === "left" ? [leftNet, rightNet] : [rightNet, leftNet];
  return {
    name: "net",
    mode: "tunnel",
    localSelectors: [local],
    remoteSelectors: [remote],
    proposals: defaultEspProposals,
    rekeyMs: Number.POSITIVE_INFINITY,
    lifetimeMs: Number.POSITIVE_INFINITY,
    jitter: 0,
    rekeyOctets: Number.POSITIVE_INFINITY,
    rekeyPackets: Number.POSITIVE_INFINITY,
    inactivityMs: Number.POSITIVE_INFINITY,
    start: "connection",
    ...changes,
  };
}

/** The connection `tunnel` with pre-shared keys; nothing in it begins by itself. */
export function connection(side: "left" | "right", changes: Partial<Connection> = {}): Connection {
  const names = { left: "left.example", right: "right.example" };
  const [own, peer] = side === "left" ? ([names.left, names.right] as const) : ([names.right, names.left] as const);
  return {
    name: "tunnel",
    local: { address: undefined, identity: identity(own), authentication: { method: "psk" } },
    remote: {
      endpoint: { address: side === "left" ? rightAddress : leftAddress, port: 500 },
      natPort: 4500,
      addresses: [],
      identity: identity(peer),
      authentication: { method: "psk" },
    },
    psk,
    ikeProposals: defaultIkeProposals,
    children: [childPolicy(side)],
    start: "manual",
    retryMs: { first: 10_000, max: 120_000 },
    rekeyMs: Number.POSITIVE_INFINITY,
    lifetimeMs: Number.POSITIVE_INFINITY,
    jitter: 0,
    reauthenticateMs: Number.POSITIVE_INFINITY,
    livenessMs: Number.POSITIVE_INFINITY,
    unique: "replace",
    encapsulation: "auto",
    fragmentation: true,
    requestAddress: [],
    pools: [],
    redirectTo: undefined,
    followRedirect: true,
    ...changes,
  };
}

/** The policy of an endpoint at an address. */
export function ikev2Policy(
  address: string,
  connections: readonly Connection[],
  changes: Partial<Ikev2Policy> = {},
): Ikev2Policy {
  return {
    listen: [{ ike: { address, port: 500 }, nat: { address, port: 4500 } }],
    connections,
    pools: [],
    retransmission: { firstMs: 1000, factor: 1.8, maxMs: 10_000, tries: 6 },
    halfOpen: { total: 100, perSource: 20, cookieFrom: 30, timeoutMs: 30_000 },
    fragmentOctets: 1280,
    keepaliveMs: 20_000,
    deleteReason: { send: true, notifyType: 40960, downtimeSeconds: {} },
    keyLog: false,
    ...changes,
  };
}

export type Ikev2Host = Host<Ikev2Command, Ikev2Engine>;

/** Two gateways and the network between them. */
export interface Ikev2World {
  readonly world: World;
  readonly left: Ikev2Host;
  readonly right: Ikev2Host;
}

export interface Ikev2WorldOptions {
  readonly seed?: number;
  readonly link?: Link;
  /** Changes of the connection on each side, or connections of its own. */
  readonly left?: Partial<Connection>;
  readonly right?: Partial<Connection>;
  readonly leftConnections?: readonly Connection[];
  readonly rightConnections?: readonly Connection[];
  /** Changes of the rest of the policy on both sides, and on each. */
  readonly policy?: Partial<Ikev2Policy>;
  readonly leftPolicy?: Partial<Ikev2Policy>;
  readonly rightPolicy?: Partial<Ikev2Policy>;
  /** In the place of `seededRandom`: called for the network, the left and the right gateway. */
  readonly randomFor?: (seed: number) => RandomSource;
}

/** Nothing has run yet; `left.command({ do: "up", target: "tunnel" })` begins. */
export function ikev2World(options: Ikev2WorldOptions = {}): Ikev2World {
  const { seed = 1, link, policy } = options;
  const world = new World({
    seed,
    crypto: nodeCrypto,
    randomFor: options.randomFor ?? seededRandom,
    ...(link === undefined ? {} : { link }),
  });
  const host = (
    name: "left" | "right",
    address: string,
    connections: readonly Connection[],
    changes: Partial<Ikev2Policy>,
  ): Ikev2Host =>
    world.host({
      name,
      address,
      create: () => new Ikev2Engine(ikev2Policy(address, connections, { ...policy, ...changes })),
    });
  const left = host(
    "left",
    leftAddress,
    options.leftConnections ?? [connection("left", options.left)],
    options.leftPolicy ?? {},
  );
  const right = host(
    "right",
    rightAddress,
    options.rightConnections ?? [connection("right", options.right)],
    options.rightPolicy ?? {},
  );
  return { world, left, right };
}

/** All IKE SAs of a host. */
export function ikeSas(host: Ikev2Host): IkeSaView[] {
  return host.engine.connections().flatMap((one) => one.ikeSas);
}

/** All Child SAs of a host. */
export function childSas(host: Ikev2Host): ChildSaView[] {
  return ikeSas(host).flatMap((sa) => sa.children);
}

/** What its data plane has, by inbound SPI in hex, with the keys in hex. */
export function dataPlane(host: Ikev2Host): Map<string, Readonly<Record<string, string | boolean>>> {
  const pairs = new Map<string, Readonly<Record<string, string | boolean>>>();
  for (const change of host.sadChanges) {
    if (change.change === "install-child") pairs.set(hex(change.pair.spiIn), plainPair(change.pair));
    else if (change.change === "remove-child") pairs.delete(hex(change.spiIn));
  }
  return pairs;
}

function plainPair(pair: ChildSaPair): Readonly<Record<string, string | boolean>> {
  const key = (secret: ChildSaPair["integrityIn"]) =>
    secret === undefined ? "" : hex(nodeCrypto.exportSecret(secret));
  return {
    child: pair.child,
    spiIn: hex(pair.spiIn),
    spiOut: hex(pair.spiOut),
    mode: pair.mode,
    esn: pair.esn,
    encapsulated: pair.encapsulated,
    algorithms: `${pair.encryption} ${pair.keyBits ?? ""} ${pair.integrity ?? ""}`,
    keyIn: `${key(pair.encryptionIn)} ${key(pair.integrityIn)}`,
    keyOut: `${key(pair.encryptionOut)} ${key(pair.integrityOut)}`,
    local: pair.localSelectors.map(selectorKey).join(),
    remote: pair.remoteSelectors.map(selectorKey).join(),
  };
}

function selectorKey(one: ChildSaPair["localSelectors"][number]): string {
  return `${hex(one.startAddress)}-${hex(one.endAddress)} ${one.ipProtocol} ${one.startPort}-${one.endPort}`;
}

/** The data plane of the other side, seen from here: what it receives by is what we send by. */
export function mirrored(
  pairs: Map<string, Readonly<Record<string, string | boolean>>>,
): Map<string, Readonly<Record<string, string | boolean>>> {
  const seen = [...pairs.values()].map((pair) => ({
    ...pair,
    spiIn: pair["spiOut"] ?? "",
    spiOut: pair["spiIn"] ?? "",
    keyIn: pair["keyOut"] ?? "",
    keyOut: pair["keyIn"] ?? "",
    local: pair["remote"] ?? "",
    remote: pair["local"] ?? "",
  }));
  return new Map(seen.map((pair) => [String(pair.spiIn), pair]));
}

/** Events of a host as `kind`, or whole sentences. */
export function told(world: World, host: Ikev2Host): string[] {
  return world.events.filter((one) => one.host === host.name).map(({ event }) => sentence(event));
}

/** The kinds of the events of a host. */
export function kinds(world: World, host: Ikev2Host): string[] {
  return world.events.filter((one) => one.host === host.name).map(({ event }) => event.kind);
}

/** A datagram that `from` sends to `to` without an engine. */
export function inject(world: World, from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
  world.send({ from, to, bytes });
}

/** Begins on the left and waits until both sides stand. */
export async function bringUp({ world, left, right }: Ikev2World, limitMs = 60_000): Promise<void> {
  const { answer } = await ask(world, left, { do: "up", target: "tunnel" }, limitMs);
  if (answer !== undefined && "refusal" in answer) throw new Error(answer.refusal.message);
  await world.runUntil(() => ikeSas(right).some(({ state }) => state === "established"), limitMs);
}

/** Gives a command and waits for its answer. */
export async function ask(world: World, host: Ikev2Host, command: Ikev2Command, limitMs = 60_000) {
  const handle = host.command(command);
  await world.runUntil(() => handle.answer !== undefined, limitMs);
  return handle;
}
