/** Main mode as initiator (RFC 2409 5.1, 5.4): sends messages 1, 3 and 5, and drives the exchange by repeating them. */
import type { Datagram, Endpoint } from "../core/engine.ts";
import { retransmissionDelay } from "../core/retransmission.ts";
import type { ChainVerdict } from "../crypto/provider.ts";
import { Doi, ExchangeType, Flag } from "../iana/isakmp.ts";
import { equal, isZero } from "../util/octets.ts";
import { decodeMessage, encodeMessage, encodePayload } from "../wire/message.ts";
import type { Header, Payload } from "../wire/payloads.ts";
import { contentsOf } from "./contents.ts";
import {
  type Authenticated,
  agree,
  type Context,
  type InitiatorExchange,
  type InitiatorProgress,
  type Keyed,
  keyed,
  NONCE_LENGTH,
  nonceRefusal,
  type Proof,
  REFUSALS_AT_MOST,
  type Refused,
  refusedBehindKeys,
  sendTo,
} from "./exchange.ts";
import { admit } from "./peers.ts";
import { buildProof, checkHash, checkSignature, readProof, unacceptable } from "./proof.ts";
import { acceptAnswer, offerPayload } from "./proposals.ts";
import { refuse } from "./refusal.ts";
import { message2, message4, message6 } from "./transitions.ts";
import type { PeerPolicy, Phase1FailureCode, Phase1Proposal } from "./types.ts";

/** Share of a delay that chance may add to it, so that many initiators do not stay in step. */
const JITTER = 0.1;

/** Message 1: offers all of `proposals`. */
export function offer(
  attempt: number,
  local: Endpoint,
  remote: Endpoint,
  peer: PeerPolicy,
  proposals: readonly Phase1Proposal[],
  cookie: Uint8Array,
  ctx: Context,
): InitiatorExchange {
  const { doi, lifetimeSeconds } = ctx.policy;
  const sa = offerPayload(proposals, doi, lifetimeSeconds);
  const exchange: InitiatorExchange = {
    role: "initiator",
    attempt,
    initiatorCookie: cookie,
    local,
    remote,
    peer,
    doi,
    offer: encodePayload(sa, 0).subarray(4),
    offered: proposals,
    state: { at: "SA-SENT" },
    sent: { bytes: new Uint8Array(0), tries: 0 },
    dueAt: Number.POSITIVE_INFINITY,
    taken: [],
    refused: undefined,
    refusals: 0,
    hint: undefined,
    refusal: undefined,
  };
  advance(exchange, exchange.state, clear(cookie, new Uint8Array(8), [sa]), ctx);
  return exchange;
}

/** Messages 2, 4 and 6. A message that is refused changes nothing: the right one may still come. */
export function continueInitiator(
  exchange: InitiatorExchange,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): void {
  if (exchange.taken.some((one) => equal(one, digest))) {
    ctx.reports.count("repeated");
    return;
  }
  const { state, refused: before } = exchange;
  if (before !== undefined && equal(digest, before.digest)) {
    ctx.reports.count("repeated");
    // the peer means it; what cannot be read at all may be anybody's
    if (state.at === "ID-SENT" && before.code !== "malformed") fail(exchange, before.code, before.why, ctx);
    return;
  }
  const encrypted = (header.flags & Flag.ENCRYPTION) !== 0;
  if (exchange.refusals >= REFUSALS_AT_MOST || encrypted !== (state.at === "ID-SENT")) {
    ctx.reports.count("drop.unexpected");
    return;
  }
  let refused: Refused | undefined;
  if (state.at === "SA-SENT") refused = takeAnswer(exchange, datagram, header, digest, ctx);
  else if (state.at === "KE-SENT") refused = takeKeyExchange(exchange, state, datagram, digest, ctx);
  else if (state.at === "ID-SENT") refused = takeProof(exchange, state.keyed, datagram, header, digest, ctx);
  else ctx.reports.count("drop.unexpected");
  if (refused !== undefined) refuse(exchange, refused, digest, ctx);
}

