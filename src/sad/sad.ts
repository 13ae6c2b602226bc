/** Data-Security SAs as plain data, and the changes that a protocol asks of the data plane. */
import type { SecretKey } from "../crypto/provider.ts";

/** A Data-Security SA of a group, as the TEK of RFC 6407 5.5 and 5.6.1 describes it. */
export interface GroupSa {
  readonly group: string;
  /** GDOI_PROTO_IPSEC_ESP (1), GDOI_PROTO_IPSEC_AH (2), GDOI_PROTO_IEC_61850 (3). */
  readonly protocol: number;
  /** Four octets. */
  readonly spi: Uint8Array;
  readonly algorithmKey?: SecretKey;
  readonly integrityKey?: SecretKey;
  /** When it may be used for sending: receipt plus ATD (RFC 5374 4.2.1) or SA_ATD (RFC 8052 2.2.4.1). */
  readonly activateAt: number;
  /** When it ends; Infinity when it does not (RFC 8052 2.2). */
  readonly expiresAt: number;
  /** A name that all generations of this SA have in common, and no other SA of the group. */
  readonly stream: string;
  /** It has come to its end and is used further, since no key server answers. */
  readonly kept?: boolean;
  /** SA TEK payload body as received: selectors, transform, attributes. */
  readonly policy: Uint8Array;
  readonly iec61850?: Iec61850Sa;
  /** Sender-IDs for counter modes (RFC 6407 3.5) and their width in bits. */
  readonly sids: readonly number[];
  readonly sidBits: number;
}

/** A stream of IEC 61850 and its protection (RFC 8052 2.2). */
export interface Iec61850Sa {
  /** Contents octets of the OID. */
  readonly oid: Uint8Array;
  /** OID-Specific Payload in DER, empty for none. */
  readonly oidSpecificPayload: Uint8Array;
  readonly authAlg: number;
  readonly encAlg: number;
  /** SA_KDA: percentage of the subscribers that have the key. */
  readonly keyDeliveryAssurance?: number;
}

export type SadChange =
  | { readonly change: "install"; readonly sa: GroupSa }
  /** `at`: at once, or after the deactivation time delay. */
  | {
      readonly change: "remove";
      readonly group: string;
      readonly protocol: number;
      readonly spi: Uint8Array;
      readonly at: number;
    };
