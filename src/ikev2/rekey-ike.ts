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
import { deleteIkeSa } from "./deletion.ts";
import { NONCE_OCTETS, secure } from "./ike-sa-init.ts";
import { inherit } from "./inherit.ts";
import { agree, groupDemanded, invalidKe } from "./key-exchange.ts";
import { deriveIkeKeys, type Nonces, rekeyedSkeyseed } from "./keys.ts";
import { acceptIke, answer, chooseIke, firstIkeGroup, groupAskedFor, groupToAskFor, ikeOffer } from "./proposals.ts";
import { answerCommand, askLater, refusalText, refuseCommand } from "./rekeying.ts";
import { report } from "./report.ts";
import { addIkeSa, establish } from "./sa-life.ts";
import { freshSpi } from "./spis.ts";
import {
  type Answer,
  type EstablishedSa,
  type Ikev2,
  isEstablished,
  type Received,
  type Role,
  type Successor,
  type Task,
} from "./state.ts";
import { type Group, type IkeSuite, ikeSuiteText } from "./suite.ts";
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
      if (offer === undefined || !isEstablished(sa)) return;
      const refusal = errorOf(payloads);
      const made = refusal === undefined ? accept(ike, sa, offer, payloads) : err(refusalText(refusal));
      if (made.ok) {
        delete sa.phase.refusedSince;
        settle(ike, sa, made.value);
        answerCommand(ike, command, plainView(ikeSaView(ike, made.value.sa)));
        return;
      }
      // a successor of the peer's making may stand
      sa.phase.rekeying = successorOf(ike, sa) !== undefined;
      if (sa.phase.rekeying) {
        handOver(ike, sa);
        answerCommand(ike, command, plainView(ikeSaView(ike, sa.phase.successor?.sa ?? sa)));
        return;
      }
      const { ikeProposals } = sa.phase.connection.config;
      const demanded = groupDemanded(refusal);
      const other = demanded === undefined || wanted !== undefined ? undefined : groupAskedFor(ikeProposals, demanded);
      if (other !== undefined) {
        ask(ike, sa, rekeyIkeSa(other, command), true);
        return;
      }
      report(ike, { sa }, "ikev2.rekey-failed", { cause: "peer", level: "warning", reason: made.error });
      refuseCommand(ike, command, "refused-by-peer", made.error);
      askLater(ike, sa, `ike-rekey:${sa.key}`, refusal);
    },
    failed(ike, _sa, why) {
      refuseCommand(ike, command, why, "the IKE SA ended before it was rekeyed");
    },
  };
}

/** The group of the SA in use saves a round trip, for the peer has accepted it before. */
function groupFor({ phase }: EstablishedSa): Group | undefined {
  const { ikeProposals } = phase.connection.config;
  return groupAskedFor(ikeProposals, phase.secured.suite.group.id) ?? firstIkeGroup(ikeProposals);
}

/** The new IKE SA of a response. */
function accept(
  ike: Ikev2,
  old: EstablishedSa,
  { spi, nonce, group, ke }: Offer,
  payloads: readonly ReceivedPayload[],
): Result<Successor, string> {
  const sa = payloadOf(payloads, "SA");
  const peerNonce = payloadOf(payloads, "NONCE");
  const peerKe = payloadOf(payloads, "KE");
  if (sa === undefined || peerNonce === undefined) return err("the answer lacks an SA or a nonce");
  const accepted = acceptIke(sa, old.phase.connection.config.ikeProposals, 8, group);
  if (!accepted.ok) return accepted;
  const secret = agree(ke, peerKe);
  if (!secret.ok) return secret;
  const nonces = { initiator: nonce, responder: peerNonce.data.slice() };
  const { suite, spi: peerSpi } = accepted.value;
  return ok({ sa: succeed(ike, old, "initiator", [spi, peerSpi.slice()], suite, nonces, secret.value), nonces });
}

