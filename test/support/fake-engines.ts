/** Engines that do nothing but answer, for tests of the daemon around them. */
import type { Input, Output, StoreRecord } from "../../src/core/engine.ts";
import type { KeyServerEngine, MemberEngine } from "../../src/daemon/roles.ts";
import type { GcksCommand, GroupView } from "../../src/gdoi/gcks/types.ts";
import type { GmCommand, GmGroupView } from "../../src/gdoi/gm/types.ts";

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
