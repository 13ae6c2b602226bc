/**
 * Many engines in one process on one virtual clock: the earliest event moves time. What a host persists is kept, so
 * that it can be killed at any output and started again from what was durable then.
 */
import type { Endpoint, Engine, Instant, Output, Plain, Refusal, StoreRecord } from "../core/engine.ts";
import type { CryptoProvider, RandomSource } from "../crypto/provider.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { SadChange } from "../sad/sad.ts";
import { arrivals, type Link, type Packet, perfectLink } from "./network.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly crypto: CryptoProvider;
  readonly randomFor: (seed: number) => RandomSource;
  readonly link?: Link;
  readonly startAt?: Instant;
}

export interface HostOptions<C, E extends Engine<C>> {
  readonly name: string;
  readonly address: string;
  /** Called at the start and after each kill: a new engine with nothing in it. */
  readonly create: () => E;
}

export interface RecordedEvent {
  readonly at: Instant;
  readonly host: string;
  readonly event: LedgerEvent;
}

export type Answer = { readonly reply: Plain } | { readonly refusal: Refusal };

/** One machine of the world, with one engine on it. */
export interface Host<C, E extends Engine<C>> {
  readonly name: string;
  readonly address: string;
  readonly engine: E;
  readonly up: boolean;
  readonly records: ReadonlyMap<string, StoreRecord>;
  readonly sadChanges: readonly SadChange[];
  readonly keyLog: readonly string[];
  /** Gives a command; the answer is there when its reply came. */
  command(command: C): { readonly answer: Answer | undefined };
  /** The process ends here and now; what was not persisted is gone. */
  kill(): void;
  /** A new process on what is durable. */
  start(): void;
}

type Task = { readonly at: Instant; readonly run: () => void };

export class World {
  now: Instant;
  readonly events: RecordedEvent[] = [];
  /** Every datagram handed to the network, lost ones too. */
  readonly wire: { readonly at: Instant; readonly packet: Packet }[] = [];
  /** Changed by tests: a packet becomes those that travel on. */
  intercept: (packet: Packet) => readonly Packet[] = (packet) => [packet];
  link: Link;

