/**
 * A key server and devices on virtual time. The key server does one thing after another, and each takes as much virtual
 * time as it took of the processor; its receive buffer is bounded. Devices and network cost nothing.
 */
import type { Endpoint, Env, Output } from "../src/core/engine.ts";
import { nodeCrypto } from "../src/crypto/node/index.ts";
import { nodeRandom } from "../src/crypto/node/random.ts";
import type { ChainRequest, ChainVerdict } from "../src/crypto/provider.ts";
import type { GcksEngine } from "../src/gdoi/gcks/engine.ts";
import type { GmEngine } from "../src/gdoi/gm/engine.ts";

const DELAY_MS = 1;
/** What a receive buffer of 8 MiB holds, at 2 KiB each with the system's own data. */
const BUFFERED = 4096;

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly run: () => Promise<void> | void;
}

/** What happened to whom, and what it took. */
export class StormNetwork {
  now = Date.UTC(2026, 0, 1);
  /** Processor time of the key server in milliseconds. */
  serverMs = 0;
  datagrams = 0;
  overflowed = 0;
  /** Called after each step of the key server. */
  each: () => void = () => {};
  readonly #server: GcksEngine;
  readonly #serverAt: Endpoint;
  readonly #devices = new Map<string, { readonly engine: GmEngine; wake: number }>();
  #heap: Entry[] = [];
  #order = 0;
  #free = 0;
  /** What the key server has yet to do, from `next` on. */
  #queue: (() => Promise<void>)[] = [];
  #next = 0;
  #waiting = 0;
  #serverWake = 0;

  constructor(server: GcksEngine, at: Endpoint) {
    this.#server = server;
    this.#serverAt = at;
  }

  /** Switches a device on. */
  add(endpoint: Endpoint, engine: GmEngine): void {
    const key = keyOf(endpoint);
    this.#devices.set(key, { engine, wake: 0 });
    this.#carryDevice(endpoint, engine.restore([], this.#env()));
  }

  async startServer(): Promise<void> {
    await this.#serve(() => this.#server.restore([], this.#env()));
  }

  /** Until `done` holds. @throws when `limitMs` of virtual time pass before. */
  async runUntil(done: () => boolean, limitMs: number): Promise<void> {
    const end = this.now + limitMs;
    while (!done()) {
      const entry = this.#pop();
      if (entry === undefined || entry.at > end) throw new Error(`not reached within ${limitMs} ms of virtual time`);
      this.now = Math.max(this.now, entry.at);
      await entry.run();
    }
  }

  #env(): Env {
    return { now: this.now, random: nodeRandom, crypto: nodeCrypto };
  }

  /** One datagram for the key server: it waits for its turn, or is lost when too many do. */
  #arrive(from: Endpoint, bytes: Uint8Array): void {
    this.datagrams += 1;
    if (this.#waiting >= BUFFERED) {
      this.overflowed += 1;
      return;
    }
    this.#waiting += 1;
    this.#turn(() => {
      this.#waiting -= 1;
      return this.#step({ in: "datagram", from, via: this.#serverAt, bytes });
    });
  }

  /** Runs when the key server has done what came before. */
  #turn(run: () => Promise<void>): void {
    this.#queue.push(run);
    if (this.#queue.length - this.#next === 1) this.#at(this.#free, () => this.#work());
  }

  async #work(): Promise<void> {
    await this.#queue[this.#next]?.();
    this.#next += 1;
    if (this.#next < this.#queue.length) this.#at(this.#free, () => this.#work());
    else {
      this.#queue = [];
      this.#next = 0;
    }
  }

  #step(input: Parameters<GcksEngine["step"]>[0]): Promise<void> {
    return this.#serve(() => this.#server.step(input, this.#env()));
  }

  async #serve(work: () => Output[]): Promise<void> {
    const before = threadMs();
    const outputs = work();
    this.#spend(threadMs() - before);
    for (const output of outputs) {
      const at = this.#free + DELAY_MS;
      if (output.out === "send") this.#at(at, () => this.#receive(output.to, output.bytes));
      else if (output.out === "work") await this.#validate(output.id, output.job.request);
      else if (output.out === "wake") this.#wakeServer(output.at);
    }
    this.each();
  }

  #spend(ms: number): void {
    this.serverMs += ms;
    this.#free = Math.max(this.#free, this.now) + ms;
  }

  async #validate(id: number, request: ChainRequest): Promise<void> {
    const before = threadMs();
    const verdict = await nodeCrypto.verifyChain(request);
    this.#spend(threadMs() - before);
    this.#at(this.#free, () =>
      this.#turn(() => this.#step({ in: "done", id, result: { job: "verify-chain", verdict } })),
    );
  }

  #wakeServer(at: number): void {
    const wake = ++this.#serverWake;
    if (!Number.isFinite(at)) return;
    this.#at(at, () => {
      if (wake === this.#serverWake) this.#turn(() => this.#step({ in: "deadline" }));
    });
  }

  #receive(to: Endpoint, bytes: Uint8Array): void {
    this.#stepDevice(to, { in: "datagram", from: this.#serverAt, via: to, bytes });
  }

  #stepDevice(endpoint: Endpoint, input: Parameters<GmEngine["step"]>[0]): void {
    const device = this.#devices.get(keyOf(endpoint));
    if (device !== undefined) this.#carryDevice(endpoint, device.engine.step(input, this.#env()));
  }

  #carryDevice(endpoint: Endpoint, outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.out === "send") this.#at(this.now + DELAY_MS, () => this.#arrive(endpoint, output.bytes));
      else if (output.out === "wake") this.#wakeDevice(endpoint, output.at);
      else if (output.out === "work") {
        const { id } = output;
        const { request } = output.job;
        this.#at(this.now, async () => {
          const verdict: ChainVerdict = await nodeCrypto.verifyChain(request);
          this.#stepDevice(endpoint, { in: "done", id, result: { job: "verify-chain", verdict } });
        });
      }
    }
  }

  #wakeDevice(endpoint: Endpoint, at: number): void {
    const device = this.#devices.get(keyOf(endpoint));
    if (device === undefined) return;
    const wake = ++device.wake;
    if (!Number.isFinite(at)) return;
    this.#at(at, () => {
      if (wake === device.wake) this.#stepDevice(endpoint, { in: "deadline" });
    });
  }

  #at(at: number, run: Entry["run"]): void {
    const heap = this.#heap;
    heap.push({ at: Math.max(at, this.now), order: this.#order++, run });
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfLater(parent, child)) return;
      child = parent;
    }
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let parent = 0; ; ) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      const smaller = right < heap.length && this.#later(left, right) ? right : left;
      if (smaller >= heap.length || !this.#swapIfLater(parent, smaller)) return first;
      parent = smaller;
    }
  }

  #later(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.at > y.at || (x.at === y.at && x.order > y.order);
  }

  #swapIfLater(a: number, b: number): boolean {
    if (!this.#later(a, b)) return false;
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    this.#heap[a] = y;
    this.#heap[b] = x;
    return true;
  }
}

/** Processor time of this thread in milliseconds: what other processes take is not in it. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

function keyOf({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
