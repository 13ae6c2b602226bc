/**
 * An IKE SA takes the place of another by CREATE_CHILD_SA, and inherits its Child SAs (RFC 7296 1.3.2, 2.18):
 *
 *     HDR, SK {SA, Ni, KEi}  -->
 *                            <--  HDR, SK {SA, Nr, KEr}
 *
 * Whoever began it then deletes the old one. When both begin at once two are made, and the one with the lowest nonce is
 * deleted, within itself, by whoever began that exchange (2.8.2).
 */
import type { KeyExchange } from "../crypto/provider.ts";
import { ExchangeType, NotifyType } from "../iana/ikev2.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { isRedundant } from "./collisions.ts";
import { errorOf, notify, payloadOf } from "./contents.ts";
import { DISCARD_CHILD, deleteIkeSa, notAgreed } from "./deletion.ts";
import { isNonce, NONCE_OCTETS, secure } from "./ike-sa-init.ts";
import { handOver, predecessorOf, successorOf } from "./inherit.ts";
import { agree, invalidKe, otherGroup } from "./key-exchange.ts";
import { deriveIkeKeys, type Nonces, rekeyedSkeyseed } from "./keys.ts";
import { abandon } from "./lifetimes.ts";
import { acceptIke, answer, chooseIke, firstIkeGroup, groupAskedFor, groupToAskFor, ikeOffer } from "./proposals.ts";
import {
  answerCommand,
  askLater,
  levelOf,
  type Refusal,
  refusalText,
  refuseCommand,
  refuseForNow,
} from "./rekeying.ts";
import { report, reportSeldom } from "./report.ts";
import { addIkeSa, establish, establishedNow, whenEnded } from "./sa-life.ts";
import { freshSpi } from "./spis.ts";
import {
  type Answer,
  type DeleteWhy,
  type Established,
  type EstablishedSa,
  type IkeSa,
  type Ikev2,
  isEstablished,
  type Received,
  type Role,
  type Successor,
  type Task,
} from "./state.ts";
import type { Group, IkeSuite } from "./suite.ts";
import { ask } from "./transmit.ts";
import { ikeSaView, plainView } from "./views.ts";

/** Why the old one is deleted when its successor stands. */
const REKEYED = { cause: "rekeyed" } as const;

interface Offer {
  readonly spi: Uint8Array;
  readonly nonce: Uint8Array;
  readonly group: Group;
  readonly ke: KeyExchange;
}

/**
 * Our request.
 * @param wanted the group that the peer asked for; undefined: that of the SA in use, when it is still acceptable
 * @param command id of an operator's command that waits for it
 */
export function rekeyIkeSa(wanted?: Group, command?: number): Task {
  let offer: Offer | undefined;
  return {
    kind: "rekey-ike",
    exchange: ExchangeType.CREATE_CHILD_SA,
    ofIkeSa: true,
    build(ike, sa) {
      const group = isEstablished(sa) && !sa.phase.rekeying ? (wanted ?? groupFor(sa)) : undefined;
      if (!isEstablished(sa) || group === undefined) {
        refuseCommand(ike, command, "busy", "the IKE SA is being replaced or deleted already");
        return undefined;
      }
      const { crypto, random } = ike.env;
      offer = { spi: freshSpi(ike, 8), nonce: random.octets(NONCE_OCTETS), group, ke: crypto.keyExchange(group.id) };
      sa.phase.rekeying = true;
      return [
        ikeOffer(sa.phase.connection.config.ikeProposals, offer.spi),
        { kind: "NONCE", data: offer.nonce },
        { kind: "KE", group: group.id, data: offer.ke.publicValue },
      ];
    },
    answered(ike, sa, { payloads }) {
      const refusal = errorOf(payloads);
      const basis = basisOf(ike, sa);
      if (offer === undefined || basis === undefined) return;
      const made = refusal === undefined ? accept(ike, sa, basis, offer, payloads) : err(refusalText(refusal));
      if (!isEstablished(sa)) {
        refuseCommand(ike, command, "ended", "the IKE SA is being deleted");
        // the peer has it all the same, with the Child SAs
        if (made.ok) deleteIkeSa(ike, made.value.sa, basis.why ?? REKEYED);
      } else if (made.ok) {
        delete sa.phase.refusedSince;
        answerCommand(ike, command, plainView(ikeSaView(ike, settle(ike, sa, made.value))));
      } else refused(ike, sa, { refusal, why: made.error, wanted, command });
    },
    failed(ike, sa, why) {
      // RFC 7296 2.8.2: the peer has rekeyed it without noticing that we did too
      const theirs = isEstablished(sa) ? successorOf(ike, sa)?.sa : undefined;
      if (theirs !== undefined) answerCommand(ike, command, plainView(ikeSaView(ike, theirs)));
      else refuseCommand(ike, command, why, "the IKE SA ended before it was rekeyed");
    },
  };
}

