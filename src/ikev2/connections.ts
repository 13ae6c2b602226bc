/**
 * What becomes of a connection when its IKE SAs come and go: whether and when it is tried again, and who waits for it.
 * Nothing begins here: that is for the deadline `connect:NAME`.
 */
import type { Refusal } from "../core/engine.ts";
import { endOutage } from "./outages.ts";
import { report } from "./report.ts";
import { type ConnectionState, type EstablishedSa, type Ikev2, isInUse, type Waiter } from "./state.ts";
import type { ChildPolicy, Connection } from "./types.ts";
import { connectionView, plainView } from "./views.ts";

/** The nominal delay is varied by so much, so that many clients of a gateway do not come all at once. */
const SPREAD = 0.1;

export function newConnection(config: Connection): ConnectionState {
  return {
    config,
    wanted: config.start === "always",
    stopped: new Set(),
    ikeSas: new Set(),
    failures: 0,
    shortLived: 0,
    lastError: undefined,
    outage: undefined,
    addresses: [],
    redirections: [],
    redirect: undefined,
    waiting: [],
  };
}

/** The IKE SAs of a connection that are in use, the newest last. */
export function establishedSas({ ikeSas }: ConnectionState): EstablishedSa[] {
  return [...ikeSas].filter(isInUse);
}

/** An attempt of ours is under way. */
export function isConnecting({ ikeSas }: ConnectionState): boolean {
  for (const { role, phase } of ikeSas) {
    if (role === "initiator" && phase.at !== "ESTABLISHED" && phase.at !== "DELETING") return true;
  }
  return false;
}

/** Tries, unless it is up by then, in `delayMs`; an earlier attempt that is planned stays. */
export function connectSoon(ike: Ikev2, connection: ConnectionState, delayMs: number): void {
  if (ike.closing || connection.config.remote.endpoint === undefined) return;
  const key = `connect:${connection.config.name}`;
  const at = ike.env.now + delayMs;
  if (at < (ike.deadlines.get(key) ?? Number.POSITIVE_INFINITY)) ike.deadlines.set(key, at);
}

/** How long to wait after so many failures, one after another. */
export function backOff(
  ike: Ikev2,
  { config: { retryMs }, failures }: Pick<ConnectionState, "config" | "failures">,
): number {
  const nominal = Math.min(retryMs.max, retryMs.first * 2 ** Math.max(0, failures - 1));
  return nominal * (1 - SPREAD * ike.env.random.fraction());
}

/** An IKE SA stands: the connection is back if it was away. */
export function connectionUp(ike: Ikev2, connection: ConnectionState): void {
  connection.failures = 0;
  connection.lastError = undefined;
  ike.deadlines.clear(`connect:${connection.config.name}`);
  endOutage(ike, connection);
}

/**
 * An IKE SA has ended, and no other one stands: a connection that is to be up is tried again. Who waits for what was to stand
 * under it waits no longer where nothing is tried.
 * @param heldMs for how long it stood
 */
export function connectionDown(ike: Ikev2, connection: ConnectionState, heldMs: number): void {
  const { config } = connection;
  // one that ends as soon as it stands, again and again, is no better than one that cannot be made
  connection.shortLived = heldMs < config.retryMs.max ? connection.shortLived + 1 : 0;
  if (connection.wanted) connectSoon(ike, connection, backOff(ike, { config, failures: connection.shortLived }));
  const planned = connection.redirect !== undefined || ike.deadlines.get(`connect:${config.name}`) !== undefined;
  if (planned || isConnecting(connection)) return;
  const message = `${config.name} is not up: its IKE SA has ended`;
  refuseWaiting(ike, connection, () => true, { code: "ended", message });
}

/** An attempt of ours came to nothing. */
export function attemptFailed(ike: Ikev2, connection: ConnectionState, code: string, why: string): void {
  connection.failures += 1;
  connection.lastError = why;
  const retry = connection.wanted && !ike.closing;
  const retryInMs = retry ? backOff(ike, connection) : undefined;
  report(ike, { connection }, "ikev2.failed", {
    cause: "failure",
    level: "warning",
    reason: why,
    figures: { code, failures: connection.failures, ...(retryInMs !== undefined && { retryInMs }) },
  });
  if (retryInMs !== undefined) connectSoon(ike, connection, retryInMs);
  refuseWaiting(ike, connection, () => true, { code, message: `${connection.config.name} is not up: ${why}` });
}

/** Answers those who wait for what stands now. */
export function answerWaiting(ike: Ikev2, connection: ConnectionState): void {
  for (const waiter of takeWaiting(connection, (one) => isUp(connection, one.child))) {
    ike.out.push({ out: "reply", id: waiter.id, reply: plainView(connectionView(ike, connection)) });
  }
}

/** Refuses those who wait and of whom `which` holds. */
export function refuseWaiting(
  ike: Ikev2,
  connection: ConnectionState,
  which: (waiter: Waiter) => boolean,
  refusal: Refusal,
): void {
  for (const { id } of takeWaiting(connection, which)) ike.out.push({ out: "refuse", id, refusal });
}

function takeWaiting(connection: ConnectionState, which: (waiter: Waiter) => boolean): Waiter[] {
  const taken = connection.waiting.filter(which);
  if (taken.length > 0) connection.waiting = connection.waiting.filter((waiter) => !taken.includes(waiter));
  return taken;
}

/** Whether one child stands; or an IKE SA with all children that start with it. */
export function isUp(connection: ConnectionState, child: string | undefined): boolean {
  const sas = establishedSas(connection);
  if (child === undefined) return sas.some((sa) => missingChildren(sa).length === 0);
  return sas.some((sa) => hasChild(sa, child));
}

/** Children that start with the connection, but for those that the operator took down. */
export function childrenOf({ config, stopped }: ConnectionState): ChildPolicy[] {
  return config.children.filter(({ name, start }) => start === "connection" && !stopped.has(name));
}

/** Children of a connection that is to be up do not stand: the peer deleted or never began them. They are tried in a while. */
export function retryMissing(ike: Ikev2, sa: EstablishedSa): void {
  const { connection } = sa.phase;
  if (connection.wanted && missingChildren(sa).length > 0) connectSoon(ike, connection, backOff(ike, connection));
}

/** Children that are to stand as long as the IKE SA does, and do not. */
export function missingChildren(sa: EstablishedSa): string[] {
  const { connection } = sa.phase;
  return childrenOf(connection).flatMap(({ name }) => (hasChild(sa, name) ? [] : [name]));
}

/** Those, and what somebody waits for. */
export function wantedChildren(sa: EstablishedSa): ReadonlySet<string> {
  const asked = sa.phase.connection.waiting.flatMap(({ child }) => child ?? []);
  return new Set([...missingChildren(sa), ...asked]);
}

/** The Child SA that goes with an IKE SA of ours: the first that starts with the connection, else one that somebody waits for. */
export function firstChild(connection: ConnectionState): ChildPolicy | undefined {
  const asked = connection.waiting.flatMap(({ child }) => child ?? []);
  return childrenOf(connection)[0] ?? connection.config.children.find(({ name }) => asked.includes(name));
}

function hasChild({ phase }: EstablishedSa, name: string): boolean {
  for (const { policy, state } of phase.children.values()) {
    if (policy.name === name && state !== "deleting") return true;
  }
  return false;
}
