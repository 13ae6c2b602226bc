/** Source and destination of a SAK or SAT: RFC 6407 5.3 and 5.5.1, in the two readings of the destination. */
import { IdType, IpProtocol } from "../../iana/isakmp.ts";
import { Malformed, type Reader } from "../../util/reader.ts";
import { type Codec, mapped, named, short, u8, u16 } from "../codec.ts";
import { fitsIdType, identityDataText } from "../isakmp/identification.ts";
import type { SelectorId } from "../payloads.ts";
import { struct } from "../struct.ts";

/** ID Type, ID Port, ID Data Len, Identification Data: `side` is SRC or DST. */
function selector(side: string): Codec<SelectorId> {
  return struct("RFC 6407 5.5.1")
    .field("idType", `${side} ID Type`, named(u8, IdType))
    .field("port", `${side} ID Port`, u16)
    .field("data", `${side} Identification Data`, short, (data, { idType }) => identityDataText(idType, data));
}

/** SRC ID fields. */
export const source = selector("SRC");

/** DST ID fields as the figures have them. */
export const destination = selector("DST");

interface ProtocolledDestination {
  readonly destination: SelectorId;
  readonly destinationProtocol: number;
}

/** DST ID fields as the text has them, with a DST ID Prot octet behind the type. */
export const destinationWithProtocol: Codec<ProtocolledDestination> = mapped(
  struct("RFC 6407 5.5.1")
    .field("idType", "DST ID Type", named(u8, IdType))
    .field("destinationProtocol", "DST ID Prot", named(u8, IpProtocol))
    .field("port", "DST ID Port", u16)
    .field("data", "DST Identification Data", short, (data, { idType }) => identityDataText(idType, data)),
  ({ idType, destinationProtocol, port, data }) => ({ destination: { idType, port, data }, destinationProtocol }),
  ({ destination: id, destinationProtocol }) => ({ ...id, destinationProtocol }),
);

interface WithDestination {
  readonly destination: SelectorId;
  readonly destinationProtocol?: number;
}

/**
 * Tells the two readings apart: the figures' one wherever it uses up the octets and its destination has the length of
 * its type; the text's one where only that does; and whichever can be read at all where neither does.
 */
export function eitherReading<T extends WithDestination>(
  figure: Codec<T>,
  text: Codec<T & { readonly destinationProtocol: number }>,
): Codec<T> {
  return {
    read: (reader) => {
      const byFigure = attemptAll(reader, figure);
      if (!(byFigure instanceof Malformed) && fits(byFigure)) return consume(reader, byFigure);
      const byText = attemptAll(reader, text);
      if (!(byText instanceof Malformed) && fits(byText)) return consume(reader, byText);
      if (!(byFigure instanceof Malformed)) return consume(reader, byFigure);
      if (!(byText instanceof Malformed)) return consume(reader, byText);
      throw byFigure;
    },
    write: (writer, value, trace) =>
      protocolled(value) ? text.write(writer, value, trace) : figure.write(writer, value, trace),
  };
}

function protocolled<T extends WithDestination>(value: T): value is T & { readonly destinationProtocol: number } {
  return value.destinationProtocol !== undefined;
}

function fits({ destination: id }: WithDestination): boolean {
  return fitsIdType(id.idType, id.data);
}

function consume<T>(reader: Reader, value: T): T {
  reader.rest();
  return value;
}

function attemptAll<T>(reader: Reader, codec: Codec<T>): T | Malformed {
  const fork = reader.fork();
  try {
    const value = codec.read(fork);
    fork.expectEnd();
    return value;
  } catch (thrown) {
    if (thrown instanceof Malformed) return thrown;
    throw thrown;
  }
}
