/**
 * DELETE_REASON (draft-pwouters-ipsecme-delete-info-01): a notification beside the Deletes of a message that says why, and
 * for how long. Deletions need not know of it: they add what `buildDeleteReason` gives them, and hand the payloads that
 * they received to `processDeleteReasons`. What a reason says changes nothing in the protocol.
 */
import { type DeleteCause, deleteReasons } from "../ledger/delete-reasons.ts";
import { sanitise } from "../ledger/sanitise.ts";
import { hex, utf8 } from "../util/octets.ts";
import { decodeNotifyData, deleteReason, encodeNotifyData } from "../wire/ikev2/notify-data.ts";
import type { NotifyPayload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import type { Ikev2Policy } from "./types.ts";

/** 'That long or longer'; 0 is 'no estimate'. The draft's figure has no legend for either. */
const LONGEST_DOWNTIME = 0xffff;
/**
 * A Delete and its reason travel in one datagram that no fragmentation touches: strongSwan with mediation drops an
 * INFORMATIONAL that comes in fragments, and with it the Delete.
 */
const MESSAGE_OCTETS = 255;

/** Why we delete. */
export interface ReasonToSend {
  readonly cause: DeleteCause;
  /** Replaces the words of the cause. */
  readonly text?: string;
  /** Replaces what is configured for the cause. */
  readonly downtimeSeconds?: number;
}

/** The notification for a message with Deletes; undefined when reasons are not to be sent. */
export function buildDeleteReason(
  { cause, text, downtimeSeconds }: ReasonToSend,
  policy: Ikev2Policy["deleteReason"],
): NotifyPayload | undefined {
  if (!policy.send) return undefined;
  const data = encodeNotifyData(deleteReason, {
    downtimeSeconds: downtime(downtimeSeconds ?? policy.downtimeSeconds[cause] ?? 0),
    message: cut(text ?? deleteReasons[cause].text),
  });
  return { kind: "N", protocolId: 0, spi: new Uint8Array(), type: policy.notifyType, data };
}

/** Whole seconds that the field can carry: a part of a second counts as one, what is no duration as no estimate. */
function downtime(seconds: number): number {
  return seconds > 0 ? Math.min(LONGEST_DOWNTIME, Math.ceil(seconds)) : 0;
}

/** UTF-8 of `text`, no longer than a Reason Message of ours may be; never a part of a character. */
function cut(text: string): Uint8Array {
  const octets = utf8(text);
  if (octets.length <= MESSAGE_OCTETS) return octets;
  let end = MESSAGE_OCTETS;
  // 10xxxxxx continues a character
  while (end > 0 && ((octets[end] ?? 0) & 0xc0) === 0x80) end--;
  return octets.subarray(0, end);
}

/** What a peer says of the Deletes of its message. */
export interface ReceivedReason {
  /** 0: no estimate; 65535: that long or longer. */
  readonly downtimeSeconds: number;
  /** Safe to store, print and show; empty when the peer gave no words. */
  readonly text: string;
  /** The Reason Message as it came, in hexadecimal: its first octets when there are more than are kept. */
  readonly raw: string;
  /** How many octets it had. */
  readonly octets: number;
  /** What else the same message says, when it says it several times. */
  readonly further?: readonly ReceivedReason[];
}

/** A reason as figures of an event. */
export function reasonFigures({ downtimeSeconds, raw, octets, further }: ReceivedReason) {
  return {
    downtimeSeconds,
    raw,
    octets,
    ...(further !== undefined && {
      further: further.map(({ text }) => text),
      furtherRaw: further.map((one) => one.raw),
    }),
  };
}

/** The reasons of one message as one: the first, with the others behind it. */
export function firstReason([first, ...further]: readonly ReceivedReason[]): ReceivedReason | undefined {
  return first === undefined || further.length === 0 ? first : { ...first, further };
}

/** Why a DELETE_REASON was not taken: there is no Delete that it could be about; it has no Downtime; enough have come. */
export type WhyIgnored = "no-delete" | "malformed" | "too-many";

export interface ReceivedReasons {
  /** They apply to every Delete of the message. One is what the draft has; the first says the downtime. */
  readonly reasons: readonly ReceivedReason[];
  /** One for each that was not taken, to be counted. */
  readonly ignored: readonly WhyIgnored[];
}

/** Reasons of one message that are kept: a peer that sends more says nothing new. */
const REASONS_KEPT = 8;
/** Octets of a Reason Message that are kept as they came. */
const RAW_OCTETS = 512;

/**
 * The reasons in the payloads of one message, a request or a response. A malformed one is ignored, and the message is
 * as good as without it.
 */
export function processDeleteReasons(payloads: readonly ReceivedPayload[], notifyType: number): ReceivedReasons {
  const deletes = payloads.some(({ payload }) => payload.kind === "D");
  const reasons: ReceivedReason[] = [];
  const ignored: WhyIgnored[] = [];
  for (const { payload } of payloads) {
    // Protocol ID and SPI are ignored on receipt: RFC 7296 3.10
    if (payload.kind !== "N" || payload.type !== notifyType) continue;
    const read = decodeNotifyData(deleteReason, payload.data);
    if (!deletes) ignored.push("no-delete");
    else if (!read.ok) ignored.push("malformed");
    else if (reasons.length === REASONS_KEPT) ignored.push("too-many");
    else reasons.push(received(read.value.downtimeSeconds, read.value.message));
  }
  return { reasons, ignored };
}

function received(downtimeSeconds: number, message: Uint8Array): ReceivedReason {
  const raw = hex(message.subarray(0, RAW_OCTETS));
  return { downtimeSeconds, text: sanitise(message), raw, octets: message.length };
}
