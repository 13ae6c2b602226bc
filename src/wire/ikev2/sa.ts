/** The SA payload with its proposals and transforms: RFC 7296 3.3. */
import {
  DhGroup,
  EncryptionTransform,
  EsnTransform,
  IntegrityTransform,
  PrfTransform,
  ProtocolId,
  TransformAttribute,
  TransformType,
} from "../../iana/ikev2.ts";
import type { Registry } from "../../iana/names.ts";
import { attributes } from "../attributes.ts";
import { Chain, type HeaderForm, implied, sole } from "../chain.ts";
import { type Codec, codeText, named, u8, u16 } from "../codec.ts";
import { struct } from "../struct.ts";
import type { Proposal, SaPayload, Transform } from "./payloads.ts";

/** The Transform IDs of each type: RFC 7296 3.3.2, RFC 9370 for the additional key exchanges. */
const transformIds: Readonly<Record<number, Registry>> = {
  [TransformType.ENCR]: EncryptionTransform,
  [TransformType.PRF]: PrfTransform,
  [TransformType.INTEG]: IntegrityTransform,
  [TransformType.DH]: DhGroup,
  [TransformType.ESN]: EsnTransform,
  [TransformType.ADDKE1]: DhGroup,
  [TransformType.ADDKE2]: DhGroup,
  [TransformType.ADDKE3]: DhGroup,
  [TransformType.ADDKE4]: DhGroup,
  [TransformType.ADDKE5]: DhGroup,
  [TransformType.ADDKE6]: DhGroup,
  [TransformType.ADDKE7]: DhGroup,
};

/** `ENCR_AES_GCM_16 (20)`: a Transform ID by its type's registry. */
export function transformIdText(type: number, id: number): string {
  return codeText(transformIds[type] ?? {}, id);
}

/** Last Substruc, RESERVED and a length: the structures look like payloads of ISAKMP (RFC 7296 3.3.1). */
function substructure<U extends { readonly reserved?: number }>(
  section: string,
  length: string,
  more: number,
): HeaderForm<U> {
  return {
    section,
    labels: ["Last Substruc", length],
    types: { LAST: 0, MORE: more },
    read: (reserved, value) => ({ ...value, reserved }),
    write: ({ reserved }) => reserved ?? 0,
  };
}

/** What Last Substruc is while more proposals, or more transforms, follow. */
const MORE_PROPOSALS = 2;
const MORE_TRANSFORMS = 3;
const SUBSTRUCTURES_AT_MOST = 255;

/** Transform Type, RESERVED, Transform ID, Transform Attributes. */
const transform: Codec<Transform> = struct("RFC 7296 3.3.2")
  .field("type", "Transform Type", named(u8, TransformType))
  .ignored("reserved2", "RESERVED", 1)
  .field("id", "Transform ID", u16, (id, { type }) => transformIdText(type, id))
  .field("attributes", "Transform Attributes", attributes({ names: TransformAttribute, section: "RFC 7296 3.3.5" }));

const transforms = new Chain<Transform>({
  entries: [sole(MORE_TRANSFORMS, "Transform", transform)],
  atMost: SUBSTRUCTURES_AT_MOST,
  section: "RFC 7296 3.3.2",
  header: substructure("RFC 7296 3.3.2", "Transform Length", MORE_TRANSFORMS),
});

/** Proposal Num, Protocol ID, SPI Size, Num Transforms, SPI, Transforms. */
const proposal: Codec<Proposal> = struct("RFC 7296 3.3.1")
  .field("number", "Proposal Num", u8)
  .field("protocolId", "Protocol ID", named(u8, ProtocolId))
  .derived("spiSize", "SPI Size", u8, (p: Proposal) => p.spi.length)
  .derived("numTransforms", "Num Transforms", u8, (p: Proposal) => p.transforms.length)
  .sized("spi", "SPI", "spiSize")
  .field("transforms", "Transforms", implied(transforms, MORE_TRANSFORMS))
  .counts("transforms", "numTransforms", "Num Transforms");

const proposals = new Chain<Proposal>({
  entries: [sole(MORE_PROPOSALS, "Proposal", proposal)],
  atMost: SUBSTRUCTURES_AT_MOST,
  section: "RFC 7296 3.3.1",
  header: substructure("RFC 7296 3.3.1", "Proposal Length", MORE_PROPOSALS),
});

/** Security Association Payload: Proposals. */
export const sa: Codec<SaPayload> = struct("RFC 7296 3.3")
  .constant("kind", "SA")
  .field("proposals", "Proposals", implied(proposals, MORE_PROPOSALS));
