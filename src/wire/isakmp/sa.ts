/** The SA payload of Phase 1 with its proposals and transforms: RFC 2408 3.4 to 3.6, RFC 2407 4.6.1. */
import { Doi, IsakmpTransform, PayloadType, ProtocolId, Situation } from "../../iana/isakmp.ts";
import {
  AuthenticationMethod,
  OakleyAttribute,
  OakleyEncryption,
  OakleyGroup,
  OakleyGroupType,
  OakleyHash,
  OakleyLifeType,
} from "../../iana/oakley.ts";
import type { Reader } from "../../util/reader.ts";
import { type AttributeTable, attributes } from "../attributes.ts";
import { Chain, implied, sole } from "../chain.ts";
import { bitsText, type Codec, named, octetsText, u8, u32 } from "../codec.ts";
import type { Proposal, SaPayload, Transform } from "../payloads.ts";
import { struct } from "../struct.ts";

const oakleyAttributes: AttributeTable = {
  names: OakleyAttribute,
  values: {
    [OakleyAttribute.ENCRYPTION_ALGORITHM]: OakleyEncryption,
    [OakleyAttribute.HASH_ALGORITHM]: OakleyHash,
    [OakleyAttribute.AUTHENTICATION_METHOD]: AuthenticationMethod,
    [OakleyAttribute.GROUP_DESCRIPTION]: OakleyGroup,
    [OakleyAttribute.GROUP_TYPE]: OakleyGroupType,
    [OakleyAttribute.LIFE_TYPE]: OakleyLifeType,
  },
};

/** Transform Payload: Transform #, Transform-Id, RESERVED2, SA Attributes. */
const transform: Codec<Transform> = struct("RFC 2408 3.6")
  .field("number", "Transform #", u8)
  .field("id", "Transform-Id", named(u8, IsakmpTransform))
  .reserved("RESERVED2", 2)
  .field("attributes", "SA Attributes", attributes(oakleyAttributes));

const transforms = new Chain<Transform>({
  entries: [sole(PayloadType.T, "T", transform)],
  atMost: 255,
  section: "RFC 2408 3.6",
});

/** Proposal Payload: Proposal #, Protocol-Id, SPI Size, # of Transforms, SPI, Transform Payloads. */
const proposal: Codec<Proposal> = struct("RFC 2408 3.5")
  .field("number", "Proposal #", u8)
  .field("protocolId", "Protocol-Id", named(u8, ProtocolId))
  .derived("spiSize", "SPI Size", u8, (p: Proposal) => p.spi.length)
  .derived("numberOfTransforms", "# of Transforms", u8, (p: Proposal) => p.transforms.length)
  .sized("spi", "SPI", "spiSize")
  .field("transforms", "Transforms", implied(transforms, PayloadType.T))
  .counts("transforms", "numberOfTransforms", "# of Transforms");

const proposals = new Chain<Proposal>({
  entries: [sole(PayloadType.P, "P", proposal)],
  atMost: 255,
  section: "RFC 2408 3.5",
});

/** Security Association Payload: DOI, Situation, Proposal Payloads. */
export const sa: Codec<SaPayload> = struct("RFC 2408 3.4")
  .constant("kind", "SA")
  .field("doi", "Domain of Interpretation", named(u32, Doi))
  .merge(({ doi }) => situation(doi))
  .field("proposals", "Proposals", implied(proposals, PayloadType.P));

interface SituationFields {
  readonly situation: number;
  readonly situationLabels?: Uint8Array;
}

/** Situation (RFC 2407 4.6.1) with the labels of SIT_SECRECY and SIT_INTEGRITY as they came. */
function situation(doi: number): Codec<SituationFields> {
  const labelled = doi === Doi.IPSEC || doi === Doi.GDOI;
  return {
    read: (reader) => {
      const bits = reader.u32();
      if (!labelled || (bits & LABELLED) === 0) return { situation: bits };
      const start = reader.offset;
      passLabels(reader, bits);
      return { situation: bits, situationLabels: reader.since(start) };
    },
    write: (writer, { situation: bits, situationLabels }, trace) => {
      trace?.open("Situation", writer.length, bitsText(Situation, bits));
      u32.write(writer, bits, trace);
      trace?.close();
      if (situationLabels === undefined) return;
      trace?.open("Situation labels", writer.length, octetsText(situationLabels));
      writer.bytes(situationLabels);
      trace?.close();
    },
  };
}

const LABELLED = Situation.SIT_SECRECY | Situation.SIT_INTEGRITY;

/** Labeled Domain Identifier, then level and category bitmap of each situation that is set. */
function passLabels(reader: Reader, bits: number): void {
  reader.take(4);
  for (const bit of [Situation.SIT_SECRECY, Situation.SIT_INTEGRITY]) {
    if ((bits & bit) !== 0) {
      passPadded(reader, (length) => length);
      passPadded(reader, (length) => Math.ceil(length / 8));
    }
  }
}

/** A length, two octets of zero, and so much of data, up to the next 32-bit boundary. */
function passPadded(reader: Reader, octetsOf: (length: number) => number): void {
  const length = reader.u16();
  if (reader.u16() !== 0) throw reader.fault("reserved", "RESERVED must be zero", reader.offset - 2);
  reader.take(4 * Math.ceil(octetsOf(length) / 4));
}
