/** A group member: GROUPKEY-PULL as initiator, GROUPKEY-PUSH and its acknowledgement, over Phase 1 (RFC 6407, RFC 8263). */
import { Deadlines } from "../../core/deadlines.ts";
import type { Datagram, Engine, Env, Input, Output, Plain, StoreRecord } from "../../core/engine.ts";
import { ExchangeType } from "../../iana/isakmp.ts";
import { Phase1Endpoint } from "../../ikev1/endpoint.ts";
import { hex } from "../../util/octets.ts";
import { decodeHeader } from "../../wire/header.ts";
import { ackDue } from "./acknowledge.ts";
import { expireKeys, releaseKept, tellKept } from "./expiry.ts";
import { forgetGroup } from "./keys.ts";
import { followAddresses } from "./moved.ts";
import { phase1Upcalls, pullArrived, pullUnanswered, register } from "./registration.ts";
import { pushArrived } from "./rekey.ts";
import { drop, report } from "./report.ts";
import { forgetSaved, restoreKeys, saveKeys } from "./saved-keys.ts";
import { prompted, registerSoon, scheduleKeys } from "./schedule.ts";
import { seenDue, spiSeen } from "./seen.ts";
import { type Gm, type Group, newGroup, type Phase1Port } from "./state.ts";
import type { GmCommand, GmPolicy, GmStatus } from "./types.ts";
import { status } from "./view.ts";

/** Keys in hex, for tests that compare both sides. */
export interface ExportedKeys {
  readonly kekSpi: string | undefined;
  readonly teks: readonly { readonly spi: string; readonly algorithmKey: string; readonly integrityKey: string }[];
}

/** Deadlines of a group: `WHAT:NAME`. */
const GROUP_DEADLINES = ["pull", "retry", "renew", "prompt", "expire", "seen", "kept", "silent"];

export class GmEngine implements Engine<GmCommand> {
  readonly #gm: Gm;
  #started = false;
  #workIds = 0;

  /** @param makePhase1 another Phase 1, for tests. */
  constructor(
    policy: GmPolicy,
    makePhase1: (nextWorkId: () => number) => Phase1Port = (next) => new Phase1Endpoint(policy.phase1, next),
  ) {
    const nothing = () => {
      throw new Error("no step has been taken yet");
    };
    const env: Env = {
      now: 0,
      random: { octets: nothing, fraction: nothing },
      get crypto(): never {
        return nothing();
      },
    };
    this.#gm = {
      policy,
      phase1: makePhase1(() => ++this.#workIds),
      groups: new Map(policy.groups.map((config) => [config.name, newGroup(config)])),
      deadlines: new Deadlines(),
      dialling: new Map(),
      accepted: [],
      acks: new Map(),
      ackCount: 0,
      counters: new Map(),
      drops: new Map(),
      env,
      out: [],
    };
  }

  /**
   * Takes TEKs back, and registers anew, which gives the member new SIDs (RFC 6407 3.5).
   * @throws Error when a record is not of the form that it was written in.
   */
  restore(records: Iterable<StoreRecord>, env: Env): Output[] {
    return this.#run(
      env,
      () => undefined,
      () => restoreKeys(this.#gm, records),
    );
  }