/** A successor with keys from SK_d of the old one (RFC 7296 2.18); Child SAs are not moved yet. */
function succeed(
  ike: Ikev2,
  old: EstablishedSa,
  role: Role,
  [initiator, responder]: readonly [Uint8Array, Uint8Array],
  suite: IkeSuite,
  nonces: Nonces,
  secret: Uint8Array,
): EstablishedSa {
  const { secured, connection, peer, authenticatedAt } = old.phase;
  const { crypto } = ike.env;
  const seed = rekeyedSkeyseed(crypto, { prf: secured.suite.prf, d: secured.d }, nonces, secret);
  const { nat, fragmentation } = secured;
  const spis = { initiator, responder };
  const keys = deriveIkeKeys(crypto, suite, seed, nonces, spis);
  const phase = {
    at: "ESTABLISHED",
    connection,
    secured: secure(ike, role, { suite, keys, spis, nat, fragmentation }),
    peer,
    authenticatedAt,
    since: ike.env.now,
    children: new Map(),
    virtualAddresses: old.phase.virtualAddresses,
    rekeying: false,
  } as const;
  const path = { local: old.local, remote: old.remote };
  return establish(ike, addIkeSa(ike, role, { i: initiator, r: responder }, path, { ...phase }), { ...phase });
}

/** Ours stands: which one of the two, if the peer made one as well, is the successor? */
function settle(ike: Ikev2, old: EstablishedSa, ours: Successor): void {
  const theirs = successorOf(ike, old);
  if (theirs !== undefined && isRedundant(ours.nonces, theirs.nonces)) {
    handOver(ike, old);
    deleteIkeSa(ike, ours.sa, { cause: "simultaneous-rekey" });
    return;
  }
  old.phase.successor = ours;
  handOver(ike, old);
  deleteIkeSa(ike, old, REKEYED);
}

/** What a peer's exchange made, unless it has deleted it again. */
function successorOf(ike: Ikev2, { phase }: EstablishedSa): Successor | undefined {
  const { successor } = phase;
  return successor !== undefined && ike.ikeSas.get(successor.sa.key) === successor.sa ? successor : undefined;
}

/** The successor inherits, once, and is told. @returns whether there is one. */
export function handOver(ike: Ikev2, old: EstablishedSa): boolean {
  const successor = successorOf(ike, old);
  if (successor === undefined || successor.inherited) return successor !== undefined;
  const { sa } = successor;
  successor.inherited = true;
  inherit(ike, old, sa);
  report(ike, { sa }, "ikev2.rekeyed", {
    cause: sa.role === "initiator" ? "timer" : "peer",
    figures: {
      replaces: old.key,
      suite: ikeSuiteText(sa.phase.secured.suite),
      children: [...sa.phase.children.values()].map(({ policy }) => policy.name),
      heldSeconds: (ike.env.now - old.phase.since) / 1000,
    },
  });
  return true;
}

/** The peer's request. */
export function ikeRekeyRequested(ike: Ikev2, sa: EstablishedSa, { payloads }: Received): Answer {
  if (isBusy(sa) || successorOf(ike, sa) !== undefined) return refuse(NotifyType.TEMPORARY_FAILURE);
  const offer = payloadOf(payloads, "SA");
  const peerNonce = payloadOf(payloads, "NONCE");
  const peerKe = payloadOf(payloads, "KE");
  if (offer === undefined || peerNonce === undefined) return refuse(NotifyType.INVALID_SYNTAX);
  const choice = chooseIke(offer, sa.phase.connection.config.ikeProposals, 8, peerKe?.group);
  if (!choice.ok) {
    report(ike, { sa }, "ikev2.rekey-refused", { cause: "policy", level: "warning", reason: choice.error });
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
  return {
    payloads: [
      answer(choice.value, spi),
      { kind: "NONCE", data: nonce },
      { kind: "KE", group: suite.group.id, data: ke.publicValue },
    ],
    after: () => {
      const successor = succeed(ike, sa, "responder", [peerSpi.slice(), spi], suite, nonces, secret.value);
      sa.phase.successor = { sa: successor, nonces };
      sa.phase.rekeying = true;
      // while ours is unanswered nobody knows which one stays
      if (sa.current?.kind !== "rekey-ike") handOver(ike, sa);
    },
  };
}

/** RFC 7296 2.25.1: a Child SA of it is being made, rekeyed or closed by us. */
function isBusy({ current, phase }: EstablishedSa): boolean {
  if (current?.exchange === ExchangeType.CREATE_CHILD_SA && current.kind !== "rekey-ike") return true;
  return [...phase.children.values()].some(({ state }) => state === "deleting" || state === "rekeying");
}

function refuse(type: number): { readonly payloads: readonly Payload[] } {
  return { payloads: [notify(type)] };
}
