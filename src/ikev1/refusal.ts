/** What happens when a message of main mode is refused: it is counted, told, answered with a notification, and no more. */
import type { Datagram } from "../core/engine.ts";
import { ExchangeType, NotifyType, ProtocolId } from "../iana/isakmp.ts";
import { toUint, utf8 } from "../util/octets.ts";
import { encodeMessage } from "../wire/message.ts";
import type { Context, Exchange, Refused } from "./exchange.ts";
import { REFUSALS_AT_MOST } from "./exchange.ts";
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
  datagram: Datagram,
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
      messageId: freshMessageId(ctx),
    },
    [
      {
        kind: "N",
        doi,
        protocolId: ProtocolId.PROTO_ISAKMP,
        spi: new Uint8Array(0),
        notifyType,
        data: utf8(text).subarray(0, TEXT_LENGTH),
      },
    ],
  );
  ctx.out.push({ out: "send", from: datagram.via, to: datagram.from, bytes });
}

/** A Message ID other than 0. */
export function freshMessageId(ctx: Pick<Context, "env">): number {
  return toUint(ctx.env.random.octets(4)) || 1;
}

/**
 * Refuses one message of a responder's or initiator's exchange. The exchange stays as it was, since anybody on the way
 * can have sent the message; only too many of them end it.
 */
export function refuse(
  exchange: Exchange,
  refused: Refused,
  digest: Uint8Array,
  datagram: Datagram,
  ctx: Context,
): void {
  const { code, why } = refused;
  exchange.refused = { code, why, digest };
  exchange.refusals += 1;
  ctx.reports.count(code);
  const { remote } = exchange;
  ctx.reports.tell(code, remote, ctx.env, ctx.out, (times) => ({
    kind: "phase1.refused",
    subjects: [{ kind: "phase1", name: remote.address }],
    cause: "peer",
    reason: why,
    figures: { code, role: exchange.role, source: remote.address, times },
    level: "warning",
  }));
  if (exchange.role === "responder") {
    ctx.upcalls.push({ up: "failed", peer: remote, code, why });
    if (exchange.refusals >= REFUSALS_AT_MOST) exchange.state = { at: "OVER" };
  }
  const notifyType = notifications[code];
  if (notifyType === undefined) return;
  const responderCookie = exchange.role === "responder" ? exchange.responderCookie : cookieOf(exchange.state);
  notifyInClear(
    ctx,
    datagram,
    exchange.initiatorCookie,
    responderCookie,
    exchange.doi,
    notifyType,
    publicText(refused),
  );
}

function cookieOf(state: {
  readonly at: string;
  readonly keyed?: { readonly responderCookie: Uint8Array };
}): Uint8Array {
  return state.keyed?.responderCookie ?? new Uint8Array(8);
}

/** What the peer is told in the clear: nothing about who is allowed or what a certificate says. */
function publicText({ code, why }: Refused): string {
  return code === "no-proposal-chosen" || code === "malformed" || code === "invalid-key" ? why : code;
}