function refused(ike: Ikev2, sa: EstablishedSa, { refusal, why, wanted, command }: Refusal): void {
  // the peer made a successor, and has not seen that we rekey it too (RFC 7296 2.8.2)
  const theirs = handOver(ike, sa);
  if (theirs !== undefined) {
    answerCommand(ike, command, plainView(ikeSaView(ike, theirs)));
    return;
  }
  sa.phase.rekeying = false;
  const { ikeProposals } = sa.phase.connection.config;
  const other = otherGroup(refusal, wanted, ikeProposals);
  if (other !== undefined) {
    ask(ike, sa, rekeyIkeSa(other, command), true);
    return;
  }
  report(ike, { sa }, "ikev2.rekey-failed", { cause: "peer", level: levelOf(refusal), reason: why });
  if (refusal === undefined) {
    // what the peer has made of it cannot be used, and it has left the Child SAs to that
    refuseCommand(ike, command, "refused-by-peer", why);
    deleteIkeSa(ike, sa, notAgreed(why));
    return;
  }
  refuseForNow(ike, command, why);
  askLater(ike, sa, `ike-rekey:${sa.key}`, refusal);
}

/** What a new IKE SA has of the old one. */
interface Basis
  extends Pick<
    Established,
    "secured" | "connection" | "peer" | "authenticatedAt" | "reauthenticateAt" | "virtualAddresses"
  > {
  /** Why the old one is being deleted, if it is. */
  readonly why?: DeleteWhy | undefined;
}

function basisOf({ env }: Ikev2, { phase }: IkeSa): Basis | undefined {
  if (phase.at === "ESTABLISHED") return phase;
  if (phase.at !== "DELETING" || phase.peer === undefined) return undefined;
  const { secured, connection, peer, why } = phase;
  return { secured, connection, peer, why, authenticatedAt: env.now, virtualAddresses: [] };
}

/** The group of the SA in use saves a round trip, for the peer has accepted it before. */
function groupFor({ phase }: EstablishedSa): Group | undefined {
  const { ikeProposals } = phase.connection.config;
  return groupAskedFor(ikeProposals, phase.secured.suite.group.id) ?? firstIkeGroup(ikeProposals);
}

/** The new IKE SA of a response. */
function accept(
  ike: Ikev2,
  old: IkeSa,
  basis: Basis,
  { spi, nonce, group, ke }: Offer,
  payloads: readonly ReceivedPayload[],
): Result<Successor, string> {
  const sa = payloadOf(payloads, "SA");
  const peerNonce = payloadOf(payloads, "NONCE");
  const peerKe = payloadOf(payloads, "KE");
  if (sa === undefined || peerNonce === undefined) return err("the answer lacks an SA or a nonce");
  if (!isNonce(peerNonce.data)) return err(`the nonce of the answer has ${peerNonce.data.length} octets`);
  const accepted = acceptIke(sa, basis.connection.config.ikeProposals, 8, group);
  if (!accepted.ok) return accepted;
  const secret = agree(ke, peerKe);
  if (!secret.ok) return secret;
  const nonces = { initiator: nonce, responder: peerNonce.data.slice() };
  const { suite, spi: peerSpi } = accepted.value;
  const made = { role: "initiator", spis: [spi, peerSpi.slice()], suite, nonces, secret: secret.value } as const;
  return ok({ sa: succeed(ike, old, basis, made), nonces });
}

/** What an exchange made. */
interface Made {
  readonly role: Role;
  /** Of its initiator and its responder. */
  readonly spis: readonly [Uint8Array, Uint8Array];
  readonly suite: IkeSuite;
  readonly nonces: Nonces;
  readonly secret: Uint8Array;
}

