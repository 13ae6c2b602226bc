/**
 * Deletes of ours (RFC 7296 1.4.1), each with its reason: one request names what its sender no longer wants, one Child SA
 * in each, so that SAs with different reasons never share a message.
 */

import { ExchangeType, ProtocolId } from "../iana/ikev2.ts";
import { deleteReasons } from "../ledger/delete-reasons.ts";
import type { DeletePayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { removeChild, tellChildDeletion } from "./child-life.ts";
import {
  buildDeleteReason,
  firstReason,
  processDeleteReasons,
  type ReceivedReason,
  reasonFigures,
} from "./delete-reason.ts";
import { successorOf } from "./inherit.ts";
import { beginOutage } from "./outages.ts";
import { count, report } from "./report.ts";
import { endIkeSa, forgetPeer, removeChildren } from "./sa-life.ts";
import {
  type ChildSa,
  type DeleteWhy,
  type EstablishedSa,
  enter,
  type IkeSa,
  type Ikev2,
  isEstablished,
  stands,
  type Task,
} from "./state.ts";
import { ask } from "./transmit.ts";

/** Octets of an SPI of ESP. */
const ESP_SPI = 4;

/** D for our inbound SPIs of ESP SAs. */
export function deleteEsp(spis: readonly Uint8Array[]): DeletePayload {
  return { kind: "D", protocolId: ProtocolId.ESP, spiSize: ESP_SPI, spis };
}

/** The reason beside a Delete; none when they are not to be sent. */
export function reasonPayloads(ike: Ikev2, why: DeleteWhy): readonly Payload[] {
  const reason = buildDeleteReason(why, ike.policy.deleteReason);
  return reason === undefined ? [] : [reason];
}

/** What a Delete announces. */
export function downtimeOf(ike: Ikev2, { cause, downtimeSeconds }: DeleteWhy): number {
  return downtimeSeconds ?? ike.policy.deleteReason.downtimeSeconds[cause] ?? 0;
}

/**
 * Deletes an IKE SA with all that stands under it. Its Child SAs are out of use at once; the IKE SA ends when the peer has
 * answered, or is given up. An attempt that has not come so far is simply ended.
 */
export function deleteIkeSa(ike: Ikev2, sa: IkeSa, why: DeleteWhy): void {
  if (ike.ikeSas.get(sa.key) !== sa || sa.phase.at === "DELETING") return;
  if (!isEstablished(sa)) {
    endIkeSa(ike, sa, { by: "us" });
    return;
  }
  const { connection, secured, peer, since } = sa.phase;
  const { cause } = why;
  const reason = why.text ?? deleteReasons[cause].text;
  const downtimeSeconds = downtimeOf(ike, why);
  const figures = { by: "us", code: cause, downtimeSeconds, heldSeconds: (ike.env.now - since) / 1000 };
  // its rekey was told
  if (cause !== "rekeyed") report(ike, { sa }, "ikev2.deleted", { cause: deleteReasons[cause].cause, reason, figures });
  const successor = successorOf(ike, sa);
  removeChildren(ike, sa);
  forgetPeer(ike, sa);
  const waiting = sa.queue.splice(0);
  const deleting = enter(sa, { at: "DELETING", connection, secured, peer, why });
  if (!stands(connection)) beginOutage(ike, connection, { by: "us", reason, downtimeSeconds });
  for (const task of waiting) task.failed(ike, deleting, "ended");
  ask(ike, deleting, deleteIkeTask(why), true);
  // what has nothing of it yet would be left without anything
  if (successor !== undefined && !successor.inherited) deleteIkeSa(ike, successor.sa, why);
}

/** The Delete of an IKE SA, after which it ends. */
export function deleteIkeTask(why: DeleteWhy): Task {
  return {
    kind: "delete-ike-sa",
    exchange: ExchangeType.INFORMATIONAL,
    build: (ike) => [{ kind: "D", protocolId: ProtocolId.IKE, spiSize: 0, spis: [] }, ...reasonPayloads(ike, why)],
    answered: (ike, sa, { payloads }) => {
      heardReasons(ike, payloads);
      endIkeSa(ike, sa, { by: "us" });
    },
    failed: () => undefined,
  };
}

/** Deletes one Child SA; it leaves the books when the peer has answered. `done` is told whether it has. */
export function deleteChild(ike: Ikev2, child: ChildSa, why: DeleteWhy, done?: () => void): void {
  if (ike.childSas.get(child.key) !== child || child.state === "deleting") {
    done?.();
    return;
  }
  child.state = "deleting";
  child.deletion = why;
  ask(ike, child.ikeSa, {
    kind: "delete-child",
    exchange: ExchangeType.INFORMATIONAL,
    build: () => {
      // the peer may have deleted it meanwhile
      if (ike.childSas.get(child.key) !== child) {
        done?.();
        return undefined;
      }
      tellChildDeletion(ike, child, why);
      return [deleteEsp([child.spiIn]), ...reasonPayloads(ike, why)];
    },
    answered: (_ike, _sa, { payloads }) => {
      const reason = heardReasons(ike, payloads);
      const implied = why.cause === "rekeyed" && reason?.text === IN_RETURN.text;
      if (reason !== undefined && !implied) tellAnswer(ike, child, reason);
      removeChild(ike, child, { by: "us" });
      done?.();
    },
    failed: () => done?.(),
  });
}

function tellAnswer(ike: Ikev2, child: ChildSa, said: ReceivedReason): void {
  report(ike, { child }, "ikev2.child-delete-answered", {
    cause: "peer",
    reason: said.text === "" ? undefined : said.text,
    figures: { child: child.policy.name, ...reasonFigures(said) },
  });
}

/** A peer made something else than we proposed. */
export function notAgreed(fault: string): DeleteWhy {
  return { cause: "not-agreed", text: `${deleteReasons["not-agreed"].text}: ${fault}` };
}

/** The kind of the task of discardChild. */
export const DISCARD_CHILD = "discard-child";

/** What the Delete in an answer says; of one that was rekeyed its rekey tells it. */
export const IN_RETURN = {
  cause: "operator",
  text: "deleted because the peer deleted it",
  downtimeSeconds: 0,
} as const;

/** The peer has made a Child SA that is not what was offered: it is to be deleted there, here it never stood. */
export function discardChild(ike: Ikev2, sa: EstablishedSa, spiIn: Uint8Array, fault: string): void {
  const why = notAgreed(fault);
  ask(ike, sa, {
    kind: DISCARD_CHILD,
    exchange: ExchangeType.INFORMATIONAL,
    build: () => [deleteEsp([spiIn]), ...reasonPayloads(ike, why)],
    answered: (_ike, _sa, { payloads }) => heardReasons(ike, payloads),
    failed: () => undefined,
  });
}

/** What a message says of its Deletes. What was not taken of it is counted. */
export function heardReasons(ike: Ikev2, payloads: readonly ReceivedPayload[]): ReceivedReason | undefined {
  const { reasons, ignored } = processDeleteReasons(payloads, ike.policy.deleteReason.notifyType);
  for (const code of ignored) count(ike, `delete-reason.${code}`);
  if (reasons.length > 0) count(ike, "delete-reason.received");
  return firstReason(reasons);
}
