/** INFORMATIONAL as responder (RFC 7296 1.4): Deletes, notifications, or nothing, which asks whether we are alive. */
import { HIGHEST_ERROR_TYPE, NotifyType, ProtocolId } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import { hex } from "../util/octets.ts";
import type { DeletePayload, NotifyPayload, Payload } from "../wire/ikev2/payloads.ts";
import { heardAuthLifetime } from "./auth-lifetime.ts";
import { removeChild } from "./child-life.ts";
import { retryMissing } from "./connections.ts";
import { payloadsOf } from "./contents.ts";
import type { ReceivedReason } from "./delete-reason.ts";
import { deleteEsp, heardReasons, IN_RETURN, reasonPayloads } from "./deletion.ts";
import { handOver, usedByPeer } from "./inherit.ts";
import { sentOn } from "./redirection.ts";
import { reportSeldom } from "./report.ts";
import { endIkeSa, type IkeSaEnd } from "./sa-life.ts";
import { type Answer, type EstablishedSa, type IkeSa, type Ikev2, isEstablished, type Received } from "./state.ts";
import { answerConfiguration } from "./virtual-addresses.ts";

/** What a notification in an INFORMATIONAL of the peer causes, when the answer is out. */
type NotifyHandler = (ike: Ikev2, sa: EstablishedSa, notify: NotifyPayload, request: Received) => void;

const handlers: Readonly<Record<number, NotifyHandler>> = {
  [NotifyType.AUTHENTICATION_FAILED]: refusedOurProof,
  [NotifyType.REDIRECT]: sentOn,
  [NotifyType.AUTH_LIFETIME]: heardAuthLifetime,
};

/** HDR, SK {[N+] [D+] [CP]}; the answer has the Deletes of what goes with what was deleted. */
export function answerInformational(ike: Ikev2, sa: IkeSa, request: Received): Answer {
  const { payloads } = request;
  const reason = heardReasons(ike, payloads);
  const deletes = payloadsOf(payloads, "D");
  if (deletes.some(({ protocolId }) => protocolId === ProtocolId.IKE)) {
    // RFC 7296 1.4.1: all under it is gone with it, so that no Delete of a Child SA is answered
    return { payloads: [], after: () => endIkeSa(ike, sa, endOf(ike, sa, reason)) };
  }
  if (!isEstablished(sa)) return { payloads: [] };
  usedByPeer(ike, sa);
  const gone = deletes.flatMap((one) => deletedByPeer(ike, sa, one, reason));
  const after = () => {
    for (const notify of payloadsOf(payloads, "N")) {
      // what came before may have ended it
      if (ike.ikeSas.get(sa.key) === sa && isEstablished(sa)) noticed(ike, sa, notify, request);
    }
  };
  const answer = gone.length === 0 ? [] : [deleteEsp(gone), ...inReturn(ike)];
  return { payloads: [...answer, ...answerConfiguration(ike, sa, payloads)], after };
}

/** One that was rekeyed leaves what it has to its successor (RFC 7296 2.8.2), which told of itself. */
function endOf(ike: Ikev2, sa: IkeSa, reason: ReceivedReason | undefined): IkeSaEnd {
  if (!isEstablished(sa)) return { by: "us" };
  handOver(ike, sa);
  // also when that has gone before it
  return { by: sa.phase.successor?.inherited ? "succession" : "peer", reason };
}

/** The Delete in our answer has a reason too. */
function inReturn(ike: Ikev2): readonly Payload[] {
  return reasonPayloads(ike, IN_RETURN);
}

/**
 * Takes Child SAs away that the peer names by its inbound SPIs.
 * @returns our inbound SPIs of them, but for those that we are deleting ourselves (RFC 7296 1.4.1)
 */
function deletedByPeer(
  ike: Ikev2,
  sa: EstablishedSa,
  { protocolId, spis }: DeletePayload,
  reason: ReceivedReason | undefined,
): Uint8Array[] {
  if (protocolId !== ProtocolId.ESP) return [];
  const named = new Set(spis.map(hex));
  const gone = [...sa.phase.children.values()].filter(({ spiOut }) => named.has(hex(spiOut)));
  for (const child of gone) {
    removeChild(ike, child, { by: "peer", reason });
    named.delete(hex(child.spiOut));
  }
  noteEarly(sa, named);
  if (gone.length > 0) retryMissing(ike, sa);
  return gone.flatMap(({ state, spiIn }) => (state === "deleting" ? [] : [spiIn]));
}

/** What was never here may be what our request makes. */
function noteEarly({ phase }: EstablishedSa, spis: ReadonlySet<string>): void {
  const { deletedEarly } = phase;
  deletedEarly?.push(...[...spis].slice(0, MOST_EARLY - deletedEarly.length));
}

const MOST_EARLY = 16;

function noticed(ike: Ikev2, sa: EstablishedSa, notify: NotifyPayload, request: Received): void {
  const { type } = notify;
  const handler = handlers[type];
  if (handler !== undefined) handler(ike, sa, notify, request);
  else if (type <= HIGHEST_ERROR_TYPE) {
    const code = nameOf(NotifyType, type);
    const topic = `notify ${type}`;
    reportSeldom(ike, { sa }, "ikev2.notified", { topic, from: request.from }, { cause: "peer", figures: { code } });
  }
}

/** The initiator does not take our proof of who we are, and says so at once (RFC 7296 2.21.2). Later it says nothing to us. */
function refusedOurProof(ike: Ikev2, sa: EstablishedSa, _notify: NotifyPayload, { messageId }: Received): void {
  if (sa.role === "responder" && messageId === FIRST_AFTER_AUTH) {
    endIkeSa(ike, sa, {
      by: "error",
      code: "AUTHENTICATION_FAILED",
      why: "the peer does not accept our proof of identity",
    });
  }
}

const FIRST_AFTER_AUTH = 2;
