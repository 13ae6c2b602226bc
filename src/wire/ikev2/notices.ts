/** Notify and Delete Payload: RFC 7296 3.10 and 3.11. */
import { NotifyType, ProtocolId } from "../../iana/ikev2.ts";
import { ProvisionalNotifyType } from "../../iana/provisional.ts";
import { bytes, type Codec, list, named, rest, u8, u16 } from "../codec.ts";
import { struct } from "../struct.ts";
import { notificationData } from "./notify-data.ts";
import type { DeletePayload, NotifyPayload } from "./payloads.ts";

/** Notify Payload: Protocol ID, SPI Size, Notify Message Type, SPI, Notification Data. */
export const notification: Codec<NotifyPayload> = struct("RFC 7296 3.10")
  .constant("kind", "N")
  .field("protocolId", "Protocol ID", named(u8, ProtocolId))
  .derived("spiSize", "SPI Size", u8, (n: NotifyPayload) => n.spi.length)
  .field("type", "Notify Message Type", named(u16, { ...NotifyType, ...ProvisionalNotifyType }))
  .sized("spi", "Security Parameter Index (SPI)", "spiSize")
  .described("data", "Notification Data", rest, ({ type }) => notificationData(type));

/** Delete Payload: Protocol ID, SPI Size, Num of SPIs, SPIs. */
export const deletion: Codec<DeletePayload> = struct("RFC 7296 3.11")
  .constant("kind", "D")
  .field("protocolId", "Protocol ID", named(u8, ProtocolId))
  .field("spiSize", "SPI Size", u8)
  .derived("numSpis", "Num of SPIs", u16, (d: DeletePayload) => d.spis.length)
  .field("spis", "Security Parameter Index(es) (SPI)", ({ spiSize, numSpis: count }) =>
    // an SPI without octets names nothing, and would make the count free
    list(bytes(spiSize), { count, atMost: 0xffff, atLeastOctets: Math.max(1, spiSize) }, () => "SPI"),
  );
