/** LKH arrays, the values of the attributes of an LKH key packet: RFC 6407 5.6.3. */
import { KekAlgorithm } from "../../iana/gdoi.ts";
import type { Result } from "../../util/result.ts";
import { Writer } from "../../util/writer.ts";
import { type Codec, named, rest, secret, u8, u16, u32 } from "../codec.ts";
import { attempt, type WireError, within } from "../error.ts";
import type { LkhDownloadArray, LkhKey, LkhUpdateArray } from "../payloads.ts";
import { struct } from "../struct.ts";

const VERSION = 1;
const LKH_KEY_HEADER_LENGTH = 16;

/** LKH ID, Key Type, RESERVED, Key Creation Date, Key Expiration Date, Key Handle, Key Data: figure 12. */
const lkhKey: Codec<LkhKey> = struct("RFC 6407 5.6.3.1")
  .field("lkhId", "LKH ID", u16)
  .field("keyType", "Key Type", named(u8, KekAlgorithm))
  .reserved("RESERVED", 1)
  .field("created", "Key Creation Date", u32)
  .field("expires", "Key Expiration Date", u32)
  .field("keyHandle", "Key Handle", u32)
  .field("data", "Key Data", secret(rest));

/** LKH Version, # of LKH Keys, RESERVED, LKH Keys: figure 11. */
export const lkhDownload: Codec<LkhDownloadArray> = struct("RFC 6407 5.6.3.1")
  .fixed("LKH Version", u8, VERSION)
  .derived("numberOfLkhKeys", "# of LKH Keys", u16, (a: LkhDownloadArray) => a.keys.length)
  .reserved("RESERVED", 1)
  .field("keys", "LKH Keys", ({ numberOfLkhKeys: count }) => divided(count));

/** LKH Version, # of LKH Keys, RESERVED, LKH ID, RESERVED2, Key Handle, LKH Keys: figure 13. */
export const lkhUpdate: Codec<LkhUpdateArray> = struct("RFC 6407 5.6.3.2")
  .fixed("LKH Version", u8, VERSION)
  .derived("numberOfLkhKeys", "# of LKH Keys", u16, (a: LkhUpdateArray) => a.keys.length)
  .reserved("RESERVED", 1)
  .field("lkhId", "LKH ID", u16)
  .reserved("RESERVED2", 2)
  .field("keyHandle", "Key Handle", u32)
  .field("keys", "LKH Keys", ({ numberOfLkhKeys: count }) => divided(count));

/** Decodes the value of LKH_DOWNLOAD_ARRAY; offsets in errors count from its first octet. */
export function decodeLkhDownload(value: Uint8Array): Result<LkhDownloadArray, WireError> {
  return decodeArray(lkhDownload, value, "RFC 6407 5.6.3.1");
}

/** Decodes the value of LKH_UPDATE_ARRAY; offsets in errors count from its first octet. */
export function decodeLkhUpdate(value: Uint8Array): Result<LkhUpdateArray, WireError> {
  return decodeArray(lkhUpdate, value, "RFC 6407 5.6.3.2");
}

/** @throws RangeError when the keys are not all of one length, or a field does not fit. */
export function encodeLkhDownload(array: LkhDownloadArray): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  lkhDownload.write(writer, array, undefined);
  return writer.finish();
}

/** @throws RangeError when the keys are not all of one length, or a field does not fit. */
export function encodeLkhUpdate(array: LkhUpdateArray): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  lkhUpdate.write(writer, array, undefined);
  return writer.finish();
}

function decodeArray<T>(codec: Codec<T>, value: Uint8Array, section: string): Result<T, WireError> {
  return attempt(value, 0, section, (reader) => {
    const array = codec.read(reader);
    reader.expectEnd();
    return array;
  });
}

/** `count` keys of one length: the format has no length of a key, so that the array is divided evenly. */
function divided(count: number): Codec<readonly LkhKey[]> {
  return {
    read: (reader) => {
      const { left } = reader;
      if (count === 0) return [];
      const each = left / count;
      if (!Number.isInteger(each) || each < LKH_KEY_HEADER_LENGTH) {
        throw reader.fault("bad-length", `${left} octets do not divide into ${count} LKH keys`);
      }
      const keys: LkhKey[] = [];
      for (let i = 0; i < count; i++) {
        try {
          keys.push(lkhKey.read(reader.sub(each)));
        } catch (thrown) {
          throw within(thrown, `[${i}]`, "");
        }
      }
      return keys;
    },
    write: (writer, keys, trace) => {
      for (const key of keys) {
        if (key.data.length !== keys[0]?.data.length) throw new RangeError("LKH keys of one array have one length");
        trace?.open("LKH Key", writer.length, `node ${key.lkhId}`);
        lkhKey.write(writer, key, trace);
        trace?.close();
      }
    },
  };
}
