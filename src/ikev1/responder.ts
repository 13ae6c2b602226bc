/** Main mode as responder (RFC 2409 5.1, 5.4): answers messages 1, 3 and 5. */
import type { Datagram } from "../core/engine.ts";
import type { ChainVerdict } from "../crypto/provider.ts";
import { Doi, ExchangeType, Flag, NotifyType } from "../iana/isakmp.ts";
import { equal } from "../util/octets.ts";
import { decodeMessage, encodeMessage } from "../wire/message.ts";
import type { Header, Payload } from "../wire/payloads.ts";
import { contentsOf } from "./contents.ts";
import { saId } from "./established.ts";
import {
  type Authenticated,
  agree,
  type Context,
  type Keyed,
  keyed,
  NONCE_LENGTH,
  nonceRefusal,
  type Proof,
  type Refused,
  type ResponderExchange,
  refusedBehindKeys,
  sendTo,
} from "./exchange.ts";
import { admit, claimedBecause, peersAt, usableProposals } from "./peers.ts";
import {
  addressNote,
  buildProof,
  certificateRequests,
  checkHash,
  checkSignature,
  readProof,
  unacceptable,
} from "./proof.ts";
import { answerPayload, choose } from "./proposals.ts";
import { notifyInClear, refuse } from "./refusal.ts";
import { message1, message3, message5 } from "./transitions.ts";
import type { PeerPolicy } from "./types.ts";

/**
 * Octets of an SA payload in message 1, several times what the longest lists of transforms take. The offer is kept until
 * message 5 proves it, for anybody who asks, so a few thousand of them must be small.
 */
const MOST_OFFER_OCTETS = 8192;

/** The name of an exchange while the responder's cookie is not known to the initiator. */
export function firstKey(datagram: Datagram, header: Header): string {
  return `${datagram.from.address} ${datagram.from.port} ${saId(header.initiatorCookie, new Uint8Array(0))}`;
}

/** Message 1: chooses a transform. Undefined when the message was refused; nothing is kept then. */
export function answerOffer(
  datagram: Datagram,
  header: Header,
  cookie: Uint8Array,
  digest: Uint8Array,
  ctx: Context,
): ResponderExchange | undefined {
  const { from, via, bytes } = datagram;
  const drop = (code: string, why: string): undefined => {
    ctx.reports.drop(code, why, from, ctx.env, ctx.out);
    return undefined;
  };
  const message = decodeMessage(bytes);
  if (!message.ok) return drop("malformed", message.error.message);
  const contents = contentsOf(message.value.payloads, message1);
  if (!contents.ok || contents.value.sa === undefined) {
    return drop("malformed", contents.ok ? "no SA payload" : contents.error);
  }
  const { payload: sa, body } = contents.value.sa;
  if (body.length > MOST_OFFER_OCTETS) {
    return drop("oversized-offer", `an SA payload of ${body.length} octets, ${MOST_OFFER_OCTETS} are looked at`);
  }
  const answer = (notifyType: number, text: string): void =>
    notifyInClear(ctx, datagram, header.initiatorCookie, cookie, Doi.ISAKMP, notifyType, text);
  if (sa.doi !== Doi.GDOI && sa.doi !== Doi.IPSEC) {
    answer(NotifyType.DOI_NOT_SUPPORTED, `DOI ${sa.doi}`);
    return drop("doi", `DOI ${sa.doi} is not supported`);
  }
  if (sa.situation > 1 || sa.situationLabels !== undefined) {
    answer(NotifyType.SITUATION_NOT_SUPPORTED, `situation ${sa.situation}`);
    return drop("situation", `situation ${sa.situation} is not supported`);
  }
  const peers = peersAt(ctx.policy, from.address);
  if (peers.length === 0) {
    answer(NotifyType.NO_PROPOSAL_CHOSEN, "no-proposal-chosen");
    return drop("unknown-peer", "no peer with this address is configured");
  }
  const choice = choose(sa, usableProposals(ctx.policy, peers));
  if (!choice.ok) {
    answer(NotifyType.NO_PROPOSAL_CHOSEN, choice.error);
    ctx.reports.count("refused.no-proposal-chosen");
    ctx.reports.tell("no-proposal-chosen", from, ctx.env, ctx.out, (times) => ({
      kind: "phase1.refused",
      subjects: [{ kind: "phase1", name: from.address }],
      cause: "peer",
      reason: choice.error,
      figures: { code: "no-proposal-chosen", role: "responder", source: from.address, times },
      level: "warning",
    }));
    ctx.upcalls.push({ up: "failed", peer: from, code: "no-proposal-chosen", why: choice.error });
    return undefined;
  }
  const initiatorCookie = header.initiatorCookie.slice();
  const exchange: ResponderExchange = {
    role: "responder",
    id: saId(initiatorCookie, cookie),
    first: firstKey(datagram, header),
    initiatorCookie,
    responderCookie: cookie,
    local: via,
    remote: from,
    doi: sa.doi,
    offer: body.slice(),
    choice: choice.value,
    state: { at: "SA-ANSWERED" },
    taken: digest,
    answer: clear(initiatorCookie, cookie, [answerPayload(sa.doi, choice.value)]),
    refused: undefined,
    refusals: 0,
  };
  sendTo(exchange, exchange.answer, ctx);
  return exchange;
}

