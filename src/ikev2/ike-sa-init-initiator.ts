/**
 * IKE_SA_INIT as initiator (RFC 7296 1.2). What comes back is not protected: it can begin the exchange again with a cookie or
 * another group, and anything else that it says against us is believed only when nothing better follows (2.21.1).
 */
import type { Datagram, Endpoint } from "../core/engine.ts";
import type { KeyExchange } from "../crypto/provider.ts";
import { ExchangeType, Flag, NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { encodeMessage } from "../wire/ikev2/message.ts";
import type { NotifyPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { requestedAuthorities } from "./certificates.ts";
import { attemptFailed, firstChild } from "./connections.ts";
import { errorOf, notify, notifyOf, payloadOf, payloadsOf } from "./contents.ts";
import { authenticate } from "./ike-auth-initiator.ts";
import {
  abilities,
  detectNat,
  isNonce,
  NONCE_OCTETS,
  natDetection,
  peerHashes,
  secure,
  sharedSecret,
} from "./ike-sa-init.ts";
import { otherGroup } from "./key-exchange.ts";
import { initialIkeKeys } from "./keys.ts";
import { acceptIke, firstIkeGroup, ikeOffer } from "./proposals.ts";
import { redirectAbility, sentOnAtInit } from "./redirection.ts";
import { count, drop } from "./report.ts";
import { addIkeSa, endIkeSa } from "./sa-life.ts";
import { freshSpi } from "./spis.ts";
import type { Attempt, AuthSent, ConnectionState, IkeSa, IkeSaIn, Ikev2, InitExchange, SaInitSent } from "./state.ts";
import type { Group } from "./suite.ts";
import { answered, request } from "./transmit.ts";
import type { Connection } from "./types.ts";
import { reopenRequest } from "./window.ts";

/** A cookie, another group, another cookie after that: more often nobody needs to begin again. */
const RESTARTS = 6;
const NO_SPI = new Uint8Array(8);

/** Begins an IKE SA. @returns it, undefined when the connection names nobody to begin with, or no socket fits. */
export function initiate(ike: Ikev2, connection: ConnectionState, attempt: Attempt = {}): IkeSa | undefined {
  const { config } = connection;
  const remote = attempt.endpoint ?? config.remote.endpoint;
  const group = firstIkeGroup(config.ikeProposals);
  if (remote === undefined || group === undefined) return undefined;
  const local = localFor(ike, config, remote);
  if (local === undefined) {
    attemptFailed(ike, connection, "no-socket", `no local address fits the peer's, ${remote.address}`);
    return undefined;
  }
  const spiI = freshSpi(ike, 8);
  const phase: SaInitSent = {
    at: "SA_INIT_SENT",
    connection,
    ke: ike.env.crypto.keyExchange(group.id),
    group,
    nonce: ike.env.random.octets(NONCE_OCTETS),
    request: new Uint8Array(),
    cookie: undefined,
    restarts: 0,
    refusal: undefined,
    redirectedFrom: attempt.redirectedFrom,
    replaces: attempt.replaces,
  };
  const sa = addIkeSa(ike, "initiator", { i: spiI, r: NO_SPI }, { local, remote }, phase);
  sendInit(ike, sa, phase);
  return sa;
}

/**
 * The socket of ours to begin by: of the configured address, or the first of the peer's family; where the peer is meant to be
 * reached by its port for NAT traversal at once, that for NAT traversal (RFC 7296 2.23).
 */
function localFor(
  ike: Ikev2,
  { local: { address }, remote: { natPort } }: Connection,
  remote: Endpoint,
): Endpoint | undefined {
  const family = (text: string) => text.includes(":");
  const fits = (local: Endpoint) =>
    address === undefined ? family(local.address) === family(remote.address) : local.address === address;
  const pair = ike.policy.listen.find(({ ike: local }) => fits(local));
  return remote.port === natPort ? pair?.nat : pair?.ike;
}

/** HDR, [N(COOKIE)], SAi1, KEi, Ni, [N+] */
function sendInit(ike: Ikev2, sa: IkeSaIn<SaInitSent>, phase: SaInitSent): void {
  const { config } = phase.connection;
  const spis = { initiator: sa.spiI, responder: NO_SPI };
  const payloads: readonly Payload[] = [
    ...(phase.cookie === undefined ? [] : [notify(NotifyType.COOKIE, phase.cookie)]),
    ikeOffer(config.ikeProposals, new Uint8Array()),
    { kind: "KE", group: phase.ke.group, data: phase.ke.publicValue },
    { kind: "NONCE", data: phase.nonce },
    ...natDetection(ike.env, spis, { from: sa.local, to: sa.remote }, config.encapsulation),
    ...abilities(config.fragmentation),
    ...redirectAbility(phase),
  ];
  const header = {
    spiI: sa.spiI,
    spiR: NO_SPI,
    exchangeType: ExchangeType.IKE_SA_INIT,
    flags: Flag.INITIATOR,
    messageId: 0,
  };
  const octets = encodeMessage(header, payloads);
  sa.phase = { ...phase, request: octets };
  request(ike, sa, [octets]);
}

/** The exchange again, with what the responder asks for: same SPI and nonce, so that a cookie stays right (2.6). */
function restart(
  ike: Ikev2,
  sa: IkeSaIn<SaInitSent>,
  change: Partial<Pick<SaInitSent, "cookie" | "ke" | "group">>,
): void {
  reopenRequest(sa.window);
  sendInit(ike, sa, { ...sa.phase, ...change, restarts: sa.phase.restarts + 1, refusal: undefined });
}

/** A response to our IKE_SA_INIT, from whomever. */
export function initAnswered(
  ike: Ikev2,
  sa: IkeSaIn<SaInitSent>,
  datagram: Datagram,
  spiR: Uint8Array,
  payloads: readonly ReceivedPayload[],
): void {
  const { phase } = sa;
  const { from } = datagram;
  const cookie = notifyOf(payloads, NotifyType.COOKIE);
  if (cookie !== undefined) {
    if (cookie.data.length < 1 || cookie.data.length > 64) drop(ike, "bad-cookie", "a cookie has 1 to 64 octets", from);
    else if (phase.restarts >= RESTARTS) drop(ike, "restarts", "it asks to begin again and again", from);
    else restart(ike, sa, { cookie: cookie.data });
    return;
  }
  const redirect = notifyOf(payloads, NotifyType.REDIRECT);
  if (redirect !== undefined) {
    const why = sentOnAtInit(ike, sa, redirect, from);
    if (why !== undefined) refusedBecause(sa, "redirected", why);
    return;
  }
  const error = errorOf(payloads);
  if (error !== undefined) {
    refused(ike, sa, error, from);
    return;
  }
  if (
    firstChild(phase.connection) === undefined &&
    notifyOf(payloads, NotifyType.CHILDLESS_IKEV2_SUPPORTED) === undefined
  ) {
    // RFC 6023 3: it must not be asked for
    refusedBecause(sa, "childless", "no Child SA starts with the connection, and the peer has no IKE SA without one");
    return;
  }
  const agreed = agree(ike, sa, datagram, spiR, payloads);
  if (typeof agreed === "string") drop(ike, "bad-init-response", agreed, from);
  else authenticate(ike, sa, agreed);
}

function refused(ike: Ikev2, sa: IkeSaIn<SaInitSent>, error: NotifyPayload, from: Endpoint): void {
  const { phase } = sa;
  if (error.type === NotifyType.INVALID_KE_PAYLOAD) {
    const group = otherGroup(error, undefined, phase.connection.config.ikeProposals);
    if (group !== undefined && group.id !== phase.group.id && phase.restarts < RESTARTS) {
      restart(ike, sa, { group, ke: keyExchange(ike, group) });
      return;
    }
  }
  count(ike, "refused-in-the-clear");
  const name = nameOf(NotifyType, error.type);
  refusedBecause(sa, name, `${from.address} refuses with ${name}, which is not protected`);
}

/** The first refusal is the one that is told, when nothing better comes. */
function refusedBecause(sa: IkeSaIn<SaInitSent>, code: string, why: string): void {
  if (sa.phase.refusal !== undefined) return;
  sa.phase = { ...sa.phase, refusal: { code, why, sent: sa.window.inFlight?.sent ?? 0 } };
}

function keyExchange(ike: Ikev2, group: Group): KeyExchange {
  return ike.env.crypto.keyExchange(group.id);
}

/** HDR, SAr1, KEr, Nr, [CERTREQ], [N+]: the keys that follow from it, or what is wrong with it. */
function agree(
  ike: Ikev2,
  sa: IkeSaIn<SaInitSent>,
  { from, via, bytes }: Datagram,
  spiR: Uint8Array,
  payloads: readonly ReceivedPayload[],
): Omit<AuthSent, "at" | "offer"> | string {
  const { env } = ike;
  const { connection, ke, group, nonce, replaces } = sa.phase;
  const { config } = connection;
  const [chosen, theirs, nr] = [payloadOf(payloads, "SA"), payloadOf(payloads, "KE"), payloadOf(payloads, "NONCE")];
  if (chosen === undefined || theirs === undefined || nr === undefined) return "SA, KE or Nonce is missing";
  if (spiR.every((octet) => octet === 0)) return "the responder's SPI is zero";
  if (!isNonce(nr.data)) return `a nonce has 16 to 256 octets, not ${nr.data.length}`;
  const accepted = acceptIke(chosen, config.ikeProposals, 0, group);
  if (!accepted.ok) return accepted.error;
  if (theirs.group !== group.id) return `the KE payload is of group ${theirs.group}, not ${group.id}`;
  const secret = sharedSecret(ke, theirs.data);
  if (secret === undefined) return "the responder's public value is not one of its group";
  const { suite } = accepted.value;
  const nonces = { initiator: nonce, responder: nr.data };
  const spis = { initiator: sa.spiI, responder: spiR };
  const nat = detectNat(env, payloads, spis, { from, to: via }, config.encapsulation);
  const theirFragments = notifyOf(payloads, NotifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  const keys = initialIkeKeys(env.crypto, suite, nonces, secret, spis);
  const fragmentation = config.fragmentation && theirFragments;
  const secured = secure(ike, "initiator", { suite, keys, spis, nat, fragmentation, redirects: false });
  sa.spiR = spiR.slice();
  const init: InitExchange = {
    nonces: { initiator: nonce, responder: nr.data.slice() },
    request: sa.phase.request,
    response: bytes.slice(),
    pi: keys.pi,
    pr: keys.pr,
    requested: requestedAuthorities(payloadsOf(payloads, "CERTREQ")).map((hash) => hash.slice()),
    peerHashes: peerHashes(payloads),
  };
  answered(ike, sa);
  if (nat.local || nat.remote) moveToNatPorts(ike, sa, config.remote.natPort);
  return { connection, secured, init, replaces };
}

/** From the next message on all goes by the sockets that ESP can share (RFC 7296 2.23). */
function moveToNatPorts(ike: Ikev2, sa: IkeSa, natPort: number): void {
  const pair = ike.policy.listen.find(
    ({ ike: { address, port } }) => address === sa.local.address && port === sa.local.port,
  );
  if (pair === undefined) return;
  sa.local = pair.nat;
  sa.remote = { address: sa.remote.address, port: natPort };
}

/** The request was sent often enough, or was refused in the clear and nothing better came after one more send. */
export function initUnanswered(ike: Ikev2, sa: IkeSaIn<SaInitSent>): void {
  const { refusal } = sa.phase;
  if (refusal === undefined) endIkeSa(ike, sa, { by: "silence" });
  else endIkeSa(ike, sa, { by: "error", code: refusal.code, why: refusal.why });
}