/** Message 2: HDR, SA. Leads to message 3: HDR, KE, Ni. */
function takeAnswer(
  exchange: InitiatorExchange,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const message = decodeMessage(datagram.bytes);
  if (!message.ok) return { code: "malformed", why: message.error.message };
  const contents = contentsOf(message.value.payloads, message2);
  if (!contents.ok) return { code: "malformed", why: contents.error };
  const { sa } = contents.value;
  if (sa === undefined) return { code: "malformed", why: "SA is missing" };
  // strongSwan answers DOI 1 to an offer with DOI 2
  if (sa.payload.doi !== Doi.GDOI && sa.payload.doi !== Doi.IPSEC) {
    return { code: "malformed", why: `the answer has DOI ${sa.payload.doi}` };
  }
  if (isZero(header.responderCookie)) return { code: "malformed", why: "the responder's cookie is zero" };
  const meaning = acceptAnswer(sa.payload, exchange.offered);
  if (!meaning.ok) return { code: "no-proposal-chosen", why: meaning.error };
  const keyExchange = ctx.env.crypto.keyExchange(meaning.value.proposal.group);
  const nonce = ctx.env.random.octets(NONCE_LENGTH);
  const responderCookie = header.responderCookie.slice();
  const bytes = clear(exchange.initiatorCookie, responderCookie, [
    { kind: "KE", data: keyExchange.publicValue },
    { kind: "NONCE", data: nonce },
  ]);
  exchange.taken = [...exchange.taken, digest];
  advance(exchange, { at: "KE-SENT", responderCookie, meaning: meaning.value, keyExchange, nonce }, bytes, ctx);
  return undefined;
}

/** Message 4: HDR, KE, Nr. Leads to message 5: HDR*, IDii, and HASH_I or SIG_I. */
function takeKeyExchange(
  exchange: InitiatorExchange,
  state: InitiatorProgress & { readonly at: "KE-SENT" },
  datagram: Datagram,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const message = decodeMessage(datagram.bytes);
  if (!message.ok) return { code: "malformed", why: message.error.message };
  const contents = contentsOf(message.value.payloads, message4);
  if (!contents.ok) return { code: "malformed", why: contents.error };
  const { ke, nonce } = contents.value;
  if (ke === undefined || nonce === undefined) return { code: "malformed", why: "KE or nonce is missing" };
  const badNonce = nonceRefusal(nonce.data);
  if (badNonce !== undefined) return badNonce;
  const shared = agree(state.keyExchange, ke.data);
  if (!shared.ok) return shared.error;
  const exchanged = {
    initiatorCookie: exchange.initiatorCookie,
    responderCookie: state.responderCookie,
    initiatorPublic: state.keyExchange.publicValue,
    responderPublic: ke.data.slice(),
    initiatorNonce: state.nonce,
    responderNonce: nonce.data.slice(),
  };
  const psk = state.meaning.proposal.authentication === "psk" ? exchange.peer.psk : undefined;
  const keys = keyed(ctx.env, state.meaning, exchanged, shared.value, psk);
  const contact = ctx.known(exchange.remote) ? undefined : { doi: exchange.doi };
  const { datagram: bytes, lastBlock } = buildProof(keys, "initiator", exchange.offer, keys.iv, contact, ctx);
  exchange.taken = [...exchange.taken, digest];
  advance(exchange, { at: "ID-SENT", keyed: { ...keys, iv: lastBlock } }, bytes, ctx);
  return undefined;
}

/** Message 6: HDR*, IDir, and HASH_R or SIG_R. */
function takeProof(
  exchange: InitiatorExchange,
  keys: Keyed,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const { authentication } = keys.proposal;
  const proof = readProof(keys, message6(authentication), header, datagram.bytes, ctx);
  if (!proof.ok) return proof.error;
  if (authentication !== "psk") {
    const refused = unacceptable(proof.value, ctx);
    if (refused !== undefined) return refusedBehindKeys(refused, proof.value);
    exchange.state = { at: "VERIFYING-RESPONDER", keyed: keys, proof: proof.value };
    exchange.taken = [...exchange.taken, digest];
    // should the verdict not come, message 5 goes out again, and in the end the attempt fails
    exchange.dueAt = ctx.env.now + ctx.policy.halfOpen.timeoutMs;
    ctx.verify(exchange, proof.value.certificates);
    return undefined;
  }
  const notes = checkHash(proofInput(exchange, keys, proof.value), proof.value, ctx);
  if (!notes.ok) return refusedBehindKeys(notes.error, proof.value);
  return refusedBehindKeys(conclude(exchange, keys, proof.value, { notes: notes.value }, ctx), proof.value);
}

