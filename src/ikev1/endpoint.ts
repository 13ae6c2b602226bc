/**
 * Phase 1 of one daemon: all exchanges and SAs of both roles. It is a part of an engine; the protocol above (GDOI)
 * composes it and hands it what arrives for main mode and Informational exchanges.
 */

import { certificateFault } from "../core/certificate-standing.ts";
import type { Datagram, Endpoint, Env, Instant, JobResult, Output, WorkId } from "../core/engine.ts";
import { ExchangeType } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import { isZero } from "../util/octets.ts";
import type { Header, Payload } from "../wire/payloads.ts";
import { Book } from "./book.ts";
import { saId } from "./established.ts";
import type { Context } from "./exchange.ts";
import { protectNotices } from "./informational.ts";
import { offer, repeat, responderVerified } from "./initiator.ts";
import { freshCookie, giveUp, receiveMainMode, sameEndpoint, settleInitiator, settleResponder } from "./main-mode.ts";
import { receiveInformational } from "./notices.ts";
import { noLongerPeer, usableProposals } from "./peers.ts";
import { initiatorVerified } from "./responder.ts";
import { end, establish, expire } from "./sa-life.ts";
import type { Phase1Policy, Phase1Sa, Phase1Upcall } from "./types.ts";

const PEER_CHANGED = "the configuration has the peer no more, or with another key, identity or address";

export class Phase1Endpoint {
  #policy: Phase1Policy;
  readonly #nextWorkId: () => WorkId;
  readonly #book = new Book();
  /** Attempts that could not even begin; they fail at the next deadline. */
  readonly #hopeless = new Map<number, { readonly remote: Endpoint; readonly why: string }>();
  #attempts = 0;

  /** @param nextWorkId hands out ids of `work` outputs, unique in the engine that this is a part of. */
  constructor(policy: Phase1Policy, nextWorkId: () => WorkId) {
    this.#policy = policy;
    this.#nextWorkId = nextWorkId;
  }

