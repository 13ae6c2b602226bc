/** Configuration Payload: RFC 7296 3.15. */
import { CfgType, ConfigurationAttributeType } from "../../iana/ikev2.ts";
import { nameOf } from "../../iana/names.ts";
import { addressText } from "../../util/address.ts";
import { type Codec, list, named, octetsText, printable, u8 } from "../codec.ts";
import { struct } from "../struct.ts";
import type { ConfigurationAttribute, CpPayload } from "./payloads.ts";

/** The reserved bit in front of the Attribute Type. */
const RESERVED_BIT = 0x8000;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** More than any address plan has use for; a client asks for each kind of address once or twice. */
const ATTRIBUTES_AT_MOST = 1024;

const texts: readonly number[] = [
  ConfigurationAttributeType.APPLICATION_VERSION,
  ConfigurationAttributeType.INTERNAL_DNS_DOMAIN,
];

/** Reserved bit, Attribute Type, Length, Value (RFC 7296 3.15.1). */
const configurationAttribute: Codec<ConfigurationAttribute> = {
  read: (reader) => {
    const head = reader.u16();
    const value = reader.take(reader.u16());
    const attribute = { type: head & ~RESERVED_BIT, value };
    return head < RESERVED_BIT ? attribute : { ...attribute, reserved: true };
  },
  write: (writer, { type, value, reserved }) => {
    if (type >= RESERVED_BIT) throw new RangeError(`Attribute Type ${type} does not fit 15 bits`);
    writer.u16(reserved ? type | RESERVED_BIT : type);
    writer.u16(value.length);
    writer.bytes(value);
  },
  show: ({ type, value }) => {
    if (texts.includes(type) && value.length > 0) return printable(value) ?? octetsText(value);
    return valueText(value);
  },
};

/** An address, an address with its mask (INTERNAL_IP4_SUBNET) or prefix length (3.15.1), or octets. */
function valueText(value: Uint8Array): string {
  if (value.length === 8) return `${addressText(value.subarray(0, 4))}/${addressText(value.subarray(4))}`;
  if (value.length === 17) return `${addressText(value.subarray(0, 16))}/${value[16]}`;
  return addressText(value) ?? octetsText(value);
}

/** CFG Type, RESERVED, Configuration Attributes. */
export const configuration: Codec<CpPayload> = struct("RFC 7296 3.15")
  .constant("kind", "CP")
  .field("cfgType", "CFG Type", named(u8, CfgType))
  .ignored("reserved2", "RESERVED", 3)
  .field(
    "attributes",
    "Configuration Attributes",
    list(configurationAttribute, { atMost: ATTRIBUTES_AT_MOST, atLeastOctets: ATTRIBUTE_HEADER_LENGTH }, ({ type }) =>
      nameOf(ConfigurationAttributeType, type),
    ),
  );
