/** An endpoint of IKEv2 (RFC 7296): gateway and client, initiator and responder of any number of connections. */
import { Deadlines } from "../core/deadlines.ts";
import type { Engine, Env, Input, Output, StoreRecord } from "../core/engine.ts";
import { Reports } from "../core/reports.ts";
import { AddressPools } from "./address-pool.ts";
import { command } from "./commands.ts";
import { connectDue, redirectDue } from "./connect.ts";
import { connectSoon, newConnection } from "./connections.ts";
import { uniqueDue } from "./contact.ts";
import { CookieSecrets } from "./cookies.ts";
import { createChildDue } from "./create-child.ts";
import { HalfOpen } from "./half-open.ts";
import { initUnanswered } from "./ike-sa-init-initiator.ts";
import { handOver } from "./inherit.ts";
import { checkLiveness, livenessDue } from "./liveness.ts";
import { keepaliveDue } from "./nat.ts";
import { restoreOutages } from "./outages.ts";
import { fragmentsDue, receive } from "./receive.ts";
import { redirectedDue } from "./redirection.ts";
import { childLifetimeDue, childRekeyDue, ikeLifetimeDue, ikeRekeyDue, reauthenticationDue } from "./renewal.ts";
import { endIkeSa, endReplaced, forget } from "./sa-life.ts";
import { shutdownDue } from "./shutdown.ts";
import { type IkeSa, type Ikev2, isEstablished, isIn, isInUse } from "./state.ts";
import { repeat } from "./transmit.ts";
import type { ConnectionView, Ikev2Command, Ikev2Policy, Ikev2Status } from "./types.ts";
import { connectionView, status } from "./views.ts";

/** What is done when the deadline `WHAT:ID` is over. */
const due: Readonly<Record<string, (ike: Ikev2, id: string) => void>> = {
  retransmit: retransmitDue,
  "half-open": halfOpenDue,
  pause: pauseDue,
  fragments: fragmentsDue,
  forget,
  connect: connectDue,
  liveness: livenessDue,
  keepalive: keepaliveDue,
  shutdown: shutdownDue,
  "ike-rekey": ikeRekeyDue,
  "ike-lifetime": ikeLifetimeDue,
  reauthenticate: reauthenticationDue,
  "child-rekey": childRekeyDue,
  "create-child": createChildDue,
  "child-lifetime": childLifetimeDue,
  unique: uniqueDue,
  redirect: redirectDue,
  redirected: redirectedDue,
};

/** A request was not answered in time: again, or never again. */
function retransmitDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa === undefined) return;
  const refusal = isIn(sa, "SA_INIT_SENT") ? sa.phase.refusal : undefined;
  // refused in the clear, and once more: what is better would have come by now (RFC 7296 2.21.1)
  const believed = refusal !== undefined && (sa.window.inFlight?.sent ?? 0) > refusal.sent;
  if (!believed && repeat(ike, sa)) return;
  if (isIn(sa, "SA_INIT_SENT")) initUnanswered(ike, sa);
  else unanswered(ike, sa);
}

/** One that was replaced may have ended at the peer, and whether that is still there shows in its successor. */
function unanswered(ike: Ikev2, sa: IkeSa): void {
  const successor = isEstablished(sa) ? handOver(ike, sa) : undefined;
  if (isEstablished(sa) && !isInUse(sa)) endReplaced(ike, sa);
  else endIkeSa(ike, sa, { by: "silence" });
  if (successor !== undefined) checkLiveness(ike, successor);
}

/** Its peer has begun and not gone on. */
function halfOpenDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa !== undefined) endIkeSa(ike, sa, { by: "error", code: "half-open", why: "the initiator did not go on" });
}

function pauseDue(ike: Ikev2, key: string): void {
  const then = ike.pauses.get(key);
  ike.pauses.delete(key);
  then?.();
}

export class Ikev2Engine implements Engine<Ikev2Command> {
  readonly #ike: Ikev2;
  #workIds = 0;