/** Messages 3 and 5, and repeated ones, which get the octets of their answer again. */
export function continueResponder(
  exchange: ResponderExchange,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): void {
  if (equal(digest, exchange.taken)) {
    ctx.reports.count("repeated");
    if (exchange.state.at !== "VERIFYING-INITIATOR") sendTo(exchange, exchange.answer, ctx);
    return;
  }
  if (exchange.refused !== undefined && equal(digest, exchange.refused.digest)) {
    ctx.reports.count("repeated");
    return;
  }
  const { state } = exchange;
  const encrypted = (header.flags & Flag.ENCRYPTION) !== 0;
  let refused: Refused | undefined;
  // a late copy of an earlier message, or nobody's
  if (encrypted !== (state.at === "KE-ANSWERED")) ctx.reports.count("drop.unexpected");
  else if (state.at === "SA-ANSWERED") refused = takeKeyExchange(exchange, datagram, digest, ctx);
  else if (state.at === "KE-ANSWERED") refused = takeProof(exchange, state.keyed, datagram, header, digest, ctx);
  else ctx.reports.count("drop.unexpected");
  if (refused !== undefined) refuse(exchange, refused, digest, ctx);
}

/** Message 3: HDR, KE, Ni. */
function takeKeyExchange(
  exchange: ResponderExchange,
  datagram: Datagram,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const { env, policy } = ctx;
  const message = decodeMessage(datagram.bytes);
  if (!message.ok) return { code: "malformed", why: message.error.message };
  const contents = contentsOf(message.value.payloads, message3);
  if (!contents.ok) return { code: "malformed", why: contents.error };
  const { ke, nonce } = contents.value;
  if (ke === undefined || nonce === undefined) return { code: "malformed", why: "KE or nonce is missing" };
  const badNonce = nonceRefusal(nonce.data);
  if (badNonce !== undefined) return badNonce;
  const { proposal } = exchange.choice;
  const psk = proposal.authentication === "psk" ? pskFor(exchange, ctx) : undefined;
  if (proposal.authentication === "psk" && psk === undefined) {
    return { code: "not-authorized", why: "no pre-shared key is configured for this address any more" };
  }
  const keyExchange = env.crypto.keyExchange(proposal.group);
  const shared = agree(keyExchange, ke.data);
  if (!shared.ok) return shared.error;
  const exchanged = {
    initiatorCookie: exchange.initiatorCookie,
    responderCookie: exchange.responderCookie,
    initiatorPublic: ke.data.slice(),
    responderPublic: keyExchange.publicValue,
    initiatorNonce: nonce.data.slice(),
    responderNonce: env.random.octets(NONCE_LENGTH),
  };
  const payloads: Payload[] = [
    { kind: "KE", data: exchanged.responderPublic },
    { kind: "NONCE", data: exchanged.responderNonce },
  ];
  if (psk === undefined) payloads.push(...certificateRequests(policy, env.crypto));
  exchange.state = { at: "KE-ANSWERED", keyed: keyed(env, exchange.choice, exchanged, shared.value, psk) };
  lead(exchange, digest, clear(exchange.initiatorCookie, exchange.responderCookie, payloads), ctx);
  return undefined;
}

