/** The sockets of a daemon, and which of them a datagram belongs to. */
import { isIPv6 } from "node:net";
import type { Datagram, Endpoint } from "../core/engine.ts";
import { isWildcard } from "../util/address.ts";
import { socketProblem } from "./problems.ts";
import type { Carrier } from "./shell.ts";
import { type MulticastWay, noCounts, type PortCounters, UdpPort } from "./udp-port.ts";

/** Told of what goes wrong with a socket after the start. */
export type SocketTrouble = (endpoint: Endpoint, error: Error) => void;

/** The sockets of one engine. */
export class Network implements Carrier {
  readonly #receive: (datagram: Datagram) => void;
  readonly #trouble: SocketTrouble;
  readonly #bound = new Map<string, UdpPort>();
  /** Sockets of multicast groups, and of addresses that only something is sent by. */
  readonly #further = new Map<string, Promise<UdpPort>>();
  readonly #ports = new Set<UdpPort>();

  constructor(receive: (datagram: Datagram) => void, trouble: SocketTrouble) {
    this.#receive = receive;
    this.#trouble = trouble;
  }

  /**
   * Binds exactly these endpoints: new ones are opened first, then those no longer named are closed.
   * @throws DaemonError when one cannot be had; then nothing has changed.
   */
  async listen(endpoints: readonly Endpoint[]): Promise<void> {
    const wanted = new Map(endpoints.map((endpoint) => [keyOf(endpoint), endpoint]));
    const opened: UdpPort[] = [];
    try {
      for (const [key, endpoint] of wanted) {
        if (!this.#bound.has(key)) opened.push(await this.#bind(endpoint));
      }
    } catch (error) {
      for (const port of opened) await this.#close(port);
      throw error;
    }
    for (const [key, port] of [...this.#bound]) {
      if (wanted.has(key)) continue;
      this.#bound.delete(key);
      await this.#close(port);
    }
    for (const port of opened) this.#bound.set(keyOf(port.local), port);
  }

  /** Where it listens. */
  get endpoints(): Endpoint[] {
    return [...this.#bound.values()].map((port) => port.local);
  }

  send(from: Endpoint, to: Endpoint, bytes: Uint8Array, multicast?: MulticastWay): void {
    const port = this.#portFor(from, to);
    if (port !== undefined) port.send(to, bytes, multicast);
    else this.#with(from, (opened) => opened.send(to, bytes, multicast));
  }

  join(group: string, port: number, networkInterface?: string): void {
    this.#with({ address: group, port }, (socket) => socket.join(group, networkInterface), networkInterface);
  }

  leave(group: string, port: number, networkInterface?: string): void {
    this.#with({ address: group, port }, (socket) => {
      try {
        socket.leave(group, networkInterface);
      } catch {
        // the interface is gone, and the membership with it
      }
    });
  }

  /** Sums of the counters of all sockets. */
  counters(): PortCounters {
    const sum = noCounts();
    for (const { counters } of this.#ports) {
      sum.received += counters.received;
      sum.sent += counters.sent;
      sum.empty += counters.empty;
      sum.oversized += counters.oversized;
      sum.unanswerable += counters.unanswerable;
      sum.sendFailed += counters.sendFailed;
      sum.sendQueueFull += counters.sendQueueFull;
    }
    return sum;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#further.values());
    await Promise.all([...this.#ports].map((port) => port.close()));
  }

  /** The bound socket of that address; else one that has it among others: a wildcard, or the only one of the family. */
  #portFor(from: Endpoint, to: Endpoint): UdpPort | undefined {
    const exact = this.#bound.get(keyOf(from));
    if (exact !== undefined) return exact;
    const family = [...this.#bound.values()].filter((port) => isIPv6(port.local.address) === isIPv6(to.address));
    return family.find((port) => isWildcard(port.local.address) && port.local.port === from.port);
  }

  /** A group whose port a wildcard socket has is joined on that socket: it receives for all groups. */
  #with(endpoint: Endpoint, use: (port: UdpPort) => void, zone?: string): void {
    const wildcard = this.#portFor(endpoint, endpoint);
    const key = keyOf(endpoint);
    const socket = wildcard === undefined ? this.#further.get(key) : Promise.resolve(wildcard);
    const opened = socket ?? this.#open(endpoint, true, zone);
    if (wildcard === undefined) this.#further.set(key, opened);
    opened.then(use).catch((error: Error) => {
      this.#further.delete(key);
      this.#trouble(endpoint, error);
    });
  }

  async #bind(endpoint: Endpoint): Promise<UdpPort> {
    try {
      return await this.#open(endpoint, false);
    } catch (error) {
      throw socketProblem(endpoint, error);
    }
  }

  async #open(local: Endpoint, shared: boolean, zone?: string): Promise<UdpPort> {
    const port = await UdpPort.open({
      local,
      shared,
      ...(zone !== undefined && { zone }),
      receive: this.#receive,
      failed: (error) => this.#trouble(local, error),
    });
    this.#ports.add(port);
    return port;
  }

  async #close(port: UdpPort): Promise<void> {
    this.#ports.delete(port);
    await port.close();
  }
}

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.address} ${endpoint.port}`;
}
