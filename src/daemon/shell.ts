/**
 * Runs one engine: gives it inputs, carries its outputs out in their order, and keeps the promise that a record is
 * durable before anything that was said after it leaves. Events alone wait for a batch: no promise to a peer hangs on
 * them, and a transaction costs more than a handshake. When the store fails it holds the engine still.
 */
import type {
  Datagram,
  Endpoint,
  Engine,
  Env,
  Input,
  Instant,
  Job,
  JobResult,
  Output,
  Plain,
  Refusal,
  StoreRecord,
} from "../core/engine.ts";
import type { CryptoProvider, RandomSource } from "../crypto/provider.ts";
import type { LedgerEvent } from "../ledger/event.ts";
import type { SadChange } from "../sad/sad.ts";
import { StoreError } from "../store/store.ts";
import type { Journal } from "./journal.ts";
import { Alarm } from "./timers.ts";

/** A command that was not carried out; `code` is stable, the message says what to do next. */
export class RefusedError extends Error {
  readonly code: string;
  constructor(refusal: Refusal) {
    super(refusal.message);
    this.name = "RefusedError";
    this.code = refusal.code;
  }
}

/** The network as a shell needs it. */
export interface Carrier {
  send(from: Endpoint, to: Endpoint, bytes: Uint8Array, multicast?: { interface?: string; ttl: number }): void;
  join(group: string, port: number, networkInterface?: string): void;
  leave(group: string, port: number, networkInterface?: string): void;
}

export interface ShellParts<Command> {
  readonly engine: Engine<Command>;
  readonly journal: Journal;
  readonly carrier: Carrier;
  readonly now: () => Instant;
  /** The machine's own clock, milliseconds since the epoch: what dates of certificates are held against. */
  readonly wall: () => number;
  readonly random: RandomSource;
  readonly crypto: CryptoProvider;
  readonly sad: (change: SadChange) => void;
  /** Takes lines of the key log, where the configuration asks for one. */
  readonly keyLog?: (line: string) => void;
  /**
   * Everything durable of the engine, to be written anew after the store failed. Without it (members) a failed store
   * does not stop the engine: a member issues nothing that could be repeated.
   */
  readonly snapshot?: () => StoreRecord[];
  /** Told when the store fails, and when it works again. */
  readonly storeChanged: (condition: StoreCondition) => void;
  /** Told of an exception that escaped the engine, which is an error of ours. */
  readonly broken: (error: unknown) => void;
}

/** How the store of a shell is. */
export type StoreCondition =
  | { readonly works: true }
  | { readonly works: false; readonly since: Instant; readonly code: string; readonly message: string };

/** Records that no send depends on may wait this long. */
const batchMs = 50;
const batchSize = 2000;
/** A datagram that had to wait for the store longer than this is not sent any more. */
const longestHoldMs = 60_000;
/** Between attempts to get the store back. */
const retryMs = 3000;

type SendOutput = Extract<Output, { out: "send" }>;

interface Waiting {
  readonly resolve: (reply: Plain) => void;
  readonly reject: (error: RefusedError) => void;
}

export class Shell<Command> {
  readonly #parts: ShellParts<Command>;
  readonly #commands = new Map<number, Waiting>();
  readonly #deadline: Alarm;
  readonly #batch: Alarm;
  readonly #retry: Alarm;
  #nextCommand = 1;
  #condition: StoreCondition = { works: true };
  /** Sends of the step during which the store failed, and results of work that came in since. */
  #held: { readonly at: Instant; readonly send: SendOutput }[] = [];
  #results: { id: number; result: JobResult }[] = [];
  #refused = 0;
  #restored = false;
  #closed = false;

  constructor(parts: ShellParts<Command>) {
    this.#parts = parts;
    this.#deadline = new Alarm(() => this.#step({ in: "deadline" }));
    this.#batch = new Alarm(() => this.#commit());
    this.#retry = new Alarm(() => this.#recover());
  }

  get condition(): StoreCondition {
    return this.#condition;
  }

  /** Datagrams that were not looked at because the store does not work. */
  get refusedDatagrams(): number {
    return this.#refused;
  }

