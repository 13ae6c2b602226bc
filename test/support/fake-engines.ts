/** Engines that do nothing but answer, for tests of the daemon around them. */
import type { Input, Output, StoreRecord } from "../../src/core/engine.ts";
import type { Ikev2Engine, KeyServerEngine, MemberEngine } from "../../src/daemon/roles.ts";
import type { GcksCommand, GroupView } from "../../src/gdoi/gcks/types.ts";
import type { GmCommand, GmGroupView } from "../../src/gdoi/gm/types.ts";
import type { ChildSaView, ConnectionView, Ikev2Command, Ikev2Policy } from "../../src/ikev2/types.ts";
import type { ChildSaPair } from "../../src/sad/sad.ts";
import { fromHex } from "../../src/util/octets.ts";

const idle: Output = { out: "wake", at: Number.POSITIVE_INFINITY };

/** A group as the key server shows it. */
export const group: GroupView = {
  name: "substation",
  id: "1234",
  members: 2,
  kek: { spi: "aa".repeat(16), seq: 3, createdAt: 1000, expiresAt: 2000, management: "lkh", ack: "lkh-sha256" },
  teks: [{ name: "data", spi: "00000001", protocol: "ESP", activateAt: 1000, expiresAt: 2000 }],
  nextSid: 2,
  rekeys: [],
  waiting: [{ spi: "aa".repeat(16), seq: 5, kind: "tek", cause: "asked for by the operator" }],
};

const registered: GmGroupView = {
  name: "substation",
  id: "1234",
  state: "registered",
  teks: [],
  sids: [],
  pushesAccepted: 0,
  acksSent: 0,
};

/** A key server with one group, that answers every rekey as planned and refuses to evict. */
export class FakeKeyServer implements KeyServerEngine {
  readonly commands: GcksCommand[] = [];
  restored: StoreRecord[] = [];

  step(input: Input<GcksCommand>): Output[] {
    if (input.in !== "command") return [idle];
    const { id, command } = input;
    this.commands.push(command);
    if (command.do === "evict") {
      return [{ out: "refuse", id, refusal: { code: "unknown-member", message: "nobody of that name" } }, idle];
    }
    const reply = { group: "substation", rekeys: [{ spi: group.kek.spi, seq: 4 }] };
    return [
      { out: "persist", record: { kind: "gcks.group", key: "substation", value: 4 } },
      { out: "reply", id, reply },
      idle,
    ];
  }

  restore(records: Iterable<StoreRecord>): Output[] {
    this.restored = [...records];
    return [idle];
  }

  snapshot(): StoreRecord[] {
    return [];
  }

  status() {
    return {
      role: "key-server",
      groups: 1,
      members: 2,
      phase1: 2,
      halfOpen: 0,
      counters: { "drop.malformed": 3 },
    } as const;
  }

  groups(): GroupView[] {
    return [group];
  }

  group(name: string): GroupView | undefined {
    return name === group.name ? group : undefined;
  }

  members() {
    return [];
  }

  rekey() {
    return undefined;
  }

  rekeyMembers() {
    return [];
  }
}

/** A member that is registered at once. */
export class FakeMember implements MemberEngine {
  step(input: Input<GmCommand>): Output[] {
    return input.in === "command" ? [{ out: "reply", id: input.id, reply: { ...registered } }, idle] : [idle];
  }

  restore(): Output[] {
    return [idle];
  }

  status() {
    return { role: "member", groups: [registered], phase1: 1, counters: {} } as const;
  }
}

const childSa: ChildSaView = {
  name: "lan",
  spiIn: "c1d2e3f4",
  spiOut: "0a0b0c0d",
  mode: "tunnel",
  suite: "aes-gcm-16-256 / esn",
  local: ["10.1.0.0/16"],
  remote: ["10.2.0.0/16"],
  encapsulated: false,
  state: "installed",
  since: 1000,
  rekeyAt: 2000,
  octets: 0,
  packets: 0,
};

/** A connection that is up, as an endpoint of IKEv2 shows it. */
export const connection: ConnectionView = {
  name: "office-paris",
  state: "up",
  start: "always",
  remote: "203.0.113.9:500",
  localIdentity: "fqdn:berlin.example",
  remoteIdentity: "fqdn:paris.example",
  ikeSas: [
    {
      id: `${"11".repeat(8)}_${"22".repeat(8)}`,
      connection: "office-paris",
      role: "initiator",
      state: "established",
      local: { address: "192.0.2.1", port: 500 },
      remote: { address: "203.0.113.9", port: 500 },
      remoteIdentity: "fqdn:paris.example",
      authentication: "psk",
      suite: "aes-gcm-16-256 / prf-hmac-sha256 / curve25519",
      nat: "none",
      since: 1000,
      virtualAddresses: [],
      children: [childSa],
    },
  ],
};

/** The pair of ESP SAs of that connection as its engine hands it to the data plane. */
export const childPair: ChildSaPair = {
  connection: "office-paris",
  child: "lan",
  mode: "tunnel",
  spiIn: fromHex(childSa.spiIn),
  spiOut: fromHex(childSa.spiOut),
  encryption: 20,
  keyBits: 256,
  integrity: undefined,
  esn: true,
  encryptionIn: { type: "secret" },
  encryptionOut: { type: "secret" },
  integrityIn: undefined,
  integrityOut: undefined,
  localSelectors: [selector(10, 1)],
  remoteSelectors: [selector(10, 2)],
  local: { address: "192.0.2.1", port: 500 },
  remote: { address: "203.0.113.9", port: 500 },
  encapsulated: false,
};

function selector(first: number, second: number) {
  const startAddress = Uint8Array.of(first, second, 0, 0);
  const endAddress = Uint8Array.of(first, second, 255, 255);
  return { ipProtocol: 0, startPort: 0, endPort: 65_535, startAddress, endAddress };
}

/** An endpoint of IKEv2 with one connection, that does what it is told and says so. */
export class FakeIkev2 implements Ikev2Engine {
  readonly commands: Ikev2Command[] = [];
  /** What the next step gives besides its answer. */
  next: Output[] = [];
  /** Peers that never answer keep a farewell waiting. */
  deaf = false;
  policy: Ikev2Policy;

  constructor(policy: Ikev2Policy) {
    this.policy = policy;
  }

  step(input: Input<Ikev2Command>): Output[] {
    const outputs = this.next.splice(0);
    if (input.in !== "command") return [...outputs, idle];
    const { id, command } = input;
    this.commands.push(command);
    if (command.do === "reconfigure") this.policy = command.policy;
    if (command.do === "shutdown" && this.deaf) return [...outputs, idle];
    if ("target" in command && command.target === "nowhere") {
      return [{ out: "refuse", id, refusal: { code: "unknown-target", message: "there is no nowhere" } }, idle];
    }
    return [...outputs, { out: "reply", id, reply: {} }, idle];
  }

  restore(): Output[] {
    return [idle];
  }

  status() {
    return {
      role: "ikev2",
      connections: 1,
      up: 1,
      ikeSas: 1,
      childSas: 1,
      halfOpen: 0,
      counters: { "drop.malformed": 1 },
    } as const;
  }

  connections(): ConnectionView[] {
    return [connection];
  }
}