/** The verdict on the responder's certificates. */
export function responderVerified(exchange: InitiatorExchange, verdict: ChainVerdict, ctx: Context): void {
  const { state, taken } = exchange;
  const digest = taken.at(-1);
  if (state.at !== "VERIFYING-RESPONDER" || digest === undefined) return;
  const { keyed: keys, proof } = state;
  const checked = checkSignature(proofInput(exchange, keys, proof), proof, verdict, ctx);
  const found = checked.ok ? conclude(exchange, keys, proof, checked.value, ctx) : checked.error;
  const refused = refusedBehindKeys(found, proof);
  if (refused === undefined) return;
  exchange.state = { at: "ID-SENT", keyed: keys };
  exchange.taken = taken.slice(0, -1);
  exchange.dueAt = ctx.env.now + delay(exchange, ctx);
  refuse(exchange, refused, digest, ctx);
}

function conclude(
  exchange: InitiatorExchange,
  keys: Keyed,
  proof: Proof,
  proven: Omit<Authenticated, "proof" | "peer">,
  ctx: Context,
): Refused | undefined {
  const peer = admit([exchange.peer], proof.identity, keys.psk, ctx.env.crypto);
  if (peer === undefined) return { code: "not-authorized", why: `this is not the identity of ${exchange.peer.name}` };
  exchange.state = { at: "OVER" };
  ctx.establish(exchange, keys, { ...proven, proof, peer }, proof.lastBlock);
  return undefined;
}

/** The deadline of an exchange: sends the last message again, or gives up. */
export function repeat(exchange: InitiatorExchange, ctx: Context): void {
  const { refused, hint, sent, refusal } = exchange;
  const { tries } = ctx.policy.retransmission;
  if (sent.tries < tries) {
    sent.tries = refusal === undefined ? sent.tries + 1 : tries;
    exchange.dueAt = ctx.env.now + (refusal === undefined ? delay(exchange, ctx) : ctx.policy.retransmission.firstMs);
    sendTo(exchange, sent.bytes, ctx);
    return;
  }
  const silence = `no answer to ${sent.tries} sends of message ${messageNumber(exchange)}`;
  if (refusal !== undefined) fail(exchange, "refused-by-peer", `the peer refuses: ${refusal}`, ctx);
  else if (refused !== undefined) fail(exchange, refused.code, refused.why, ctx);
  else if (hint !== undefined) {
    fail(exchange, "refused-by-peer", `${silence}; unprotected, the peer says ${hint}`, ctx);
  } else {
    // a responder that cannot read message 5 has no reason to answer it
    const guess = exchange.state.at === "ID-SENT" ? ": wrong pre-shared key, or the peer refuses this identity" : "";
    fail(exchange, "timeout", `${silence}${guess}`, ctx);
  }
}

/** Ends an attempt. */
export function fail(exchange: InitiatorExchange, code: Phase1FailureCode, why: string, ctx: Context): void {
  const { remote, attempt, peer } = exchange;
  exchange.state = { at: "OVER" };
  ctx.upcalls.push({ up: "failed", attempt, peer: remote, code, why });
  ctx.out.push({
    out: "event",
    event: {
      kind: "phase1.failed",
      subjects: [{ kind: "phase1", name: remote.address }],
      cause: code === "timeout" ? "timer" : "peer",
      reason: why,
      figures: { code, peer: peer.name, remote: remote.address },
      level: "warning",
    },
  });
}

function messageNumber(exchange: InitiatorExchange): number {
  return exchange.state.at === "SA-SENT" ? 1 : exchange.state.at === "KE-SENT" ? 3 : 5;
}

function advance(exchange: InitiatorExchange, state: InitiatorProgress, bytes: Uint8Array, ctx: Context): void {
  exchange.state = state;
  exchange.sent = { bytes, tries: 1 };
  exchange.refused = undefined;
  exchange.dueAt = ctx.env.now + delay(exchange, ctx);
  sendTo(exchange, bytes, ctx);
}

function delay(exchange: InitiatorExchange, ctx: Context): number {
  const base = retransmissionDelay(ctx.policy.retransmission, exchange.sent.tries);
  return Math.round(base * (1 + JITTER * ctx.env.random.fraction()));
}

function proofInput(exchange: InitiatorExchange, keys: Keyed, proof: Proof) {
  const over = { ...keys.exchanged, offer: exchange.offer, identity: proof.body };
  return { proposal: keys.proposal, skeyid: keys.skeyid, whose: "responder", over } as const;
}

function clear(initiatorCookie: Uint8Array, responderCookie: Uint8Array, payloads: readonly Payload[]): Uint8Array {
  return encodeMessage(
    { initiatorCookie, responderCookie, exchangeType: ExchangeType.IDENTITY_PROTECTION, flags: 0, messageId: 0 },
    payloads,
  );
}
