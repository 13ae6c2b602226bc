/**
 * Clients are sent to another gateway, and go (RFC 5685): in the answer to IKE_SA_INIT, in that to IKE_AUTH, or at any time
 * by an INFORMATIONAL. They keep to the same connection: who they talk to must prove the same identity as before (3).
 */
import { ExchangeType, NotifyType } from "../iana/ikev2.ts";
import { canonicalAddress } from "../util/address.ts";
import { equal } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { NotifyPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { attemptFailed, isConnecting } from "./connections.ts";
import { notify, notifyOf } from "./contents.ts";
import { deleteIkeSa, deleteIkeTask } from "./deletion.ts";
import { oneMore, readRedirect, readRedirectedFrom, redirectedFromNotify, redirectNotify } from "./redirect.ts";
import { count, drop, report } from "./report.ts";
import { endIkeSa } from "./sa-life.ts";
import {
  type AuthSent,
  type ConnectionState,
  type EstablishedSa,
  enter,
  type IkeSa,
  type IkeSaIn,
  type Ikev2,
  isEstablished,
  type Received,
  type Replaces,
  type SaInitSent,
  type Task,
} from "./state.ts";
import { ask } from "./transmit.ts";
import type { Connection } from "./types.ts";

/** A client that was sent on in IKE_AUTH deletes its IKE SA (6); when it has not by then, we do. */
const LEAVE_MS = 30_000;

/** A client's half of IKE_SA_INIT: it can be sent on; or it was, and says by whom. */
export function redirectAbility({ connection, redirectedFrom }: SaInitSent): readonly Payload[] {
  if (!connection.config.followRedirect) return [];
  return [redirectedFrom === undefined ? notify(NotifyType.REDIRECT_SUPPORTED) : redirectedFromNotify(redirectedFrom)];
}

/**
 * REDIRECT in an answer to our IKE_SA_INIT. It is not protected: without our nonce it is nobody's.
 * @returns why it is not followed, if it is genuine
 */
export function sentOnAtInit(
  ike: Ikev2,
  sa: IkeSaIn<SaInitSent>,
  said: NotifyPayload,
  from: Received["from"],
): string | undefined {
  const { connection, nonce, replaces } = sa.phase;
  const read = readRedirect(said);
  if (read.nonce === undefined || !equal(read.nonce, nonce)) {
    drop(ike, "redirect-nonce", "a REDIRECT without the nonce of our request", from);
    return undefined;
  }
  const followed = follow(ike, connection, sa, read.address, replaces);
  if (!followed.ok) return followed.error;
  endIkeSa(ike, sa, { by: "succession" });
  return undefined;
}

/** REDIRECT in an answer to IKE_AUTH, of a gateway that has proven who it is: the IKE SA serves no more (6). */
export function sentOnAtAuth(
  ike: Ikev2,
  sa: IkeSa,
  { connection, secured, replaces }: AuthSent,
  said: NotifyPayload,
): void {
  const followed = follow(ike, connection, sa, readRedirect(said).address, replaces);
  if (!followed.ok) attemptFailed(ike, connection, "redirected", followed.error);
  enter(sa, { at: "DELETING", connection, secured, peer: undefined });
  ask(ike, sa, deleteIkeTask({ cause: "redirected" }));
}

/** REDIRECT in an INFORMATIONAL (5): the IKE SA is deleted when the one with the other gateway stands. */
export function sentOn(ike: Ikev2, sa: EstablishedSa, said: NotifyPayload): void {
  const { connection } = sa.phase;
  if (isConnecting(connection)) {
    count(ike, "redirect-again");
    return;
  }
  const replaces: Replaces = { key: sa.key, cause: "redirected" };
  const followed = follow(ike, connection, sa, readRedirect(said).address, replaces);
  if (followed.ok) return;
  report(ike, { sa }, "ikev2.redirect-refused", { cause: "policy", level: "warning", reason: followed.error });
}

/** Begins with the other gateway, by the deadline `redirect:NAME`, unless we are not to, or are sent about too often. */
function follow(
  ike: Ikev2,
  connection: ConnectionState,
  sa: IkeSa,
  gateway: Result<string, string>,
  replaces: Replaces | undefined,
): Result<undefined, string> {
  const { config, redirections } = connection;
  // a peer whom we have no address to begin with is a client of ours, and no gateway
  if (!config.followRedirect || config.remote.endpoint === undefined) {
    return err("the gateway sends its clients on, which is not followed here");
  }
  if (!gateway.ok) return gateway;
  const counted = oneMore(redirections, ike.env.now);
  if (counted === undefined) return err(`the gateways send on again and again, now to ${gateway.value}`);
  connection.redirections = counted;
  const from = sa.remote.address;
  const endpoint = { address: gateway.value, port: config.remote.endpoint.port };
  connection.redirect = { endpoint, redirectedFrom: from, ...(replaces !== undefined && { replaces }) };
  ike.deadlines.set(`redirect:${config.name}`, ike.env.now);
  report(ike, { sa }, "ikev2.redirected", { cause: "peer", figures: { from, to: gateway.value } });
  return ok(undefined);
}

/** What a client's IKE_SA_INIT says about being sent on. */
export interface Redirectable {
  readonly redirects: boolean;
  /** The gateway that sent it here. */
  readonly redirectedFrom: string | undefined;
}

/** Reads it: REDIRECTED_FROM says that a client can be sent on as well (9.3). */
export function redirectable(payloads: readonly ReceivedPayload[]): Redirectable {
  const from = notifyOf(payloads, NotifyType.REDIRECTED_FROM);
  const redirects = from !== undefined || notifyOf(payloads, NotifyType.REDIRECT_SUPPORTED) !== undefined;
  return { redirects, redirectedFrom: from === undefined ? undefined : readRedirectedFrom(from) };
}

/**
 * Where a client is sent to; undefined: it is served here, because it is to be, because it cannot go, because we are where
 * it is sent to (4), or because it was sent here from there.
 * @param via our address that it came by
 */
export function gatewayFor(
  { redirectTo }: Connection,
  { redirects, redirectedFrom }: Redirectable,
  via: string,
): string | undefined {
  if (redirectTo === undefined || !redirects) return undefined;
  const gateway = canonicalAddress(redirectTo) ?? redirectTo;
  return gateway === via || gateway === redirectedFrom ? undefined : gateway;
}

/** The one gateway for all connections that a client may be of, before it says who it is. */
export function gatewayForAll(
  candidates: readonly ConnectionState[],
  client: Redirectable,
  via: string,
): string | undefined {
  const [gateway, ...others] = new Set(candidates.map(({ config }) => gatewayFor(config, client, via)));
  return others.length === 0 ? gateway : undefined;
}

/** Tells of a client that is sent on before anybody knows who it is, at a bounded rate. */
export function tellSentOn(ike: Ikev2, connection: ConnectionState, from: Received["from"], gateway: string): void {
  count(ike, "redirected");
  ike.reports.tell("redirected", from, ike.env, ike.out, (times) => ({
    kind: "ikev2.sent-on",
    subjects: [{ kind: "connection", name: connection.config.name }],
    cause: "policy",
    level: "info",
    figures: { client: from.address, to: gateway, times },
  }));
}

/** The answer to IKE_AUTH of a client that is sent on: no Child SA (6). */
export function sendOnAtAuth(ike: Ikev2, sa: EstablishedSa, gateway: string): readonly Payload[] {
  ike.deadlines.set(`redirected:${sa.key}`, ike.env.now + LEAVE_MS);
  tellSentOn(ike, sa.phase.connection, sa.remote, gateway);
  return [redirectNotify(gateway)];
}

/** The deadline `redirected:KEY`. */
export function redirectedDue(ike: Ikev2, key: string): void {
  const sa = ike.ikeSas.get(key);
  if (sa !== undefined && isEstablished(sa)) deleteIkeSa(ike, sa, { cause: "redirected" });
}

/** Sends an established client on; what becomes of its IKE SA is for the client to say (5). */
export function sendOn(ike: Ikev2, sa: EstablishedSa, gateway: string, done: (sent: boolean) => void): void {
  tellSentOn(ike, sa.phase.connection, sa.remote, gateway);
  const task: Task = {
    kind: "redirect",
    exchange: ExchangeType.INFORMATIONAL,
    build: () => [redirectNotify(gateway)],
    answered: () => done(true),
    failed: () => done(false),
  };
  ask(ike, sa, task);
}