  step(input: Input<GmCommand>, env: Env): Output[] {
    return this.#run(env, () => {
      const gm = this.#gm;
      if (input.in === "datagram") this.#datagram(input);
      else if (input.in === "command") this.#command(input.id, input.command);
      else if (input.in === "done" && gm.phase1.owns(input.id)) {
        phase1Upcalls(gm, gm.phase1.done(input.id, input.result, env, gm.out));
      }
    });
  }

  status(): GmStatus {
    return status(this.#gm);
  }

  /** The keys of a group; undefined when there is no such group. Not reachable from the API. */
  keys(name: string): ExportedKeys | undefined {
    const group = this.#gm.groups.get(name);
    if (group === undefined) return undefined;
    const { crypto } = this.#gm.env;
    const text = (key: Parameters<typeof crypto.exportSecret>[0] | undefined) =>
      key === undefined ? "" : hex(crypto.exportSecret(key));
    return {
      kekSpi: group.rekey?.spi,
      teks: [...group.teks.values()].map((tek) => ({
        spi: hex(tek.description.spi),
        algorithmKey: text(tek.algorithmKey),
        integrityKey: text(tek.integrityKey),
      })),
    };
  }

  /** One step: what came, then what is due, then the wake-up. @param first before the first registration. */
  #run(env: Env, act: () => void, first: () => void = () => undefined): Output[] {
    const gm = this.#gm;
    gm.env = env;
    gm.out = [];
    if (!this.#started) {
      first();
      this.#started = true;
      for (const group of gm.groups.values()) register(gm, group, "the member started");
    }
    act();
    this.#due();
    saveKeys(gm);
    gm.out.push({ out: "wake", at: Math.min(gm.deadlines.next(), gm.phase1.next()) });
    return gm.out;
  }

  #datagram(datagram: Datagram): void {
    const gm = this.#gm;
    const source = datagram.from.address;
    const header = decodeHeader(datagram.bytes);
    if (!header.ok) {
      drop(gm, undefined, "malformed", header.error.message, source);
      return;
    }
    const { exchangeType } = header.value;
    if (exchangeType === ExchangeType.GROUPKEY_PUSH) pushArrived(gm, datagram, header.value);
    else if (exchangeType === ExchangeType.GROUPKEY_PULL) pullArrived(gm, datagram, header.value);
    else if (exchangeType === ExchangeType.GROUPKEY_PUSH_ACK) {
      drop(gm, undefined, "ack-to-member", "an acknowledgement came to a member", source);
    } else phase1Upcalls(gm, gm.phase1.receive(datagram, header.value, gm.env, gm.out));
  }

  #due(): void {
    const gm = this.#gm;
    if (gm.phase1.next() <= gm.env.now) phase1Upcalls(gm, gm.phase1.deadline(gm.env, gm.out));
    for (const key of gm.deadlines.takeDue(gm.env.now)) {
      const colon = key.indexOf(":");
      const what = key.slice(0, colon);
      if (what === "ack") ackDue(gm, key);
      const group = gm.groups.get(key.slice(colon + 1));
      if (group !== undefined) this.#groupDue(group, what);
    }
  }

  #groupDue(group: Group, what: string): void {
    const gm = this.#gm;
    if (what === "pull") pullUnanswered(gm, group);
    else if (what === "retry") register(gm, group, "another attempt");
    else if (what === "renew") register(gm, group, "its keys run out soon");
    else if (what === "prompt") {
      prompted(gm, group);
      register(gm, group, group.promptedBy);
    } else if (what === "seen") seenDue(gm, group);
    else if (what === "kept" || what === "silent") tellKept(gm, group);
    else if (what === "expire") {
      const hadKek = group.rekey !== undefined;
      expireKeys(gm, group);
      const renewal = gm.deadlines.get(`renew:${group.name}`);
      scheduleKeys(gm, group);
      // a renewal that was planned stays where it was
      if (renewal !== undefined) gm.deadlines.set(`renew:${group.name}`, renewal);
      const lost = ![...group.teks.values()].some((tek) => !tek.kept) || (hadKek && group.rekey === undefined);
      if (lost) registerSoon(gm, group, "expired", "its keys ran out", { atOnce: true });
    }
  }

  #command(id: number, command: GmCommand): void {
    const gm = this.#gm;
    if (command.do === "reconfigure") {
      this.#reconfigure(command.policy);
      const reply: Plain = { groups: [...gm.groups.keys()] };
      gm.out.push({ out: "reply", id, reply });
      return;
    }
    const group = gm.groups.get(command.group);
    if (group === undefined) {
      const message = `there is no group ${command.group}; it must be in the configuration`;
      gm.out.push({ out: "refuse", id, refusal: { code: "unknown-group", message } });
      return;
    }
    if (command.do === "seen") {
      spiSeen(gm, group, id, command.spi);
      return;
    }
    group.commands.push(id);
    register(gm, group, "the operator asked for it");
  }

  /** Takes another policy: sessions stay, groups that are gone are left, new ones are registered. */
  #reconfigure(policy: GmPolicy): void {
    const gm = this.#gm;
    const before = gm.policy;
    gm.policy = policy;
    const ended = gm.phase1.reconfigure(policy.phase1, gm.env, gm.out);
    const wanted = new Map(policy.groups.map((config) => [config.name, config]));
    for (const group of [...gm.groups.values()]) {
      const config = wanted.get(group.name);
      if (config === undefined) this.#leave(group);
      else {
        group.config = config;
        if (config.keepWhenUnreachable !== true) releaseKept(gm, group);
      }
    }
    phase1Upcalls(gm, ended);
    for (const config of wanted.values()) {
      if (gm.groups.has(config.name)) continue;
      const group = newGroup(config);
      gm.groups.set(config.name, group);
      register(gm, group, "the group is new in the configuration");
    }
    followAddresses(gm, before);
  }

  #leave(group: Group): void {
    const gm = this.#gm;
    forgetGroup(gm, group);
    for (const what of GROUP_DEADLINES) gm.deadlines.clear(`${what}:${group.name}`);
    for (const id of group.commands.splice(0)) {
      const message = `the group ${group.name} is no longer in the configuration`;
      gm.out.push({ out: "refuse", id, refusal: { code: "unknown-group", message } });
    }
    forgetSaved(gm, group.name);
    report(gm, group.name, "gm.left", { cause: "operator" });
    gm.groups.delete(group.name);
  }
}
