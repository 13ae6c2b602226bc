/** The ISAKMP header: RFC 2408 3.1. */
import { ExchangeType, Flag, PayloadType } from "../iana/isakmp.ts";
import type { Result } from "../util/result.ts";
import { Writer } from "../util/writer.ts";
import { bitsText, bytes, type Codec, named, u8, u32 } from "./codec.ts";
import { attempt, type WireError } from "./error.ts";
import type { Header } from "./payloads.ts";
import { struct } from "./struct.ts";

/** Octets of the ISAKMP header. */
export const HEADER_LENGTH = 28;

const SECTION = "RFC 2408 3.1";
const MAJOR_VERSION = 1;
const MINOR_VERSION = 0;

interface Version {
  readonly majorVersion: number;
  readonly minorVersion: number;
}

const version: Codec<Version> = {
  read: (reader) => {
    const octet = reader.u8();
    if (octet !== ((MAJOR_VERSION << 4) | MINOR_VERSION)) {
      throw reader.fault("version", `version ${octet >>> 4}.${octet & 15} is not 1.0`, reader.offset - 1);
    }
    return { majorVersion: MAJOR_VERSION, minorVersion: MINOR_VERSION };
  },
  write: (writer, { majorVersion, minorVersion }, trace) => {
    trace?.open("Version", writer.length, `${majorVersion}.${minorVersion}`);
    writer.u8((majorVersion << 4) | minorVersion);
    trace?.close();
  },
};

/** Cookies, Next Payload, version, Exchange Type, Flags, Message ID, Length. */
export const headerFields: Codec<Header> = struct(SECTION)
  .field("initiatorCookie", "Initiator Cookie", bytes(8))
  .field("responderCookie", "Responder Cookie", bytes(8))
  .field("nextPayload", "Next Payload", named(u8, PayloadType))
  .merge(version)
  .field("exchangeType", "Exchange Type", named(u8, ExchangeType))
  .field("flags", "Flags", u8, (flags) => bitsText(Flag, flags))
  .field("messageId", "Message ID", u32)
  .field("length", "Length", u32);

/**
 * Decodes the header and checks version 1.0 and that Length is the datagram's.
 * @returns the header, its cookies as views; or what is wrong.
 */
export function decodeHeader(datagram: Uint8Array): Result<Header, WireError> {
  return attempt(datagram, 0, SECTION, (reader) => {
    const header = headerFields.read(reader);
    if (header.length === datagram.length) return header;
    throw reader.fault("bad-length", `Length says ${header.length} octets, ${datagram.length} came`, 24);
  });
}

/**
 * Encodes a header of version 1.0. Its Length is taken as given.
 * @throws RangeError when a field does not fit.
 */
export function encodeHeader(header: Omit<Header, "majorVersion" | "minorVersion">): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  headerFields.write(writer, { ...header, majorVersion: MAJOR_VERSION, minorVersion: MINOR_VERSION }, undefined);
  return writer.finish();
}
