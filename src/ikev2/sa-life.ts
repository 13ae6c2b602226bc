/** How IKE SAs come and go here: the books, and what is told. Nothing is sent. */

import type { Endpoint } from "../core/engine.ts";
import { identityKey, identityText } from "../core/identity.ts";
import { deleteReasons } from "../ledger/delete-reasons.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { endpointText } from "../util/address.ts";
import { hex } from "../util/octets.ts";
import { removeChild, saysMore } from "./child-life.ts";
import { answerWaiting, attemptFailed, connectionDown, connectionUp } from "./connections.ts";
import type { ReceivedReason } from "./delete-reason.ts";
import { scheduleIkeSa } from "./lifetimes.ts";
import { beginOutage } from "./outages.ts";
import { reasonDetails, report, reportSeldom } from "./report.ts";
import {
  type ConnectionState,
  connectionOf,
  type DeleteWhy,
  type Established,
  type EstablishedSa,
  enter,
  type IkeSa,
  type IkeSaIn,
  type Ikev2,
  isEstablished,
  isInUse,
  type Phase,
  type Role,
  securedOf,
  stands,
} from "./state.ts";
import { ikeSuiteText } from "./suite.ts";

import { newWindow } from "./window.ts";

/** Deadlines that go with an IKE SA. */
const DEADLINES = [
  "retransmit",
  "pause",
  "fragments",
  "half-open",
  "liveness",
  "keepalive",
  "ike-rekey",
  "ike-lifetime",
  "reauthenticate",
  "unique",
  "redirected",
];

/** An IKE SA that begins. */
export function addIkeSa<P extends Phase>(
  ike: Ikev2,
  role: Role,
  spis: { readonly i: Uint8Array; readonly r: Uint8Array },
  path: { readonly local: Endpoint; readonly remote: Endpoint },
  phase: P,
): IkeSaIn<P> {
  const { now } = ike.env;
  const sa: IkeSaIn<P> = {
    key: hex(role === "initiator" ? spis.i : spis.r),
    role,
    spiI: spis.i,
    spiR: spis.r,
    local: path.local,
    remote: path.remote,
    window: newWindow(),
    queue: [],
    current: undefined,
    fragments: { request: undefined, response: undefined },
    beganAt: now,
    heardAt: now,
    sentAt: now,
    phase,
  };
  ike.ikeSas.set(sa.key, sa);
  connectionOf(sa)?.ikeSas.add(sa);
  return sa;
}

/** What an IKE SA is established on. What is not said is as in one from scratch: authenticated now, without addresses. */
type Foundation = Pick<Established, "connection" | "secured" | "peer"> &
  Partial<Pick<Established, "authenticatedAt" | "reauthenticateAt" | "virtualAddresses" | "rekeying" | "replaces">>;

/** The phase of an IKE SA that is established now. */
export function establishedNow({ env: { now } }: Ikev2, foundation: Foundation): Established {
  const { connection, secured, peer, replaces, reauthenticateAt } = foundation;
  const phase: Established = {
    at: "ESTABLISHED",
    connection,
    secured,
    peer,
    authenticatedAt: foundation.authenticatedAt ?? now,
    since: now,
    children: new Map(),
    virtualAddresses: foundation.virtualAddresses ?? [],
    rekeying: foundation.rekeying ?? false,
    replaces,
  };
  if (reauthenticateAt !== undefined) phase.reauthenticateAt = reauthenticateAt;
  return phase;
}

/** Both sides have proven who they are; the peer's others are in `byPeer` beside it. */
export function establish(ike: Ikev2, sa: IkeSa, phase: Established): EstablishedSa {
  ike.halfOpen.remove(sa.key);
  ike.deadlines.clear(`half-open:${sa.key}`);
  const established: EstablishedSa = enter(sa, phase);
  const { connection } = phase;
  connection.ikeSas.add(sa);
  const key = identityKey(phase.peer.identity);
  const others = ike.byPeer.get(key);
  if (others === undefined) ike.byPeer.set(key, new Set([sa]));
  else others.add(sa);
  watch(ike, established);
  scheduleIkeSa(ike, established);
  return established;
}