  /**
   * Takes another policy for everything that begins from now on. Exchanges stay, and so do SAs but for those of peers that
   * are no longer what they were: their lifetime may be hours, and the operator means now.
   */
  reconfigure(policy: Phase1Policy, env: Env, out: Output[]): Phase1Upcall[] {
    const gone = noLongerPeer(this.#policy, policy, env.crypto);
    this.#policy = policy;
    const ctx = this.#context(env, out);
    const standing = env.crypto.standings(policy.crls, policy.anchors);
    for (const sa of [...this.#book.sas.all()]) {
      const fault = sa.certificate && certificateFault(standing(sa.certificate));
      const why = gone(sa.peerName, sa.remote.address) ? PEER_CHANGED : fault;
      if (why !== undefined) end(this.#book, sa, "us", why, true, ctx);
    }
    return ctx.upcalls;
  }

  /** How often datagrams were dropped or repeated, by code. */
  get counters(): ReadonlyMap<string, number> {
    return this.#book.reports.counters;
  }

  /**
   * A datagram of main mode or of an Informational exchange; others are counted and dropped.
   * @param header of `datagram`, decoded. Outputs are appended to `out`.
   */
  receive(datagram: Datagram, header: Header, env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    const { exchangeType } = header;
    if (isZero(header.initiatorCookie)) {
      ctx.reports.drop("cookie", "the initiator's cookie is zero", datagram.from, env, out);
    } else if (exchangeType === ExchangeType.IDENTITY_PROTECTION) {
      receiveMainMode(this.#book, datagram, header, ctx);
    } else if (exchangeType === ExchangeType.INFORMATIONAL) {
      receiveInformational(this.#book, datagram, header, ctx);
    } else {
      const why = `exchange type ${nameOf(ExchangeType, exchangeType)} is not supported, main mode is`;
      ctx.reports.drop("exchange-type", why, datagram.from, env, out);
    }
    return ctx.upcalls;
  }

  /**
   * Starts main mode with the peer that the configuration calls `peer`.
   * @returns a number that the "failed" upcall of this attempt names.
   */
  initiate(local: Endpoint, remote: Endpoint, peer: string, env: Env, out: Output[]): number {
    const attempt = ++this.#attempts;
    const found = this.#policy.peers.find(({ name }) => name === peer);
    const proposals = found === undefined ? [] : usableProposals(this.#policy, [found]);
    if (found === undefined || proposals.length === 0) {
      const lack = `no proposal fits our credentials and those of ${peer}`;
      this.#hopeless.set(attempt, { remote, why: found === undefined ? `no peer is called ${peer}` : lack });
      this.#book.deadlines.set(`attempt ${attempt}`, env.now);
      return attempt;
    }
    const ctx = this.#context(env, out);
    const exchange = offer(attempt, local, remote, found, proposals, freshCookie(env), ctx);
    this.#book.halfOpen.addInitiator(exchange);
    settleInitiator(this.#book, exchange);
    return attempt;
  }

  /** Retransmissions, timeouts and expiry that are due. */
  deadline(env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    const { halfOpen, answers, deadlines } = this.#book;
    for (const due of deadlines.takeDue(env.now)) {
      const [what, name = ""] = due.split(" ", 2);
      if (what === "sas") expire(this.#book, ctx);
      else if (what === "answers") {
        answers.expire(env.now);
        deadlines.set("answers", answers.next());
      } else if (what === "responder") giveUp(this.#book, name, ctx);
      else if (what === "attempt") this.#failAtOnce(Number(name), ctx);
      else {
        const exchange = halfOpen.initiatorNamed(name);
        if (exchange === undefined) continue;
        repeat(exchange, ctx);
        settleInitiator(this.#book, exchange);
      }
    }
    return ctx.upcalls;
  }

  /** The result of a job of ours. */
  done(id: WorkId, result: JobResult, env: Env, out: Output[]): Phase1Upcall[] {
    const ctx = this.#context(env, out);
    const { jobs, halfOpen } = this.#book;
    const exchange = jobs.get(id);
    jobs.delete(id);
    // an exchange may have been given up meanwhile
    if (exchange?.role === "initiator" && halfOpen.initiator(exchange.initiatorCookie) === exchange) {
      responderVerified(exchange, result.verdict, ctx);
      settleInitiator(this.#book, exchange);
    } else if (exchange?.role === "responder" && halfOpen.responder(exchange.id) === exchange) {
      initiatorVerified(exchange, result.verdict, ctx);
      settleResponder(this.#book, exchange, env);
    }
    return ctx.upcalls;
  }

  /** Whether a job is one of ours that is still waited for. */
  owns(id: WorkId): boolean {
    return this.#book.jobs.has(id);
  }

  /** The earliest deadline; Infinity when nothing waits. */
  next(): Instant {
    return this.#book.deadlines.next();
  }

  /** The established SA with these cookies. */
  find(initiatorCookie: Uint8Array, responderCookie: Uint8Array): Phase1Sa | undefined {
    return this.#book.sas.get(saId(initiatorCookie, responderCookie));
  }

  /** All established SAs. */
  sas(): Iterable<Phase1Sa> {
    return this.#book.sas.all();
  }

  /** Exchanges of both roles that are not through. */
  halfOpen(): number {
    return this.#book.halfOpen.responding + this.#book.halfOpen.initiating;
  }

  /** Sends N or D payloads in a protected Informational exchange: one message, which is not answered. */
  inform(sa: Phase1Sa, payloads: readonly Payload[], env: Env, out: Output[]): void {
    out.push({ out: "send", from: sa.local, to: sa.remote, bytes: protectNotices(sa, payloads, env) });
  }

  /**
   * Sends a protected D of the SA and forgets it. No upcall: the caller knows.
   * @param why a reason for the ledger.
   */
  delete(sa: Phase1Sa, why: string, env: Env, out: Output[]): void {
    const known = this.#book.sas.get(sa.id);
    if (known !== undefined) end(this.#book, known, "us", why, true, this.#context(env, out));
  }

  #failAtOnce(attempt: number, ctx: Context): void {
    const hopeless = this.#hopeless.get(attempt);
    if (hopeless === undefined) return;
    this.#hopeless.delete(attempt);
    const { remote, why } = hopeless;
    ctx.upcalls.push({ up: "failed", attempt, peer: remote, code: "no-proposal-chosen", why });
  }

  #context(env: Env, out: Output[]): Context {
    const policy = this.#policy;
    const book = this.#book;
    const ctx: Context = {
      policy,
      env,
      out,
      upcalls: [],
      reports: book.reports,
      verify: (exchange, chain) => {
        const id = this.#nextWorkId();
        book.jobs.set(id, exchange);
        const { anchors, crls } = policy;
        out.push({ out: "work", id, job: { job: "verify-chain", request: { chain, anchors, crls, at: env.now } } });
      },
      establish: (exchange, keyed, peer, lastBlock) => establish(book, exchange, keyed, peer, lastBlock, ctx),
      known: (remote) => {
        for (const sa of book.sas.all()) if (sameEndpoint(sa.remote, remote)) return true;
        return false;
      },
    };
    return ctx;
  }
}