  /** Takes back what an earlier life made durable. To be called once, before anything else. */
  restore(records: Iterable<StoreRecord>): void {
    this.#restored = true;
    this.#guard(() => this.#parts.engine.restore(records, this.#env()));
  }

  datagram({ from, via, bytes }: Datagram): void {
    if (this.#frozen) {
      this.#refused += 1;
      return;
    }
    this.#step({ in: "datagram", from, via, bytes });
  }

  /** @throws RefusedError (as a rejection), when the engine or the state of the store refuses. */
  command(command: Command): Promise<Plain> {
    const condition = this.#condition;
    if (this.#closed) return Promise.reject(new RefusedError({ code: "stopping", message: "the daemon is stopping" }));
    if (this.#frozen && !condition.works) return Promise.reject(new RefusedError(storeRefusal(condition.message)));
    const id = this.#nextCommand++;
    return new Promise((resolve, reject) => {
      this.#commands.set(id, { resolve, reject });
      this.#step({ in: "command", id, command });
    });
  }

  /** An event of the daemon itself, recorded in order with those of the engine. */
  note(event: LedgerEvent): void {
    this.#parts.journal.event(event);
    if (this.#condition.works) this.#batch.within(batchMs);
  }

  /** Makes durable what waits, so that a reader of the ledger sees it. Does nothing while the store fails. */
  flush(): void {
    this.#commit();
  }

  /** Makes durable what waits, and stops. Commands that were not answered are refused. @throws StoreError */
  close(): void {
    this.#closed = true;
    for (const alarm of [this.#deadline, this.#batch, this.#retry]) alarm.clear();
    for (const id of [...this.#commands.keys()]) {
      this.#refuse(id, { code: "stopping", message: "the daemon stopped before this was done; ask again" });
    }
    this.#parts.journal.flush();
  }

  get #frozen(): boolean {
    return !this.#condition.works && this.#parts.snapshot !== undefined;
  }

  #env(): Env {
    return { now: this.#parts.now(), random: this.#parts.random, crypto: this.#parts.crypto };
  }

  #step(input: Input<Command>): void {
    if (!this.#restored || this.#closed || this.#frozen) return;
    const command = input.in === "command" ? input.id : undefined;
    this.#guard(() => this.#parts.engine.step(input, this.#env()), command);
  }

  /**
   * An exception leaves the engine in doubt: what it holds is written anew, so that the store agrees with it.
   * @param command whose answer is lost with an exception.
   */
  #guard(produce: () => readonly Output[], command?: number): void {
    let outputs: readonly Output[];
    try {
      outputs = produce();
    } catch (error) {
      this.#parts.broken(error);
      if (command !== undefined) this.#refuse(command, internalError);
      for (const record of this.#parts.snapshot?.() ?? []) this.#parts.journal.record(record);
      this.#commit();
      this.#deadline.within(1000);
      return;
    }
    this.#carryOut(outputs);
  }

  #carryOut(outputs: readonly Output[]): void {
    const { journal, carrier } = this.#parts;
    for (const output of outputs) {
      switch (output.out) {
        case "persist":
          journal.record(output.record);
          break;
        case "event":
          journal.event(output.event);
          break;
        case "send":
          if (this.#kept()) carrier.send(output.from, output.to, output.bytes, output.multicast);
          else this.#held.push({ at: this.#parts.now(), send: output });
          break;
        case "reply":
          if (this.#durable()) this.#answer(output.id, output.reply);
          else this.#refuse(output.id, unfinished);
          break;
        case "refuse":
          this.#refuse(output.id, output.refusal);
          break;
        case "wake":
          this.#deadline.at(output.at, this.#parts.now());
          break;
        case "work":
          void this.#work(output.id, output.job);
          break;
        case "sad":
          this.#parts.sad(output.change);
          break;
        case "key-log":
          this.#parts.keyLog?.(output.line);
          break;
        case "join":
          carrier.join(output.group, output.port, output.interface);
          break;
        case "leave":
          carrier.leave(output.group, output.port, output.interface);
          break;
      }
    }
    if (journal.waiting >= batchSize) this.#commit();
    else if (journal.waiting > 0 && this.#condition.works) this.#batch.within(batchMs);
  }

  /** Every record said so far is durable; events alone wait for their batch. A member speaks on without it. */
  #kept(): boolean {
    return this.#parts.journal.holdsRecords ? this.#durable() : !this.#frozen;
  }

  /** Everything said so far is durable; a member speaks on without it. */
  #durable(): boolean {
    return this.#commit() || !this.#frozen;
  }

  #commit(): boolean {
    if (!this.#condition.works) return false;
    this.#batch.clear();
    try {
      this.#parts.journal.flush();
      return true;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #fail(error: unknown): void {
    const code = error instanceof StoreError ? error.code : "io";
    const message = error instanceof Error ? error.message : String(error);
    this.#condition = { works: false, since: this.#parts.now(), code, message };
    this.#parts.journal.event({
      kind: "server.store-failed",
      subjects: [{ kind: "server", name: "server" }],
      cause: "failure",
      reason: message,
      figures: { code },
      level: "alert",
    });
    if (this.#frozen) this.#deadline.clear();
    this.#retry.within(retryMs);
    this.#parts.storeChanged(this.#condition);
  }

  #recover(): void {
    const condition = this.#condition;
    if (condition.works) return;
    const { journal, now, snapshot } = this.#parts;
    for (const record of snapshot?.() ?? []) journal.record(record);
    try {
      journal.flush();
    } catch {
      this.#retry.within(retryMs);
      return;
    }
    this.#condition = { works: true };
    this.#parts.storeChanged(this.#condition);
    this.note({
      kind: "server.store-recovered",
      subjects: [{ kind: "server", name: "server" }],
      cause: "policy",
      figures: { downMs: now() - condition.since },
      level: "warning",
    });
    // what waited long is as good as lost on the way: its times are no longer true, and the engine repeats what matters
    const since = now() - longestHoldMs;
    for (const { at, send } of this.#held.splice(0)) if (at >= since) this.#carryOut([send]);
    for (const { id, result } of this.#results.splice(0)) this.#step({ in: "done", id, result });
    this.#step({ in: "deadline" });
  }

  async #work(id: number, job: Job): Promise<void> {
    const { crypto, now, wall } = this.#parts;
    const result = await carryOutJob(job, crypto, { now, wall });
    if (this.#frozen) this.#results.push({ id, result });
    else this.#step({ in: "done", id, result });
  }

  #answer(id: number, reply: Plain): void {
    this.#commands.get(id)?.resolve(reply);
    this.#commands.delete(id);
  }

  #refuse(id: number, refusal: Refusal): void {
    this.#commands.get(id)?.reject(new RefusedError(refusal));
    this.#commands.delete(id);
  }
}

/**
 * Validity is judged by the machine's clock: the engine's never steps back, so one start with a wrong date would leave
 * every certificate expired. The engine gets the dates of the leaf as they are on its own clock.
 */
async function carryOutJob(
  job: Job,
  crypto: CryptoProvider,
  clocks: Pick<ShellParts<unknown>, "now" | "wall">,
): Promise<JobResult> {
  const at = clocks.wall();
  const ahead = clocks.now() - at;
  try {
    const verdict = await crypto.verifyChain({ ...job.request, at });
    if (!verdict.ok) return { job: "verify-chain", verdict };
    const { leaf } = verdict;
    const dated = { ...leaf, notBefore: leaf.notBefore + ahead, notAfter: leaf.notAfter + ahead };
    return { job: "verify-chain", verdict: { ...verdict, leaf: dated } };
  } catch {
    const why = "the certificate chain could not be checked";
    return { job: "verify-chain", verdict: { ok: false, code: "malformed", why } };
  }
}

function storeRefusal(message: string): Refusal {
  return {
    code: "store-failed",
    message: `nothing is issued while the state store does not work (${message}); make room or repair it, the key server goes on by itself`,
  };
}

const internalError: Refusal = {
  code: "internal-error",
  message:
    "this broke a rule of the engine and may not have been carried out; look at the state, and please report this",
};

const unfinished: Refusal = {
  code: "store-failed",
  message:
    "the state store failed while this was carried out; nothing was sent, and it is finished by itself once the store works again",
};
