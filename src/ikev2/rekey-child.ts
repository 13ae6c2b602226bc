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
  wasDeletedEarly,
} from "./child-exchange.ts";
import { childPredecessorOf, childSuccessorOf, installChild, reinstate, removeChild } from "./child-life.ts";
import { type ChildRefusal, endsOf } from "./child-negotiation.ts";
import { isRedundant } from "./collisions.ts";
import { errorOf, notify, notifyOf, payloadOf } from "./contents.ts";
import { createChild } from "./create-child.ts";
import { deleteChild, discardChild } from "./deletion.ts";
import { otherGroup } from "./key-exchange.ts";
import { abandonChild } from "./lifetimes.ts";
import { answer, chooseEsp, groupAskedFor } from "./proposals.ts";
import {
  answerCommand,
  askLater,
  isTemporary,
  levelOf,
  type Refusal,
  refusalText,
  refuseCommand,
  refuseForNow,
} from "./rekeying.ts";
import { report, reportSeldom } from "./report.ts";
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
    kind: kindOf(child),
    exchange: ExchangeType.CREATE_CHILD_SA,
    build(ike, sa) {
      if (!isEstablished(sa) || !stands(ike, child) || child.state !== "installed") {
        refuseCommand(ike, command, "busy", "the Child SA is being replaced or deleted already");
        return undefined;
      }
      child.state = "rekeying";
      request = requestChild(ike, sa, child.policy, wanted ?? groupOf(child));
      return [rekeySa(child), ...request.payloads];
    },
    answered(ike, sa, { payloads }) {
      if (request === undefined || !isEstablished(sa)) {
        refuseCommand(ike, command, "ended", "the IKE SA is being deleted");
        return;
      }
      const refusal = errorOf(payloads);
      const made = refusal === undefined ? takeRekeyed(ike, sa, child, request, payloads) : err(refusalText(refusal));
      if (made.ok) {
        delete sa.phase.refusedSince;
        const successor = settle(ike, sa, child, made.value);
        if (successor !== undefined) answerCommand(ike, command, plainView(childSaView(ike, successor)));
        else refuseCommand(ike, command, "gone", DELETED_MEANWHILE);
        return;
      }
      delete sa.phase.deletedEarly;
      if (refusal === undefined) discardChild(ike, sa, request.offer.spiIn, made.error);
      refused(ike, sa, child, { refusal, why: made.error, wanted, command });
    },
    failed(ike, _sa, why) {
      if (child.state === "rekeying") child.state = "installed";
      refuseCommand(ike, command, why, "the IKE SA ended before the Child SA was rekeyed");
    },
  };
}

const DELETED_MEANWHILE = "the Child SA was deleted meanwhile";

function kindOf({ key }: ChildSa): string {
  return `rekey-child ${key}`;
}

/** Asks for it, unless that waits already. */
export function askToRekey(ike: Ikev2, child: ChildSa): void {
  const { ikeSa, state } = child;
  const waits = ikeSa.queue.some(({ kind }) => kind === kindOf(child));
  if (state === "installed" && !waits) ask(ike, ikeSa, rekeyChild(child));
}

/** The group of the SA in use saves a round trip, for the peer has accepted it before. */
function groupOf({ policy, suite: { group } }: ChildSa): Group | undefined {
  return group === undefined ? undefined : groupAskedFor(policy.proposals, group.id);
}

/** RFC 7296 1.3.3: the SPI is the one that the sender expects in inbound packets. */
function rekeySa({ spiIn }: ChildSa): NotifyPayload {
  return { kind: "N", protocolId: ProtocolId.ESP, spi: spiIn, type: NotifyType.REKEY_SA, data: new Uint8Array() };
}

function stands(ike: Ikev2, child: ChildSa): boolean {
  return ike.childSas.get(child.key) === child;
}

/** RFC 7296 2.9.2: what the old one carries the new one must carry too. */
function takeRekeyed(
  ike: Ikev2,
  sa: EstablishedSa,
  old: ChildSa,
  request: ChildRequest,
  payloads: readonly ReceivedPayload[],
): Result<MadeChild, string> {
  const made = takeChild(ike, sa, request, payloads);
  const kept = made.ok ? keepSelectors(made.value.agreement, old) : made;
  return kept.ok ? made : kept;
}

/**
 * Ours stands: which one of the two, if the peer made one as well, is the successor?
 * @returns that; undefined when the peer, or our operator, has deleted it by now.
 */
