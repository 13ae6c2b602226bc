/** Key Download Payload: RFC 6407 5.6. */
import { KdType, KekKeyAttribute, LkhAttribute, SidAttribute, TekKeyAttribute } from "../../iana/gdoi.ts";
import { nameOf } from "../../iana/names.ts";
import { Malformed } from "../../util/reader.ts";
import { type AttributeTable, attributes, nestedAs } from "../attributes.ts";
import { type Codec, list, named, rest, secretText, short, u8, u16 } from "../codec.ts";
import type { Attribute, KdPayload, KeyPacket } from "../payloads.ts";
import { struct } from "../struct.ts";
import { lkhDownload, lkhUpdate } from "./lkh.ts";

const tables: ReadonlyMap<number, AttributeTable> = new Map<number, AttributeTable>([
  [
    KdType.TEK,
    {
      names: TekKeyAttribute,
      secrets: [
        TekKeyAttribute.TEK_ALGORITHM_KEY,
        TekKeyAttribute.TEK_INTEGRITY_KEY,
        TekKeyAttribute.TEK_SOURCE_AUTH_KEY,
      ],
    },
  ],
  [KdType.KEK, { names: KekKeyAttribute, secrets: [KekKeyAttribute.KEK_ALGORITHM_KEY] }],
  [
    KdType.LKH,
    {
      names: LkhAttribute,
      nested: {
        [LkhAttribute.LKH_DOWNLOAD_ARRAY]: nestedAs(lkhDownload),
        [LkhAttribute.LKH_UPDATE_ARRAY]: nestedAs(lkhUpdate),
      },
    },
  ],
  [KdType.SID, { names: SidAttribute }],
]);

/** KD Type, RESERVED, KD Length, SPI Size, SPI, Key Packet Attributes: figure 10. */
const keyPacket: Codec<KeyPacket> = struct("RFC 6407 5.6")
  .field("kdType", "KD Type", named(u8, KdType))
  .reserved("RESERVED", 1)
  .length("KD Length")
  .field("spi", "SPI", short)
  .merge(({ kdType }) => contents(tables.get(kdType)));

const KEY_PACKET_HEADER_LENGTH = 5;

/** Number of Key Packets, RESERVED2, Key Packets: figure 9. */
export const kd: Codec<KdPayload> = struct("RFC 6407 5.6")
  .constant("kind", "KD")
  .derived("numberOfKeyPackets", "Number of Key Packets", u16, (p: KdPayload) => p.packets.length)
  .reserved("RESERVED2", 2)
  .field("packets", "Key Packets", ({ numberOfKeyPackets: count }) =>
    list(
      keyPacket,
      { count, atMost: 0xffff, atLeastOctets: KEY_PACKET_HEADER_LENGTH },
      (packet) => `${nameOf(KdType, packet.kdType)} Key Packet`,
    ),
  );

interface Contents {
  readonly attributes: readonly Attribute[];
  readonly opaque?: Uint8Array;
}

/** Attributes; of an unknown KD Type, whose format is its own, the octets as they came when they are no attributes. */
function contents(table: AttributeTable | undefined): Codec<Contents> {
  const known = struct("RFC 6407 5.6").field("attributes", "Key Packet Attributes", attributes(table ?? { names: {} }));
  if (table !== undefined) return known;
  return {
    read: (reader) => {
      try {
        const value = known.read(reader.fork());
        reader.rest();
        return value;
      } catch (thrown) {
        if (thrown instanceof Malformed) return { attributes: [], opaque: reader.rest() };
        throw thrown;
      }
    },
    write: (writer, value, trace) => {
      if (value.opaque === undefined) {
        known.write(writer, value, trace);
        return;
      }
      trace?.open("Key Data", writer.length, secretText(value.opaque, trace.showKeys));
      rest.write(writer, value.opaque, trace);
      trace?.close();
    },
  };
}
