/**
 * A datagram's way in: which socket, which IKE SA, which of its messages, genuine or not, fit to act on or not; then to the
 * exchange. What proves nothing changes nothing, and gets at most what RFC 7296 2.21.4 allows.
 */
import type { Datagram } from "../core/engine.ts";
import { ExchangeType, Flag, NotifyType } from "../iana/ikev2.ts";
import { equal, hex, isZero } from "../util/octets.ts";
import { decodeHeader } from "../wire/ikev2/header.ts";
import {
  decodeBehind,
  decodePayloads,
  type Enveloped,
  encodeMessage,
  enveloped,
  unsupportedCritical,
} from "../wire/ikev2/message.ts";
import type { Header, Payload } from "../wire/ikev2/payloads.ts";
import { contentFault, notify, notifyOf } from "./contents.ts";
import { handlerOf } from "./exchanges.ts";
import { Reassembly } from "./fragments.ts";
import { initAnswered } from "./ike-sa-init-initiator.ts";
import { initRequested } from "./ike-sa-init-responder.ts";
import { hinted } from "./liveness.ts";
import { heardFrom } from "./nat.ts";
import { type Content, open } from "./protect.ts";
import { count, drop } from "./report.ts";
import { endIkeSa } from "./sa-life.ts";
import { type IkeSa, type Ikev2, isEstablished, isIn, type Received, type Secured, securedOf } from "./state.ts";
import { answerAgain, answered, isNatSocket, proceed, respond, send } from "./transmit.ts";
import { answersRequest, standingOf, takeRequest } from "./window.ts";

const MARKER_OCTETS = 4;

/** Takes a datagram of any of our sockets. */
export function receive(ike: Ikev2, datagram: Datagram): void {
  const message = withoutMarker(ike, datagram);
  if (message === undefined) return;
  const header = decodeHeader(message.bytes);
  if (header.ok) route(ike, message, header.value);
  else {
    drop(ike, header.error.code === "version" ? "version" : "malformed", header.error.message, message.from);
    if (header.error.header !== undefined) refuseVersion(ike, message, header.error.header);
  }
}

/** On the socket for NAT traversal: four zero octets, then IKE; else it is a keepalive, or ESP (RFC 3948 2). */
function withoutMarker(ike: Ikev2, datagram: Datagram): Datagram | undefined {
  const { via, bytes, from } = datagram;
  if (!isNatSocket(ike, via)) return datagram;
  if (bytes.length === 1 && bytes[0] === 0xff) return undefined;
  if (bytes.length >= MARKER_OCTETS && isZero(bytes.subarray(0, MARKER_OCTETS))) {
    return { ...datagram, bytes: bytes.subarray(MARKER_OCTETS) };
  }
  if (bytes.length > MARKER_OCTETS) count(ike, "esp");
  else drop(ike, "no-marker", "a datagram that is neither IKE nor ESP", from);
  return undefined;
}

/** RFC 7296 2.5: what is of a later version gets ours, in the clear, at a bounded rate. */
function refuseVersion(ike: Ikev2, { from, via }: Datagram, { flags, ...header }: Header): void {
  if ((flags & Flag.RESPONSE) !== 0 || ike.reports.permit("INVALID_MAJOR_VERSION", from, ike.env) === undefined) return;
  const { spiI, spiR, exchangeType, messageId } = header;
  const answer = { spiI, spiR, exchangeType, messageId, flags: answerFlags(flags) };
  send(ike, [encodeMessage(answer, [notify(NotifyType.INVALID_MAJOR_VERSION)])], via, from);
}

/** A response by the other side than the one that the request is of. */
function answerFlags(flags: number): number {
  return Flag.RESPONSE | ((flags & Flag.INITIATOR) === 0 ? Flag.INITIATOR : 0);
}

