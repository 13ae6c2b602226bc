/** What an endpoint tells: events with the subjects whose story they belong to, counters, drops at a bounded rate. */
import type { Endpoint } from "../core/engine.ts";
import type { Cause, LedgerEvent, Subject } from "../ledger/event.ts";
import { hex } from "../util/octets.ts";
import { type ReceivedReason, reasonFigures } from "./delete-reason.ts";
import { type ChildSa, type ConnectionState, connectionOf, type IkeSa, type Ikev2 } from "./state.ts";

/** What an event is about: the most particular one says all the others whose story it belongs to. */
export type About =
  | { readonly connection: ConnectionState }
  | { readonly sa: IkeSa }
  | { readonly child: ChildSa }
  | { readonly peer: Endpoint };

export interface Details {
  readonly cause: Cause;
  /** info unless it is said. */
  readonly level?: LedgerEvent["level"];
  /** Foreign text in it went through the sanitiser. */
  readonly reason?: string | undefined;
  readonly figures?: NonNullable<LedgerEvent["figures"]>;
  /** What it is a consequence of: the newest event of that kind about that connection. */
  readonly because?: `ikev2.${string}`;
}

/** `SPIi_SPIr` in hex, as an IKE SA is shown. */
export function ikeSaId({ spiI, spiR }: Pick<IkeSa, "spiI" | "spiR">): string {
  return `${hex(spiI)}_${hex(spiR)}`;
}

function subjectsOf(about: About): LedgerEvent["subjects"] {
  if ("peer" in about) return [{ kind: "connection", name: about.peer.address }];
  if ("connection" in about) return [{ kind: "connection", name: about.connection.config.name }];
  if ("sa" in about) return [ikeSaSubject(about.sa), connectionSubject(about.sa)];
  const { key, ikeSa } = about.child;
  return [{ kind: "child-sa", name: key }, ikeSaSubject(ikeSa), connectionSubject(ikeSa)];
}

function ikeSaSubject(sa: IkeSa): Subject {
  return { kind: "ike-sa", name: ikeSaId(sa) };
}

/** Of a peer that may be one of several connections it is the address. */
function connectionSubject(sa: IkeSa): Subject {
  return { kind: "connection", name: connectionOf(sa)?.config.name ?? sa.remote.address };
}

/** Puts an event of the catalogue out. Whatever it is about, the connection is among its subjects. */
export function report(ike: Ikev2, about: About, kind: `ikev2.${string}`, details: Details): void {
  ike.out.push({ out: "event", event: eventOf(about, kind, details) });
}

/**
 * The same of something that strangers can cause: at a bounded rate for each `topic` and source. Its figures get `times`, how
 * often it happened since it was told last.
 */
export function reportSeldom(
  ike: Ikev2,
  about: About,
  kind: `ikev2.${string}`,
  { topic, from }: { readonly topic: string; readonly from: Endpoint },
  details: Details,
): void {
  ike.reports.tell(topic, from, ike.env, ike.out, (times) =>
    eventOf(about, kind, { ...details, figures: { ...details.figures, times } }),
  );
}

function eventOf(about: About, kind: `ikev2.${string}`, details: Details): LedgerEvent {
  const { cause, level = "info", reason, figures, because } = details;
  const subjects = subjectsOf(about);
  const event: { -readonly [K in keyof LedgerEvent]: LedgerEvent[K] } = { kind, subjects, cause, level };
  if (reason !== undefined) event.reason = reason;
  if (figures !== undefined) event.figures = figures;
  if (because !== undefined) event.because = { kind: because, subject: subjects.at(-1) ?? subjects[0] };
  return event;
}

/** Counts something by name, without telling. */
export function count(ike: Ikev2, name: string): void {
  ike.reports.count(name);
}

/**
 * Counts a datagram that is refused and changes nothing, as `code`, and tells of it at a bounded rate.
 * @param why a sentence; foreign text in it went through the sanitiser.
 */
export function drop(ike: Ikev2, code: string, why: string, from: Endpoint): void {
  ike.reports.drop(code, why, from, ike.env, ike.out);
}

/** Reason and figures of an event about a Delete of the peer: what it said of it, if anything. */
export function reasonDetails(
  ike: Ikev2,
  said: ReceivedReason | undefined,
  figures: NonNullable<Details["figures"]>,
): Pick<Details, "reason" | "figures"> {
  if (said === undefined) return { figures };
  const { text, downtimeSeconds } = said;
  const expectedAt = downtimeSeconds > 0 ? { expectedAt: ike.env.now + 1000 * downtimeSeconds } : {};
  return {
    reason: text === "" ? undefined : text,
    figures: { ...figures, ...reasonFigures(said), ...expectedAt },
  };
}
