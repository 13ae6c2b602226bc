/** The IKE header: RFC 7296 3.1. */
import { ExchangeType, Flag, PayloadType } from "../../iana/ikev2.ts";
import { err, ok, type Result } from "../../util/result.ts";
import { Writer } from "../../util/writer.ts";
import { bitsText, bytes, type Codec, named, u8, u32 } from "../codec.ts";
import { attempt, type WireError } from "../error.ts";
import { struct } from "../struct.ts";
import { version } from "../version.ts";
import type { Header } from "./payloads.ts";

/** Octets of the IKE header. */
export const HEADER_LENGTH = 28;

const SECTION = "RFC 7296 3.1";
const MAJOR_VERSION = 2;
const MINOR_VERSION = 0;
const VERSION_OFFSET = 17;
/** Where Length stands. */
export const LENGTH_OFFSET = 24;

/** SPIs, Next Payload, version, Exchange Type, Flags, Message ID, Length. */
export const headerFields: Codec<Header> = struct(SECTION)
  .field("spiI", "IKE SA Initiator's SPI", bytes(8))
  .field("spiR", "IKE SA Responder's SPI", bytes(8))
  .field("nextPayload", "Next Payload", named(u8, PayloadType))
  .merge(version)
  .field("exchangeType", "Exchange Type", named(u8, ExchangeType))
  .field("flags", "Flags", u8, (flags) => bitsText(Flag, flags))
  .field("messageId", "Message ID", u32)
  .field("length", "Length", u32);

/** A header that is refused. */
export interface HeaderError extends WireError {
  /**
   * Of a message with a major version above 2, code "version": what an answer with INVALID_MAJOR_VERSION is made from
   * (RFC 7296 2.5). Its Length was not held against the datagram.
   */
  readonly header?: Header;
}

/**
 * Decodes the header and checks that the major version is 2 and that Length is the datagram's. The minor version and
 * unknown flags are ignored (RFC 7296 2.5, 3.1).
 * @returns the header, its SPIs as views; or what is wrong.
 */
export function decodeHeader(datagram: Uint8Array): Result<Header, HeaderError> {
  const read = attempt(datagram, 0, SECTION, headerFields.read);
  if (!read.ok) return read;
  const header = read.value;
  const { majorVersion, minorVersion, length } = header;
  const at = { path: "", section: SECTION };
  if (majorVersion !== MAJOR_VERSION) {
    const message = `version ${majorVersion}.${minorVersion}, expected major version ${MAJOR_VERSION}`;
    const higher = majorVersion > MAJOR_VERSION ? { header } : {};
    return err({ ...at, code: "version", message, offset: VERSION_OFFSET, ...higher });
  }
  if (length !== datagram.length) {
    const message = `Length says ${length} octets, ${datagram.length} came`;
    return err({ ...at, code: "bad-length", message, offset: LENGTH_OFFSET });
  }
  return ok(header);
}

/** What the sender of a message says in its header; the rest follows from the payloads. */
export type HeaderFields = Pick<Header, "spiI" | "spiR" | "exchangeType" | "flags" | "messageId"> &
  Partial<Pick<Header, "minorVersion">>;

/** Writes a header of version 2.0 whose Length is filled in later. @throws RangeError when a field does not fit. */
export function writeHeader(writer: Writer, header: HeaderFields, nextPayload: number): void {
  const { spiI, spiR, exchangeType, flags, messageId, minorVersion = MINOR_VERSION } = header;
  const majorVersion = MAJOR_VERSION;
  headerFields.write(
    writer,
    { spiI, spiR, nextPayload, majorVersion, minorVersion, exchangeType, flags, messageId, length: 0 },
    undefined,
  );
}

/**
 * Encodes a header of version 2.0. Its Length is taken as given.
 * @throws RangeError when a field does not fit.
 */
export function encodeHeader(header: HeaderFields & Pick<Header, "nextPayload" | "length">): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeHeader(writer, header, header.nextPayload);
  writer.setU32(LENGTH_OFFSET, header.length);
  return writer.finish();
}
