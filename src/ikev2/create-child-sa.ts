/** What a peer asks for by CREATE_CHILD_SA: RFC 7296 1.3. */
import { NotifyType, ProtocolId } from "../iana/ikev2.ts";
import { notify, notifyOf, payloadOf } from "./contents.ts";
import { childRequested } from "./create-child.ts";
import { isNonce } from "./ike-sa-init.ts";
import { usedByPeer } from "./inherit.ts";
import { childRekeyRequested } from "./rekey-child.ts";
import { ikeRekeyRequested } from "./rekey-ike.ts";
import { endIkeSa } from "./sa-life.ts";
import {
  type Answer,
  type EstablishedSa,
  type Ikev2,
  isEstablished,
  type Received,
  type RequestHandler,
} from "./state.ts";

/** A Child SA, one in the place of another, or an IKE SA in the place of this one. */
export const createChildSaRequested: RequestHandler = (ike, sa, request) => {
  // RFC 7296 2.25.2: it is being closed
  if (!isEstablished(sa)) return { payloads: [notify(NotifyType.TEMPORARY_FAILURE)] };
  usedByPeer(ike, sa);
  const answer = answerRequest(ike, sa, request);
  const refusal = answer.payloads.find((payload) => payload.kind === "N" && payload.type === NotifyType.INVALID_SYNTAX);
  if (refusal === undefined) return answer;
  // RFC 7296 2.21.3: fatal at both ends
  const why = "the peer's CREATE_CHILD_SA request is not one that anybody can act on";
  return { ...answer, after: () => endIkeSa(ike, sa, { by: "error", code: "INVALID_SYNTAX", why }) };
};

function answerRequest(ike: Ikev2, sa: EstablishedSa, request: Received): Answer {
  const { payloads } = request;
  const nonce = payloadOf(payloads, "NONCE");
  if (nonce === undefined || !isNonce(nonce.data)) return { payloads: [notify(NotifyType.INVALID_SYNTAX)] };
  const offer = payloadOf(payloads, "SA");
  if (offer?.proposals.some(({ protocolId }) => protocolId === ProtocolId.IKE))
    return ikeRekeyRequested(ike, sa, request);
  if (sa.phase.rekeying) return { payloads: [notify(NotifyType.TEMPORARY_FAILURE)] };
  const rekeySa = notifyOf(payloads, NotifyType.REKEY_SA);
  return rekeySa === undefined ? childRequested(ike, sa, request) : childRekeyRequested(ike, sa, request, rekeySa);
}