/** It is told, and those who waited are answered: the IKE SA with the Child SA that came with it. */
export function announce(ike: Ikev2, sa: EstablishedSa): void {
  const { connection, peer, secured } = sa.phase;
  report(ike, { sa }, "ikev2.established", {
    cause: sa.role === "initiator" ? "operator" : "peer",
    figures: {
      role: sa.role,
      remote: endpointText(sa.remote),
      identity: sanitise(identityText(peer.identity, ike.env.crypto)),
      authentication: peer.authentication,
      suite: ikeSuiteText(secured.suite),
    },
  });
  connectionUp(ike, connection);
  answerWaiting(ike, connection);
}

/** Deadlines of a new IKE SA that need no exchange file of their own. */
function watch(ike: Ikev2, sa: EstablishedSa): void {
  const { config } = sa.phase.connection;
  if (Number.isFinite(config.livenessMs)) ike.deadlines.set(`liveness:${sa.key}`, ike.env.now + config.livenessMs);
  if (sa.phase.secured.nat.local && !sa.phase.secured.nat.forced) {
    ike.deadlines.set(`keepalive:${sa.key}`, ike.env.now + ike.policy.keepaliveMs);
  }
}

/** Why an IKE SA ends. */
export type IkeSaEnd =
  /** The peer deleted it. */
  | { readonly by: "peer"; readonly reason: ReceivedReason | undefined }
  /** We did, and it was answered: told when our Delete left. */
  | { readonly by: "us" }
  /** No answer to a request. */
  | { readonly by: "silence" }
  /** Without a Delete on the wire: INITIAL_CONTACT. */
  | { readonly by: "replacement"; readonly why: DeleteWhy }
  /** A message that nobody can act on, or proof of identity that is not one (RFC 7296 2.21.2, 2.21.3). */
  | { readonly by: "error"; readonly code: string; readonly why: string }
  /** Another took its place, and told of itself; with what the peer said when it deleted this one. */
  | { readonly by: "succession"; readonly reason?: ReceivedReason | undefined };

/** An IKE SA is no more: its Child SAs and all that waits for it go with it (RFC 7296 1.4.1). */
export function endIkeSa(ike: Ikev2, sa: IkeSa, end: IkeSaEnd): void {
  if (ike.ikeSas.get(sa.key) !== sa) return;
  const connection = connectionOf(sa);
  const { phase } = sa;
  tellEnd(ike, sa, end);
  if (isEstablished(sa)) removeChildren(ike, sa);
  ike.ikeSas.delete(sa.key);
  ike.halfOpen.remove(sa.key);
  ike.pauses.delete(sa.key);
  remember(ike, sa);
  for (const what of DEADLINES) ike.deadlines.clear(`${what}:${sa.key}`);
  forgetPeer(ike, sa);
  ike.pools.release(sa.key);
  connection?.ikeSas.delete(sa);
  const tasks = [...(sa.current === undefined ? [] : [sa.current]), ...sa.queue.splice(0)];
  sa.current = undefined;
  for (const task of tasks) task.failed(ike, sa, end.by === "silence" ? "unanswered" : "ended");
  const told = ike.endings.get(sa.key) ?? [];
  ike.endings.delete(sa.key);
  if (connection !== undefined) leave(ike, sa, phase, connection, end);
  for (const tell of told) tell();
}

/** One that the peer was to delete after a rekey, and has not. */
export function endReplaced(ike: Ikev2, sa: EstablishedSa): void {
  const lost: IkeSaEnd = { by: "replacement", why: { cause: "simultaneous-rekey" } };
  endIkeSa(ike, sa, sa.phase.redundant ? lost : { by: "succession" });
}

/** What its end means for the connection. */
function leave(ike: Ikev2, sa: IkeSa, phase: Phase, connection: ConnectionState, end: IkeSaEnd): void {
  // what was replaced had left it long ago
  if (isEstablished(sa) && !isInUse(sa)) return;
  const stood = phase.at === "ESTABLISHED" || (phase.at === "DELETING" && phase.peer !== undefined);
  const heldMs = phase.at === "ESTABLISHED" ? ike.env.now - phase.authenticatedAt : Number.POSITIVE_INFINITY;
  if (stood) down(ike, connection, end, heldMs);
  // of one that did not prove who it is this was told at once
  else if (sa.role === "initiator" && phase.at !== "DELETING" && end.by !== "succession")
    attemptFailed(ike, connection, ...failureOf(end));
}

/** So long, and so many, are kept to repeat the answer to a Delete whose sender has not got it. */
const REMEMBERED_MS = 30_000;
const REMEMBERED = 4096;

