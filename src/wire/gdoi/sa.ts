/** The SA payload of GDOI, GAP and SEQ: RFC 6407 5.2, 5.4 and 5.7. */
import { GapAttribute } from "../../iana/gdoi.ts";
import { Doi, PayloadType } from "../../iana/isakmp.ts";
import { attributes } from "../attributes.ts";
import { Chain, chained, ofKind } from "../chain.ts";
import { type Codec, named, u16, u32 } from "../codec.ts";
import type { GapPayload, GdoiSaPayload, SaAttributePayload, SeqPayload } from "../payloads.ts";
import { struct } from "../struct.ts";
import { unknownPayloads } from "../unknown.ts";
import { sak } from "./sak.ts";
import { sat } from "./sat.ts";

/** Group Associated Policy Attributes. */
export const gap: Codec<GapPayload> = struct("RFC 6407 5.4")
  .constant("kind", "GAP")
  .field("attributes", "Group Associated Policy Attributes", attributes({ names: GapAttribute }));

/** Sequence Number. */
export const seq: Codec<SeqPayload> = struct("RFC 6407 5.7")
  .constant("kind", "SEQ")
  .field("sequenceNumber", "Sequence Number", u32);

const entry = ofKind<SaAttributePayload>();

const saAttributes = new Chain<SaAttributePayload>({
  entries: [
    entry(PayloadType.SAK, "SAK", "SAK", sak),
    entry(PayloadType.GAP, "GAP", "GAP", gap),
    entry(PayloadType.SAT, "SAT", "SAT", sat),
  ],
  opaque: unknownPayloads,
  atMost: 1024,
  section: "RFC 6407 5.2.1",
});

/** SA Attribute Next Payload: a payload type, which has one octet, in two. */
const firstType: Codec<number> = {
  read: (reader) => {
    const type = reader.u16();
    if (type > 0xff) throw reader.fault("bad-value", `${type} is no payload type`, reader.offset - 2);
    return type;
  },
  write: (writer, type) => writer.u16(type),
  show: named(u16, PayloadType).show ?? String,
};

/** DOI, Situation, SA Attribute Next Payload, RESERVED2; the SA attribute payloads are inside the length. */
export const gdoiSa: Codec<GdoiSaPayload> = struct("RFC 6407 5.2")
  .constant("kind", "GDOI-SA")
  .field("doi", "DOI", named(u32, Doi))
  .field("situation", "Situation", u32)
  .derived("saAttributeNextPayload", "SA Attribute Next Payload", firstType, (p: GdoiSaPayload) =>
    saAttributes.firstType(p.attributes),
  )
  .reserved("RESERVED2", 2)
  .field("attributes", "SA Attributes", ({ saAttributeNextPayload: first }) => chained(saAttributes, first));