function settle(ike: Ikev2, sa: EstablishedSa, old: ChildSa, made: MadeChild): ChildSa | undefined {
  const { agreement, keys, nonces } = made;
  const theirs = childSuccessorOf(ike, old);
  // the nonces decide even if the peer has deleted its own again: it did so for another reason then (RFC 7296 2.8.1)
  const lost = old.successor !== undefined && isRedundant(nonces, old.successor.nonces);
  const early = wasDeletedEarly(sa, made);
  const ours = early
    ? undefined
    : installChild(ike, sa, agreement, { keys, initiated: true, outbound: !lost, replaces: old });
  if (lost) {
    if (ours !== undefined) deleteChild(ike, ours, { cause: "simultaneous-rekey" });
    if (theirs === undefined) reinstate(ike, old);
    else replaced(ike, old);
    return theirs;
  }
  const { deletion } = old;
  deleteOld(ike, old, theirs);
  if (ours === undefined) return undefined;
  // what was to go before we knew of this one; but for its time, which is a new one
  if (deletion === undefined || deletion.cause === "lifetime") return ours;
  deleteChild(ike, ours, deletion);
  return undefined;
}

/** Ours is the successor: the old one goes, and the peer deletes its own. */
function deleteOld(ike: Ikev2, old: ChildSa, theirs: ChildSa | undefined): void {
  delete old.successor;
  if (theirs !== undefined) replaced(ike, theirs);
  if (stands(ike, old)) deleteChild(ike, old, REKEYED);
}

/** Another one stands in its place, and the peer deletes it. */
function replaced(ike: Ikev2, child: ChildSa): void {
  if (child.state === "deleting" || !stands(ike, child)) return;
  child.state = "rekeyed";
  abandonChild(ike, child);
}

function refused(ike: Ikev2, sa: EstablishedSa, child: ChildSa, { refusal, why, wanted, command }: Refusal): void {
  const theirs = childSuccessorOf(ike, child);
  if (theirs !== undefined) {
    // the peer did not see that both rekeyed it: its own successor is the one (RFC 7296 2.8.1)
    replaced(ike, child);
    answerCommand(ike, command, plainView(childSaView(ike, theirs)));
    return;
  }
  if (!stands(ike, child) || child.state === "deleting") {
    refuseCommand(ike, command, "gone", DELETED_MEANWHILE);
    return;
  }
  child.state = "installed";
  const other = otherGroup(refusal, wanted, child.policy.proposals);
  if (other !== undefined) {
    ask(ike, sa, rekeyChild(child, other, command), true);
    return;
  }
  report(ike, { child }, "ikev2.rekey-failed", {
    cause: "peer",
    level: levelOf(refusal),
    reason: why,
    figures: { child: child.policy.name },
  });
  refuseForNow(ike, command, why);
  if (refusal?.type === NotifyType.CHILD_SA_NOT_FOUND) {
    // RFC 7296 2.25: without a Delete, and a new one from scratch
    removeChild(ike, child, { by: "us" });
    ask(ike, sa, createChild(child.policy));
    return;
  }
  if (!isTemporary(refusal)) child.refused = true;
  askLater(ike, sa, `child-rekey:${child.key}`, refusal);
}

/** The peer's request. */
export function childRekeyRequested(
  ike: Ikev2,
  sa: EstablishedSa,
  { payloads, from }: Received,
  rekeySa: NotifyPayload,
): Answer {
  const old = [...sa.phase.children.values()].find(({ spiOut }) => equal(spiOut, rekeySa.spi));
  if (old === undefined) {
    const { protocolId, spi } = rekeySa;
    return { payloads: [{ ...notify(NotifyType.CHILD_SA_NOT_FOUND), protocolId, spi }] };
  }
  // one at a time: until the peer has deleted what this one replaced, there is nothing to replace it by
  const waits = old.state === "deleting" || old.state === "rekeyed" || childPredecessorOf(ike, old) !== undefined;
  if (waits || childSuccessorOf(ike, old) !== undefined) return { payloads: [notify(NotifyType.TEMPORARY_FAILURE)] };
  const chosen = choose(ike, old, payloads);
  const completed = chosen.ok ? completeChild(ike, sa, chosen.value, payloads) : chosen;
  if (!completed.ok) {
    const { why, notify } = completed.error;
    const details = { cause: "policy", level: "warning", reason: why, figures: { child: old.policy.name } } as const;
    reportSeldom(ike, { child: old }, "ikev2.rekey-refused", { topic: "rekey-refused", from }, details);
    return { payloads: [notify] };
  }
  const { made, payloads: answer } = completed.value;
  const { agreement, keys, nonces } = made;
  // before the answer leaves: the peer may send by it as soon as it has that (RFC 7296 2.8)
  const child = installChild(ike, sa, agreement, { keys, initiated: false, outbound: false, replaces: old });
  old.successor = { child, nonces };
  // while ours is unanswered nobody knows which one stays
  if (old.state === "installed") replaced(ike, old);
  return { payloads: answer };
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
  if (mode === "transport" && notifyOf(payloads, NotifyType.USE_TRANSPORT_MODE) === undefined) {
    return refuse(NotifyType.NO_PROPOSAL_CHOSEN, `${policy.name} is in transport mode, the new one would not be`);
  }
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
