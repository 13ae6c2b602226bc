/** Delete payloads of a GROUPKEY-PUSH (RFC 6407 5.9). Pure. */
import { Doi } from "../../iana/isakmp.ts";
import { hex, isZero } from "../../util/octets.ts";
import { ok, type Result } from "../../util/result.ts";
import type { DeletePayload } from "../../wire/payloads.ts";
import { type PolicyError, refuse } from "../refusal.ts";

const KEK_PROTOCOL = 0;
const KEK_SPI_OCTETS = 16;
const TEK_SPI_OCTETS = 4;

/** What the group holds: the KEK's SPI in hex, and names of TEKs (`protocol:spi`). */
export interface KnownKeys {
  readonly kek: string;
  readonly teks: readonly string[];
}

/** What is to be deleted, of what is there. */
export interface Deletions {
  readonly kek: boolean;
  readonly teks: readonly string[];
  /** SPIs of TEKs that are named, known here or not. */
  readonly named: number;
  /** All TEKs of a protocol at once: a clean slate. */
  readonly everything: boolean;
}

/** Reads them: protocol 0 is the KEK with an SPI of 16 octets, others have 4; zeros stand for all (READINGS 29). */
export function readDeletes(deletes: readonly DeletePayload[], known: KnownKeys): Result<Deletions, PolicyError> {
  const section = "RFC 6407 5.9";
  let kek = false;
  let everything = false;
  let named = 0;
  const teks = new Set<string>();
  for (const { doi, protocolId, spiSize, spis } of deletes) {
    if (doi !== Doi.GDOI) return refuse("malformed", section, `D has DOI ${doi}`);
    if (spiSize !== (protocolId === KEK_PROTOCOL ? KEK_SPI_OCTETS : TEK_SPI_OCTETS) || spis.length === 0) {
      return refuse("malformed", section, `D of protocol ${protocolId} has ${spis.length} SPIs of ${spiSize} octets`);
    }
    for (const spi of spis) {
      const all = isZero(spi);
      if (protocolId === KEK_PROTOCOL) {
        kek ||= all || hex(spi) === known.kek;
        continue;
      }
      everything ||= all;
      named += 1;
      const prefix = `${protocolId}:`;
      for (const name of known.teks) {
        if (all ? name.startsWith(prefix) : name === prefix + hex(spi)) teks.add(name);
      }
    }
  }
  return ok({ kek, teks: [...teks], named, everything });
}
