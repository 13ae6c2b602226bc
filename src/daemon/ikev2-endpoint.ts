/** The endpoint of IKEv2 in a daemon: its sockets, its data plane, its key log, and what it says when the daemon ends. */
import { isDeepStrictEqual } from "node:util";
import type { Farewell } from "../api/views.ts";
import type { Endpoint } from "../core/engine.ts";
import { RecordedPlane } from "../dataplane/recorded.ts";
import type { Ikev2Command, Ikev2Policy } from "../ikev2/types.ts";
import type { KeyLog } from "./key-log.ts";
import { hasWildcard, type MachineAddresses, onEveryAddress } from "./listen-addresses.ts";
import { type Ground, type Ikev2Engine, openRole, type Role } from "./roles.ts";

/** How long the peers have to answer when the daemon ends; those who did not hear of it find out by themselves. */
const farewellMs = 4000;
/** What a shell may take beyond that. */
const graceMs = 1000;

export interface EndpointParts {
  readonly engine: (policy: Ikev2Policy) => Ikev2Engine;
  readonly addresses: MachineAddresses;
  readonly keyLog: KeyLog | undefined;
}

export class Ikev2Endpoint {
  readonly role: Role<Ikev2Engine, Ikev2Command>;
  readonly plane: RecordedPlane;
  readonly keyLog: KeyLog | undefined;
  readonly #addresses: MachineAddresses;
  /** As it is configured, wildcards in it. */
  #policy: Ikev2Policy;
  /** As the engine has it. */
  #effective: Ikev2Policy;

  constructor(ground: Ground, policy: Ikev2Policy, parts: EndpointParts) {
    this.#policy = policy;
    this.#addresses = parts.addresses;
    this.#effective = onEveryAddress(policy, parts.addresses());
    this.keyLog = parts.keyLog;
    this.plane = new RecordedPlane((event) => this.role.shell.note(event));
    const own: Ground = {
      ...ground,
      sad: (change) => {
        ground.sad(change);
        if (change.change !== "install" && change.change !== "remove") this.plane.change(change);
      },
      keyLog: (line) => this.keyLog?.write(line),
    };
    this.role = openRole(own, parts.engine(this.#effective), "ikev2.");
  }

  /** Opens the sockets. @throws DaemonError */
  async listen(): Promise<void> {
    await this.role.network.listen(socketsOf(this.#effective));
  }

  /** Sockets first: what the engine then says may need them. @throws DaemonError, RefusedError */
  async reconfigure(policy: Ikev2Policy): Promise<void> {
    const effective = onEveryAddress(policy, this.#addresses());
    await this.role.network.listen(socketsOf(effective));
    await this.role.shell.command({ do: "reconfigure", policy: effective });
    this.#policy = policy;
    this.#effective = effective;
  }

  /** With a wildcard: whether the machine has other addresses than before; if so they are taken over. */
  async look(): Promise<void> {
    if (!hasWildcard(this.#policy)) return;
    const { listen } = onEveryAddress(this.#policy, this.#addresses());
    if (!isDeepStrictEqual(listen, this.#effective.listen)) await this.reconfigure(this.#policy);
  }

  /** Hands on what the data plane has counted. */
  async countTraffic(): Promise<void> {
    const of = this.plane.traffic();
    if (of.length > 0) await this.role.shell.command({ do: "traffic", of });
  }

  /** Tells all peers why this side goes, and waits for their answers, though not for long. */
  async sayGoodbye({ cause, downtimeSeconds }: Farewell): Promise<void> {
    const said = this.role.shell.command({
      do: "shutdown",
      cause,
      withinMs: farewellMs,
      ...(downtimeSeconds !== undefined && { downtimeSeconds }),
    });
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise((resolve) => {
      timer = setTimeout(resolve, farewellMs + graceMs);
    });
    await Promise.race([said, enough]).finally(() => clearTimeout(timer));
  }
}

function socketsOf({ listen }: Ikev2Policy): Endpoint[] {
  return listen.flatMap(({ ike, nat }) => [ike, nat]);
}