/** Message 5: HDR*, IDii, and HASH_I or SIG_I. */
function takeProof(
  exchange: ResponderExchange,
  keys: Keyed,
  datagram: Datagram,
  header: Header,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const { authentication } = keys.proposal;
  const proof = readProof(keys, message5(authentication), header, datagram.bytes, ctx);
  if (!proof.ok) return proof.error;
  if (authentication !== "psk") {
    const refused = unacceptable(proof.value, ctx);
    if (refused !== undefined) return refusedBehindKeys(refused, proof.value);
    exchange.state = { at: "VERIFYING-INITIATOR", keyed: keys, proof: proof.value };
    exchange.taken = digest;
    ctx.verify(exchange, proof.value.certificates);
    return undefined;
  }
  const notes = checkHash(proofInput(exchange, keys, proof.value), proof.value, ctx);
  if (!notes.ok) return refusedBehindKeys(notes.error, proof.value);
  const all = [...notes.value, ...addressNote(proof.value.identity, exchange.remote)];
  return refusedBehindKeys(conclude(exchange, keys, proof.value, { notes: all }, digest, ctx), proof.value);
}

/** The verdict on the initiator's certificates. */
export function initiatorVerified(exchange: ResponderExchange, verdict: ChainVerdict, ctx: Context): void {
  const { state, taken } = exchange;
  if (state.at !== "VERIFYING-INITIATOR") return;
  const { keyed: keys, proof } = state;
  const checked = checkSignature(proofInput(exchange, keys, proof), proof, verdict, ctx);
  const found = checked.ok ? conclude(exchange, keys, proof, checked.value, taken, ctx) : checked.error;
  const refused = refusedBehindKeys(found, proof);
  if (refused === undefined) return;
  // another message 5 may follow; this one is known by now
  exchange.state = { at: "KE-ANSWERED", keyed: keys };
  exchange.taken = new Uint8Array(0);
  refuse(exchange, refused, taken, ctx);
}

/** Proven: authorised or not, and if so message 6: HDR*, IDir, and HASH_R or SIG_R. */
function conclude(
  exchange: ResponderExchange,
  keys: Keyed,
  proof: Proof,
  proven: Omit<Authenticated, "proof" | "peer">,
  digest: Uint8Array,
  ctx: Context,
): Refused | undefined {
  const here = peersAt(ctx.policy, exchange.remote.address);
  const claimed = (one: PeerPolicy) =>
    keys.psk === undefined ? undefined : claimedBecause(ctx.policy, one, proof.identity);
  const free = here.filter((one) => claimed(one) === undefined);
  const peer = admit(free, proof.identity, keys.psk, ctx.env.crypto);
  if (peer === undefined) {
    const claimant = admit(here, proof.identity, keys.psk, ctx.env.crypto);
    const why = claimant === undefined ? undefined : claimed(claimant);
    return { code: "not-authorized", why: why ?? "no peer with this address has this identity" };
  }
  const { datagram, lastBlock } = buildProof(keys, "responder", exchange.offer, proof.lastBlock, undefined, ctx);
  exchange.state = { at: "OVER" };
  lead(exchange, digest, datagram, ctx);
  ctx.establish(exchange, keys, { ...proven, proof, peer }, lastBlock);
  return undefined;
}

function proofInput(exchange: ResponderExchange, keys: Keyed, proof: Proof) {
  const over = { ...keys.exchanged, offer: exchange.offer, identity: proof.body };
  return { proposal: keys.proposal, skeyid: keys.skeyid, whose: "initiator", over } as const;
}

/** Remembers the answer for when the message comes again, and sends it. */
function lead(exchange: ResponderExchange, digest: Uint8Array, answer: Uint8Array, ctx: Context): void {
  exchange.taken = digest;
  exchange.answer = answer;
  sendTo(exchange, answer, ctx);
}

function pskFor(exchange: ResponderExchange, ctx: Context) {
  return peersAt(ctx.policy, exchange.remote.address).find(({ psk }) => psk !== undefined)?.psk;
}

function clear(initiatorCookie: Uint8Array, responderCookie: Uint8Array, payloads: readonly Payload[]): Uint8Array {
  return encodeMessage(
    { initiatorCookie, responderCookie, exchangeType: ExchangeType.IDENTITY_PROTECTION, flags: 0, messageId: 0 },
    payloads,
  );
}