function route(ike: Ikev2, datagram: Datagram, header: Header): void {
  const response = (header.flags & Flag.RESPONSE) !== 0;
  const byInitiator = (header.flags & Flag.INITIATOR) !== 0;
  if (header.exchangeType === ExchangeType.IKE_SA_INIT) {
    init(ike, datagram, header, response, byInitiator);
    return;
  }
  // of both SPIs ours is the one of the side that the sender is not
  const key = hex(byInitiator ? header.spiR : header.spiI);
  const ended = ike.ended.get(key);
  const sa = ike.ikeSas.get(key) ?? ended?.sa;
  const theirs = byInitiator ? sa?.spiI : sa?.spiR;
  const ours = sa?.role === (byInitiator ? "responder" : "initiator");
  const secured = sa === undefined ? undefined : securedOf(sa);
  if (
    sa === undefined ||
    !ours ||
    secured === undefined ||
    !equal(theirs ?? header.spiI, byInitiator ? header.spiI : header.spiR)
  ) {
    outside(ike, datagram, header, response);
    return;
  }
  if (ended !== undefined) {
    if (!response && standingOf(sa.window, header.messageId) === "repeated")
      repeated(ike, sa, secured, datagram, header);
    else count(ike, "drop.ended");
  } else if (response) takeResponse(ike, sa, secured, datagram, header);
  else takeRequestOf(ike, sa, secured, datagram, header);
}

/** IKE_SA_INIT, the one exchange that is in the clear. */
function init(ike: Ikev2, datagram: Datagram, header: Header, response: boolean, byInitiator: boolean): void {
  const { from } = datagram;
  const message = decodeBehind(header, datagram.bytes);
  if (!message.ok) {
    drop(ike, "malformed", message.error.message, from);
    return;
  }
  const payloads = message.value;
  const sa = response && !byInitiator ? ike.ikeSas.get(hex(header.spiI)) : undefined;
  const expected = response ? sa !== undefined && isIn(sa, "SA_INIT_SENT") : byInitiator && isZero(header.spiR);
  if (!expected || header.messageId !== 0) {
    count(ike, "drop.unexpected");
    return;
  }
  const critical = unsupportedCritical(payloads);
  const fault = contentFault(ExchangeType.IKE_SA_INIT, response ? "response" : "request", payloads);
  if (critical !== undefined) {
    drop(ike, "critical", `the critical payload ${critical} is not supported`, from);
    if (!response) refuseCritical(ike, datagram, header, critical);
  } else if (fault !== undefined) drop(ike, "malformed", fault, from);
  else if (sa === undefined) initRequested(ike, datagram, header, payloads);
  else if (isIn(sa, "SA_INIT_SENT")) initAnswered(ike, sa, datagram, header.spiR, payloads);
}

function refuseCritical(
  ike: Ikev2,
  { via, from, bytes }: Datagram,
  { spiI, spiR, exchangeType }: Header,
  type: number,
): void {
  const header = { spiI, spiR, exchangeType, flags: Flag.RESPONSE, messageId: 0 };
  const octets = encodeMessage(header, [unsupported(type)]);
  // a request that begins an IKE SA is longer; what is not may have another's address on it
  if (octets.length <= bytes.length) send(ike, [octets], via, from);
}

function unsupported(type: number): Payload {
  return notify(NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(type));
}

/** Of no IKE SA here: perhaps we have forgotten it. A request is told so at a bounded rate (RFC 7296 2.21.4). */
function outside(ike: Ikev2, { from, via, bytes }: Datagram, header: Header, response: boolean): void {
  drop(ike, "unknown-spi", "a message of no IKE SA here", from);
  if (response || ike.closing) return;
  if (ike.reports.permit("INVALID_IKE_SPI", from, ike.env) === undefined) return;
  const { spiI, spiR, exchangeType, messageId } = header;
  const answer = { spiI, spiR, exchangeType, messageId, flags: answerFlags(header.flags) };
  const octets = encodeMessage(answer, [notify(NotifyType.INVALID_IKE_SPI)]);
  if (octets.length <= bytes.length) send(ike, [octets], via, from);
}

