/**
 * A member's engine without a network: a Phase 1 that is simply there, and a key server that answers GROUPKEY-PULL and
 * makes pushes as a test says, out of the shared message layer.
 */
import type { Endpoint, Env, Output, StoreRecord } from "../../src/core/engine.ts";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { GmEngine } from "../../src/gdoi/gm/engine.ts";
import type { Phase1Port } from "../../src/gdoi/gm/state.ts";
import type { GmCommand, GmPolicy } from "../../src/gdoi/gm/types.ts";
import { buildKd, type KeyDownload, type TekKeys } from "../../src/gdoi/key-packets.ts";
import {
  buildGap,
  buildSa,
  buildSak,
  type GroupDelays,
  PUSH_PROTOCOL,
  type RekeySa,
  unicastSelector,
} from "../../src/gdoi/policy-payloads.ts";
import { buildPull, firstIv, openPull, pullHashFits } from "../../src/gdoi/pull.ts";
import { buildPush, type KekKey, kekKey } from "../../src/gdoi/push.ts";
import { buildSat } from "../../src/gdoi/tek-payloads.ts";
import type { Phase1Sa, Phase1Upcall } from "../../src/ikev1/types.ts";
import { equal, hex } from "../../src/util/octets.ts";
import { decodeHeader } from "../../src/wire/header.ts";
import type { GapPayload, Payload } from "../../src/wire/payloads.ts";
import { at, gcksAddress, gcmTek, gmPolicy, memberAddress, pushSigner } from "./group.ts";

export const keyServer: Endpoint = at(gcksAddress);
export const member: Endpoint = at(memberAddress(0));

/** The Phase 1 SA of a key server, as the side of `role` sees it. */
function phase1Sa(name: string, remote: Endpoint, now: number, number: number): Phase1Sa {
  const cookies = nodeCrypto.hash("sha256", Uint8Array.of(number));
  const identity = { type: 11, data: Uint8Array.of(1) };
  return {
    id: hex(cookies.subarray(0, 16)),
    initiatorCookie: cookies.slice(0, 8),
    responderCookie: cookies.slice(8, 16),
    role: "initiator",
    local: member,
    remote,
    localIdentity: identity,
    peerIdentity: identity,
    peerName: name,
    proposal: { cipher: "aes-cbc", keyBits: 256, hash: "sha256", group: 19, authentication: "psk" },
    doi: 2,
    skeyidA: nodeCrypto.importSecret(cookies),
    encryptionKey: nodeCrypto.importSecret(cookies),
    lastBlock: cookies.slice(0, 16),
    establishedAt: now,
    expiresAt: now + 86_400_000,
  };
}

/** Phase 1 that succeeds or fails at once, by key server name. */
export class ScriptedPhase1 implements Phase1Port {
  readonly dead = new Set<string>();
  readonly deleted: string[] = [];
  readonly counters = new Map<string, number>();
  readonly informed: Payload[] = [];
  dialled: string[] = [];
  #sas: Phase1Sa[] = [];
  #waiting: { number: number; name: string; remote: Endpoint }[] = [];
  #upcalls: Phase1Upcall[] = [];

  reconfigure(): Phase1Upcall[] {
    return [];
  }
  receive(): Phase1Upcall[] {
    return this.#upcalls.splice(0);
  }
  initiate(_local: Endpoint, remote: Endpoint, name: string): number {
    this.dialled.push(name);
    this.#waiting.push({ number: this.dialled.length, name, remote });
    return this.dialled.length;
  }
  deadline(env: Env): Phase1Upcall[] {
    const upcalls = this.#upcalls.splice(0);
    for (const { number, name, remote } of this.#waiting.splice(0)) {
      if (this.dead.has(name)) {
        upcalls.push({ up: "failed", attempt: number, peer: remote, code: "timeout", why: "no answer" });
      } else {
        const sa = phase1Sa(name, remote, env.now, number);
        this.#sas.push(sa);
        upcalls.push({ up: "established", sa });
      }
    }
    return upcalls;
  }
  done(): Phase1Upcall[] {
    return [];
  }
  owns(): boolean {
    return false;
  }
  next(): number {
    return this.#waiting.length + this.#upcalls.length > 0 ? 0 : Number.POSITIVE_INFINITY;
  }
  find(initiatorCookie: Uint8Array, responderCookie: Uint8Array): Phase1Sa | undefined {
    return this.#sas.find(
      (sa) => equal(sa.initiatorCookie, initiatorCookie) && equal(sa.responderCookie, responderCookie),
    );
  }
  sas(): Iterable<Phase1Sa> {
    return this.#sas;
  }
  inform(_sa: Phase1Sa, payloads: readonly Payload[]): void {
    this.informed.push(...payloads);
  }
  delete(sa: Phase1Sa, why: string): void {
    this.deleted.push(why);
    this.#sas = this.#sas.filter((s) => s !== sa);
  }
  /** The next step brings a protected notification. */
  notify(notifyType: number): void {
    const [sa] = this.#sas;
    if (sa === undefined) throw new Error("no Phase 1 SA");
    const none = new Uint8Array(0);
    const notification = { kind: "N", doi: 2, protocolId: 0, spi: none, notifyType, data: none } as const;
    this.#upcalls.push({ up: "notification", sa, notification });
  }
}