  readonly #options: WorldOptions;
  readonly #random: RandomSource;
  readonly #hosts = new Map<string, SimulatedHost>();
  #tasks: Task[] = [];
  /** Path validations under way; time stands still until they are done. */
  readonly #jobs = new Set<Promise<void>>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#random = options.randomFor(options.seed);
    this.link = options.link ?? perfectLink;
    this.now = options.startAt ?? 1_767_225_600_000 /* the first of January 2026 */;
  }

  host<C, E extends Engine<C>>(options: HostOptions<C, E>): Host<C, E> {
    const random = this.#options.randomFor(this.#options.seed * 1000 + this.#hosts.size + 1);
    const host = new RunningHost<C, E>(this, options, random);
    this.#hosts.set(options.name, host);
    host.start();
    return host;
  }

  /** Runs until `done` holds. @throws when `limitMs` of virtual time pass before. */
  async runUntil(done: () => boolean, limitMs: number): Promise<void> {
    const end = this.now + limitMs;
    while (!done()) {
      if (!(await this.#step(end))) {
        if (done()) return;
        throw new Error(`not reached within ${limitMs} ms of virtual time`);
      }
    }
  }

  /** Lets `ms` of virtual time pass. */
  async runFor(ms: number): Promise<void> {
    const end = this.now + ms;
    while (await this.#step(end));
    this.now = end;
  }

  /** Runs the next task that is due by `end`; false when there is none. */
  async #step(end: Instant): Promise<boolean> {
    while (this.#jobs.size > 0) await Promise.all(this.#jobs);
    const task = this.#takeTask(end);
    if (task === undefined) return false;
    this.now = Math.max(this.now, task.at);
    task.run();
    return true;
  }

  /** @internal */
  get crypto(): CryptoProvider {
    return this.#options.crypto;
  }

  /** @internal */
  at(at: Instant, run: () => void): void {
    const task = { at, run };
    let low = 0;
    let high = this.#tasks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#tasks[middle];
      // latest first, so that the next task is taken from the end; of equal instants the first that was set
      if (other !== undefined && other.at > at) low = middle + 1;
      else high = middle;
    }
    this.#tasks.splice(low, 0, task);
  }

  /** @internal */
  job(job: Promise<void>): void {
    this.#jobs.add(job);
    void job.finally(() => this.#jobs.delete(job));
  }

  /** @internal */
  send(packet: Packet): void {
    this.wire.push({ at: this.now, packet });
    for (const travelling of this.intercept(packet)) {
      for (const host of this.#hosts.values()) {
        if (!host.listensTo(travelling.to)) continue;
        for (const delay of arrivals(this.link, this.#random)) {
          this.at(this.now + delay, () => host.receive(travelling));
        }
      }
    }
  }

  #takeTask(end: Instant): Task | undefined {
    const last = this.#tasks.at(-1);
    if (last === undefined || last.at > end) return undefined;
    this.#tasks.pop();
    return last;
  }
}

interface SimulatedHost {
  listensTo(to: Endpoint): boolean;
  receive(packet: Packet): void;
}

class RunningHost<C, E extends Engine<C>> implements Host<C, E>, SimulatedHost {
  readonly name: string;
  readonly address: string;
  readonly records = new Map<string, StoreRecord>();
  readonly sadChanges: SadChange[] = [];
  readonly keyLog: string[] = [];
  up = false;
  readonly #world: World;
  readonly #create: () => E;
  readonly #random: RandomSource;
  #engine: E;
  readonly #joined = new Set<string>();
  readonly #answers = new Map<number, { answer: Answer | undefined }>();
  #commandId = 0;
  /** Counts lives and wake-ups, so that what was meant for an earlier one is passed over. */
  #life = 0;
  #wake = 0;

  constructor(world: World, options: HostOptions<C, E>, random: RandomSource) {
    this.#world = world;
    this.name = options.name;
    this.address = options.address;
    this.#create = options.create;
    this.#random = random;
    this.#engine = options.create();
  }

  get engine(): E {
    return this.#engine;
  }

  start(): void {
    this.#life += 1;
    this.#engine = this.#create();
    this.up = true;
    this.#carryOut(this.#engine.restore([...this.records.values()], this.#env()));
  }

  kill(): void {
    this.up = false;
    this.#life += 1;
    this.#joined.clear();
  }

  command(command: C): { readonly answer: Answer | undefined } {
    const id = ++this.#commandId;
    const handle: { answer: Answer | undefined } = { answer: undefined };
    this.#answers.set(id, handle);
    this.#step({ in: "command", id, command });
    return handle;
  }

  listensTo(to: Endpoint): boolean {
    return to.address === this.address || this.#joined.has(to.address);
  }

  receive(packet: Packet): void {
    if (!this.up) return;
    const via = { address: this.address, port: packet.to.port };
    this.#step({ in: "datagram", from: packet.from, via, bytes: packet.bytes });
  }

  #env() {
    return { now: this.#world.now, random: this.#random, crypto: this.#world.crypto };
  }

  #step(input: Parameters<E["step"]>[0]): void {
    if (this.up) this.#carryOut(this.#engine.step(input, this.#env()));
  }

  #carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (!this.up) return;
      this.#carry(output);
    }
  }

  #carry(output: Output): void {
    switch (output.out) {
      case "persist": {
        const { kind, key, value } = output.record;
        if (value === undefined) this.records.delete(`${kind}\0${key}`);
        else this.records.set(`${kind}\0${key}`, structuredClone(output.record));
        return;
      }
      case "send": {
        const from = { address: this.address, port: output.from.port };
        this.#world.send({ from, to: output.to, bytes: output.bytes });
        return;
      }
      case "wake":
        this.#wakeAt(output.at);
        return;
      case "work": {
        const life = this.#life;
        const work = this.#world.crypto.verifyChain(output.job.request).then((verdict) => {
          if (this.#life === life) this.#step({ in: "done", id: output.id, result: { job: "verify-chain", verdict } });
        });
        this.#world.job(work);
        return;
      }
      case "sad":
        this.sadChanges.push(output.change);
        return;
      case "event":
        this.#world.events.push({ at: this.#world.now, host: this.name, event: output.event });
        return;
      case "key-log":
        this.keyLog.push(output.line);
        return;
      case "join":
        this.#joined.add(output.group);
        return;
      case "leave":
        this.#joined.delete(output.group);
        return;
      case "reply":
        this.#answer(output.id, { reply: output.reply });
        return;
      case "refuse":
        this.#answer(output.id, { refusal: output.refusal });
        return;
    }
  }

  #answer(id: number, answer: Answer): void {
    const handle = this.#answers.get(id);
    if (handle === undefined) throw new Error(`command ${id} was answered twice, or never given`);
    handle.answer = answer;
    this.#answers.delete(id);
  }

  #wakeAt(at: Instant): void {
    const wake = ++this.#wake;
    const life = this.#life;
    if (!Number.isFinite(at)) return;
    this.#world.at(Math.max(at, this.#world.now), () => {
      if (this.#wake === wake && this.#life === life) this.#step({ in: "deadline" });
    });
  }
}
