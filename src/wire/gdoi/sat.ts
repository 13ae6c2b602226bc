/** SA TEK Payload: RFC 6407 5.5. ESP, AH and IEC 61850 are read; what other protocols have is kept as it came. */
import { TekProtocol } from "../../iana/gdoi.ts";
import {
  AddressPreservation,
  AhTransform,
  AuthenticationAlgorithm,
  EncapsulationMode,
  EspTransform,
  IpsecAttribute,
  SaDirection,
  SaLifeType,
} from "../../iana/ipsec.ts";
import { IpProtocol } from "../../iana/isakmp.ts";
import type { Registry } from "../../iana/names.ts";
import { OakleyGroup } from "../../iana/oakley.ts";
import { type AttributeTable, attributes } from "../attributes.ts";
import { bytes, type Codec, mapped, named, rest, u8 } from "../codec.ts";
import type { IpsecTek, SaTekPayload } from "../payloads.ts";
import { struct } from "../struct.ts";
import { iec61850Tek } from "./iec61850.ts";
import { destination, destinationWithProtocol, eitherReading, source } from "./selector.ts";

const ipsecAttributes: AttributeTable = {
  names: IpsecAttribute,
  values: {
    [IpsecAttribute.SA_LIFE_TYPE]: SaLifeType,
    [IpsecAttribute.GROUP_DESCRIPTION]: OakleyGroup,
    [IpsecAttribute.ENCAPSULATION_MODE]: EncapsulationMode,
    [IpsecAttribute.AUTHENTICATION_ALGORITHM]: AuthenticationAlgorithm,
    [IpsecAttribute.ADDRESS_PRESERVATION]: AddressPreservation,
    [IpsecAttribute.SA_DIRECTION]: SaDirection,
  },
};

/** Protocol, SRC ID, DST ID, Transform ID, SPI, RFC 2407 SA Attributes: RFC 6407 5.5.1. */
function ipsecTek(transforms: Registry): Codec<IpsecTek> {
  const beginning = struct("RFC 6407 5.5.1")
    .field("protocol", "Protocol", named(u8, IpProtocol))
    .field("source", "Source", source);
  return eitherReading<IpsecTek>(
    beginning
      .field("destination", "Destination", destination)
      .field("transformId", "Transform ID", named(u8, transforms))
      .field("spi", "SPI", bytes(4))
      .field("attributes", "RFC 2407 SA Attributes", attributes(ipsecAttributes)),
    beginning
      .merge(destinationWithProtocol)
      .field("transformId", "Transform ID", named(u8, transforms))
      .field("spi", "SPI", bytes(4))
      .field("attributes", "RFC 2407 SA Attributes", attributes(ipsecAttributes)),
  );
}

const bodies: ReadonlyMap<number, Codec<IpsecTek>> = new Map([
  [TekProtocol.ESP, ipsecTek(EspTransform)],
  [TekProtocol.AH, ipsecTek(AhTransform)],
]);

type TekBody = Pick<SaTekPayload, "body" | "iec61850" | "opaque">;

/** Protocol-ID, TEK Protocol-Specific Payload. */
export const sat: Codec<SaTekPayload> = struct("RFC 6407 5.5")
  .constant("kind", "SAT")
  .field("protocolId", "Protocol-ID", named(u8, TekProtocol))
  .merge(({ protocolId }) => tekBody(protocolId));

function tekBody(protocolId: number): Codec<TekBody> {
  if (protocolId === TekProtocol.IEC_61850) {
    return mapped(
      iec61850Tek,
      (iec61850): TekBody => ({ iec61850 }),
      ({ iec61850 }) => ofProtocol(iec61850),
    );
  }
  const ipsec = bodies.get(protocolId);
  if (ipsec !== undefined) {
    return mapped(
      ipsec,
      (body): TekBody => ({ body }),
      ({ body }) => ofProtocol(body),
    );
  }
  return mapped(
    opaqueBody,
    (value): TekBody => value,
    ({ opaque }) => ({ opaque: ofProtocol(opaque) }),
  );
}

const opaqueBody = struct("RFC 6407 5.5").field("opaque", "TEK Protocol-Specific Payload", rest);

function ofProtocol<T>(body: T | undefined): T {
  if (body === undefined) throw new RangeError("the body of a SAT is not of its protocol");
  return body;
}
