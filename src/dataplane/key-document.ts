/**
 * The keys of a member as a document for programs that protect streams with them. It holds the keys themselves: it is made
 * only where the configuration says so. docs/key-export.md describes it.
 */
import type { CryptoProvider, SecretKey } from "../crypto/provider.ts";
import { iec61850Protection, type KeyForm } from "../gdoi/iec61850-algorithms.ts";
import { AuthAlg, EncAlg, TekProtocol } from "../iana/gdoi.ts";
import { nameOf } from "../iana/names.ts";
import type { GroupSa, Iec61850Sa } from "../sad/sad.ts";
import { hex } from "../util/octets.ts";
import { oidText } from "../util/oid.ts";
import type { HeldSa } from "./key-table.ts";

/** Name and version of the format; another version is another text. */
export const keyDocumentFormat = "keyherald-keys-1";

/** An algorithm with its key; `salt` is empty where the algorithm has none, or none came. All in hex. */
export interface ExportedKey {
  readonly algorithm: string;
  readonly key: string;
  readonly salt: string;
}

/** One SA. Times are milliseconds since the epoch. */
export type ExportedSa = {
  readonly group: string;
  readonly spi: string;
  readonly state: "current" | "next" | "old";
  readonly activateAt: number;
  /** null: it does not expire. */
  readonly expiresAt: number | null;
  /** It is past its end, and used further since no key server answers. */
  readonly kept: boolean;
} & (
  | {
      readonly protocol: "IEC_61850";
      readonly oid: string;
      /** OID-Specific Payload in hex of its DER, empty for none. */
      readonly selector: string;
      /** null: NONE. */
      readonly authentication: ExportedKey | null;
      readonly encryption: ExportedKey | null;
      /** SA_KDA in per cent, null when the key server does not tell. */
      readonly keyDeliveryAssurance: number | null;
    }
  | {
      readonly protocol: "ESP" | "AH";
      /** Body of the SAT as received, from the Protocol field on (RFC 6407 5.5.1), in hex. */
      readonly policy: string;
      /** TEK_ALGORITHM_KEY and TEK_INTEGRITY_KEY in hex, empty for none (RFC 6407 5.6.1). */
      readonly algorithmKey: string;
      readonly integrityKey: string;
      readonly senderIds: readonly number[];
      readonly senderIdBits: number;
    }
);

export interface KeyDocument {
  readonly format: typeof keyDocumentFormat;
  readonly writtenAt: number;
  readonly keys: readonly ExportedSa[];
}

/** The document of everything that is held. */
export function keyDocument(held: readonly HeldSa[], now: number, crypto: CryptoProvider): KeyDocument {
  return { format: keyDocumentFormat, writtenAt: now, keys: held.map((one) => exported(one, crypto)) };
}

function exported({ sa, state }: HeldSa, crypto: CryptoProvider): ExportedSa {
  const octets = (key: SecretKey | undefined) => (key === undefined ? new Uint8Array(0) : crypto.exportSecret(key));
  const [algorithmKey, integrityKey] = [octets(sa.algorithmKey), octets(sa.integrityKey)];
  const common = {
    group: sa.group,
    spi: hex(sa.spi),
    state,
    activateAt: sa.activateAt,
    expiresAt: Number.isFinite(sa.expiresAt) ? sa.expiresAt : null,
    kept: sa.kept === true,
  };
  if (sa.iec61850 !== undefined) return { ...common, ...stream(sa.iec61850, algorithmKey, integrityKey) };
  return { ...common, ...ipsec(sa, algorithmKey, integrityKey) };
}

function ipsec(sa: GroupSa, algorithmKey: Uint8Array, integrityKey: Uint8Array) {
  return {
    protocol: sa.protocol === TekProtocol.AH ? ("AH" as const) : ("ESP" as const),
    policy: hex(sa.policy),
    algorithmKey: hex(algorithmKey),
    integrityKey: hex(integrityKey),
    senderIds: sa.sids,
    senderIdBits: sa.sidBits,
  };
}

function stream(sa: Iec61850Sa, algorithmKey: Uint8Array, integrityKey: Uint8Array) {
  const { oid, oidSpecificPayload, authAlg, encAlg, keyDeliveryAssurance } = sa;
  const protection = iec61850Protection(authAlg, encAlg);
  const forms = protection.ok ? protection.value : undefined;
  return {
    protocol: "IEC_61850" as const,
    oid: oidText(oid) ?? hex(oid),
    selector: hex(oidSpecificPayload),
    authentication: part(nameOf(AuthAlg, authAlg), authAlg === AuthAlg.NONE, integrityKey, forms?.authentication),
    encryption: part(nameOf(EncAlg, encAlg), encAlg === EncAlg.NONE, algorithmKey, forms?.encryption),
    keyDeliveryAssurance: keyDeliveryAssurance ?? null,
  };
}

/** The salt stands behind the key (RFC 8052 2.3); keys that came without it have none. */
function part(algorithm: string, none: boolean, octets: Uint8Array, form: KeyForm | undefined): ExportedKey | null {
  if (none) return null;
  const end = form?.keyOctets ?? octets.length;
  return { algorithm, key: hex(octets.subarray(0, end)), salt: hex(octets.subarray(end)) };
}