  constructor(policy: Ikev2Policy) {
    const nothing = () => {
      throw new Error("no step has been taken yet");
    };
    this.#ike = {
      policy,
      connections: new Map(policy.connections.map((config) => [config.name, newConnection(config)])),
      ikeSas: new Map(),
      ended: new Map(),
      childSas: new Map(),
      byPeer: new Map(),
      halfOpen: new HalfOpen(),
      pools: new AddressPools(policy.pools),
      cookies: new CookieSecrets(),
      works: new Map(),
      endings: new Map(),
      pauses: new Map(),
      deadlines: new Deadlines(),
      reports: new Reports("ikev2.dropped", (name) => ({ kind: "connection", name })),
      closing: false,
      nextWorkId: () => ++this.#workIds,
      env: {
        now: 0,
        random: { octets: nothing, fraction: nothing },
        get crypto(): never {
          return nothing();
        },
      },
      out: [],
    };
  }

  /** SAs do not outlive us; what peers announced does. Connections that are to be up begin. */
  restore(records: Iterable<StoreRecord>, env: Env): Output[] {
    return this.#run(env, (ike) => {
      restoreOutages(ike, records);
      for (const connection of ike.connections.values()) if (connection.wanted) connectSoon(ike, connection, 0);
    });
  }

  step(input: Input<Ikev2Command>, env: Env): Output[] {
    return this.#run(env, (ike) => {
      if (input.in === "datagram") receive(ike, input);
      else if (input.in === "command") command(ike, input.id, input.command);
      else if (input.in === "done") {
        const then = ike.works.get(input.id);
        ike.works.delete(input.id);
        then?.(input.result);
      }
    });
  }

  status(): Ikev2Status {
    return status(this.#ike);
  }

  /** All connections with their SAs, in configured order. */
  connections(): readonly ConnectionView[] {
    return [...this.#ike.connections.values()].map((connection) => connectionView(this.#ike, connection));
  }

  /** What is there besides SAs that stand: nothing, when all is settled. For tests. */
  get leftovers(): readonly string[] {
    const { ikeSas, ended, childSas, works, endings, pauses, halfOpen, deadlines } = this.#ike;
    const unsettled = [...ikeSas.values()].filter(
      ({ phase, queue, current }) => phase.at !== "ESTABLISHED" || queue.length > 0 || current !== undefined,
    );
    const orphans = [...childSas.values()].filter(({ key, ikeSa }) => ikeSa.phase.children?.get(key) === undefined);
    return [
      ...unsettled.map(({ key, phase, current }) => `${phase.at} ${key} ${current?.kind ?? ""}`),
      ...orphans.map(({ key }) => `orphan ${key}`),
      ...[...ended.keys()].map((key) => `ended ${key}`),
      ...[...works.keys()].map((id) => `work ${id}`),
      ...[...endings.keys()].map((key) => `ending ${key}`),
      ...[...pauses.keys()].map((key) => `pause ${key}`),
      ...(halfOpen.size > 0 ? [`${halfOpen.size} half-open`] : []),
      ...(ikeSas.size === 0 && deadlines.size > 0 ? [`${deadlines.size} deadlines`] : []),
    ];
  }

  /** One step: what came, then what is due, then the wake-up. */
  #run(env: Env, act: (ike: Ikev2) => void): Output[] {
    const ike = this.#ike;
    ike.env = env;
    ike.out = [];
    act(ike);
    // what is due may set what is due at once
    for (let keys = ike.deadlines.takeDue(env.now); keys.length > 0; keys = ike.deadlines.takeDue(env.now)) {
      for (const key of keys) {
        const colon = key.indexOf(":");
        due[key.slice(0, colon)]?.(ike, key.slice(colon + 1));
      }
    }
    ike.out.push({ out: "wake", at: ike.deadlines.next() });
    return ike.out;
  }
}