function remember(ike: Ikev2, sa: IkeSa): void {
  const secured = securedOf(sa);
  if (secured === undefined || sa.window.answer === undefined) return;
  ike.ended.set(sa.key, { sa, secured });
  ike.deadlines.set(`forget:${sa.key}`, ike.env.now + REMEMBERED_MS);
  for (const oldest of ike.ended.keys()) {
    if (ike.ended.size <= REMEMBERED) break;
    forget(ike, oldest);
  }
}

/** Nothing is left of an IKE SA any more. */
export function forget(ike: Ikev2, key: string): void {
  ike.ended.delete(key);
  ike.deadlines.clear(`forget:${key}`);
}

/** The phase before the last: what stood is left behind when the SA is about to be deleted. */
export function forgetPeer(ike: Ikev2, sa: IkeSa): void {
  if (!isEstablished(sa)) return;
  const key = identityKey(sa.phase.peer.identity);
  const others = ike.byPeer.get(key);
  others?.delete(sa);
  if (others?.size === 0) ike.byPeer.delete(key);
}

/** All Child SAs of an IKE SA, which ends: nothing is told of each. */
export function removeChildren(ike: Ikev2, { phase }: EstablishedSa): void {
  for (const child of [...phase.children.values()]) removeChild(ike, child, { by: "ike-sa" });
}

/** Calls `then` when the IKE SA has ended. */
export function whenEnded(ike: Ikev2, sa: IkeSa, then: () => void): void {
  const told = ike.endings.get(sa.key);
  if (told === undefined) ike.endings.set(sa.key, [then]);
  else told.push(then);
}

function down(ike: Ikev2, connection: ConnectionState, end: IkeSaEnd, heldMs: number): void {
  if (stands(connection)) return;
  if (end.by === "peer" || end.by === "succession") {
    const { text, downtimeSeconds = 0 } = end.reason ?? {};
    beginOutage(ike, connection, { by: "peer", reason: text === "" ? undefined : text, downtimeSeconds });
  } else if (end.by !== "us") beginOutage(ike, connection, { by: "peer", reason: undefined, downtimeSeconds: 0 });
  connectionDown(ike, connection, heldMs);
}

function failureOf(end: IkeSaEnd): [code: string, why: string] {
  if (end.by === "error") return [end.code, end.why];
  if (end.by === "silence") return ["unanswered", "the peer does not answer"];
  return ["ended", "the attempt was ended"];
}

function tellEnd(ike: Ikev2, sa: IkeSa, end: IkeSaEnd): void {
  const { phase } = sa;
  const established = phase.at === "ESTABLISHED";
  const heldSeconds = established ? (ike.env.now - phase.since) / 1000 : 0;
  const unusual = end.by === "succession" && saysMore(end.reason);
  if ((end.by === "peer" || unusual) && established) {
    const details = reasonDetails(ike, end.reason, { by: "peer", heldSeconds });
    report(ike, { sa }, "ikev2.deleted", { cause: "peer", ...details });
  } else if (end.by === "silence" && phase.at === "DELETING" && phase.peer !== undefined) {
    report(ike, { sa }, "ikev2.delete-unanswered", { cause: "failure" });
  } else if (end.by === "silence" && established) {
    const silentSeconds = (ike.env.now - sa.heardAt) / 1000;
    const figures = { heldSeconds, silentSeconds };
    report(ike, { sa }, "ikev2.peer-dead", { cause: "failure", level: "warning", figures });
  } else if (end.by === "replacement") {
    const { cause, text = deleteReasons[cause].text } = end.why;
    const figures = { code: cause, heldSeconds };
    report(ike, { sa }, "ikev2.replaced", { cause: deleteReasons[cause].cause, reason: text, figures });
  } else if (end.by === "error") tellError(ike, sa, established, end);
}

function tellError(
  ike: Ikev2,
  sa: IkeSa,
  established: boolean,
  { code, why }: Extract<IkeSaEnd, { by: "error" }>,
): void {
  const figures = { code, remote: endpointText(sa.remote) };
  const details = { cause: "failure", level: "warning", reason: why, figures } as const;
  if (established) report(ike, { sa }, "ikev2.broken", details);
  else if (sa.role === "responder") {
    reportSeldom(ike, { sa }, "ikev2.refused", { topic: `refused ${code}`, from: sa.remote }, details);
  }
}
