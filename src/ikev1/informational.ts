/** Informational exchange (RFC 2408 4.8, RFC 2409 5.7): N and D, in the clear before an SA stands and protected after. */
import type { Datagram, Env } from "../core/engine.ts";
import { ExchangeType, NotifyType, PayloadType, ProtocolId } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { concat, hex, u32 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import { decodeChain, decodeMessage, encodeChain, encodePayload } from "../wire/message.ts";
import type { DeletePayload, Header, NotificationPayload, Payload } from "../wire/payloads.ts";
import { contentsOf } from "./contents.ts";
import type { Context, InitiatorExchange, Keyed } from "./exchange.ts";
import { phase1Iv } from "./keys.ts";
import { freshMessageId, type Protection, phase2Hash, phase2Iv, protect, unprotect } from "./phase2.ts";
import { chainEnd } from "./proof.ts";
import { clearInformational, informational } from "./transitions.ts";
import type { Phase1Sa } from "./types.ts";

/** What an SA, or an exchange near its end, lends to the protection of an Informational exchange. */
export type ProtectedBy = Protection & Pick<Phase1Sa, "lastBlock" | "proposal" | "skeyidA">;

/** Genuine contents of a protected Informational exchange. */
export interface Notices {
  readonly notifications: readonly NotificationPayload[];
  readonly deletes: readonly DeletePayload[];
}

/** HDR*, HASH(1), then `payloads`; HASH(1) = prf(SKEYID_a, M-ID | payloads with generic headers). */
export function protectNotices(under: ProtectedBy, payloads: readonly Payload[], env: Env): Uint8Array {
  const messageId = freshMessageId(env);
  const covered = encodeChain(payloads);
  const hash = phase2Hash(under, env, u32(messageId), covered);
  const first = payloads[0];
  const chain = concat(encodePayload({ kind: "HASH", data: hash }, first === undefined ? 0 : typeOf(first)), covered);
  const iv = phase2Iv(under, messageId, env);
  return protect(under, env, ExchangeType.INFORMATIONAL, messageId, PayloadType.HASH, chain, iv).datagram;
}

function typeOf(payload: Payload): number {
  return payload.kind === "D" ? PayloadType.D : PayloadType.N;
}

/** Opens a protected Informational exchange; the error says why it is not genuine. */
export function openNotices(under: ProtectedBy, header: Header, bytes: Uint8Array, env: Env): Result<Notices, string> {
  if (header.messageId === 0) return err("Message ID is 0");
  const iv = phase2Iv(under, header.messageId, env);
  const opened = unprotect(under, env, header, bytes, iv);
  if (!opened.ok) return err(opened.error.message);
  const { plaintext } = opened.value;
  const end = chainEnd(header.nextPayload, plaintext);
  if (header.nextPayload !== PayloadType.HASH) return err("HASH is not the first payload");
  const chain = decodeChain(header.nextPayload, plaintext.subarray(0, end), 0, "phase1", "none");
  if (!chain.ok) return err(chain.error.message);
  const contents = contentsOf(chain.value.payloads, informational);
  if (!contents.ok) return err(contents.error);
  const { hash, notifications, deletes } = contents.value;
  const [first] = chain.value.payloads;
  if (hash === undefined || first === undefined) return err("HASH is missing");
  const covered = plaintext.subarray(first.octets.length, end);
  const expected = phase2Hash(under, env, u32(header.messageId), covered);
  if (!env.crypto.equal(expected, hash.data)) return err("HASH does not match");
  return ok({ notifications, deletes });
}

/**
 * An unprotected Informational exchange: recorded, never acted upon. What it says may explain why an attempt of ours gets
 * no answer.
 * @returns why it is dropped, when it is not even well-formed.
 */
export function noteInTheClear(
  datagram: Datagram,
  attempt: InitiatorExchange | undefined,
  ctx: Context,
): readonly [code: string, why: string] | undefined {
  const { env, out, reports } = ctx;
  const message = decodeMessage(datagram.bytes);
  if (!message.ok) return ["malformed", message.error.message];
  const contents = contentsOf(message.value.payloads, clearInformational);
  if (!contents.ok) return ["malformed", contents.error];
  reports.count("unprotected-informational");
  const said = [
    ...contents.value.notifications.map(notificationText),
    ...contents.value.deletes.map(() => "that it deletes"),
  ].slice(0, 4);
  if (attempt !== undefined && said.length > 0) attempt.hint = said.join(", ");
  reports.tell("unprotected-informational", datagram.from, env, out, (times) => ({
    kind: "phase1.unprotected-notification",
    subjects: [{ kind: "phase1", name: datagram.from.address }],
    cause: "peer",
    reason: said.join(", "),
    figures: { source: datagram.from.address, times, ours: attempt !== undefined },
    level: "info",
  }));
  return undefined;
}

/**
 * An Informational exchange that the responder protects before Phase 1 is complete, as strongSwan does when it refuses
 * message 5. The keys are there on both sides; the IV stands on the last block that was encrypted, or on the first IV when
 * message 5 was not taken.
 * @returns what it says, undefined when it is not genuine.
 */
export function refusalBehindKeys(keyed: Keyed, datagram: Datagram, header: Header, env: Env): string | undefined {
  for (const lastBlock of [keyed.iv, phase1Iv(env.crypto, keyed.proposal, keyed.exchanged)]) {
    const opened = openNotices({ ...keyed, lastBlock }, header, datagram.bytes, env);
    const [notification] = opened.ok ? opened.value.notifications : [];
    if (notification !== undefined) return notificationText(notification);
  }
  return undefined;
}

/** Name and, when there is any, text of a notification, safe to print. */
export function notificationText({ notifyType, data }: NotificationPayload): string {
  const text = sanitise(data, 120);
  return text === "" ? nameOf(NotifyType, notifyType) : `${nameOf(NotifyType, notifyType)}: ${text}`;
}

/** The D payload for an ISAKMP SA (RFC 2408 3.15): its SPI is the cookie pair. */
export function deletionOf(sa: Phase1Sa): DeletePayload {
  return {
    kind: "D",
    doi: sa.doi,
    protocolId: ProtocolId.PROTO_ISAKMP,
    spiSize: 16,
    spis: [concat(sa.initiatorCookie, sa.responderCookie)],
  };
}

/** SA ids that a D payload names; none when it is for another protocol. */
export function deletedIds({ protocolId, spiSize, spis }: DeletePayload): string[] {
  return protocolId === ProtocolId.PROTO_ISAKMP && spiSize === 16 ? spis.map(hex) : [];
}
