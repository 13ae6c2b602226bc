/**
 * GROUPKEY-PUSH ACK (RFC 8263 3): HDR, HASH, SEQ, ID at fixed places. A key server decodes one for every member and
 * rekey, so this one is read in place; test/vectors holds it against the tables.
 */
import { ExchangeType, PayloadType } from "../../iana/isakmp.ts";
import type { MalformedCode } from "../../util/reader.ts";
import { err, ok, type Result } from "../../util/result.ts";
import { plain, type WireError } from "../error.ts";

/** The fields of an ACK as views of its datagram. */
export interface AckView {
  /** 16 octets: the cookies, which are the SPI of the Rekey SA. */
  readonly spi: Uint8Array;
  /** Hash Data. */
  readonly hash: Uint8Array;
  readonly sequenceNumber: number;
  readonly idType: number;
  /** Identification Data. */
  readonly id: Uint8Array;
  /** SEQ and ID payload with their generic headers: what HASH covers. */
  readonly covered: Uint8Array;
}

const HEADER = 28;
const GENERIC = 4;
const SEQ_LENGTH = 8;
/** Generic header, ID Type, Protocol ID, Port. */
const ID_FIXED = 8;
const VERSION_1_0 = 0x10;

/**
 * Decodes a GROUPKEY-PUSH ACK. Flags and Message ID must be zero, the payloads HASH, SEQ, ID in this order, Protocol ID
 * and Port of the ID zero.
 */
export function decodeAck(datagram: Uint8Array): Result<AckView, WireError> {
  const d = plain(datagram);
  const end = d.length;
  if (end < HEADER + GENERIC + SEQ_LENGTH + ID_FIXED)
    return wrong("truncated", "an ACK has at least 48 octets", end, "");
  if (d[17] !== VERSION_1_0) return wrong("version", "version is not 1.0", 17, "HDR");
  if (d[18] !== ExchangeType.GROUPKEY_PUSH_ACK) return wrong("unexpected", "not a GROUPKEY-PUSH ACK", 18, "HDR");
  if (d[19] !== 0) return wrong("bad-value", "Flags must be zero", 19, "HDR");
  if (quad(d, 20) !== 0) return wrong("bad-value", "Message ID must be zero", 20, "HDR");
  if (quad(d, 24) !== end) return wrong("bad-length", `Length is not ${end}`, 24, "HDR");
  if (d[16] !== PayloadType.HASH) return wrong("unexpected", "the first payload must be HASH", 16, "HDR");

  const hashLength = pair(d, HEADER + 2);
  const seq = HEADER + hashLength;
  const id = seq + SEQ_LENGTH;
  if (d[HEADER] !== PayloadType.SEQ) return wrong("unexpected", "SEQ must follow HASH", HEADER, "HASH");
  if (d[HEADER + 1] !== 0) return wrong("reserved", "RESERVED must be zero", HEADER + 1, "HASH");
  if (hashLength < GENERIC || id + ID_FIXED > end) {
    return wrong("bad-length", `Payload Length of ${hashLength} does not fit`, HEADER + 2, "HASH");
  }
  if (d[seq] !== PayloadType.ID) return wrong("unexpected", "ID must follow SEQ", seq, "SEQ");
  if (d[seq + 1] !== 0) return wrong("reserved", "RESERVED must be zero", seq + 1, "SEQ");
  if (pair(d, seq + 2) !== SEQ_LENGTH) return wrong("bad-length", "Payload Length must be 8", seq + 2, "SEQ");
  if (d[id] !== PayloadType.NONE) return wrong("unexpected", "nothing may follow ID", id, "ID");
  if (d[id + 1] !== 0) return wrong("reserved", "RESERVED must be zero", id + 1, "ID");
  if (pair(d, id + 2) !== end - id) return wrong("bad-length", `Payload Length must be ${end - id}`, id + 2, "ID");
  if (d[id + 5] !== 0) return wrong("bad-value", "Protocol ID must be zero", id + 5, "ID");
  if (pair(d, id + 6) !== 0) return wrong("bad-value", "Port must be zero", id + 6, "ID");

  return ok({
    spi: d.subarray(0, 16),
    hash: d.subarray(HEADER + GENERIC, seq),
    sequenceNumber: quad(d, seq + GENERIC),
    idType: d[id + 4] ?? 0,
    id: d.subarray(id + ID_FIXED, end),
    covered: d.subarray(seq, end),
  });
}

function pair(octets: Uint8Array, at: number): number {
  return ((octets[at] ?? 0) << 8) | (octets[at + 1] ?? 0);
}

function quad(octets: Uint8Array, at: number): number {
  return pair(octets, at) * 0x10000 + pair(octets, at + 2);
}

function wrong(code: MalformedCode, message: string, offset: number, path: string): Result<AckView, WireError> {
  return err({ code, message, offset, path, section: "RFC 8263 3" });
}
