/**
 * A key server's engine without a network, and members of which a test decides every datagram: real Phase 1, the
 * messages out of the shared message layer.
 */
import type { Datagram, Endpoint, Env, Output, Plain, StoreRecord } from "../../src/core/engine.ts";
import type { Identity } from "../../src/core/identity.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { ackKey, buildAck } from "../../src/gdoi/ack.ts";
import { GcksEngine } from "../../src/gdoi/gcks/engine.ts";
import type { GcksCommand, GcksPolicy } from "../../src/gdoi/gcks/types.ts";
import { type KeyDownload, readKd } from "../../src/gdoi/key-packets.ts";
import { buildSidRequest, readSa, type SaContents } from "../../src/gdoi/policy-payloads.ts";
import { buildPull, firstIv, openPull, pullHashFits } from "../../src/gdoi/pull.ts";
import { kekKey, type OpenedPush, openPush } from "../../src/gdoi/push.ts";
import { Phase1Endpoint } from "../../src/ikev1/endpoint.ts";
import { phase2Iv, unprotect } from "../../src/ikev1/phase2.ts";
import type { Phase1Policy, Phase1Sa } from "../../src/ikev1/types.ts";
import type { LedgerEvent } from "../../src/ledger/event.ts";
import { addressOctets } from "../../src/util/address.ts";
import { equal, u32 } from "../../src/util/octets.ts";
import { decodeHeader } from "../../src/wire/header.ts";
import { decodeChain } from "../../src/wire/message.ts";
import type { Payload } from "../../src/wire/payloads.ts";
import { at, gcksAddress, phase1Policy } from "./group.ts";

export const keyServer: Endpoint = at(gcksAddress);
export const plant: Identity = { type: 11, data: u32(1234) };

/** What a command was answered. */
export interface Reply {
  readonly group?: string;
  readonly rekeys?: readonly { readonly spi: string; readonly seq: number }[];
  readonly [name: string]: unknown;
}

/** The engine, its clock, its store. Outputs are carried out at once; datagrams wait in `sent`. */
export class KeyServerBench {
  readonly env: { -readonly [K in keyof Env]: Env[K] };
  engine: GcksEngine;
  readonly records = new Map<string, StoreRecord>();
  readonly events: LedgerEvent[] = [];
  sent: Extract<Output, { out: "send" }>[] = [];
  wake = Number.POSITIVE_INFINITY;
  #commands = 0;

  constructor(policy: GcksPolicy, seed = 1) {
    this.env = { now: Date.UTC(2026, 0, 1), random: seededRandom(seed), crypto: nodeCrypto };
    this.engine = new GcksEngine(policy);
    this.#carry(this.engine.restore([], this.env));
  }

  /** The process ends; another one begins with what was stored. */
  restart(policy: GcksPolicy): void {
    this.engine = new GcksEngine(policy);
    this.#carry(this.engine.restore([...this.records.values()], this.env));
  }

  /** Gives a datagram; returns what was sent because of it. */
  receive(from: Endpoint, bytes: Uint8Array): Uint8Array[] {
    return this.#step({ in: "datagram", from, via: keyServer, bytes } satisfies { in: "datagram" } & Datagram);
  }

  /** @throws Error with the refusal's code when the command was refused. */
  command(command: GcksCommand): Reply {
    const id = ++this.#commands;
    const outputs = this.engine.step({ in: "command", id, command }, this.env);
    this.#carry(outputs);
    for (const output of outputs) {
      if (output.out === "reply" && output.id === id) return output.reply as Plain & Reply;
      if (output.out === "refuse" && output.id === id) throw new Error(output.refusal.code);
    }
    throw new Error("the command was not answered");
  }

  /** Lets time pass, waking the engine whenever it asks for it. */
  pass(ms: number): void {
    const end = this.env.now + ms;
    while (this.wake <= end) {
      this.env.now = Math.max(this.env.now, this.wake);
      this.#step({ in: "deadline" });
    }
    this.env.now = end;
  }

  /** Takes the datagrams that wait. */
  take(): { readonly to: Endpoint; readonly bytes: Uint8Array }[] {
    return this.sent.splice(0);
  }

  /** Kinds of events so far, in their order. */
  kinds(): string[] {
    return this.events.map((event) => event.kind);
  }

  /** The last event of a kind. */
  last(kind: string): LedgerEvent | undefined {
    return this.events.findLast((event) => event.kind === kind);
  }

