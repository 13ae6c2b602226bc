/** Messages and chains of payloads: RFC 2408 3.2, and which payload types stand for what in RFC 6407. */
import { ExchangeType, PayloadType } from "../iana/isakmp.ts";
import { concat, isZero } from "../util/octets.ts";
import type { Reader } from "../util/reader.ts";
import { err, ok, type Result } from "../util/result.ts";
import { Writer } from "../util/writer.ts";
import { Chain, type Entry, ofKind } from "./chain.ts";
import { attempt, plain, type WireError } from "./error.ts";
import { kd } from "./gdoi/kd.ts";
import { gap, gdoiSa, seq } from "./gdoi/sa.ts";
import { decodeHeader, encodeHeader, HEADER_LENGTH } from "./header.ts";
import { identification } from "./isakmp/identification.ts";
import { deletion, notification } from "./isakmp/notices.ts";
import { certificate, certificateRequest, hash, keyExchange, nonce, signature, vendorId } from "./isakmp/opaque.ts";
import { sa } from "./isakmp/sa.ts";
import type { Header, Payload, ReceivedPayload } from "./payloads.ts";
import { unknownPayloads } from "./unknown.ts";

/** Which SA payload stands behind type 1: that of RFC 2408 or that of RFC 6407. */
export type ChainContext = "phase1" | "gdoi";

/** More payloads than any exchange here has; a message of many certificates included. */
const MOST_PAYLOADS = 64;
/** Padding fills one block at most, and none is larger than 16 octets (RFC 2409 App. B). */
const MOST_PADDING = 15;

const entry = ofKind<Payload>();
const phase1Sa = entry(PayloadType.SA, "SA", "SA", sa);
const groupSa = entry(PayloadType.SA, "SA", "GDOI-SA", gdoiSa);

const common: readonly Entry<Payload>[] = [
  entry(PayloadType.KE, "KE", "KE", keyExchange),
  entry(PayloadType.ID, "ID", "ID", identification),
  entry(PayloadType.CERT, "CERT", "CERT", certificate),
  entry(PayloadType.CR, "CR", "CR", certificateRequest),
  entry(PayloadType.HASH, "HASH", "HASH", hash),
  entry(PayloadType.SIG, "SIG", "SIG", signature),
  entry(PayloadType.NONCE, "NONCE", "NONCE", nonce),
  entry(PayloadType.N, "N", "N", notification),
  entry(PayloadType.D, "D", "D", deletion),
  entry(PayloadType.VID, "VID", "VID", vendorId),
  entry(PayloadType.GAP, "GAP", "GAP", gap),
  entry(PayloadType.KD, "KD", "KD", kd),
  entry(PayloadType.SEQ, "SEQ", "SEQ", seq),
];

function chainOf(...sas: readonly Entry<Payload>[]): Chain<Payload> {
  return new Chain<Payload>({
    entries: [...sas, ...common],
    opaque: unknownPayloads,
    // they stand inside an SA payload only: RFC 2408 3.4, RFC 6407 5.2
    refused: [PayloadType.P, PayloadType.T, PayloadType.SAK, PayloadType.SAT],
    atMost: MOST_PAYLOADS,
    section: "RFC 2408 3.2",
  });
}

const received: Readonly<Record<ChainContext, Chain<Payload>>> = { phase1: chainOf(phase1Sa), gdoi: chainOf(groupSa) };

/** Every payload that can be sent. */
export const payloadChain = chainOf(phase1Sa, groupSa);

const gdoiExchanges: readonly number[] = [
  ExchangeType.GROUPKEY_PULL,
  ExchangeType.GROUPKEY_PUSH,
  ExchangeType.GROUPKEY_PUSH_ACK,
];

/** The context of an exchange; 32 is GROUPKEY-PULL here, never Quick Mode. */
export function contextOf(exchangeType: number): ChainContext {
  return gdoiExchanges.includes(exchangeType) ? "gdoi" : "phase1";
}

/**
 * Decodes the chain that starts at `offset` of `octets` with a payload of type `first`. Octet strings in it are views.
 * @param padding "none": the chain must use the octets up; "zeros": up to 15 zeros may follow (RFC 2409 App. B).
 * @returns the payloads, and `end`, the offset behind the last one.
 */
export function decodeChain(
  first: number,
  octets: Uint8Array,
  offset: number,
  context: ChainContext,
  padding: "none" | "zeros",
): Result<{ payloads: ReceivedPayload[]; end: number }, WireError> {
  const whole = plain(octets);
  return attempt(whole, offset, "RFC 2408 3.2", (reader) => {
    const starts: number[] = [];
    const values = received[context].read(reader, first, starts);
    const end = reader.offset;
    const payloads = values.map((payload, i) => {
      const offset = starts[i] ?? 0;
      return { payload, octets: whole.subarray(offset, starts[i + 1] ?? end), offset };
    });
    if (padding === "zeros") passPadding(reader);
    reader.expectEnd();
    return { payloads, end };
  });
}

/** Decodes a message that is not encrypted. */
export function decodeMessage(
  datagram: Uint8Array,
): Result<{ header: Header; payloads: ReceivedPayload[] }, WireError> {
  const header = decodeHeader(datagram);
  if (!header.ok) return header;
  const { nextPayload, exchangeType } = header.value;
  const chain = decodeChain(nextPayload, datagram, HEADER_LENGTH, contextOf(exchangeType), "none");
  return chain.ok ? ok({ header: header.value, payloads: chain.value.payloads }) : err(chain.error);
}

/** The Next Payload value that announces `payload`. */
export function payloadType(payload: Payload): number {
  return payloadChain.typeOf(payload);
}

/**
 * Encodes each payload with its generic header; the Next Payload of the last one is `last`.
 * @throws RangeError when a value does not fit its field.
 */
export function encodeChain(payloads: readonly Payload[], last = 0): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  payloadChain.write(writer, payloads, last, undefined);
  return writer.finish();
}

/**
 * Encodes one payload with its generic header.
 * @throws RangeError when a value does not fit its field.
 */
export function encodePayload(payload: Payload, nextPayload: number): Uint8Array<ArrayBuffer> {
  return encodeChain([payload], nextPayload);
}

/**
 * Encodes a message that is not encrypted.
 * @throws RangeError when a value does not fit its field.
 */
export function encodeMessage(
  header: Pick<Header, "initiatorCookie" | "responderCookie" | "exchangeType" | "flags" | "messageId">,
  payloads: readonly Payload[],
): Uint8Array<ArrayBuffer> {
  const chain = encodeChain(payloads);
  const nextPayload = payloadChain.firstType(payloads);
  return concat(encodeHeader({ ...header, nextPayload, length: HEADER_LENGTH + chain.length }), chain);
}

function passPadding(reader: Reader): void {
  const at = reader.offset;
  if (reader.left <= MOST_PADDING && !isZero(reader.rest())) {
    throw reader.fault("bad-value", "padding must be zeros", at);
  }
}