/** A KEK of the scripted key server. */
export interface Kek {
  readonly spi: Uint8Array;
  readonly ivAndKey: Uint8Array;
  readonly key: KekKey;
}

/** The keys of one group, and what is made of them. */
export class ScriptedKeyServer {
  readonly env: Env = { now: 0, random: seededRandom(77), crypto: nodeCrypto };
  readonly signer = pushSigner();
  kek: Kek = this.newKek();
  seq = 0;
  teks: TekKeys[] = [this.newTek()];
  sids: { bits: number; values: number[] } | undefined = { bits: 16, values: [7] };
  ack: number | undefined = 1;
  delays: GroupDelays = {};
  lifetimeSeconds = 3_600;
  kekLifetimeSeconds = 86_400;
  destination: RekeySa["destination"] = unicastSelector;
  lkh: KeyDownload["lkh"] | undefined;
  /** GAP of the last message 3. */
  asked: GapPayload | undefined;
  /** Changes an answer before it is sealed. */
  bend: (payloads: Payload[], message: 2 | 4) => Payload[] = (payloads) => payloads;
  /** Makes the datagram of an answer. */
  seal: typeof buildPull = buildPull;
  #exchange: { messageId: number; ni: Uint8Array; nr: Uint8Array; iv: Uint8Array } | undefined;

  newKek(ivAndKey: Uint8Array = this.env.random.octets(32)): Kek {
    const spi = this.env.random.octets(16);
    return { spi, ivAndKey, key: kekKey(spi, ivAndKey, this.env) };
  }

  newTek(): TekKeys {
    return { spi: this.env.random.octets(4), algorithmKey: this.env.random.octets(20) };
  }

  sat(tek: TekKeys) {
    return buildSat(gcmTek, tek.spi, this.lifetimeSeconds);
  }

  sak(kek = this.kek, changes: Partial<RekeySa> = {}) {
    return buildSak({
      spi: kek.spi,
      protocol: PUSH_PROTOCOL,
      source: unicastSelector,
      destination: this.destination,
      keyBits: 128,
      lifetimeSeconds: this.kekLifetimeSeconds,
      signatureAlgorithm: 4,
      signatureHash: 3,
      signatureKeyBits: 256,
      ...(this.ack !== undefined && { ack: this.ack }),
      ...changes,
    });
  }

  kekKeys(kek = this.kek) {
    return { spi: kek.spi, ivAndKey: kek.ivAndKey, publicKey: this.signer.publicKey };
  }

  /** The answer to a message of GROUPKEY-PULL; undefined when it cannot be read. */
  answer(sa: Phase1Sa, bytes: Uint8Array): Uint8Array | undefined {
    const header = decodeHeader(bytes);
    if (!header.ok) return undefined;
    const { messageId } = header.value;
    const going = this.#exchange?.messageId === messageId ? this.#exchange : undefined;
    const iv = going?.iv ?? firstIv(sa, messageId, this.env);
    const opened = openPull(sa, this.env, header.value, bytes, iv);
    if (!opened.ok) return undefined;
    const nonces = going === undefined ? [] : [going.ni, going.nr];
    if (!pullHashFits(sa, this.env, messageId, nonces, opened.value)) return undefined;
    return going === undefined
      ? this.#second(sa, messageId, opened.value.payloads, opened.value.nextIv)
      : this.#fourth(sa, messageId, [going.ni, going.nr], opened.value.payloads, opened.value.nextIv);
  }

