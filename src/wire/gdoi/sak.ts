/** SA KEK Payload: RFC 6407 5.3, and its attribute of RFC 8263. */
import { KekAckRequested, KekAlgorithm, KekAttribute, KekManagement, SigAlgorithm, SigHash } from "../../iana/gdoi.ts";
import { IpProtocol } from "../../iana/isakmp.ts";
import { type AttributeTable, attributes } from "../attributes.ts";
import { bytes, type Codec, named, u8 } from "../codec.ts";
import type { SaKekPayload } from "../payloads.ts";
import { struct } from "../struct.ts";
import { destination, destinationWithProtocol, eitherReading, source } from "./selector.ts";

const kekAttributes: AttributeTable = {
  names: KekAttribute,
  values: {
    [KekAttribute.KEK_MANAGEMENT_ALGORITHM]: KekManagement,
    [KekAttribute.KEK_ALGORITHM]: KekAlgorithm,
    [KekAttribute.SIG_HASH_ALGORITHM]: SigHash,
    [KekAttribute.SIG_ALGORITHM]: SigAlgorithm,
    [KekAttribute.KEK_ACK_REQUESTED]: KekAckRequested,
  },
};

const beginning = struct("RFC 6407 5.3")
  .constant("kind", "SAK")
  .field("protocol", "Protocol", named(u8, IpProtocol))
  .field("source", "Source", source);

/** Protocol, SRC ID, DST ID, SPI, RESERVED2, KEK Attributes. */
export const sak: Codec<SaKekPayload> = eitherReading<SaKekPayload>(
  beginning
    .field("destination", "Destination", destination)
    .field("spi", "SPI", bytes(16))
    .reserved("RESERVED2", 4)
    .field("attributes", "KEK Attributes", attributes(kekAttributes)),
  beginning
    .merge(destinationWithProtocol)
    .field("spi", "SPI", bytes(16))
    .reserved("RESERVED2", 4)
    .field("attributes", "KEK Attributes", attributes(kekAttributes)),
);
