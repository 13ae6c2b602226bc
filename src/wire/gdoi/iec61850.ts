/** GDOI for IEC 61850: the Identification Data of an ID_OID and the SAT of GDOI_PROTO_IEC_61850 (RFC 8052 2.1, 2.2). */
import { AuthAlg, EncAlg, SaTekAttribute } from "../../iana/gdoi.ts";
import { derOid, isOid, oidText, readOidField } from "../../util/oid.ts";
import type { Result } from "../../util/result.ts";
import { Writer } from "../../util/writer.ts";
import { attributes } from "../attributes.ts";
import { bytes, type Codec, named, octetsText, u8, u16, u32 } from "../codec.ts";
import { attempt, type WireError, within } from "../error.ts";
import type { Iec61850Tek, OidSelector } from "../payloads.ts";
import { struct } from "../struct.ts";

type OidValue = Pick<OidSelector, "oid" | "oidForm">;

/** OID Length, OID, OID-Specific Payload Length, OID-Specific Payload. */
function selectorOf(section: string): Codec<OidSelector> {
  return struct(section)
    .derived("oidLength", "OID Length", u8, (whole: OidSelector) => oidFieldOctets(whole).length)
    .merge(({ oidLength }) => oidField(oidLength))
    .derived(
      "oidSpecificPayloadLength",
      "OID-Specific Payload Length",
      u16,
      (whole: OidSelector) => whole.oidSpecificPayload.length,
    )
    .field("oidSpecificPayload", "OID-Specific Payload", ({ oidSpecificPayloadLength: length }) => bytes(length));
}

/** Figure 2. */
export const oidSelector = selectorOf("RFC 8052 2.1");

/** Selector, SPI, Auth Alg, Enc Alg, Remaining Lifetime Value, SA Data Attributes: figure 4. */
export const iec61850Tek: Codec<Iec61850Tek> = struct("RFC 8052 2.2")
  .merge(selectorOf("RFC 8052 2.2"))
  .field("spi", "SPI", bytes(4))
  .field("authAlg", "Auth Alg", named(u16, AuthAlg))
  .field("encAlg", "Enc Alg", named(u16, EncAlg))
  .field("remainingLifetime", "Remaining Lifetime Value", u32)
  .field("attributes", "SA Data Attributes", attributes({ names: SaTekAttribute }));

/** The Identification Data of an ID_OID; it must be used up. */
export function decodeOidSelector(data: Uint8Array): Result<OidSelector, WireError> {
  return attempt(data, 0, "RFC 8052 2.1", (reader) => {
    const selector = oidSelector.read(reader);
    reader.expectEnd();
    return selector;
  });
}

/**
 * Identification Data of an ID_OID.
 * @throws RangeError when `oid` is no OID, or a part is too long for its field.
 */
export function encodeOidSelector(selector: OidSelector): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  oidSelector.write(writer, selector, undefined);
  return writer.finish();
}

/** `1.2.840.10070.61850.8.1.2`, with what its payload has in hexadecimal behind it. */
export function oidSelectorText({ oid, oidSpecificPayload: payload }: OidSelector): string {
  const text = oidText(oid) ?? octetsText(oid);
  return payload.length === 0 ? text : `${text} with ${octetsText(payload)}`;
}

/** An OID in a field of `length` octets: the whole DER encoding, or its contents octets, which is noted. */
function oidField(length: number): Codec<OidValue> {
  return {
    read: (reader) => {
      const at = reader.offset;
      try {
        const found = readOidField(reader.take(length));
        if (found === undefined)
          throw reader.fault("bad-value", `${length} octets are no OBJECT IDENTIFIER in DER`, at);
        const { contents: oid, form } = found;
        return form === "der" ? { oid } : { oid, oidForm: form };
      } catch (thrown) {
        throw within(thrown, "oid", "");
      }
    },
    write: (writer, value, trace) => {
      const octets = oidFieldOctets(value);
      const text = oidText(value.oid);
      trace?.open("OID", writer.length, value.oidForm === undefined ? text : `${text} (contents octets only)`);
      writer.bytes(octets);
      trace?.close();
    },
  };
}

/** @throws RangeError when the octets would not be read as they are meant. */
function oidFieldOctets({ oid, oidForm }: OidValue): Uint8Array {
  const octets = oidForm === "contents" ? oid : derOid(oid);
  if (!isOid(oid) || readOidField(octets)?.form !== (oidForm ?? "der")) throw new RangeError("no OBJECT IDENTIFIER");
  return octets;
}