  #second(sa: Phase1Sa, messageId: number, [first]: readonly Payload[], iv: Uint8Array): Uint8Array {
    if (first?.kind !== "NONCE") throw new Error("no Ni");
    const nr = this.env.random.octets(16);
    const policy = buildSa([this.sak(), buildGap(this.delays), ...this.teks.map((tek) => this.sat(tek))]);
    const payloads = this.bend([{ kind: "NONCE", data: nr }, policy], 2);
    const sealed = this.seal(sa, this.env, messageId, [first.data], payloads, iv);
    this.#exchange = { messageId, ni: first.data.slice(), nr, iv: sealed.nextIv };
    return sealed.datagram;
  }

  #fourth(
    sa: Phase1Sa,
    messageId: number,
    nonces: readonly Uint8Array[],
    payloads: readonly Payload[],
    iv: Uint8Array,
  ): Uint8Array {
    const [gap] = payloads;
    this.asked = gap?.kind === "GAP" ? gap : undefined;
    const keys = this.lkh === undefined ? { kek: this.kekKeys() } : { lkh: this.lkh };
    const kd = buildKd({ ...keys, teks: this.teks, ...(this.sids && { sids: this.sids }) });
    const answer = this.bend([{ kind: "SEQ", sequenceNumber: this.seq }, kd], 4);
    this.#exchange = undefined;
    return this.seal(sa, this.env, messageId, nonces, answer, iv).datagram;
  }

  /** A push under the current KEK with the next SEQ, or the one given. */
  push(payloads: readonly Payload[], seq = ++this.seq): Uint8Array {
    const choice = { algorithm: 4, hash: 3, signer: this.signer };
    return buildPush(this.kek.key, [{ kind: "SEQ", sequenceNumber: seq }, ...payloads], choice, this.env);
  }

  /** SA and KD of new TEKs. */
  tekPayloads(teks: readonly TekKeys[]): Payload[] {
    return [buildSa([buildGap(this.delays), ...teks.map((tek) => this.sat(tek))]), buildKd({ teks })];
  }

  /** SA and KD of a new KEK. */
  kekPayloads(kek: Kek): Payload[] {
    return [buildSa([this.sak(kek)]), buildKd({ kek: this.kekKeys(kek), teks: [] })];
  }
}

/** The member's engine with its scripted surroundings. */
export class MemberBench {
  readonly phase1 = new ScriptedPhase1();
  readonly server = new ScriptedKeyServer();
  readonly engine: GmEngine;
  now = 1_767_225_600_000;
  readonly outputs: Output[] = [];
  /** The key server answers GROUPKEY-PULL by itself. */
  answering = true;
  readonly #random;
  #commands = 0;

  constructor(changes: Partial<GmPolicy> = {}, seed = 1) {
    this.#random = seededRandom(seed);
    this.engine = new GmEngine(gmPolicy(member.address, changes), () => this.phase1);
  }

  get env(): Env {
    return { now: this.now, random: this.#random, crypto: nodeCrypto };
  }

  start(records: readonly StoreRecord[] = []): this {
    this.#carry(this.engine.restore(records, this.env));
    return this;
  }

  get wakeAt(): number {
    const last = this.outputs.at(-1);
    if (last?.out !== "wake") throw new Error("a step ends with wake");
    return last.at;
  }

  /** Lets time pass, waking the engine when it wants. */
  pass(ms: number): Output[] {
    const from = this.outputs.length;
    const end = this.now + ms;
    while (this.wakeAt <= end) {
      this.now = Math.max(this.now, this.wakeAt);
      this.#carry(this.engine.step({ in: "deadline" }, this.env));
    }
    this.now = end;
    return this.outputs.slice(from);
  }

  /** Wakes the engine now, whether it wants or not. */
  wake(): void {
    this.#carry(this.engine.step({ in: "deadline" }, this.env));
  }

  receive(bytes: Uint8Array, from: Endpoint = keyServer, via: Endpoint = member): Output[] {
    const start = this.outputs.length;
    this.#carry(this.engine.step({ in: "datagram", from, via, bytes }, this.env));
    return this.outputs.slice(start);
  }

  command(command: GmCommand): Output[] {
    const start = this.outputs.length;
    this.#carry(this.engine.step({ in: "command", id: ++this.#commands, command }, this.env));
    return this.outputs.slice(start);
  }

  get view() {
    const [group] = this.engine.status().groups;
    if (group === undefined) throw new Error("no group");
    return group;
  }

  count(name: string): number {
    return this.engine.status().counters[name] ?? 0;
  }

  #carry(outputs: readonly Output[]): void {
    this.outputs.push(...outputs);
    for (const output of outputs) {
      if (output.out !== "send" || !this.answering) continue;
      const header = decodeHeader(output.bytes);
      if (!header.ok || header.value.exchangeType !== 32) continue;
      const sa = this.phase1.find(header.value.initiatorCookie, header.value.responderCookie);
      const answer = sa && this.server.answer(sa, output.bytes);
      if (answer !== undefined)
        this.#carry(this.engine.step({ in: "datagram", from: output.to, via: member, bytes: answer }, this.env));
    }
  }
}

/** Acknowledgements among the outputs. */
export function acksIn(outputs: readonly Output[]) {
  return outputs.flatMap((o) => (o.out === "send" && o.bytes[18] === 35 ? [o] : []));
}

/** Kinds of the events among the outputs. */
export function eventsIn(outputs: readonly Output[]): string[] {
  return outputs.flatMap((o) => (o.out === "event" ? [o.event.kind] : []));
}

/** Changes to the data plane among the outputs. */
export function sadIn(outputs: readonly Output[]) {
  return outputs.flatMap((o) => (o.out === "sad" ? [o.change] : []));
}
