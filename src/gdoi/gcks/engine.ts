/** The GDOI key server: hands every input to the part that it belongs to (RFC 6407, RFC 8263). */
import type {
  Datagram,
  Engine,
  Env,
  Input,
  Instant,
  Output,
  Plain,
  Refusal,
  StoreRecord,
  WorkId,
} from "../../core/engine.ts";
import type { CryptoProvider } from "../../crypto/provider.ts";
import { ExchangeType } from "../../iana/isakmp.ts";
import { nameOf } from "../../iana/names.ts";
import { Phase1Endpoint } from "../../ikev1/endpoint.ts";
import type { Phase1Sa, Phase1Upcall } from "../../ikev1/types.ts";
import { decodeHeader } from "../../wire/header.ts";
import { receiveAck } from "./acks.ts";
import { assess } from "./assurance.ts";
import { command } from "./commands.ts";
import { pump, renew } from "./plan.ts";
import { PullResponder } from "./pull.ts";
import { endClosed, restoreAll } from "./reconfigure.ts";
import { snapshotOf } from "./records.ts";
import { complained, dropped } from "./reports.ts";
import { Server, type Turn } from "./server.ts";
import type {
  GcksCommand,
  GcksPolicy,
  GcksStatus,
  GroupView,
  MemberView,
  RekeyMemberView,
  RekeyView,
} from "./types.ts";
import { groupView, memberView, rekeyMemberViews, rekeyView } from "./views.ts";

/** Place of the exchange type in an ISAKMP header (RFC 2408 3.1). */
const EXCHANGE_TYPE_AT = 18;

export class GcksEngine implements Engine<GcksCommand> {
  readonly #server: Server;
  readonly #phase1: Phase1Endpoint;
  readonly #pulls: PullResponder;
  #workId: WorkId = 0;
  #wake: Instant = Number.POSITIVE_INFINITY;
  #crypto: CryptoProvider | undefined;

  constructor(policy: GcksPolicy) {
    this.#server = new Server(policy);
    this.#phase1 = new Phase1Endpoint(policy.phase1, () => ++this.#workId);
    this.#pulls = new PullResponder(this.#phase1);
  }

  /** @throws Error when a record is not of the form that it was written in. */
  restore(records: Iterable<StoreRecord>, env: Env): Output[] {
    const turn = this.#turn(env);
    restoreAll(records, turn);
    return this.#end(turn);
  }

  step(input: Input<GcksCommand>, env: Env): Output[] {
    const turn = this.#turn(env);
    switch (input.in) {
      case "datagram":
        // an acknowledgement that settles nothing moves no deadline
        if (input.bytes[EXCHANGE_TYPE_AT] === ExchangeType.GROUPKEY_PUSH_ACK) {
          const group = receiveAck(input, turn);
          if (group === undefined) return this.#same(turn);
          pump(group, turn);
          endClosed(group, turn);
        } else this.#datagram(input, turn);
        break;
      case "deadline":
        this.#deadline(turn);
        break;
      case "command":
        this.#command(input.id, input.command, turn);
        break;
      case "done":
        this.#upcalls(this.#phase1.done(input.id, input.result, env, turn.out), turn);
        break;
    }
    return this.#end(turn);
  }

