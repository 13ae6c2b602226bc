/** When SAs are replaced, and when they end because they were not: RFC 7296 2.8. */
import type { Instant } from "../core/engine.ts";
import type { ChildSa, EstablishedSa, Ikev2 } from "./state.ts";

interface Lifetime {
  readonly rekeyMs: number;
  readonly lifetimeMs: number;
  /** The share of `rekeyMs` that it may come earlier by, at random: both ends have the same policy often (2.8.1). */
  readonly jitter: number;
}

function rekeyAt(ike: Ikev2, since: Instant, milliseconds: number, jitter: number): Instant {
  return since + milliseconds * (1 - jitter * ike.env.random.fraction());
}

function set(ike: Ikev2, deadline: string, at: Instant): void {
  if (Number.isFinite(at)) ike.deadlines.set(deadline, at);
  else ike.deadlines.clear(deadline);
}

function schedule(ike: Ikev2, what: "ike" | "child", key: string, since: Instant, life: Lifetime): void {
  set(ike, `${what}-rekey:${key}`, rekeyAt(ike, since, life.rekeyMs, life.jitter));
  set(ike, `${what}-lifetime:${key}`, since + life.lifetimeMs);
}

/** A new IKE SA. */
export function scheduleIkeSa(ike: Ikev2, sa: EstablishedSa): void {
  const { key, phase } = sa;
  schedule(ike, "ike", key, phase.since, phase.connection.config);
  scheduleReauthentication(ike, sa);
}

/** It counts from when the peer was authenticated, whatever was rekeyed since; or is when AUTH_LIFETIME says. */
export function scheduleReauthentication(ike: Ikev2, { key, phase }: EstablishedSa): void {
  const { reauthenticateMs, jitter } = phase.connection.config;
  const at = phase.reauthenticateAt ?? rekeyAt(ike, phase.authenticatedAt, reauthenticateMs, jitter);
  set(ike, `reauthenticate:${key}`, at);
}

/** A new Child SA. */
export function scheduleChild(ike: Ikev2, child: ChildSa): void {
  schedule(ike, "child", child.key, child.since, child.policy);
}

/**
 * So long the peer may take to delete what it has replaced: longer than anybody goes on asking (strongSwan: 165 s), so that
 * after it neither side expects an answer there any more.
 */
const ABANDONED_MS = 300_000;
/**
 * The same of an IKE SA that lost a simultaneous rekey, when the peer has answered the Delete of the old one: had it got the
 * answer that made this one it would have deleted it by then. Often it has not (RFC 7296 2.8.2).
 */
const REDUNDANT_MS = 10_000;

/** An IKE SA that the peer has to delete: nothing is done with it until then, and not for ever. */
export function abandon(ike: Ikev2, { key }: EstablishedSa, what: "replaced" | "redundant"): void {
  for (const one of ["ike-rekey", "reauthenticate"]) ike.deadlines.clear(`${one}:${key}`);
  sooner(ike, `ike-lifetime:${key}`, what === "redundant" ? REDUNDANT_MS : ABANDONED_MS);
}

/** A Child SA, likewise. */
export function abandonChild(ike: Ikev2, { key }: ChildSa): void {
  ike.deadlines.clear(`child-rekey:${key}`);
  sooner(ike, `child-lifetime:${key}`, ABANDONED_MS);
}

function sooner(ike: Ikev2, deadline: string, inMs: number): void {
  const at = ike.env.now + inMs;
  if (at < (ike.deadlines.get(deadline) ?? Number.POSITIVE_INFINITY)) ike.deadlines.set(deadline, at);
}
