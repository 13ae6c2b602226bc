/** IKE_AUTH as initiator (RFC 7296 1.2, 2.15, 2.21.2). */

import { identityText } from "../core/identity.ts";
import { ExchangeType, NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { sanitise } from "../ledger/sanitise.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { heardAuthLifetime } from "./auth-lifetime.ts";
import { childFailed } from "./child-failure.ts";
import { installChild } from "./child-life.ts";
import { endsOf, offerChild, takeChildAnswer } from "./child-negotiation.ts";
import { attemptFailed, connectSoon, firstChild, wantedChildren } from "./connections.ts";
import { isFirstContact, supersede } from "./contact.ts";
import { errorOf, notify, notifyOf, payloadOf } from "./contents.ts";
import { deleteIkeSa, deleteIkeTask, discardChild } from "./deletion.ts";
import { identityPayload } from "./identity.ts";
import { deriveChildKeys } from "./keys.ts";
import { admits, claimedIdentity, type ProofFault, prove, requestCertificates, verifyProof } from "./proof.ts";
import { sentOnAtAuth } from "./redirection.ts";
import { count } from "./report.ts";
import { announce, endIkeSa, establish, establishedNow } from "./sa-life.ts";
import {
  type AuthSent,
  type EstablishedSa,
  enter,
  type IkeSa,
  type IkeSaIn,
  type Ikev2,
  isIn,
  type Peer,
  type SaInitSent,
  type Task,
} from "./state.ts";
import { ask, proceed } from "./transmit.ts";
import {
  ofOwnAddresses,
  receivedAddresses,
  requestAddresses,
  takeAddresses,
  unknownAddresses,
} from "./virtual-addresses.ts";
import { validatePath } from "./work.ts";

/** IKE_SA_INIT is through: who we are, and what we want. */
export function authenticate(ike: Ikev2, sa: IkeSaIn<SaInitSent>, agreed: Omit<AuthSent, "at" | "offer">): void {
  const { connection, secured, init } = agreed;
  const { config } = connection;
  const proof = prove(ike, config, secured, init, "initiator", init.requested);
  if (!proof.ok) {
    endIkeSa(ike, sa, { by: "error", code: "no-proof", why: proof.error });
    return;
  }
  const { id, certificates, auth } = proof.value;
  const child = firstChild(connection);
  const ends = endsOf(sa, secured, unknownAddresses(connection));
  const offered = child === undefined ? undefined : offerChild(ike, child, ends, undefined);
  const { identity } = config.remote;
  // HDR, SK {IDi, [CERT,] [N(INITIAL_CONTACT),] [CERTREQ,] [IDr,] AUTH, [CP,] [N+,] SAi2, TSi, TSr}
  const payloads: readonly Payload[] = [
    id,
    ...certificates,
    ...(isFirstContact(ike, sa, connection) ? [notify(NotifyType.INITIAL_CONTACT)] : []),
    ...requestCertificates(ike, [config]),
    ...(identity === undefined ? [] : [identityPayload("IDr", identity)]),
    auth,
    ...requestAddresses(connection),
    ...(offered?.payloads ?? []),
  ];
  enter(sa, { at: "AUTH_SENT", ...agreed, offer: offered?.offer });
  ask(ike, sa, authTask(payloads));
}

function authTask(payloads: readonly Payload[]): Task {
  return {
    kind: "authenticate",
    exchange: ExchangeType.IKE_AUTH,
    build: () => payloads,
    answered: (ike, sa, response) => {
      if (isIn(sa, "AUTH_SENT")) authAnswered(ike, sa, response.payloads);
    },
    failed: () => undefined,
  };
}

/** HDR, SK {IDr, [CERT,] AUTH, [CP,] [N+,] [SAr2, TSi, TSr]} */
function authAnswered(ike: Ikev2, sa: IkeSaIn<AuthSent>, payloads: readonly ReceivedPayload[]): void {
  const { connection, secured, init } = sa.phase;
  const { config } = connection;
  const error = errorOf(payloads);
  if (payloadOf(payloads, "AUTH") === undefined && error !== undefined) {
    const code = nameOf(NotifyType, error.type);
    endIkeSa(ike, sa, { by: "error", code, why: `the peer refuses with ${code}` });
    return;
  }
  const identity = claimedIdentity(payloads, "IDr");
  if (!identity.ok) {
    notAuthentic(ike, sa, { code: "identity", why: identity.error });
    return;
  }
  if (admits(ike, config, identity.value) === undefined) {
    const name = sanitise(identityText(identity.value, ike.env.crypto));
    notAuthentic(ike, sa, { code: "identity", why: `the peer says that it is ${name}` });
    return;
  }
  const proven = verifyProof(ike, config, secured, init, payloads, "responder", identity.value);
  if (!proven.ok) {
    notAuthentic(ike, sa, proven.error);
    return;
  }
  if (proven.value.by === "psk") {
    authentic(ike, sa, sa.phase, proven.value.peer, payloads);
    return;
  }
  const { phase } = sa;
  const { peer } = proven.value;
  enter(sa, { at: "VERIFYING", connection, secured });
  validatePath(ike, sa, config, proven.value, (verdict) => {
    const found = peer(verdict);
    if (found.ok) authentic(ike, sa, phase, found.value, payloads);
    else notAuthentic(ike, sa, found.error);
  });
}

/** The peer has not proven who it is: told to it in an exchange of its own (RFC 7296 2.21.2), and the attempt is over. */
function notAuthentic(ike: Ikev2, sa: IkeSa, { code, why }: ProofFault): void {
  const { phase } = sa;
  if ((phase.at !== "AUTH_SENT" && phase.at !== "VERIFYING") || phase.connection === undefined) return;
  const { connection, secured } = phase;
  count(ike, "peer-not-authentic");
  attemptFailed(ike, connection, code, why);
  enter(sa, { at: "DELETING", connection, secured, peer: undefined });
  ask(ike, sa, {
    kind: "not-authentic",
    exchange: ExchangeType.INFORMATIONAL,
    build: () => [notify(NotifyType.AUTHENTICATION_FAILED)],
    answered: () => endIkeSa(ike, sa, { by: "us" }),
    failed: () => undefined,
  });
}

function authentic(ike: Ikev2, sa: IkeSa, sent: AuthSent, peer: Peer, payloads: readonly ReceivedPayload[]): void {
  const { connection, secured, replaces } = sent;
  const redirect = notifyOf(payloads, NotifyType.REDIRECT);
  if (redirect !== undefined) {
    sentOnAtAuth(ike, sa, sent, redirect);
    return;
  }
  const configuration = receivedAddresses(connection, payloads);
  if (!configuration.ok) {
    useless(ike, sa, sent, configuration.error);
    return;
  }
  const established = establish(ike, sa, establishedNow(ike, { connection, secured, peer }));
  supersede(ike, established, payloads);
  announce(ike, established);
  takeAddresses(ike, established, configuration.value);
  const lifetime = notifyOf(payloads, NotifyType.AUTH_LIFETIME);
  if (lifetime !== undefined) heardAuthLifetime(ike, established, lifetime);
  // what IKE_AUTH has no room for
  const more = takeChild(ike, established, sent, payloads) && wantedChildren(established).size > 0;
  if (more) connectSoon(ike, connection, 0);
  if (replaces !== undefined) {
    const old = ike.ikeSas.get(replaces.key);
    if (old !== undefined) deleteIkeSa(ike, old, { cause: replaces.cause });
  }
  proceed(ike, established);
}

/** Without the address that it needs a client has no use for the IKE SA: it tries again from the beginning (3.15.4). */
function useless(ike: Ikev2, sa: IkeSa, { connection, secured }: AuthSent, why: string): void {
  attemptFailed(ike, connection, "no-address", why);
  enter(sa, { at: "DELETING", connection, secured, peer: undefined });
  ask(ike, sa, deleteIkeTask({ cause: "not-agreed", text: "no address was given" }));
}

/**
 * The Child SA that was offered, if the peer agreed; if not the IKE SA stays without it (RFC 7296 1.2).
 * @returns false when it failed.
 */
function takeChild(
  ike: Ikev2,
  sa: EstablishedSa,
  { offer, init }: AuthSent,
  payloads: readonly ReceivedPayload[],
): boolean {
  if (offer === undefined) return true;
  const { connection, secured } = sa.phase;
  const error = errorOf(payloads);
  if (payloadOf(payloads, "SA") === undefined) {
    const code = error === undefined ? "no-answer" : nameOf(NotifyType, error.type);
    childFailed(ike, connection, offer.policy.name, code, `the peer refuses with ${code}`);
    return false;
  }
  const answered = takeChildAnswer(offer, payloads, undefined);
  const agreement = answered.ok ? ofOwnAddresses(answered.value, sa.phase.virtualAddresses) : answered;
  if (!agreement.ok) {
    childFailed(ike, connection, offer.policy.name, "not-offered", agreement.error);
    discardChild(ike, sa, offer.spiIn, agreement.error);
    return false;
  }
  const { prf } = secured.suite;
  const keys = deriveChildKeys(ike.env.crypto, { prf, d: secured.d }, agreement.value.suite, init.nonces);
  installChild(ike, sa, agreement.value, { keys, initiated: true, outbound: true });
  return true;
}
