/** One more Child SA under an IKE SA that stands: RFC 7296 1.3.1. */
import { ExchangeType, NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { err } from "../util/result.ts";
import {
  type ChildRequest,
  completeChild,
  type MadeChild,
  requestChild,
  takeChild,
  wasDeletedEarly,
} from "./child-exchange.ts";
import { childFailed } from "./child-failure.ts";
import { installChild } from "./child-life.ts";
import { answerChild, virtualEnds } from "./child-negotiation.ts";
import { establishedSas, refuseWaiting } from "./connections.ts";
import { errorOf } from "./contents.ts";
import { discardChild } from "./deletion.ts";
import { otherGroup } from "./key-exchange.ts";
import { askLater, isTemporary, refusalCode, refusalText } from "./rekeying.ts";
import { reportSeldom } from "./report.ts";
import { type Answer, type EstablishedSa, type Ikev2, isEstablished, type Received, type Task } from "./state.ts";
import type { Group } from "./suite.ts";
import { ask } from "./transmit.ts";
import type { ChildPolicy } from "./types.ts";

/** Our request. @param wanted the group that the peer asked for. */
export function createChild(policy: ChildPolicy, wanted?: Group): Task {
  let request: ChildRequest | undefined;
  return {
    kind: `create-child ${policy.name}`,
    exchange: ExchangeType.CREATE_CHILD_SA,
    build(ike, sa) {
      if (!isEstablished(sa) || hasChild(sa, policy)) return undefined;
      request = requestChild(ike, sa, policy, wanted);
      return request.payloads;
    },
    answered(ike, sa, { payloads }) {
      if (request === undefined || !isEstablished(sa)) return;
      const { connection } = sa.phase;
      const refusal = errorOf(payloads);
      const made = refusal === undefined ? takeChild(ike, sa, request, payloads) : err(refusalText(refusal));
      if (made.ok) {
        delete sa.phase.refusedSince;
        if (wasDeletedEarly(sa, made.value)) {
          childFailed(ike, connection, policy.name, "gone", "the peer deleted it at once");
        } else install(ike, sa, made.value, true);
        return;
      }
      delete sa.phase.deletedEarly;
      const other = otherGroup(refusal, wanted, policy.proposals);
      if (other !== undefined) {
        ask(ike, sa, createChild(policy, other), true);
        return;
      }
      if (isTemporary(refusal)) {
        askLater(ike, sa, `create-child:${connection.config.name}/${policy.name}`, refusal);
        return;
      }
      if (refusal === undefined) discardChild(ike, sa, request.offer.spiIn, made.error);
      childFailed(ike, connection, policy.name, refusalCode(refusal), made.error);
    },
    failed(ike, { phase }, why) {
      // a connection that is to be up comes back with it
      if (!("connection" in phase) || phase.connection === undefined || phase.connection.wanted) return;
      const message = `the IKE SA ended before ${policy.name} was made`;
      refuseWaiting(ike, phase.connection, ({ child }) => child === policy.name, { code: why, message });
    },
  };
}

/** The deadline `create-child:CONNECTION/CHILD`: the peer was busy a few seconds ago. */
export function createChildDue(ike: Ikev2, id: string): void {
  const slash = id.lastIndexOf("/");
  const connection = ike.connections.get(id.slice(0, slash));
  const policy = connection?.config.children.find(({ name }) => name === id.slice(slash + 1));
  const sa = connection === undefined ? undefined : establishedSas(connection).findLast(({ phase }) => !phase.rekeying);
  if (policy !== undefined && sa !== undefined) ask(ike, sa, createChild(policy));
}

function hasChild({ phase }: EstablishedSa, { name }: ChildPolicy): boolean {
  return [...phase.children.values()].some(({ policy, state }) => policy.name === name && state !== "deleting");
}

function install(ike: Ikev2, sa: EstablishedSa, { agreement, keys }: MadeChild, initiated: boolean): void {
  installChild(ike, sa, agreement, { keys, initiated, outbound: true });
}

/** The peer's request. */
export function childRequested(ike: Ikev2, sa: EstablishedSa, { payloads, from }: Received): Answer {
  const { connection, children } = sa.phase;
  const ends = virtualEnds(sa, sa.phase);
  const chosen = answerChild(ike, connection.config, ends, payloads, "CREATE_CHILD_SA", children.size);
  const completed = chosen.ok
    ? completeChild(
        ike,
        sa,
        { ...chosen.value, payloads: [...chosen.value.notifies, chosen.value.sa, ...chosen.value.selectors] },
        payloads,
      )
    : chosen;
  if (!completed.ok) {
    const { why, notify } = completed.error;
    const seldom = { topic: "child-refused", from };
    const figures = { code: nameOf(NotifyType, notify.type) };
    const details = { cause: "policy", level: "warning", reason: why, figures } as const;
    reportSeldom(ike, { sa }, "ikev2.child-refused", seldom, details);
    return { payloads: [notify] };
  }
  const { made, payloads: answer } = completed.value;
  // before the answer leaves: the peer may send by it as soon as it has that (RFC 7296 2.8)
  install(ike, sa, made, false);
  return { payloads: answer };
}