/** A message of an IKE SA as far as its SK or SKF payload; undefined: it is not protected, so it is nothing but a hint. */
function envelopeOf(ike: Ikev2, sa: IkeSa, { bytes, from }: Datagram, header: Header): Enveloped | undefined {
  const message = decodeBehind(header, bytes);
  if (!message.ok) {
    drop(ike, "malformed", message.error.message, from);
    return undefined;
  }
  const envelope = enveloped(bytes, message.value);
  if (envelope !== undefined) return envelope;
  drop(ike, "unprotected", "a message of an IKE SA without protection", from);
  const forgotten = notifyOf(message.value, NotifyType.INVALID_IKE_SPI) !== undefined;
  if (forgotten && isEstablished(sa)) hinted(ike, sa);
  return undefined;
}

/** A request that was answered comes again: the same answer, if it is genuine and, of fragments, the first (RFC 7383 2.6.1). */
function repeated(ike: Ikev2, sa: IkeSa, { receiving }: Secured, datagram: Datagram, header: Header): void {
  const envelope = envelopeOf(ike, sa, datagram, header);
  if (envelope === undefined) return;
  const { payload } = envelope;
  if (payload.kind === "SKF" && payload.fragmentNumber !== 1) return;
  if (open(ike.env.crypto, receiving, envelope).ok) {
    count(ike, "repeated");
    answerAgain(ike, sa, datagram);
  } else drop(ike, "not-authentic", "a repeated message that the peer has not sent", datagram.from);
}

function takeRequestOf(ike: Ikev2, sa: IkeSa, secured: Secured, datagram: Datagram, header: Header): void {
  const { exchangeType: exchange, messageId } = header;
  const standing = standingOf(sa.window, messageId);
  if (standing === "repeated") repeated(ike, sa, secured, datagram, header);
  // an old copy, most of the time
  else if (standing === "outside") count(ike, "drop.message-id");
  if (standing !== "new") return;
  const handler = handlerOf(exchange, sa.phase.at);
  if (handler === undefined) {
    count(ike, "drop.unexpected");
    return;
  }
  const opened = openMessage(ike, sa, secured, datagram, header, "request");
  if (opened === undefined) return;
  takeRequest(sa.window);
  const place = { exchange, from: datagram.from, via: datagram.via };
  const payloads = opened.ok ? decodePayloads(opened.content.first, opened.content.octets) : undefined;
  if (!opened.ok || payloads === undefined || !payloads.ok) {
    const why = opened.ok ? (payloads?.ok === false ? payloads.error.message : "") : opened.why;
    refuseMalformed(ike, sa, place, why);
    return;
  }
  heardFrom(ike, sa, secured, datagram);
  const fault = contentFault(exchange, "request", payloads.value);
  const critical = unsupportedCritical(payloads.value);
  if (critical !== undefined) {
    count(ike, "critical");
    respond(ike, sa, place, [unsupported(critical)]);
    // RFC 7296 2.21.2: without IKE_AUTH there is no IKE SA
    if (!isEstablished(sa))
      endIkeSa(ike, sa, { by: "error", code: "critical", why: `the critical payload ${critical} is not supported` });
  } else if (fault !== undefined) refuseMalformed(ike, sa, place, fault);
  else {
    const { from, via } = datagram;
    act(ike, sa, { exchange, from, via, messageId, payloads: payloads.value }, handler);
  }
}

function act(ike: Ikev2, sa: IkeSa, request: Received, handler: NonNullable<ReturnType<typeof handlerOf>>): void {
  const answer = handler(ike, sa, request);
  if (answer === undefined) return;
  respond(ike, sa, request, answer.payloads);
  answer.after?.();
}

/** What the peer itself has protected and nobody can read is fatal for the IKE SA, at both ends (RFC 7296 2.21.3). */
function refuseMalformed(ike: Ikev2, sa: IkeSa, place: Omit<Received, "messageId" | "payloads">, why: string): void {
  count(ike, "invalid-syntax");
  respond(ike, sa, place, [notify(NotifyType.INVALID_SYNTAX)]);
  endIkeSa(ike, sa, { by: "error", code: "INVALID_SYNTAX", why: `the peer's message cannot be read: ${why}` });
}