  /** Everything durable, to be written anew after the store failed. */
  snapshot(): StoreRecord[] {
    const crypto = this.#crypto;
    if (crypto === undefined) return [];
    const groups = [...this.#server.groups.values()].flatMap((group) => [...snapshotOf(group, { crypto })]);
    return [...this.#server.certificates.records(), ...groups];
  }

  status(): GcksStatus {
    const groups = [...this.#server.groups.values()];
    let phase1 = 0;
    for (const _ of this.#phase1.sas()) phase1 += 1;
    const counters = this.#server.counters.view();
    for (const [name, value] of this.#phase1.counters) counters[`phase1.${name}`] = value;
    return {
      role: "key-server",
      groups: groups.length,
      members: groups.reduce((sum, group) => sum + group.members.registered, 0),
      phase1,
      halfOpen: this.#phase1.halfOpen(),
      counters,
    };
  }

  groups(): GroupView[] {
    return [...this.#server.groups.values()].map((group) => groupView(group, this.#crypto));
  }

  group(name: string): GroupView | undefined {
    const group = this.#server.groups.get(name);
    return group && groupView(group, this.#crypto);
  }

  /** Everybody that was ever registered in a group; empty when there is no such group. */
  members(name: string): MemberView[] {
    const group = this.#server.groups.get(name);
    return group === undefined ? [] : [...group.members.all()].map((m) => memberView(group, m, this.#crypto));
  }

  /** @param spi hexadecimal, of the KEK that the push was sent under. */
  rekey(name: string, spi: string, seq: number): RekeyView | undefined {
    const group = this.#server.groups.get(name);
    const found = group?.rekeys.find((rekey) => rekey.spiHex === spi && rekey.seq === seq);
    return group && found && rekeyView(group, found);
  }

  /** The members that a push was meant for, and what is known of its receipt. */
  rekeyMembers(name: string, spi: string, seq: number): RekeyMemberView[] {
    const group = this.#server.groups.get(name);
    const found = group?.rekeys.find((rekey) => rekey.spiHex === spi && rekey.seq === seq);
    return group && found ? rekeyMemberViews(group, found) : [];
  }

  #turn(env: Env): Turn {
    this.#crypto = env.crypto;
    return { server: this.#server, env, out: [] };
  }

  #datagram(datagram: Datagram, turn: Turn): void {
    const header = decodeHeader(datagram.bytes);
    if (!header.ok) {
      dropped(turn, datagram, "malformed", header.error.message);
      return;
    }
    const { exchangeType } = header.value;
    switch (exchangeType) {
      case ExchangeType.GROUPKEY_PULL:
        this.#pulls.receive(datagram, header.value, turn);
        break;
      case ExchangeType.IDENTITY_PROTECTION:
      case ExchangeType.INFORMATIONAL:
        this.#upcalls(this.#phase1.receive(datagram, header.value, turn.env, turn.out), turn);
        break;
      default:
        dropped(
          turn,
          datagram,
          "exchange-type",
          `exchange type ${nameOf(ExchangeType, exchangeType)} is not for a key server`,
        );
    }
  }

  #deadline(turn: Turn): void {
    const { now } = turn.env;
    this.#upcalls(this.#phase1.deadline(turn.env, turn.out), turn);
    this.#pulls.sessions.expire(now);
    for (const group of [...this.#server.groups.values()]) {
      const due = group.deadlines.takeDue(now);
      if (due.length === 0) continue;
      if (due.includes("activate")) assess(group, turn);
      if (due.includes("renew")) renew(group, turn);
      pump(group, turn);
      endClosed(group, turn);
    }
  }

  #command(id: number, given: GcksCommand, turn: Turn): void {
    if (given.do === "reconfigure") {
      this.#upcalls(this.#phase1.reconfigure(given.policy.phase1, turn.env, turn.out), turn);
    }
    const answer = command(given, turn);
    if (isRefusal(answer)) turn.out.push({ out: "refuse", id, refusal: answer.refusal });
    else turn.out.push({ out: "reply", id, reply: answer.reply });
  }

  #upcalls(upcalls: readonly Phase1Upcall[], turn: Turn): void {
    for (const upcall of upcalls) {
      if (upcall.up === "deleted") this.#pulls.sessions.forget(upcall.sa);
      else if (upcall.up === "established") this.#endDistrusted(upcall.sa, turn);
      else if (upcall.up === "notification") complained(turn, upcall.sa, upcall.notification);
    }
  }

  /** Ends an SA whose certificate is not good any more: another configuration came while its chain was looked at. */
  #endDistrusted(sa: Phase1Sa, turn: Turn): void {
    const { certificates, policy } = turn.server;
    const fault = sa.certificate && certificates.fault(sa.certificate, policy.phase1, turn.env);
    if (fault === undefined) return;
    this.#phase1.delete(sa, fault, turn.env, turn.out);
    this.#pulls.sessions.forget(sa);
  }

  /** Ends a step that may have moved deadlines. */
  #end(turn: Turn): Output[] {
    let at = Math.min(this.#phase1.next(), this.#pulls.sessions.next());
    for (const group of this.#server.groups.values()) at = Math.min(at, group.deadlines.next());
    this.#wake = at;
    return this.#same(turn);
  }

  #same(turn: Turn): Output[] {
    turn.out.push({ out: "wake", at: this.#wake });
    return turn.out;
  }
}

function isRefusal(
  answer: { readonly reply: Plain } | { readonly refusal: Refusal },
): answer is { readonly refusal: Refusal } {
  return "refusal" in answer;
}
