/** Which exchange a datagram of main mode is for: by cookies, source and state (RFC 2408 2.5.3). */
import type { Datagram, Endpoint, Env } from "../core/engine.ts";
import { Flag } from "../iana/isakmp.ts";
import { equal, hex, isZero } from "../util/octets.ts";
import type { Header } from "../wire/payloads.ts";
import type { Book } from "./book.ts";
import { saId } from "./established.ts";
import type { Context, InitiatorExchange, ResponderExchange } from "./exchange.ts";
import { continueInitiator } from "./initiator.ts";
import { answerOffer, continueResponder, firstKey } from "./responder.ts";

/** Why a datagram is dropped: a stable code and a sentence. */
type Drop = readonly [code: string, why: string];

/** A datagram of main mode; what has no place is counted and dropped. */
export function receiveMainMode(book: Book, datagram: Datagram, header: Header, ctx: Context): void {
  const drop = dispatch(book, datagram, header, ctx);
  if (drop !== undefined) book.reports.drop(...drop, datagram.from, ctx.env, ctx.out);
}

function dispatch(book: Book, datagram: Datagram, header: Header, ctx: Context): Drop | undefined {
  const { from, bytes } = datagram;
  const { initiatorCookie, responderCookie } = header;
  if (header.messageId !== 0) return ["message-id", `Message ID ${header.messageId} in main mode`];
  if ((header.flags & ~Flag.ENCRYPTION) !== 0) return ["flags", `flags ${header.flags} in main mode`];
  const digest = ctx.env.crypto.hash("sha256", bytes);
  const ours = book.halfOpen.initiator(initiatorCookie);
  if (ours !== undefined) {
    if (!sameEndpoint(ours.remote, from)) return ["foreign-source", "not from the peer of this exchange"];
    const agreed = agreedCookie(ours);
    if (agreed !== undefined && !equal(agreed, responderCookie)) return ["cookie", "another responder cookie"];
    continueInitiator(ours, datagram, header, digest, ctx);
    settleInitiator(book, ours);
    return undefined;
  }
  if (isZero(responderCookie)) return dispatchFirst(book, datagram, header, digest, ctx);
  const id = saId(initiatorCookie, responderCookie);
  const exchange = book.halfOpen.responder(id);
  if (exchange !== undefined) {
    if (!sameEndpoint(exchange.remote, from)) return ["foreign-source", "not from the peer of this exchange"];
    continueResponder(exchange, datagram, header, digest, ctx);
    settleResponder(book, exchange, ctx.env);
    return undefined;
  }
  const sa = book.sas.get(id);
  if (sa === undefined) return ["unknown-cookies", "no exchange with these cookies"];
  // late or repeated; message 5 gets the octets of message 6 again while they are kept
  book.reports.count("repeated");
  const answer = sameEndpoint(sa.remote, from) ? book.answers.find(id, digest) : undefined;
  if (answer !== undefined) ctx.out.push({ out: "send", from: sa.local, to: sa.remote, bytes: answer });
  return undefined;
}

/** Message 1, for which the responder's cookie does not exist yet. */
function dispatchFirst(
  book: Book,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): Drop | undefined {
  const { address } = datagram.from;
  const { halfOpen, reports } = book;
  const first = firstKey(datagram, header);
  if (book.answers.begunBy(first)) {
    reports.count("repeated");
    return undefined;
  }
  const known = halfOpen.idOfFirst(first);
  if (known !== undefined) {
    const exchange = halfOpen.responder(known);
    const same = exchange?.state.at === "SA-ANSWERED" && equal(exchange.taken, digest);
    if (same) continueResponder(exchange, datagram, header, digest, ctx);
    else reports.count("repeated");
    return undefined;
  }
  const { total, perSource, timeoutMs } = ctx.policy.halfOpen;
  if (halfOpen.from(address) >= perSource) {
    return ["too-many-half-open", `${perSource} exchanges of this source are under way`];
  }
  if (halfOpen.responding >= total) {
    const oldest = halfOpen.oldestCheap();
    if (oldest === undefined) return ["too-many-half-open", `${total} exchanges are under way`];
    removeResponder(book, oldest);
    const why = `${total} exchanges are under way, the oldest gave way`;
    reports.drop("half-open-displaced", why, oldest.remote, ctx.env, ctx.out);
  }
  const exchange = answerOffer(datagram, header, freshCookie(ctx.env), digest, ctx);
  if (exchange === undefined) return undefined;
  halfOpen.addResponder(exchange);
  book.deadlines.set(`responder ${exchange.id}`, ctx.env.now + timeoutMs);
  return undefined;
}

/** Brings deadlines and collections in line with what a step did to an initiator's exchange. */
export function settleInitiator(book: Book, exchange: InitiatorExchange): void {
  const deadline = `initiator ${hex(exchange.initiatorCookie)}` as const;
  if (exchange.state.at === "OVER") {
    book.halfOpen.removeInitiator(exchange);
    book.deadlines.clear(deadline);
  } else if (book.deadlines.get(deadline) !== exchange.dueAt) book.deadlines.set(deadline, exchange.dueAt);
}

/** The same for a responder's; message 6 is kept a while for a peer that did not get it. */
export function settleResponder(book: Book, exchange: ResponderExchange, env: Env): void {
  if (exchange.state.at !== "OVER") return;
  removeResponder(book, exchange);
  if (book.sas.get(exchange.id) === undefined) return;
  book.answers.keep(exchange, env.now);
  const forget = book.answers.next();
  if (book.deadlines.get("answers") !== forget) book.deadlines.set("answers", forget);
}

/** A responder's exchange did not come to its end in time. */
export function giveUp(book: Book, id: string, ctx: Context): void {
  const exchange = book.halfOpen.responder(id);
  if (exchange === undefined) return;
  removeResponder(book, exchange);
  // what was refused has been told already; who never came back after message 2 may be no peer at all
  if (exchange.state.at === "SA-ANSWERED" || exchange.refused !== undefined) {
    book.reports.count("drop.half-open-timeout");
    return;
  }
  const why = `message 5 did not come within ${ctx.policy.halfOpen.timeoutMs} ms`;
  book.reports.drop("half-open-timeout", why, exchange.remote, ctx.env, ctx.out);
  ctx.upcalls.push({ up: "failed", peer: exchange.remote, code: "timeout", why });
}

/** Eight random octets, not zero; there are so many that a second use beside a live one does not happen. */
export function freshCookie(env: Env): Uint8Array {
  const cookie = env.random.octets(8);
  return isZero(cookie) ? freshCookie(env) : cookie;
}

/** Same address and port. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.address === b.address && a.port === b.port;
}

function removeResponder(book: Book, exchange: ResponderExchange): void {
  book.halfOpen.removeResponder(exchange);
  book.deadlines.clear(`responder ${exchange.id}`);
}

function agreedCookie({ state }: InitiatorExchange): Uint8Array | undefined {
  if (state.at === "KE-SENT") return state.responderCookie;
  return state.at === "ID-SENT" || state.at === "VERIFYING-RESPONDER" ? state.keyed.responderCookie : undefined;
}