/** A successor with keys from SK_d of the old one (RFC 7296 2.18); Child SAs are not moved yet. */
function succeed(ike: Ikev2, old: IkeSa, basis: Basis, made: Made): EstablishedSa {
  const { crypto } = ike.env;
  const { connection, peer, authenticatedAt, reauthenticateAt, virtualAddresses, secured } = basis;
  const { role, spis, suite, nonces, secret } = made;
  const [initiator, responder] = spis;
  const seed = rekeyedSkeyseed(crypto, { prf: secured.suite.prf, d: secured.d }, nonces, secret);
  const keys = deriveIkeKeys(crypto, suite, seed, nonces, { initiator, responder });
  const { nat, fragmentation, redirects } = secured;
  const phase = establishedNow(ike, {
    connection,
    secured: secure(ike, role, { suite, keys, spis: { initiator, responder }, nat, fragmentation, redirects }),
    peer,
    authenticatedAt,
    ...(reauthenticateAt !== undefined && { reauthenticateAt }),
    virtualAddresses,
    // until it is known to be the successor
    rekeying: role === "responder",
    replaces: role === "responder" ? old.key : undefined,
  });
  const path = { local: old.local, remote: old.remote };
  return establish(ike, addIkeSa(ike, role, { i: initiator, r: responder }, path, phase), phase);
}

/** Ours stands: which one of the two, if the peer made one as well, is the successor? @returns that. */
function settle(ike: Ikev2, old: EstablishedSa, ours: Successor): EstablishedSa {
  const theirs = successorOf(ike, old);
  // what has the Child SAs already is in use at the peer
  if (theirs !== undefined && (theirs.inherited || isRedundant(ours.nonces, theirs.nonces))) {
    handOver(ike, old);
    deleteIkeSa(ike, ours.sa, { cause: "simultaneous-rekey" });
    return theirs.sa;
  }
  if (theirs !== undefined) {
    const { sa } = theirs;
    sa.phase.redundant = true;
    abandon(ike, sa, "replaced");
    whenEnded(ike, old, () => {
      if (ike.ikeSas.get(sa.key) === sa) abandon(ike, sa, "redundant");
    });
  }
  old.phase.successor = ours;
  handOver(ike, old);
  deleteIkeSa(ike, old, REKEYED);
  return ours.sa;
}

/** The peer's request. */
export function ikeRekeyRequested(ike: Ikev2, sa: EstablishedSa, { payloads, from }: Received): Answer {
  // one at a time: until the peer has deleted what this one replaced, there is nothing to replace it by
  const waits = sa.phase.successor !== undefined || predecessorOf(ike, sa) !== undefined;
  if (waits || isBusy(sa)) return refuse(NotifyType.TEMPORARY_FAILURE);
  const offer = payloadOf(payloads, "SA");
  const peerNonce = payloadOf(payloads, "NONCE");
  const peerKe = payloadOf(payloads, "KE");
  if (offer === undefined || peerNonce === undefined) return refuse(NotifyType.INVALID_SYNTAX);
  const choice = chooseIke(offer, sa.phase.connection.config.ikeProposals, 8, peerKe?.group);
  if (!choice.ok) {
    const details = { cause: "policy", level: "warning", reason: choice.error } as const;
    reportSeldom(ike, { sa }, "ikev2.rekey-refused", { topic: "rekey-refused", from }, details);
    return refuse(NotifyType.NO_PROPOSAL_CHOSEN);
  }
  const { suite, spi: peerSpi } = choice.value;
  const demanded = groupToAskFor(choice.value, peerKe?.group);
  if (demanded !== undefined) return { payloads: [invalidKe(demanded)] };
  const { crypto, random } = ike.env;
  const ke = crypto.keyExchange(suite.group.id);
  const secret = agree(ke, peerKe);
  if (!secret.ok) return refuse(NotifyType.INVALID_SYNTAX);
  const nonce = random.octets(NONCE_OCTETS);
  const spi = freshSpi(ike, 8);
  const nonces = { initiator: peerNonce.data.slice(), responder: nonce };
  const made = { role: "responder", spis: [peerSpi.slice(), spi], suite, nonces, secret: secret.value } as const;
  return {
    payloads: [
      answer(choice.value, spi),
      { kind: "NONCE", data: nonce },
      { kind: "KE", group: suite.group.id, data: ke.publicValue },
    ],
    after: () => {
      sa.phase.successor = { sa: succeed(ike, sa, sa.phase, made), nonces };
      sa.phase.rekeying = true;
      // while ours is unanswered nobody knows which one stays
      if (sa.current?.kind !== "rekey-ike") handOver(ike, sa);
    },
  };
}

/** RFC 7296 2.25.1: a Child SA of it is being made, rekeyed or closed by us. */
function isBusy({ current, phase }: EstablishedSa): boolean {
  if (current?.exchange === ExchangeType.CREATE_CHILD_SA && current.kind !== "rekey-ike") return true;
  if (current?.kind === DISCARD_CHILD) return true;
  return [...phase.children.values()].some(({ state }) => state === "deleting" || state === "rekeying");
}

function refuse(type: number): { readonly payloads: readonly Payload[] } {
  return { payloads: [notify(type)] };
}