function takeResponse(ike: Ikev2, sa: IkeSa, secured: Secured, datagram: Datagram, header: Header): void {
  const { messageId, exchangeType: exchange } = header;
  if (!answersRequest(sa.window, messageId) || sa.current?.exchange !== exchange) {
    // one without protection may be a hint
    if (envelopeOf(ike, sa, datagram, header) !== undefined) count(ike, "drop.unexpected");
    return;
  }
  const opened = openMessage(ike, sa, secured, datagram, header, "response");
  if (opened === undefined) return;
  const payloads = opened.ok ? decodePayloads(opened.content.first, opened.content.octets) : undefined;
  heardFrom(ike, sa, secured, datagram);
  const fault = responseFault(exchange, opened, payloads);
  if (fault !== undefined || payloads?.ok !== true) {
    endIkeSa(ike, sa, { by: "error", code: "bad-response", why: `the peer's response cannot be read: ${fault ?? ""}` });
    return;
  }
  const { from, via } = datagram;
  const task = answered(ike, sa);
  task?.answered(ike, sa, { exchange, messageId, payloads: payloads.value, from, via });
  if (notifyOf(payloads.value, NotifyType.INVALID_SYNTAX) !== undefined && exchange !== ExchangeType.IKE_AUTH) {
    endIkeSa(ike, sa, { by: "error", code: "INVALID_SYNTAX", why: "the peer cannot read our request" });
  }
  if (ike.ikeSas.get(sa.key) === sa) proceed(ike, sa);
}

function responseFault(
  exchange: number,
  opened: Opened,
  payloads: ReturnType<typeof decodePayloads> | undefined,
): string | undefined {
  if (!opened.ok) return opened.why;
  if (payloads === undefined || !payloads.ok) return payloads?.error.message;
  const critical = unsupportedCritical(payloads.value);
  if (critical !== undefined) return `the critical payload ${critical} is not supported`;
  return contentFault(exchange, "response", payloads.value);
}

/** A genuine message whole; or one that its sender has made so that nobody can read it. */
type Opened = { readonly ok: true; readonly content: Content } | { readonly ok: false; readonly why: string };

/** Undefined: not genuine, or not complete. */
function openMessage(
  ike: Ikev2,
  sa: IkeSa,
  { receiving, fragmentation }: Secured,
  datagram: Datagram,
  header: Header,
  direction: "request" | "response",
): Opened | undefined {
  const envelope = envelopeOf(ike, sa, datagram, header);
  if (envelope === undefined) return undefined;
  const { messageId } = header;
  const { payload } = envelope;
  const { from } = datagram;
  const parts = sa.fragments[direction] ?? new Reassembly();
  if (payload.kind === "SKF") {
    if (!fragmentation) {
      drop(ike, "fragment", "a fragment, which was not agreed on", from);
      return undefined;
    }
    if (!parts.wants(messageId, payload)) return undefined;
  }
  const opened = open(ike.env.crypto, receiving, envelope);
  if (!opened.ok) {
    if (opened.error.code === "bad-padding") return { ok: false, why: opened.error.message };
    drop(ike, "not-authentic", opened.error.message, from);
    return undefined;
  }
  if (payload.kind === "SK") {
    sa.fragments[direction] = undefined;
    return { ok: true, content: { first: payload.innerFirst, octets: opened.value } };
  }
  const collected = parts.add(messageId, payload, opened.value, ike.env.now);
  if (collected.now === "waiting") {
    sa.fragments[direction] = parts;
    ike.deadlines.set(`fragments:${sa.key}`, parts.endsAt);
    return undefined;
  }
  sa.fragments[direction] = undefined;
  if (collected.now === "complete") return { ok: true, content: collected.content };
  drop(ike, "fragment", collected.why, from);
  return undefined;
}

/** The deadline `fragments:KEY`: what is not complete by now is forgotten. */
export function fragmentsDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa === undefined) return;
  sa.fragments.request = undefined;
  sa.fragments.response = undefined;
}
