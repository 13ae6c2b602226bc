/** The ISAKMP header: RFC 2408 3.1. */
import { ExchangeType, Flag, PayloadType } from "../iana/isakmp.ts";
import type { Result } from "../util/result.ts";
import { Writer } from "../util/writer.ts";
import { bitsText, bytes, type Codec, named, u8, u32 } from "./codec.ts";
import { attempt, type WireError } from "./error.ts";
import type { Header } from "./payloads.ts";
import { struct } from "./struct.ts";
import { version as anyVersion, type Version } from "./version.ts";

/** Octets of the ISAKMP header. */
export const HEADER_LENGTH = 28;

const SECTION = "RFC 2408 3.1";
const MAJOR_VERSION = 1;
const MINOR_VERSION = 0;

const version: Codec<Version> = {
  ...anyVersion,
  read: (reader) => {
    const found = anyVersion.read(reader);
    const { majorVersion, minorVersion } = found;
    if (majorVersion === MAJOR_VERSION && minorVersion === MINOR_VERSION) return found;
    throw reader.fault("version", `version ${majorVersion}.${minorVersion} is not 1.0`, reader.offset - 1);
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