  #step(input: Parameters<GcksEngine["step"]>[0]): Uint8Array[] {
    const outputs = this.engine.step(input, this.env);
    this.#carry(outputs);
    return outputs.flatMap((output) => (output.out === "send" ? [output.bytes] : []));
  }

  #carry(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.out === "persist") {
        const { kind, key, value } = output.record;
        if (value === undefined) this.records.delete(`${kind}\0${key}`);
        else this.records.set(`${kind}\0${key}`, structuredClone(output.record));
      } else if (output.out === "send") this.sent.push(output);
      else if (output.out === "event") this.events.push(output.event);
      else if (output.out === "wake") this.wake = output.at;
    }
  }
}

/** What a registration brought. */
export interface Registered {
  readonly seq: number;
  readonly sa: SaContents;
  readonly keys: KeyDownload;
  readonly message1: Uint8Array;
  readonly message2: Uint8Array;
  readonly message3: Uint8Array;
  readonly message4: Uint8Array;
}

export class ScriptedMember {
  readonly endpoint: Endpoint;
  readonly #bench: KeyServerBench;
  readonly #phase1: Phase1Endpoint;
  #works = 0;
  #messageId = 100;
  sa: Phase1Sa;
  registered: Registered | undefined;

  constructor(bench: KeyServerBench, address: string, changes: Partial<Phase1Policy> = {}, port = 848) {
    this.#bench = bench;
    this.endpoint = at(address, port);
    const peers = phase1Policy(address, "ks").peers;
    this.#phase1 = new Phase1Endpoint(phase1Policy(address, "ks", { peers, ...changes }), () => ++this.#works);
    this.sa = this.#establish();
  }

