/** Which TEKs follow one another: the generations of one stream, told apart by SPI alone. */
import { hex } from "../../util/octets.ts";
import type { TekDescription } from "../tek-payloads.ts";

/** A name that all generations of a TEK have in common, and no other TEK of the group. */
export function streamOf({ protocolId, iec61850, policy, spi }: TekDescription): string {
  if (iec61850 !== undefined) return `${protocolId}:${hex(iec61850.oid)}:${hex(iec61850.oidSpecificPayload)}`;
  // everything of the SAT up to its SPI
  const text = hex(policy);
  const end = text.indexOf(hex(spi));
  return `${protocolId}:${end < 0 ? text : text.slice(0, end)}`;
}
