/** The octet with both parts of a version, the same in ISAKMP (RFC 2408 3.1) and IKEv2 (RFC 7296 3.1). */
import type { Codec } from "./codec.ts";

export interface Version {
  readonly majorVersion: number;
  readonly minorVersion: number;
}

/** Any version. */
export const version: Codec<Version> = {
  read: (reader) => {
    const octet = reader.u8();
    return { majorVersion: octet >>> 4, minorVersion: octet & 15 };
  },
  write: (writer, { majorVersion, minorVersion }, trace) => {
    trace?.open("Version", writer.length, `${majorVersion}.${minorVersion}`);
    writer.u8((majorVersion << 4) | minorVersion);
    trace?.close();
  },
  properties: ["majorVersion", "minorVersion"],
};