  /** Main mode from beginning to end. */
  #establish(): Phase1Sa {
    const { env } = this.#bench;
    const out: Output[] = [];
    this.#phase1.initiate(this.endpoint, keyServer, "ks", env, out);
    for (let i = 0; i < 5; i++) {
      for (const output of out.splice(0)) {
        if (output.out !== "send") continue;
        for (const bytes of this.#bench.receive(this.endpoint, output.bytes)) {
          const header = decodeHeader(bytes);
          if (!header.ok) throw new Error(header.error.message);
          const upcalls = this.#phase1.receive({ from: keyServer, via: this.endpoint, bytes }, header.value, env, out);
          for (const upcall of upcalls) if (upcall.up === "established") return upcall.sa;
        }
      }
    }
    throw new Error("no Phase 1 SA");
  }

  /** Message 1 for a group; `payloads` replace Ni and ID. */
  first(group: Identity = plant, payloads?: (niB: Uint8Array) => Payload[], messageId = ++this.#messageId) {
    const { env } = this.#bench;
    const niB = env.random.octets(16);
    const id: Payload = { kind: "ID", idType: group.type, protocolId: 0, port: 0, data: group.data };
    const own = payloads?.(niB) ?? [{ kind: "NONCE", data: niB }, id];
    const iv = firstIv(this.sa, messageId, env);
    return { messageId, niB, ...buildPull(this.sa, env, messageId, [], own, iv) };
  }

  /** Opens message 2. @throws when it is none. */
  second(begun: ReturnType<ScriptedMember["first"]>, datagram: Uint8Array) {
    const { messageId, niB } = begun;
    const { payloads, nextIv } = this.#open(datagram, messageId, [niB], begun.nextIv);
    const [nr, sa] = payloads;
    if (nr?.kind !== "NONCE" || sa?.kind !== "GDOI-SA") throw new Error("not message 2");
    const contents = readSa(sa);
    if (!contents.ok) throw new Error(contents.error.message);
    return { messageId, niB, nrB: nr.data, sa: contents.value, nextIv };
  }

  /** Message 3 with these payloads. */
  third(answered: ReturnType<ScriptedMember["second"]>, payloads: readonly Payload[] = []) {
    const { messageId, niB, nrB, nextIv } = answered;
    return { ...answered, ...buildPull(this.sa, this.#bench.env, messageId, [niB, nrB], payloads, nextIv) };
  }

  /** Opens message 4. @throws when it is none. */
  fourth(asked: ReturnType<ScriptedMember["third"]>, datagram: Uint8Array) {
    const { payloads } = this.#open(datagram, asked.messageId, [asked.niB, asked.nrB], asked.nextIv);
    const [seq, kd] = payloads;
    if (seq?.kind !== "SEQ" || kd?.kind !== "KD") throw new Error("not message 4");
    const keys = readKd(kd, "pull");
    if (!keys.ok) throw new Error(keys.error.message);
    return { seq: seq.sequenceNumber, keys: keys.value };
  }

  /** The whole exchange. @throws when it is refused. */
  register(group: Identity = plant, sids = 1): Registered {
    const first = this.first(group);
    const message2 = this.#answer(first.datagram);
    const second = this.second(first, message2);
    const third = this.third(second, sids > 1 ? [buildSidRequest(sids)] : []);
    const message4 = this.#answer(third.datagram);
    const messages = { message1: first.datagram, message2, message3: third.datagram, message4 };
    this.registered = { ...this.fourth(third, message4), sa: second.sa, ...messages };
    this.#bench.take();
    return this.registered;
  }

  /** Gives a datagram of this member to the key server. */
  send(bytes: Uint8Array): Uint8Array[] {
    return this.#bench.receive(this.endpoint, bytes);
  }

  /** The protected notification that a datagram is. @throws when it is none. */
  notification(datagram: Uint8Array) {
    const { env } = this.#bench;
    const header = decodeHeader(datagram);
    if (!header.ok || header.value.exchangeType !== 5) throw new Error("not an Informational exchange");
    const iv = phase2Iv(this.sa, header.value.messageId, env);
    const opened = unprotect(this.sa, env, header.value, datagram, iv);
    if (!opened.ok) throw new Error(opened.error.message);
    const chain = decodeChain(header.value.nextPayload, opened.value.plaintext, 0, "phase1", "zeros");
    const n = chain.ok ? chain.value.payloads[1]?.payload : undefined;
    if (n?.kind !== "N") throw new Error("no notification");
    return n.notifyType;
  }

  /** IV | key of the KEK as registered. */
  ivAndKey(): Uint8Array {
    const { kek, lkh } = this.#keys();
    const found = kek?.ivAndKey ?? lkh?.download?.keys.at(-1)?.data;
    if (found === undefined) throw new Error("no KEK");
    return found;
  }

  /** Opens a push under the KEK of the registration. */
  push(datagram: Uint8Array): OpenedPush {
    const header = decodeHeader(datagram);
    if (!header.ok) throw new Error(header.error.message);
    const opened = openPush(kekKey(this.spi(), this.ivAndKey(), { crypto: nodeCrypto }), datagram, header.value, {
      crypto: nodeCrypto,
    });
    if (!opened.ok) throw new Error(opened.error.message);
    return opened.value;
  }

  /** SPI of the KEK as registered. */
  spi(): Uint8Array {
    const { kek, lkh } = this.#keys();
    return (kek ?? lkh)?.spi ?? new Uint8Array(0);
  }

  /** An acknowledgement with the keys of the registration. */
  ack(seq: number, type = 1, address = this.endpoint.address): Uint8Array {
    const leaf = this.#keys().lkh?.download?.keys[0]?.data;
    const base = type % 2 === 0 && leaf !== undefined ? leaf : this.ivAndKey();
    const key = ackKey(type, base.subarray(16), this.spi(), this.#bench.env);
    const octets = addressOctets(address) ?? new Uint8Array(0);
    return buildAck(type, key, this.spi(), seq, octets, this.#bench.env);
  }

  #keys(): KeyDownload {
    if (this.registered === undefined) throw new Error("not registered");
    return this.registered.keys;
  }

  #answer(bytes: Uint8Array): Uint8Array {
    const [answer, ...others] = this.send(bytes).filter((b) => equal(b.subarray(0, 16), bytes.subarray(0, 16)));
    if (answer === undefined || others.length > 0) throw new Error("not one answer");
    return answer;
  }

  #open(datagram: Uint8Array, messageId: number, nonces: readonly Uint8Array[], iv: Uint8Array) {
    const { env } = this.#bench;
    const header = decodeHeader(datagram);
    if (!header.ok || header.value.exchangeType !== 32) throw new Error("not a GROUPKEY-PULL message");
    const opened = openPull(this.sa, env, header.value, datagram, iv);
    if (!opened.ok) throw new Error(opened.error.message);
    if (!pullHashFits(this.sa, env, messageId, nonces, opened.value)) throw new Error("HASH does not fit");
    return opened.value;
  }
}

/** A phase 1 identity of a host name instead of the address. */
export function named(name: string): Partial<Phase1Policy> {
  return { local: { identity: { type: 2, data: new Uint8Array(Buffer.from(name)) }, certificates: [] } };
}
