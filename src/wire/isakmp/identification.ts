/** Identities and how they read: RFC 2407 4.6.2, and the selectors of RFC 6407 5.3 and 5.5.1. */
import { IdType, IpProtocol } from "../../iana/isakmp.ts";
import { addressText } from "../../util/address.ts";
import { hex } from "../../util/octets.ts";
import { takenApart } from "../attributes.ts";
import { named, octetsText, printable, rest, u8, u16 } from "../codec.ts";
import { decodeOidSelector, oidSelector, oidSelectorText } from "../gdoi/iec61850.ts";
import { struct } from "../struct.ts";

/** Identification Payload: ID Type, Protocol ID, Port, Identification Data. */
export const identification = struct("RFC 2407 4.6.2")
  .constant("kind", "ID")
  .field("idType", "ID Type", named(u8, IdType))
  .field("protocolId", "Protocol ID", named(u8, IpProtocol))
  .field("port", "Port", u16)
  .described(
    "data",
    "Identification Data",
    rest,
    ({ idType }) => (idType === IdType.ID_OID ? takenApart(oidSelector) : rest),
    (data, { idType }) => identityDataText(idType, data),
  );

/** The data of an identity in the form that its type asks for, as hexadecimal when it has not that form. */
export function identityDataText(idType: number, data: Uint8Array): string {
  return formatted(idType, data) ?? octetsText(data);
}

/** Whether `data` has a length that the type allows. */
export function fitsIdType(idType: number, data: Uint8Array): boolean {
  const length = LENGTHS.get(idType);
  return length === undefined ? data.length > 0 : data.length === length;
}

const LENGTHS: ReadonlyMap<number, number> = new Map([
  [0, 0],
  [IdType.ID_IPV4_ADDR, 4],
  [IdType.ID_IPV4_ADDR_SUBNET, 8],
  [IdType.ID_IPV4_ADDR_RANGE, 8],
  [IdType.ID_IPV6_ADDR, 16],
  [IdType.ID_IPV6_ADDR_SUBNET, 32],
  [IdType.ID_IPV6_ADDR_RANGE, 32],
]);

function formatted(idType: number, data: Uint8Array): string | undefined {
  if (data.length === 0) return "(empty)";
  if (idType === IdType.ID_FQDN || idType === IdType.ID_USER_FQDN) return printable(data);
  if (idType === IdType.ID_KEY_ID)
    return printable(data) === undefined ? hex(data) : `${hex(data)} (${printable(data)})`;
  if (idType === IdType.ID_OID) {
    const selector = decodeOidSelector(data);
    return selector.ok ? oidSelectorText(selector.value) : undefined;
  }
  const length = LENGTHS.get(idType);
  if (length === undefined || length !== data.length) return undefined;
  if (idType === IdType.ID_IPV4_ADDR || idType === IdType.ID_IPV6_ADDR) return addressText(data);
  const half = length / 2;
  const mask = idType === IdType.ID_IPV4_ADDR_SUBNET || idType === IdType.ID_IPV6_ADDR_SUBNET;
  return `${addressText(data.subarray(0, half))}${mask ? "/" : " - "}${addressText(data.subarray(half))}`;
}
