/**
 * Phase 1 of one daemon: all exchanges and SAs of both roles, and which of them a datagram, a deadline or a result is
 * for. It is a part of an engine; the protocol above (GDOI) composes it and hands it what arrives for main mode and
 * Informational exchanges.
 */
import { Deadlines } from "../core/deadlines.ts";
import type { Datagram, Endpoint, Env, Instant, JobResult, Output, WorkId } from "../core/engine.ts";
import { identityText } from "../core/identity.ts";
import { ExchangeType, Flag, NotifyType } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { equal, hex, isZero } from "../util/octets.ts";
import type { Header, Payload } from "../wire/payloads.ts";
import { EstablishedSa, EstablishedSas, SAS_PER_IDENTITY, saId } from "./established.ts";
import type { Authenticated, Context, Exchange, InitiatorExchange, Keyed, ResponderExchange } from "./exchange.ts";
import { ANSWER_KEPT_MS, HalfOpen } from "./half-open.ts";
import {
  deletedIds,
  deletionOf,
  noteInTheClear,
  notificationText,
  openNotices,
  protectNotices,
  refusalBehindKeys,
} from "./informational.ts";
import { continueInitiator, fail, offer, repeat, responderVerified } from "./initiator.ts";
import { usableProposals } from "./peers.ts";
import { proposalText } from "./proposals.ts";
import { Reports } from "./reports.ts";
import { answerOffer, continueResponder, firstKey, initiatorVerified } from "./responder.ts";
import type { Phase1Policy, Phase1Sa, Phase1Upcall } from "./types.ts";

/** Deadlines by what they are for, and the name of it. */
type Deadline = `${"initiator" | "responder" | "answer" | "sa" | "attempt"} ${string}`;

export class Phase1Endpoint {
  #policy: Phase1Policy;
  readonly #nextWorkId: () => WorkId;
  readonly #halfOpen = new HalfOpen();
  readonly #sas = new EstablishedSas();
  readonly #deadlines = new Deadlines<Deadline>();
  readonly #jobs = new Map<WorkId, Exchange>();
  readonly #reports = new Reports();
  readonly #hopeless = new Map<number, { readonly remote: Endpoint; readonly why: string }>();
  #attempts = 0;

  /** @param nextWorkId hands out ids of `work` outputs, unique in the engine that this is a part of. */
  constructor(policy: Phase1Policy, nextWorkId: () => WorkId) {
    this.#policy = policy;
    this.#nextWorkId = nextWorkId;
  }

  /** Takes another policy for everything that begins from now on; SAs and exchanges stay. */
  reconfigure(policy: Phase1Policy): void {
    this.#policy = policy;
  }

  /** Drop and repetition counters by code. */
  get counters(): ReadonlyMap<string, number> {
    return this.#reports.counters;
  }

  /**
   * A datagram of main mode or of an Informational exchange; others are counted and dropped.
   * @param header of `datagram`, decoded. Outputs are appended to `out`.
   */
  receive(datagram: Datagram, header: Header, env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    const drop = (code: string, why: string): void => this.#reports.drop(code, datagram.from, why, env, out);
    if (isZero(header.initiatorCookie)) drop("cookie", "the initiator's cookie is zero");
    else if (header.exchangeType === ExchangeType.IDENTITY_PROTECTION) this.#mainMode(datagram, header, ctx);
    else if (header.exchangeType === ExchangeType.INFORMATIONAL) this.#informational(datagram, header, ctx);
    else {
      const name = nameOf(ExchangeType, header.exchangeType);
      drop("exchange-type", `exchange type ${name} is not supported, main mode is`);
    }
    return ctx.upcalls;
  }

