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
}

function schedule(ike: Ikev2, what: "ike" | "child", key: string, since: Instant, life: Lifetime): void {
  set(ike, `${what}-rekey:${key}`, rekeyAt(ike, since, life.rekeyMs, life.jitter));
  set(ike, `${what}-lifetime:${key}`, since + life.lifetimeMs);
}

/** A new IKE SA. Re-authentication counts from when the peer was authenticated, whatever was rekeyed since. */
export function scheduleIkeSa(ike: Ikev2, { key, phase }: EstablishedSa): void {
  const { config } = phase.connection;
  schedule(ike, "ike", key, phase.since, config);
  set(ike, `reauthenticate:${key}`, rekeyAt(ike, phase.authenticatedAt, config.reauthenticateMs, config.jitter));
}

/** A new Child SA. */
export function scheduleChild(ike: Ikev2, child: ChildSa): void {
  schedule(ike, "child", child.key, child.since, child.policy);
}
