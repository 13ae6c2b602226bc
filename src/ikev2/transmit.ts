/**
 * How messages of ours leave: requests one by one from the queue of their IKE SA, repeated until they are answered, and
 * responses, which are kept for a request that comes again.
 */
import type { Endpoint } from "../core/engine.ts";
import { Flag } from "../iana/ikev2.ts";
import { concat } from "../util/octets.ts";
import type { Payload } from "../wire/ikev2/payloads.ts";
import { sealWithin } from "./fragments.ts";
import { contentOf, sealSk } from "./protect.ts";
import { type IkeSa, type Ikev2, type Secured, securedOf, type Task } from "./state.ts";
import {
  answerRequest,
  closeRequest,
  type Datagrams,
  freeMessageId,
  mayRepeat,
  openRequest,
  patience,
  repeatRequest,
} from "./window.ts";

/** In front of IKE messages on the socket that they share with ESP (RFC 7296 3.1, RFC 3948 2.2). */
const NON_ESP_MARKER = new Uint8Array(4);
const IPV4_AND_UDP = 28;
const IPV6_AND_UDP = 48;

/** Whether a local socket is one for NAT traversal. */
export function isNatSocket(ike: Ikev2, { address, port }: Endpoint): boolean {
  return ike.policy.listen.some(({ nat }) => nat.port === port && nat.address === address);
}

/** Puts datagrams out, with the marker where they need one. */
export function send(ike: Ikev2, datagrams: Datagrams, from: Endpoint, to: Endpoint): void {
  const marked = isNatSocket(ike, from);
  for (const datagram of datagrams) {
    ike.out.push({ out: "send", from, to, bytes: marked ? concat(NON_ESP_MARKER, datagram) : datagram });
  }
}

/** Queues a request; it leaves now if nothing else is under way. `first`: ahead of all that wait. */
export function ask(ike: Ikev2, sa: IkeSa, task: Task, first = false): void {
  if (first) sa.queue.unshift(task);
  else sa.queue.push(task);
  proceed(ike, sa);
}

/** The next request that waits, if one may leave. */
export function proceed(ike: Ikev2, sa: IkeSa): void {
  const { at } = sa.phase;
  // a responder asks nothing before it is authenticated, and nobody while that is being decided
  if (at === "SA_INIT_SENT" || at === "SA_INIT_ANSWERED" || at === "VERIFYING") return;
  const { secured } = sa.phase;
  while (sa.current === undefined && sa.queue.length > 0) {
    const messageId = freeMessageId(sa.window);
    const task = messageId === undefined ? undefined : sa.queue.shift();
    if (messageId === undefined || task === undefined) return;
    const payloads = task.build(ike, sa);
    // it may have ended the SA instead
    if (ike.ikeSas.get(sa.key) !== sa) return;
    if (payloads === undefined) continue;
    const datagrams = protect(ike, sa, secured, { exchange: task.exchange, messageId, response: false }, payloads);
    sa.current = task;
    request(ike, sa, datagrams);
  }
}

/** A request goes out for the first time. */
export function request(ike: Ikev2, sa: IkeSa, datagrams: Datagrams): void {
  openRequest(sa.window, datagrams);
  sendIn(ike, sa, datagrams, sa.local, sa.remote);
  waitForAnswer(ike, sa);
}

/** The request in flight was answered: its task, whose turn it is to act. */
export function answered(ike: Ikev2, sa: IkeSa): Task | undefined {
  const task = sa.current;
  sa.current = undefined;
  closeRequest(sa.window);
  ike.deadlines.clear(`retransmit:${sa.key}`);
  return task;
}

/** Sends the request in flight again. @returns false when it was sent often enough: the peer is to be given up. */
export function repeat(ike: Ikev2, sa: IkeSa): boolean {
  const datagrams = repeatRequest(sa.window, ike.policy.retransmission);
  if (datagrams === undefined) return false;
  sendIn(ike, sa, datagrams, sa.local, sa.remote);
  waitForAnswer(ike, sa);
  return true;
}

function waitForAnswer(ike: Ikev2, sa: IkeSa): void {
  ike.deadlines.set(`retransmit:${sa.key}`, ike.env.now + patience(sa.window, ike.policy.retransmission));
}

/** Where a request came from and how it is answered. */
interface Asked {
  readonly exchange: number;
  readonly from: Endpoint;
  readonly via: Endpoint;
}

/** Answers the request that was taken, to where it came from (RFC 7296 2.11); kept for a request that comes again. */
export function respond(ike: Ikev2, sa: IkeSa, { exchange, from, via }: Asked, payloads: readonly Payload[]): void {
  const secured = securedOf(sa);
  if (secured === undefined) return;
  const messageId = sa.window.expected;
  const datagrams = protect(ike, sa, secured, { exchange, messageId, response: true }, payloads);
  answerRequest(sa.window, datagrams);
  sendIn(ike, sa, datagrams, via, from);
}

/** Sends the kept answer again, to where the request was repeated from. */
export function answerAgain(ike: Ikev2, sa: IkeSa, { from, via }: Pick<Asked, "from" | "via">): void {
  if (sa.window.answer !== undefined && mayRepeat(sa.window)) sendIn(ike, sa, sa.window.answer, via, from);
}

function sendIn(ike: Ikev2, sa: IkeSa, datagrams: Datagrams, from: Endpoint, to: Endpoint): void {
  sa.sentAt = ike.env.now;
  send(ike, datagrams, from, to);
}

interface Place {
  readonly exchange: number;
  readonly messageId: number;
  readonly response: boolean;
}

/** A message in SK, or in fragments when it is too large for a datagram and the peer puts them together. */
function protect(
  ike: Ikev2,
  sa: IkeSa,
  { sending, fragmentation }: Secured,
  { exchange, messageId, response }: Place,
  payloads: readonly Payload[],
): Datagrams {
  const flags = (sa.role === "initiator" ? Flag.INITIATOR : 0) | (response ? Flag.RESPONSE : 0);
  const header = { spiI: sa.spiI, spiR: sa.spiR, exchangeType: exchange, flags, messageId };
  const content = contentOf(payloads);
  if (!fragmentation) return [sealSk(sending, ike.env, header, content)];
  const ip = sa.remote.address.includes(":") ? IPV6_AND_UDP : IPV4_AND_UDP;
  const marker = isNatSocket(ike, sa.local) ? NON_ESP_MARKER.length : 0;
  return sealWithin(ike.policy.fragmentOctets - ip - marker, sending, ike.env, header, content);
}
