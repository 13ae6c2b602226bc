/** What the parts of the key server share. */
import type { Endpoint, Env, Output } from "../../core/engine.ts";
import type { LedgerEvent } from "../../ledger/event.ts";
import { Certificates } from "./certificates.ts";
import { Counters } from "./counters.ts";
import { Faults } from "./faults.ts";
import type { Group } from "./group.ts";
import { type Kek, KekIndex } from "./keys.ts";
import type { GcksPolicy } from "./types.ts";

export class Server {
  policy: GcksPolicy;
  /** Groups by name, those that are closing included. */
  readonly groups = new Map<string, Group>();
  readonly keks = new KekIndex<Group>();
  readonly certificates = new Certificates();
  readonly counters = new Counters();
  readonly faults = new Faults(this.counters);
  readonly #endpoints = new Map<string, Endpoint>();

  constructor(policy: GcksPolicy) {
    this.policy = policy;
  }

  /** One object for each local socket, however many members came by it. */
  endpoint(endpoint: Endpoint): Endpoint {
    const key = `${endpoint.port} ${endpoint.address}`;
    const known = this.#endpoints.get(key);
    if (known !== undefined) return known;
    const own = { address: endpoint.address, port: endpoint.port };
    this.#endpoints.set(key, own);
    return own;
  }

  /** The socket that pushes to an address leave by: the first configured one of its family. */
  listenFor(address: string): Endpoint {
    const v6 = address.includes(":");
    const { listen } = this.policy;
    return (
      listen.find((e) => e.address.includes(":") === v6) ?? listen[0] ?? { address: v6 ? "::" : "0.0.0.0", port: 848 }
    );
  }

  /** The source of the multicast pushes under a KEK. */
  pushSource({ push }: Kek): Endpoint | undefined {
    return push.transport === "multicast" ? this.listenFor(push.address) : undefined;
  }
}

/** One step of the engine: what it was given and what it has said so far. */
export interface Turn {
  readonly server: Server;
  readonly env: Env;
  readonly out: Output[];
}

/** Tells the ledger. */
export function tell(turn: Turn, event: LedgerEvent): void {
  turn.out.push({ out: "event", event });
}