  /**
   * Starts main mode with the peer that the configuration calls `peer`.
   * @returns a number that the "failed" upcall of this attempt names.
   */
  initiate(local: Endpoint, remote: Endpoint, peer: string, env: Env, out: Output[]): number {
    const attempt = ++this.#attempts;
    const ctx = this.#context(env, out);
    const found = this.#policy.peers.find(({ name }) => name === peer);
    const proposals = found === undefined ? [] : usableProposals(this.#policy, [found]);
    if (found === undefined || proposals.length === 0) {
      const lack = `no proposal fits our credentials and those of ${peer}`;
      this.#hopeless.set(attempt, { remote, why: found === undefined ? `no peer is called ${peer}` : lack });
      this.#deadlines.set(`attempt ${attempt}`, env.now);
      return attempt;
    }
    const exchange = offer(attempt, local, remote, found, proposals, this.#freshCookie(env), ctx);
    this.#halfOpen.addInitiator(exchange);
    this.#settleInitiator(exchange);
    return attempt;
  }

  /** Retransmissions, timeouts and expiry that are due. */
  deadline(env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    for (const due of this.#deadlines.takeDue(env.now)) {
      const [what, name = ""] = due.split(" ", 2);
      if (what === "sa") {
        const sa = this.#sas.get(name);
        if (sa !== undefined) this.#end(sa, "expiry", "its lifetime is over", true, ctx);
      } else if (what === "answer") this.#halfOpen.dropAnswer(name);
      else if (what === "initiator") {
        const exchange = this.#halfOpen.initiatorNamed(name);
        if (exchange === undefined) continue;
        repeat(exchange, ctx);
        this.#settleInitiator(exchange);
      } else if (what === "responder") this.#giveUp(name, ctx);
      else {
        const attempt = Number(name);
        const hopeless = this.#hopeless.get(attempt);
        if (hopeless === undefined) continue;
        this.#hopeless.delete(attempt);
        const { remote, why } = hopeless;
        ctx.upcalls.push({ up: "failed", attempt, peer: remote, code: "no-proposal-chosen", why });
      }
    }
    return ctx.upcalls;
  }

  /** The result of a job of ours. */
  done(id: WorkId, result: JobResult, env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    const exchange = this.#jobs.get(id);
    this.#jobs.delete(id);
    if (exchange?.role === "initiator" && this.#halfOpen.initiator(exchange.initiatorCookie) === exchange) {
      responderVerified(exchange, result.verdict, ctx);
      this.#settleInitiator(exchange);
    } else if (exchange?.role === "responder" && this.#halfOpen.responder(exchange.id) === exchange) {
      initiatorVerified(exchange, result.verdict, ctx);
      this.#settleResponder(exchange, env);
    }
    return ctx.upcalls;
  }

  /** Whether a job is one of ours and still waited for. */
  owns(id: WorkId): boolean {
    return this.#jobs.has(id);
  }

  /** The earliest deadline; Infinity when nothing waits. */
  next(): Instant {
    return this.#deadlines.next();
  }

  /** The established SA with these cookies. */
  find(initiatorCookie: Uint8Array, responderCookie: Uint8Array): Phase1Sa | undefined {
    return this.#sas.get(saId(initiatorCookie, responderCookie));
  }

  /** All established SAs. */
  sas(): Iterable<Phase1Sa> {
    return this.#sas.all();
  }

  /** Exchanges of both roles that are not through. */
  halfOpen(): number {
    return this.#halfOpen.responding + this.#halfOpen.initiating;
  }

  /** Sends N or D payloads in a protected Informational exchange, one message that is not answered. */
  inform(sa: Phase1Sa, payloads: readonly Payload[], env: Env, out: Output[]): void {
    out.push({ out: "send", from: sa.local, to: sa.remote, bytes: protectNotices(sa, payloads, env) });
  }

  /** Sends a protected D of the SA and forgets it. @param why a reason for the ledger. */
  delete(sa: Phase1Sa, why: string, env: Env, out: Output[]): void {
    const known = this.#sas.get(sa.id);
    if (known !== undefined) this.#end(known, "us", why, true, this.#context(env, out));
  }

  #mainMode(datagram: Datagram, header: Header, ctx: Context): void {
    const { from, bytes } = datagram;
    const drop = (code: string, why: string): void => this.#reports.drop(code, from, why, ctx.env, ctx.out);
    if (header.messageId !== 0) return drop("message-id", `Message ID ${header.messageId} in main mode`);
    if ((header.flags & ~Flag.ENCRYPTION) !== 0) return drop("flags", `flags ${header.flags} in main mode`);
    const digest = ctx.env.crypto.hash("sha256", bytes);
    const ours = this.#halfOpen.initiator(header.initiatorCookie);
    if (ours !== undefined) {
      if (!sameEndpoint(ours.remote, from)) return drop("foreign-source", "not from the peer of this exchange");
      const agreed = agreedCookie(ours);
      if (agreed !== undefined && !equal(agreed, header.responderCookie))
        return drop("cookie", "another responder cookie");
      continueInitiator(ours, datagram, header, digest, ctx);
      return this.#settleInitiator(ours);
    }
    if (isZero(header.responderCookie)) return this.#firstMessage(datagram, header, digest, ctx);
    const id = saId(header.initiatorCookie, header.responderCookie);
    const exchange = this.#halfOpen.responder(id);
    if (exchange !== undefined) {
      if (!sameEndpoint(exchange.remote, from)) return drop("foreign-source", "not from the peer of this exchange");
      continueResponder(exchange, datagram, header, digest, ctx);
      return this.#settleResponder(exchange, ctx.env);
    }
    const kept = this.#halfOpen.answer(id);
    const sa = this.#sas.get(id);
    if (kept !== undefined && sa !== undefined && sameEndpoint(sa.remote, from) && equal(kept.taken, digest)) {
      this.#reports.count("repeated");
      ctx.out.push({ out: "send", from: sa.local, to: sa.remote, bytes: kept.answer });
      return;
    }
    if (sa !== undefined) return this.#reports.count("repeated");
    drop("unknown-cookies", "no exchange with these cookies");
  }

  #firstMessage(datagram: Datagram, header: Header, digest: Uint8Array, ctx: Context): void {
    const { from } = datagram;
    const drop = (code: string, why: string): void => this.#reports.drop(code, from, why, ctx.env, ctx.out);
    const known = this.#halfOpen.idOfFirst(firstKey(datagram, header));
    if (known !== undefined) {
      const exchange = this.#halfOpen.responder(known);
      if (exchange === undefined || exchange.state.at !== "SA-ANSWERED") return this.#reports.count("repeated");
      return continueResponder(exchange, datagram, header, digest, ctx);
    }
    const { total, perSource, timeoutMs } = this.#policy.halfOpen;
    if (this.#halfOpen.from(from.address) >= perSource) {
      return drop("too-many-half-open", `${perSource} exchanges of this source are under way`);
    }
    if (this.#halfOpen.responding >= total) {
      const oldest = this.#halfOpen.oldestCheap();
      if (oldest === undefined) return drop("too-many-half-open", `${total} exchanges are under way`);
      this.#removeResponder(oldest);
      drop("half-open-displaced", `${total} exchanges are under way, the oldest gave way`);
    }
    const exchange = answerOffer(datagram, header, this.#freshCookie(ctx.env), digest, ctx);
    if (exchange === undefined) return;
    this.#halfOpen.addResponder(exchange);
    this.#deadlines.set(`responder ${exchange.id}`, ctx.env.now + timeoutMs);
  }

  #informational(datagram: Datagram, header: Header, ctx: Context): void {
    const { env, out } = ctx;
    const drop = (code: string, why: string): void => this.#reports.drop(code, datagram.from, why, env, out);
    const ours = this.#halfOpen.initiator(header.initiatorCookie);
    const attempt = ours !== undefined && ours.remote.address === datagram.from.address ? ours : undefined;
    if ((header.flags & Flag.ENCRYPTION) === 0) return noteInTheClear(datagram, attempt, ctx);
    if (attempt !== undefined && attempt.state.at === "ID-SENT") {
      const { keyed } = attempt.state;
      if (!equal(keyed.responderCookie, header.responderCookie)) return drop("cookie", "another responder cookie");
      const said = refusalBehindKeys(keyed, datagram, header, env);
      if (said === undefined) return drop("forged-informational", "not protected with the keys of this exchange");
      fail(attempt, "refused-by-peer", `the peer refuses: ${said}`, ctx);
      return this.#settleInitiator(attempt);
    }
    const sa = this.#sas.get(saId(header.initiatorCookie, header.responderCookie));
    if (sa === undefined) return drop("unknown-cookies", "Informational exchange of no SA here");
    const notices = openNotices(sa, header, datagram.bytes, env);
    if (!notices.ok) return drop("forged-informational", notices.error);
    if (!sa.takeMessageId(header.messageId)) return this.#reports.count("replayed");
    // genuine, so this is where the peer is now
    sa.remote = datagram.from;
    sa.local = datagram.via;
    for (const notification of notices.value.notifications) {
      if (notification.notifyType === NotifyType.INITIAL_CONTACT) this.#replaceOlder(sa, ctx);
      this.#reports.tell(`notification ${notification.notifyType}`, sa.remote, env, out, (times) => ({
        kind: "phase1.notification",
        subjects: this.#subjects(sa, env),
        cause: "peer",
        reason: notificationText(notification),
        figures: { sa: sa.id, type: notification.notifyType, times },
        level: "info",
      }));
      ctx.upcalls.push({ up: "notification", sa, notification });
    }
    for (const id of notices.value.deletes.flatMap(deletedIds)) {
      const deleted = this.#sas.get(id);
      // an SA may delete itself, and others of the same peer
      if (deleted !== undefined && this.#sas.of(sa.peerIdentity).includes(deleted)) {
        this.#end(deleted, "peer", "the peer deleted it", false, ctx);
      }
    }
  }

  #establish(exchange: Exchange, keyed: Keyed, peer: Authenticated, lastBlock: Uint8Array, ctx: Context): void {
    const { env, out, upcalls } = ctx;
    const { local, lifetimeSeconds } = this.#policy;
    const seconds = Math.min(lifetimeSeconds, keyed.lifeSeconds || lifetimeSeconds);
    const sa = new EstablishedSa({
      initiatorCookie: keyed.initiatorCookie,
      responderCookie: keyed.responderCookie,
      role: exchange.role,
      local: exchange.local,
      remote: exchange.remote,
      localIdentity: local.identity,
      peerIdentity: peer.proof.identity,
      peerName: peer.peer.name,
      proposal: keyed.proposal,
      doi: exchange.doi,
      skeyidA: keyed.skeyidA,
      encryptionKey: keyed.encryptionKey,
      lastBlock,
      establishedAt: env.now,
      expiresAt: env.now + 1000 * seconds,
      ...(peer.certificateSubject === undefined ? {} : { certificateSubject: peer.certificateSubject }),
    });
    this.#sas.add(sa);
    this.#deadlines.set(`sa ${sa.id}`, sa.expiresAt);
    out.push({
      out: "event",
      event: {
        kind: "phase1.established",
        subjects: this.#subjects(sa, env),
        cause: exchange.role === "initiator" ? "policy" : "peer",
        figures: {
          sa: sa.id,
          role: sa.role,
          peer: sa.peerName,
          identity: sanitise(identityText(sa.peerIdentity, env.crypto)),
          remote: sa.remote.address,
          proposal: proposalText(sa.proposal),
          doi: sa.doi,
          lifetimeSeconds: seconds,
          notes: peer.notes,
          ...(sa.certificateSubject === undefined ? {} : { certificate: sa.certificateSubject }),
        },
        level: "info",
      },
    });
    if (peer.proof.initialContact) this.#replaceOlder(sa, ctx);
    const [oldest, ...others] = this.#sas.of(sa.peerIdentity);
    if (oldest !== undefined && others.length >= SAS_PER_IDENTITY) {
      this.#end(oldest, "us", `the peer has ${SAS_PER_IDENTITY} newer ones`, true, ctx);
    }
    upcalls.push({ up: "established", sa });
  }

  /** INITIAL-CONTACT (RFC 2407 4.6.3.3): the peer remembers no older SA, so none of its identity is of use any more. */
  #replaceOlder(sa: EstablishedSa, ctx: Context): void {
    for (const older of this.#sas.of(sa.peerIdentity)) {
      if (older !== sa && older.establishedAt <= sa.establishedAt) {
        this.#end(older, "peer", "the peer started anew (INITIAL-CONTACT)", false, ctx);
      }
    }
  }

  #end(sa: EstablishedSa, by: "peer" | "expiry" | "us", why: string, announce: boolean, ctx: Context): void {
    if (!this.#sas.remove(sa)) return;
    this.#deadlines.clear(`sa ${sa.id}`);
    this.#deadlines.clear(`answer ${sa.id}`);
    this.#halfOpen.dropAnswer(sa.id);
    if (announce) this.inform(sa, [deletionOf(sa)], ctx.env, ctx.out);
    ctx.out.push({
      out: "event",
      event: {
        kind: "phase1.deleted",
        subjects: this.#subjects(sa, ctx.env),
        cause: by === "peer" ? "peer" : by === "expiry" ? "timer" : "policy",
        reason: why,
        figures: { sa: sa.id, by, heldSeconds: Math.round((ctx.env.now - sa.establishedAt) / 1000) },
        level: "info",
      },
    });
    ctx.upcalls.push({ up: "deleted", sa, by });
  }

  #giveUp(id: string, ctx: Context): void {
    const exchange = this.#halfOpen.responder(id);
    if (exchange === undefined) return;
    this.#removeResponder(exchange);
    // what was refused has been told already; who never came back after message 2 may be no peer at all
    if (exchange.state.at === "SA-ANSWERED" || exchange.refused !== undefined) {
      return this.#reports.count("half-open-timeout");
    }
    const why = `message 5 did not come within ${this.#policy.halfOpen.timeoutMs} ms`;
    this.#reports.drop("half-open-timeout", exchange.remote, why, ctx.env, ctx.out);
    ctx.upcalls.push({ up: "failed", peer: exchange.remote, code: "timeout", why });
  }

  #settleInitiator(exchange: InitiatorExchange): void {
    const key = hex(exchange.initiatorCookie);
    if (exchange.state.at === "OVER") {
      this.#halfOpen.removeInitiator(exchange);
      this.#deadlines.clear(`initiator ${key}`);
    } else if (this.#deadlines.get(`initiator ${key}`) !== exchange.dueAt) {
      this.#deadlines.set(`initiator ${key}`, exchange.dueAt);
    }
  }

  #settleResponder(exchange: ResponderExchange, env: Env): void {
    if (exchange.state.at !== "OVER") return;
    this.#removeResponder(exchange);
    if (this.#sas.get(exchange.id) === undefined) return;
    const displaced = this.#halfOpen.keepAnswer(exchange);
    if (displaced !== undefined) this.#deadlines.clear(`answer ${displaced.id}`);
    this.#deadlines.set(`answer ${exchange.id}`, env.now + ANSWER_KEPT_MS);
  }

  #removeResponder(exchange: ResponderExchange): void {
    this.#halfOpen.removeResponder(exchange);
    this.#deadlines.clear(`responder ${exchange.id}`);
  }

  #subjects(sa: EstablishedSa, env: Env): [{ kind: "phase1"; name: string }, { kind: "phase1"; name: string }] {
    const identity = sanitise(identityText(sa.peerIdentity, env.crypto));
    return [
      { kind: "phase1", name: sa.remote.address },
      { kind: "phase1", name: identity },
    ];
  }

  /** Eight random octets, not zero; 2^64 of them make a second use beside a live one out of the question. */
  #freshCookie(env: Env): Uint8Array {
    const cookie = env.random.octets(8);
    return isZero(cookie) ? this.#freshCookie(env) : cookie;
  }

  #context(env: Env, out: Output[]): Context {
    const upcalls: Phase1Upcall[] = [];
    const ctx: Context = {
      policy: this.#policy,
      env,
      out,
      upcalls,
      reports: this.#reports,
      verify: (exchange, chain) => {
        const id = this.#nextWorkId();
        const { anchors, crls } = this.#policy;
        this.#jobs.set(id, exchange);
        out.push({ out: "work", id, job: { job: "verify-chain", request: { chain, anchors, crls, at: env.now } } });
      },
      establish: (exchange, keyed, peer, lastBlock) => this.#establish(exchange, keyed, peer, lastBlock, ctx),
      known: (remote) => this.#knows(remote),
    };
    return ctx;
  }

  #knows(remote: Endpoint): boolean {
    for (const sa of this.#sas.all()) if (sameEndpoint(sa.remote, remote)) return true;
    return false;
  }
}

function agreedCookie({ state }: InitiatorExchange): Uint8Array | undefined {
  if (state.at === "KE-SENT") return state.responderCookie;
  return state.at === "ID-SENT" || state.at === "VERIFYING-RESPONDER" ? state.keyed.responderCookie : undefined;
}

function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}
