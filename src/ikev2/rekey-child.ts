/**
 * A Child SA takes the place of another: RFC 7296 1.3.3, 2.8. Whoever began it deletes the old one; until then both carry
 * traffic. When both begin at once two are made, and the one with the lowest nonce is deleted by whoever began that
 * exchange (2.8.1).
 */
import { ExchangeType, NotifyType, ProtocolId } from "../iana/ikev2.ts";
import { equal } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { NotifyPayload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import {
  type ChildRequest,
  type Chosen,
  completeChild,
  type MadeChild,
  requestChild,
  takeChild,
} from "./child-exchange.ts";
import { installChild, removeChild } from "./child-life.ts";
import { type ChildRefusal, endsOf } from "./child-negotiation.ts";
import { isRedundant } from "./collisions.ts";
import { errorOf, notify, payloadOf } from "./contents.ts";
import { createChild } from "./create-child.ts";
import { deleteChild, discardChild } from "./deletion.ts";
import { groupDemanded } from "./key-exchange.ts";
import { answer, chooseEsp, groupAskedFor } from "./proposals.ts";
import { answerCommand, askLater, refusalText, refuseCommand } from "./rekeying.ts";
import { report } from "./report.ts";
import { freshSpi } from "./spis.ts";
import {
  type Answer,
  type ChildSa,
  type EstablishedSa,
  type Ikev2,
  isEstablished,
  type Received,
  type Task,
} from "./state.ts";
import type { Group } from "./suite.ts";
import { keepSelectors } from "./traffic-selectors.ts";
import { ask } from "./transmit.ts";
import { asSeenHere } from "./transport.ts";
import { childSaView, plainView } from "./views.ts";

/** Why the old one is deleted when its successor stands. */
const REKEYED = { cause: "rekeyed" } as const;

/**
 * Our request.
 * @param wanted the group that the peer asked for
 * @param command id of an operator's command that waits for it
 */
export function rekeyChild(child: ChildSa, wanted?: Group, command?: number): Task {
  let request: ChildRequest | undefined;
  return {
    kind: "rekey-child",
    exchange: ExchangeType.CREATE_CHILD_SA,
    build(ike, sa) {
      if (!isEstablished(sa) || !stands(ike, child) || child.state !== "installed") {
        refuseCommand(ike, command, "busy", "the Child SA is being replaced or deleted already");
        return undefined;
      }
      child.state = "rekeying";
      request = requestChild(ike, sa, child.policy, wanted);
      return [rekeySa(child), ...request.payloads];
    },
    answered(ike, sa, { payloads }) {
      if (request === undefined || !isEstablished(sa)) return;
      const refusal = errorOf(payloads);
      const made = refusal === undefined ? takeChild(ike, sa, request, payloads) : err(refusalText(refusal));
      if (made.ok) {
        delete sa.phase.refusedSince;
        const successor = settle(ike, sa, child, made.value);
        answerCommand(ike, command, plainView(childSaView(ike, successor)));
        return;
      }
      if (refusal === undefined) discardChild(ike, sa, request.offer.spiIn, made.error);
      refused(ike, sa, child, { refusal, why: made.error, wanted, command });
    },
    failed(ike, _sa, why) {
      if (child.state === "rekeying") child.state = "installed";
      refuseCommand(ike, command, why, "the IKE SA ended before the Child SA was rekeyed");
    },
  };
}

/** RFC 7296 1.3.3: the SPI is the one that the sender expects in inbound packets. */
function rekeySa({ spiIn }: ChildSa): NotifyPayload {
  return { kind: "N", protocolId: ProtocolId.ESP, spi: spiIn, type: NotifyType.REKEY_SA, data: new Uint8Array() };
}

function stands(ike: Ikev2, child: ChildSa): boolean {
  return ike.childSas.get(child.key) === child;
}

/** What a peer's exchange made in the place of `child`, unless that has gone again. */
function successorOf(ike: Ikev2, { successor }: ChildSa): ChildSa | undefined {
  return successor !== undefined && stands(ike, successor.child) ? successor.child : undefined;
}

/** Ours stands: which one of the two, if the peer made one as well, is the successor? @returns that. */
function settle(ike: Ikev2, sa: EstablishedSa, old: ChildSa, { agreement, keys, nonces }: MadeChild): ChildSa {
  const theirs = successorOf(ike, old);
  const lost = theirs !== undefined && old.successor !== undefined && isRedundant(nonces, old.successor.nonces);
  const ours = installChild(ike, sa, agreement, { keys, initiated: true, outbound: !lost, replaces: old.key });
  if (stands(ike, old)) old.state = "rekeyed";
  if (lost) {
    // the old one is deleted by the peer
    deleteChild(ike, ours, { cause: "simultaneous-rekey" });
    return theirs;
  }
  // the peer deletes its own
  delete old.successor;
  if (stands(ike, old)) deleteChild(ike, old, REKEYED);
  return ours;
}

interface Refused {
  readonly refusal: NotifyPayload | undefined;
  readonly why: string;
  readonly wanted: Group | undefined;
  readonly command: number | undefined;
}

function refused(ike: Ikev2, sa: EstablishedSa, child: ChildSa, { refusal, why, wanted, command }: Refused): void {
  const theirs = successorOf(ike, child);
  if (theirs !== undefined) {
    // the peer did not see that both rekeyed it: its own successor is the one (RFC 7296 2.8.1)
    if (stands(ike, child)) child.state = "rekeyed";
    answerCommand(ike, command, plainView(childSaView(ike, theirs)));
    return;
  }
  if (!stands(ike, child)) {
    refuseCommand(ike, command, "gone", "the peer deleted the Child SA meanwhile");
    return;
  }
  child.state = "installed";
  const demanded = groupDemanded(refusal);
  const other =
    demanded === undefined || wanted !== undefined ? undefined : groupAskedFor(child.policy.proposals, demanded);
  if (other !== undefined) {
    ask(ike, sa, rekeyChild(child, other, command), true);
    return;
  }
  report(ike, { child }, "ikev2.rekey-failed", { cause: "peer", level: "warning", reason: why });
  refuseCommand(ike, command, "refused-by-peer", why);
  if (refusal?.type === NotifyType.CHILD_SA_NOT_FOUND) {
    // RFC 7296 2.25: without a Delete, and a new one from scratch
    removeChild(ike, child, { by: "us" });
    ask(ike, sa, createChild(child.policy));
    return;
  }
  askLater(ike, sa, `child-rekey:${child.key}`, refusal);
}

/** The peer's request. */
export function childRekeyRequested(
  ike: Ikev2,
  sa: EstablishedSa,
  { payloads }: Received,
  rekeySa: NotifyPayload,
): Answer {
  const old = [...sa.phase.children.values()].find(({ spiOut }) => equal(spiOut, rekeySa.spi));
  if (old === undefined) {
    const { protocolId, spi } = rekeySa;
    return { payloads: [{ ...notify(NotifyType.CHILD_SA_NOT_FOUND), protocolId, spi }] };
  }
  if (old.state === "deleting" || old.state === "rekeyed") return { payloads: [notify(NotifyType.TEMPORARY_FAILURE)] };
  const chosen = choose(ike, old, payloads);
  const completed = chosen.ok ? completeChild(ike, sa, chosen.value, payloads) : chosen;
  if (!completed.ok) {
    const { why, notify } = completed.error;
    report(ike, { child: old }, "ikev2.rekey-refused", { cause: "policy", level: "warning", reason: why });
    return { payloads: [notify] };
  }
  const { made, payloads: answer } = completed.value;
  return {
    payloads: answer,
    after: () => {
      const { agreement, keys, nonces } = made;
      const child = installChild(ike, sa, agreement, { keys, initiated: false, outbound: false, replaces: old.key });
      old.successor = { child, nonces };
      // while ours is unanswered nobody knows which one stays
      if (old.state === "installed") old.state = "rekeyed";
    },
  };
}

/** Algorithms are negotiated anew, selectors and mode are those of the old one (RFC 7296 2.9.2). */
function choose(ike: Ikev2, old: ChildSa, payloads: readonly ReceivedPayload[]): Result<Chosen, ChildRefusal> {
  const [offer, tsi, tsr] = [payloadOf(payloads, "SA"), payloadOf(payloads, "TSi"), payloadOf(payloads, "TSr")];
  const refuse = (type: number, why: string) => err({ notify: notify(type), why });
  if (offer === undefined || tsi === undefined || tsr === undefined) {
    return refuse(NotifyType.INVALID_SYNTAX, "SA, TSi or TSr is missing");
  }
  const proposed = { local: tsr.selectors, remote: tsi.selectors };
  const seen =
    old.mode === "transport" ? asSeenHere(proposed, endsOf(old.ikeSa, old.ikeSa.phase.secured).path) : proposed;
  const kept = keepSelectors(seen, old);
  if (!kept.ok) return refuse(NotifyType.TS_UNACCEPTABLE, kept.error);
  const choice = chooseEsp(offer, old.policy.proposals, "CREATE_CHILD_SA", payloadOf(payloads, "KE")?.group);
  if (!choice.ok) return refuse(NotifyType.NO_PROPOSAL_CHOSEN, choice.error);
  const { policy, mode, local, remote } = old;
  const { suite, spi } = choice.value;
  const spiIn = freshSpi(ike, 4);
  return ok({
    agreement: { policy, mode, suite, spiIn, spiOut: spi.slice(), local, remote },
    choice: choice.value,
    payloads: [
      ...(mode === "transport" ? [notify(NotifyType.USE_TRANSPORT_MODE)] : []),
      answer(choice.value, spiIn),
      { kind: "TSi", selectors: remote },
      { kind: "TSr", selectors: local },
    ],
  });
}
