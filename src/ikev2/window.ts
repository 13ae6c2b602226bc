/**
 * Message IDs, and what is kept of the last messages (RFC 7296 2.1 to 2.3). Each side numbers its requests from 0 on; with a
 * window of one it sends the next when the last is answered. Whoever sent a request repeats its octets until there is an
 * answer; whoever answered keeps the octets of the answer and sends them again when the request comes again.
 *
 *     our requests:   next ──open──▶ in flight ──close──▶ next + 1
 *     peer's:         expected ──take──▶ being answered ──answer──▶ expected + 1, the answer kept
 */
import { type RetransmissionPolicy, retransmissionDelay } from "../core/retransmission.ts";

/** A message as it travels: one datagram, or its fragments (RFC 7383). */
export type Datagrams = readonly Uint8Array[];

/** A request that waits for its answer. */
interface InFlight {
  readonly messageId: number;
  readonly datagrams: Datagrams;
  /** How often it was sent. */
  sent: number;
}

export interface Window {
  /** Message ID of our next request. */
  next: number;
  inFlight: InFlight | undefined;
  /** Message ID of the peer's next request. */
  expected: number;
  /** That request is here, and its answer is being made. */
  answering: boolean;
  /** The answer to the request before `expected`; undefined when there was none. */
  answer: Datagrams | undefined;
  /** How often an answer was sent again since the last new request. */
  repeated: number;
}

/** More often nobody asks again who hears us: somebody repeats what he has seen, perhaps with another's address on it. */
const MOST_REPEATS = 30;

/** What the Message ID of a request says. */
export type Standing =
  /** The one that is expected. */
  | "new"
  /** Expected, and taken already: its answer follows. */
  | "answering"
  /** The one before: its answer is sent again. */
  | "repeated"
  /** Any other: nothing is sent. */
  | "outside";

/** Both sides begin at 0 (RFC 7296 2.2), also in an IKE SA that replaces another (2.18). */
export function newWindow(): Window {
  return { next: 0, inFlight: undefined, expected: 0, answering: false, answer: undefined, repeated: 0 };
}

/** The Message ID of the next request; undefined while one is in flight, and when all 2^32 are used up (RFC 7296 2.2). */
export function freeMessageId({ next, inFlight }: Window): number | undefined {
  return inFlight === undefined && next <= 0xffff_ffff ? next : undefined;
}

/** A request with the next Message ID goes out for the first time. */
export function openRequest(window: Window, datagrams: Datagrams): void {
  window.inFlight = { messageId: window.next, datagrams, sent: 1 };
}

/** IKE_SA_INIT begins again under the same Message ID, with a cookie or another group (RFC 7296 2.6, 1.3). */
export function reopenRequest(window: Window): void {
  window.inFlight = undefined;
}

/** Whether a response with this Message ID answers the request in flight. */
export function answersRequest(window: Window, messageId: number): boolean {
  return window.inFlight?.messageId === messageId;
}

/** The request in flight was answered, or is answered no more. */
export function closeRequest(window: Window): void {
  if (window.inFlight === undefined) return;
  window.inFlight = undefined;
  window.next += 1;
}

/** How long the request in flight waits for its answer before it is sent again, or is given up after its last send. */
export function patience({ inFlight }: Window, policy: RetransmissionPolicy): number {
  return retransmissionDelay(policy, inFlight?.sent ?? 1);
}

/** The same octets once more, and counts them; undefined after the last try. */
export function repeatRequest({ inFlight }: Window, policy: RetransmissionPolicy): Datagrams | undefined {
  if (inFlight === undefined || inFlight.sent >= policy.tries) return undefined;
  inFlight.sent += 1;
  return inFlight.datagrams;
}

/** How a request with this Message ID stands. */
export function standingOf(window: Window, messageId: number): Standing {
  if (messageId === window.expected) return window.answering ? "answering" : "new";
  return messageId === window.expected - 1 && window.answer !== undefined ? "repeated" : "outside";
}

/** The expected request is genuine and is being answered. The answer before it is needed no more (RFC 7296 2.3). */
export function takeRequest(window: Window): void {
  window.answering = true;
  window.answer = undefined;
}

/** Whether an answer may be sent once more, and counts it. */
export function mayRepeat(window: Window): boolean {
  window.repeated += 1;
  return window.repeated <= MOST_REPEATS;
}

/** The answer to the request that was taken, kept until the next one comes. */
export function answerRequest(window: Window, datagrams: Datagrams): void {
  window.answering = false;
  window.answer = datagrams;
  window.repeated = 0;
  window.expected += 1;
}
