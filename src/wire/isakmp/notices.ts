/** Notification and Delete Payload: RFC 2408 3.14 and 3.15, RFC 6407 5.9. */
import { TekProtocol } from "../../iana/gdoi.ts";
import { Doi, NotifyType, ProtocolId } from "../../iana/isakmp.ts";
import type { Registry } from "../../iana/names.ts";
import { bytes, type Codec, codeText, list, named, rest, u8, u16, u32 } from "../codec.ts";
import type { DeletePayload, NotificationPayload } from "../payloads.ts";
import { struct } from "../struct.ts";

const GdoiProtocol = { KEK: 0, ...TekProtocol } as const;

/** Notification Payload: DOI, Protocol-ID, SPI Size, Notify Message Type, SPI, Notification Data. */
export const notification: Codec<NotificationPayload> = struct("RFC 2408 3.14")
  .constant("kind", "N")
  .field("doi", "Domain of Interpretation", named(u32, Doi))
  .field("protocolId", "Protocol-ID", u8, (code, { doi }) => codeText(protocolsOf(doi), code))
  .derived("spiSize", "SPI Size", u8, (n: NotificationPayload) => n.spi.length)
  .field("notifyType", "Notify Message Type", named(u16, NotifyType))
  .sized("spi", "Security Parameter Index", "spiSize")
  .field("data", "Notification Data", rest);

/** Delete Payload: DOI, Protocol-Id, SPI Size, # of SPIs, SPIs. */
export const deletion: Codec<DeletePayload> = struct("RFC 2408 3.15")
  .constant("kind", "D")
  .field("doi", "Domain of Interpretation", named(u32, Doi))
  .field("protocolId", "Protocol-Id", u8, (code, { doi }) => codeText(protocolsOf(doi), code))
  .field("spiSize", "SPI Size", u8)
  .derived("numberOfSpis", "# of SPIs", u16, (d: DeletePayload) => d.spis.length)
  .field("spis", "Security Parameter Indexes", ({ spiSize, numberOfSpis: count }) =>
    // an SPI without octets names nothing, and would make the count free
    list(bytes(spiSize), { count, atMost: 0xffff, atLeastOctets: Math.max(1, spiSize) }, () => "SPI"),
  );

function protocolsOf(doi: number): Registry {
  return doi === Doi.GDOI ? GdoiProtocol : ProtocolId;
}
