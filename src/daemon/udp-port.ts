/** One UDP socket: bounded receive, and a queue of sends that leaves the event loop room for everything else. */
import { createSocket, type Socket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Datagram, Endpoint } from "../core/engine.ts";
import { canonicalAddress } from "../util/address.ts";
import { interfaceAddress } from "./interfaces.ts";

/** How a send to a multicast address leaves. */
export interface MulticastWay {
  readonly interface?: string;
  readonly ttl: number;
}

/** Counted by a port; the daemon shows them as `socket.…`. */
export interface PortCounters {
  received: number;
  sent: number;
  empty: number;
  oversized: number;
  /** From port 0, to which nothing can be sent back. */
  unanswerable: number;
  sendFailed: number;
  sendQueueFull: number;
}

/** Counters at their start. */
export function noCounts(): PortCounters {
  return { received: 0, sent: 0, empty: 0, oversized: 0, unanswerable: 0, sendFailed: 0, sendQueueFull: 0 };
}

export interface PortOptions {
  readonly local: Endpoint;
  readonly receive: (datagram: Datagram) => void;
  /** The socket failed after it was bound. */
  readonly failed: (error: Error) => void;
  /** Several processes of a machine may listen to one multicast group. */
  readonly shared?: boolean;
  /** Interface that an IPv6 multicast address of a link is meant on (RFC 4007): such an address alone cannot be bound. */
  readonly zone?: string;
}

/** No ISAKMP message of a peer that means well is longer. */
export const longestDatagram = 0xffff - 28;
/** Sends handed to the system before the loop gets a turn, and that may wait in it. */
const burst = 128;
const inFlightAtMost = 512;
/** Pushes to more members than this at once are refused rather than remembered. */
const queueAtMost = 400_000;
const receiveBuffer = 8 * 1024 * 1024;
const sendBuffer = 4 * 1024 * 1024;

interface Send {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly multicast: MulticastWay | undefined;
}

export class UdpPort {
  readonly local: Endpoint;
  readonly counters = noCounts();
  readonly #socket: Socket;
  #queue: Send[] = [];
  #head = 0;
  #inFlight = 0;
  #turn: NodeJS.Immediate | undefined;
  #way: string | undefined;
  #closed = false;

  private constructor(socket: Socket, options: PortOptions) {
    this.#socket = socket;
    const { port } = socket.address();
    this.local = { address: canonicalAddress(options.local.address) ?? options.local.address, port };
    socket.on("message", (bytes, from) => {
      if (bytes.length === 0) this.counters.empty += 1;
      else if (bytes.length > longestDatagram) this.counters.oversized += 1;
      else if (from.port === 0) this.counters.unanswerable += 1;
      else {
        this.counters.received += 1;
        // memory of its own, made for this datagram
        const octets = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
        options.receive({ from: { address: sourceOf(from.address), port: from.port }, via: this.local, bytes: octets });
      }
    });
    socket.on("error", options.failed);
  }

  /** Binds a socket. Rejects with the system's error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
  static open(options: PortOptions): Promise<UdpPort> {
    const { port } = options.local;
    const six = isIPv6(options.local.address);
    const zoned = options.zone !== undefined && /^ff.2:/i.test(options.local.address);
    const address = zoned ? `${options.local.address}%${options.zone}` : options.local.address;
    const socket = createSocket({
      type: six ? "udp6" : "udp4",
      ipv6Only: six,
      reuseAddr: options.shared === true,
      // peers are addresses, never names
      lookup: (host, _options, done) => done(null, host, six ? 6 : 4),
    });
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeListener("error", reject);
        enlargeBuffers(socket);
        resolve(new UdpPort(socket, options));
      });
    });
  }

  /** Queues one datagram. */
  send(to: Endpoint, bytes: Uint8Array, multicast?: MulticastWay): void {
    if (this.#closed) return;
    if (this.#queue.length - this.#head >= queueAtMost) {
      this.counters.sendQueueFull += 1;
      return;
    }
    this.#queue.push({ to, bytes, multicast });
    if (this.#turn === undefined) this.#drain();
  }

  /** @throws when the interface is none, or the system refuses. */
  join(group: string, networkInterface?: string): void {
    this.#socket.addMembership(group, interfaceAddress(group, networkInterface));
  }

  leave(group: string, networkInterface?: string): void {
    this.#socket.dropMembership(group, interfaceAddress(group, networkInterface));
  }

  /** Resolves when what was queued is sent (or half a second has passed) and the socket is closed. */
  async close(): Promise<void> {
    const until = Date.now() + 500;
    while ((this.#inFlight > 0 || this.#head < this.#queue.length) && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    this.#closed = true;
    clearImmediate(this.#turn);
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #drain(): void {
    this.#turn = undefined;
    let sent = 0;
    while (this.#head < this.#queue.length && sent < burst && this.#inFlight < inFlightAtMost) {
      const next = this.#queue[this.#head];
      if (next === undefined || !this.#route(next.multicast)) break;
      this.#head += 1;
      sent += 1;
      this.#hand(next);
    }
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#inFlight < inFlightAtMost) this.#later();
  }

  #later(): void {
    this.#turn ??= setImmediate(() => this.#drain());
  }

  #hand(send: Send): void {
    this.#inFlight += 1;
    const done = (error: unknown) => {
      this.#inFlight -= 1;
      if (error === null) this.counters.sent += 1;
      else this.counters.sendFailed += 1;
      if (this.#head < this.#queue.length && !this.#closed) this.#later();
    };
    try {
      this.#socket.send(send.bytes, send.to.port, send.to.address, done);
    } catch (error) {
      // what node refuses at once, such as port 0: a datagram that cannot leave must not end the process
      done(error);
    }
  }

  /** Interface and TTL belong to the socket: they change only when nothing is under way. */
  #route(way: MulticastWay | undefined): boolean {
    if (way === undefined) return true;
    const key = `${way.interface ?? ""} ${way.ttl}`;
    if (key === this.#way) return true;
    if (this.#inFlight > 0) return false;
    try {
      if (way.interface !== undefined) {
        this.#socket.setMulticastInterface(interfaceAddress(this.local.address, way.interface) ?? way.interface);
      }
      this.#socket.setMulticastTTL(way.ttl);
    } catch {
      this.counters.sendFailed += 1;
    }
    this.#way = key;
    return true;
  }
}

/** An IPv6 address of a link comes with its zone, and in the system's spelling. */
function sourceOf(address: string): string {
  if (!address.includes(":")) return address;
  const [plain = address] = address.split("%");
  return canonicalAddress(plain) ?? address;
}

/** As large as the system lets it be: a thousand members may answer one push within milliseconds. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(receiveBuffer);
    socket.setSendBufferSize(sendBuffer);
  } catch {
    // the system's own size stays
  }
}
