/** IKE_AUTH as responder (RFC 7296 1.2, 2.15, 2.21.2). */
import { type Identity, identityText } from "../core/identity.ts";
import { samePeer } from "../core/identity-binding.ts";
import { AuthenticationMethod, NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { tellAuthLifetime } from "./auth-lifetime.ts";
import { requestedAuthorities } from "./certificates.ts";
import { installChild } from "./child-life.ts";
import { answerChild, type ChildAnswer, type ChildRefusal, virtualEnds } from "./child-negotiation.ts";
import { retryMissing } from "./connections.ts";
import { supersede } from "./contact.ts";
import { notify, payloadOf, payloadsOf } from "./contents.ts";
import { readIdentity } from "./identity.ts";
import { deriveChildKeys } from "./keys.ts";
import { admits, claimedIdentity, type ProofFault, prove, serves, verifyProof } from "./proof.ts";
import { gatewayFor, sendOnAtAuth } from "./redirection.ts";
import { count, report } from "./report.ts";
import { announce, endIkeSa, establish, establishedNow } from "./sa-life.ts";
import {
  type Answer,
  type ConnectionState,
  type EstablishedSa,
  enter,
  type IkeSa,
  type Ikev2,
  isIn,
  type Peer,
  type Received,
  type SaInitAnswered,
} from "./state.ts";
import type { IkeSuite } from "./suite.ts";
import { proceed, respond } from "./transmit.ts";
import { assignAddresses } from "./virtual-addresses.ts";
import { validatePath } from "./work.ts";

/** How long a peer waits for being refused: guessing is slow, and the reason is not told by the time that it took. */
const REFUSAL_MS = 1000;

/** HDR, SK {IDi, [CERT,] [CERTREQ,] [IDr,] AUTH, [CP,] [N+,] SAi2, TSi, TSr} */
export function answerAuth(ike: Ikev2, sa: IkeSa, request: Received): Answer | undefined {
  if (!isIn(sa, "SA_INIT_ANSWERED")) return undefined;
  const { phase } = sa;
  const { secured, init } = phase;
  const { payloads } = request;
  const found = whoIs(ike, phase, request);
  if (!found.ok) {
    refuse(ike, sa, request, found.error, undefined);
    return undefined;
  }
  const { connection, identity } = found.value;
  const { config } = connection;
  const proven = verifyProof(ike, config, secured, init, payloads, "initiator", identity);
  if (!proven.ok) {
    refuse(ike, sa, request, proven.error, connection);
    return undefined;
  }
  if (proven.value.by === "psk") return authentic(ike, sa, phase, connection, proven.value.peer, payloads);
  const { peer } = proven.value;
  enter(sa, { at: "VERIFYING", connection, secured });
  validatePath(ike, sa, config, proven.value, (verdict) => {
    const verified = stillServed(ike, connection, config) ? peer(verdict) : err(CHANGED);
    if (!verified.ok) {
      refuse(ike, sa, request, verified.error, connection);
      return;
    }
    const answer = authentic(ike, sa, phase, connection, verified.value, payloads);
    respond(ike, sa, request, answer.payloads);
    answer.after?.();
  });
  return undefined;
}

/** The connection is gone, or another one, since its peer was found to be one of it. */
const CHANGED: ProofFault = { code: "reconfigured", why: "the configuration changed meanwhile" };

function stillServed(ike: Ikev2, connection: ConnectionState, config: ConnectionState["config"]): boolean {
  return isConfigured(ike, connection) && connection.config === config;
}

function isConfigured(ike: Ikev2, connection: ConnectionState): boolean {
  return ike.connections.get(connection.config.name) === connection;
}

/** Which connection the peer means: one that knows it by name comes before one that takes anybody. */
function whoIs(
  ike: Ikev2,
  { candidates, secured }: SaInitAnswered,
  { payloads, from, via }: Received,
): Result<{ readonly connection: ConnectionState; readonly identity: Identity }, ProofFault> {
  const claimed = claimedIdentity(payloads, "IDi");
  if (!claimed.ok) return err({ code: "identity", why: claimed.error });
  const identity = claimed.value;
  const wanted = payloadOf(payloads, "IDr");
  // the address that it began from may have been another one
  const possible = candidates.filter(
    (one) => isConfigured(ike, one) && serves(one.config, from, via) && allows(one.config, secured.suite),
  );
  const meant = possible.filter(({ config }) => isMeant(config.local.identity, wanted));
  const how = payloadOf(payloads, "AUTH")?.method === AuthenticationMethod.SHARED_KEY_MIC ? "psk" : "signature";
  const those = (by: "named" | "any") => meant.filter(({ config }) => admits(ike, config, identity) === by);
  const connection = bestFor(those("named"), how) ?? bestFor(those("any"), how);
  if (connection !== undefined) return ok({ connection, identity });
  const name = sanitise(identityText(identity, ike.env.crypto));
  const why = meant.length === 0 ? `${name} asks for another identity than ours` : `no connection is for ${name}`;
  return err({ code: "identity", why });
}

/** Of several the first that takes the kind of proof that the peer gives. */
function bestFor(connections: readonly ConnectionState[], how: "psk" | "signature"): ConnectionState | undefined {
  return connections.find(({ config }) => config.remote.authentication.method === how) ?? connections[0];
}

/** The suite was chosen of what all candidates allow together: this one must allow it too. */
function allows({ ikeProposals }: ConnectionState["config"], { encryption, integrity, prf, group }: IkeSuite): boolean {
  return ikeProposals.some(
    (ours) =>
      includes(ours.encryption, encryption) &&
      (integrity === undefined || includes(ours.integrity, integrity)) &&
      includes(ours.prf, prf) &&
      includes(ours.groups, group),
  );
}

function includes(ours: readonly { readonly name: string }[], { name }: { readonly name: string }): boolean {
  return ours.some((one) => one.name === name);
}

/** IDr of a request says which of our identities is meant (RFC 7296 1.2). */
function isMeant(own: Identity, wanted: ReturnType<typeof payloadOf<"IDr">>): boolean {
  const identity = wanted === undefined ? undefined : readIdentity(wanted);
  return identity === undefined || (identity.ok && samePeer(identity.value, own));
}

/** AUTHENTICATION_FAILED whatever the reason, after a pause; the peer is told no more than that (RFC 7296 2.21.2). */
function refuse(
  ike: Ikev2,
  sa: IkeSa,
  request: Received,
  { code, why }: ProofFault,
  connection: ConnectionState | undefined,
): void {
  const { phase } = sa;
  if (phase.at !== "SA_INIT_ANSWERED" && phase.at !== "VERIFYING") return;
  count(ike, "authentication-failed");
  enter(sa, { at: "VERIFYING", connection, secured: phase.secured });
  // what the peer sent need not be kept for so long
  const asked = { exchange: request.exchange, from: request.from, via: request.via };
  ike.pauses.set(sa.key, () => {
    respond(ike, sa, asked, [notify(NotifyType.AUTHENTICATION_FAILED)]);
    endIkeSa(ike, sa, { by: "error", code, why });
  });
  ike.deadlines.set(`pause:${sa.key}`, ike.env.now + REFUSAL_MS);
}

/** HDR, SK {IDr, [CERT,] AUTH, [CP,] [N+,] SAr2, TSi, TSr} */
function authentic(
  ike: Ikev2,
  sa: IkeSa,
  { secured, init, redirectedFrom }: SaInitAnswered,
  connection: ConnectionState,
  peer: Peer,
  payloads: readonly ReceivedPayload[],
): Answer {
  const { config } = connection;
  const requested = requestedAuthorities(payloadsOf(payloads, "CERTREQ"));
  const proof = prove(ike, config, secured, init, "responder", requested);
  if (!proof.ok) {
    const after = () => endIkeSa(ike, sa, { by: "error", code: "no-proof", why: proof.error });
    return { payloads: [notify(NotifyType.AUTHENTICATION_FAILED)], after };
  }
  const { id, certificates, auth } = proof.value;
  const established = establish(ike, sa, establishedNow(ike, { connection, secured, peer }));
  supersede(ike, established, payloads);
  const gateway = gatewayFor(config, { redirects: secured.redirects, redirectedFrom }, sa.local.address);
  if (gateway !== undefined) {
    announce(ike, established);
    const redirect = sendOnAtAuth(ike, established, gateway);
    return { payloads: [id, ...certificates, auth, ...redirect], after: () => proceed(ike, established) };
  }
  const assigned = assignAddresses(ike, established, payloads);
  const child =
    payloadOf(payloads, "SA") === undefined ? undefined : answerFirstChild(ike, established, assigned, payloads);
  announce(ike, established);
  if (child?.ok) {
    const { agreement } = child.value;
    const { prf } = secured.suite;
    const keys = deriveChildKeys(ike.env.crypto, { prf, d: secured.d }, agreement.suite, init.nonces);
    installChild(ike, established, agreement, { keys, initiated: false, outbound: true });
  } else if (child !== undefined) tellRefusal(ike, established, child.error);
  retryMissing(ike, established);
  const after = () => proceed(ike, established);
  // 2.19: the CP payload stands before the SA payload
  const configuration = assigned.ok ? assigned.value : [];
  const lifetime = tellAuthLifetime(ike, established);
  return { payloads: [id, ...certificates, auth, ...configuration, ...childPayloads(child), ...lifetime], after };
}

/** The Child SA that goes with the IKE SA; none for a client that has no address. */
function answerFirstChild(
  ike: Ikev2,
  sa: EstablishedSa,
  assigned: ReturnType<typeof assignAddresses>,
  payloads: readonly ReceivedPayload[],
): Result<ChildAnswer, ChildRefusal> {
  if (!assigned.ok) return assigned;
  return answerChild(ike, sa.phase.connection.config, virtualEnds(sa, sa.phase), payloads, "IKE_AUTH", 0);
}

/** A Child SA of the peer's wish that is not to be. */
export function tellRefusal(ike: Ikev2, sa: EstablishedSa, { notify: { type }, why }: ChildRefusal): void {
  const figures = { code: nameOf(NotifyType, type) };
  report(ike, { sa }, "ikev2.child-refused", { cause: "policy", level: "warning", reason: why, figures });
}

/** The Child SA, or why there is none: the IKE SA stands all the same (RFC 7296 2.21.2). */
function childPayloads(child: ReturnType<typeof answerChild> | undefined): readonly Payload[] {
  if (child === undefined) return [];
  if (!child.ok) return [child.error.notify];
  const { notifies, sa, selectors }: ChildAnswer = child.value;
  return [...notifies, sa, ...selectors];
}
