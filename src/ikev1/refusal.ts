/** What happens when a message of main mode is refused: it is counted, told, answered with a notification, and no more. */
import type { Datagram } from "../core/engine.ts";
import { ExchangeType, NotifyType, ProtocolId } from "../iana/isakmp.ts";
import { utf8 } from "../util/octets.ts";
import { encodeMessage } from "../wire/message.ts";
import type { NotificationPayload } from "../wire/payloads.ts";
import { type Context, type Exchange, type Keyed, REFUSALS_AT_MOST, type Refused, sendTo } from "./exchange.ts";
import { protectNotices } from "./informational.ts";
import { freshMessageId } from "./phase2.ts";
import type { Phase1FailureCode } from "./types.ts";

/** The notification that a refused message gets; undefined: none. */
const notifications: Readonly<Record<Phase1FailureCode, number | undefined>> = {
  "no-proposal-chosen": NotifyType.NO_PROPOSAL_CHOSEN,
  "authentication-failed": NotifyType.AUTHENTICATION_FAILED,
  "invalid-certificate": NotifyType.INVALID_CERTIFICATE,
  "invalid-identity": NotifyType.INVALID_ID_INFORMATION,
  // the same as above: who may come in is not told to who may not
  "not-authorized": NotifyType.INVALID_ID_INFORMATION,
  "invalid-key": NotifyType.INVALID_KEY_INFORMATION,
  malformed: NotifyType.PAYLOAD_MALFORMED,
  timeout: undefined,
  "too-many-half-open": undefined,
  "refused-by-peer": undefined,
};

/** Most octets of text in a notification. */
const TEXT_LENGTH = 200;

/** Sends an unprotected notification (RFC 2409 5.7), at most one of a type to a source in ten seconds. */
export function notifyInClear(
  ctx: Context,
  datagram: Pick<Datagram, "from" | "via">,
  initiatorCookie: Uint8Array,
  responderCookie: Uint8Array,
  doi: number,
  notifyType: number,
  text: string,
): void {
  if (ctx.reports.permit(`notify ${notifyType}`, datagram.from, ctx.env) === undefined) return;
  const bytes = encodeMessage(
    {
      initiatorCookie,
      responderCookie,
      exchangeType: ExchangeType.INFORMATIONAL,
      flags: 0,
      messageId: freshMessageId(ctx.env),
    },
    [notificationOf(doi, notifyType, text)],
  );
  ctx.out.push({ out: "send", from: datagram.via, to: datagram.from, bytes });
}

/**
 * Refuses one message of a responder's or initiator's exchange. The exchange stays as it was, since anybody on the way
 * can have sent the message; only too many of them end it. The notification is protected when the peer has shown that it
 * has the keys.
 */
export function refuse(exchange: Exchange, refused: Refused, digest: Uint8Array, ctx: Context): void {
  const { code, why, detail } = refused;
  const { remote, local, doi, initiatorCookie, role } = exchange;
  exchange.refused = { code, why, digest };
  exchange.refusals += 1;
  ctx.reports.count(`refused.${code}`);
  ctx.reports.tell(code, remote, ctx.env, ctx.out, (times) => ({
    kind: "phase1.refused",
    subjects: [{ kind: "phase1", name: remote.address }],
    cause: "peer",
    reason: why,
    figures: { code, role, source: remote.address, times, ...(detail === undefined ? {} : { detail }) },
    level: "warning",
  }));
  const notifyType = notifications[code];
  const { keyed, responderCookie } = agreed(exchange);
  if (notifyType !== undefined && keyed !== undefined && refused.lastBlock !== undefined) {
    if (ctx.reports.permit(`protected notify ${notifyType}`, remote, ctx.env) !== undefined) {
      const payload = notificationOf(doi, notifyType, publicText(refused));
      const under = { ...keyed, lastBlock: refused.lastBlock };
      sendTo(exchange, protectNotices(under, [payload], ctx.env), ctx);
    }
  } else if (notifyType !== undefined) {
    const back = { from: remote, via: local };
    notifyInClear(ctx, back, initiatorCookie, responderCookie, doi, notifyType, publicText(refused));
  }
  if (exchange.role === "responder") {
    ctx.upcalls.push({ up: "failed", peer: remote, code, why });
    if (exchange.refusals >= REFUSALS_AT_MOST) exchange.state = { at: "OVER" };
  }
}

/** What both sides have by now. */
function agreed(exchange: Exchange): { readonly keyed: Keyed | undefined; readonly responderCookie: Uint8Array } {
  const keyed = "keyed" in exchange.state ? exchange.state.keyed : undefined;
  const cookie = exchange.role === "responder" ? exchange.responderCookie : keyed?.responderCookie;
  return { keyed, responderCookie: cookie ?? new Uint8Array(8) };
}

function notificationOf(doi: number, notifyType: number, text: string): NotificationPayload {
  const data = utf8(text).subarray(0, TEXT_LENGTH);
  return { kind: "N", doi, protocolId: ProtocolId.PROTO_ISAKMP, spi: new Uint8Array(0), notifyType, data };
}

/** What the peer is told: nothing about who is allowed or what a certificate says, but what is wrong with its own. */
function publicText({ code, why, detail }: Refused): string {
  if (code === "no-proposal-chosen" || code === "malformed" || code === "invalid-key") return why;
  return detail === undefined ? code : `${code}: ${detail}`;
}
