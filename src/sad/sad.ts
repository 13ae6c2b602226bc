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

/** One direction's addresses, ports and protocol of a Child SA's traffic (RFC 7296 3.13.1), addresses of 4 or 16 octets. */
export interface SadSelector {
  /** 0 for any. */
  readonly ipProtocol: number;
  readonly startPort: number;
  readonly endPort: number;
  readonly startAddress: Uint8Array;
  readonly endAddress: Uint8Array;
}

/** An address in its canonical text and a UDP port. */
export interface SadEndpoint {
  readonly address: string;
  readonly port: number;
}

/** The pair of ESP SAs that a Child SA is (RFC 7296 2.17), with its policy: all that a data plane needs to carry traffic. */
export interface ChildSaPair {
  /** Name of the connection, and of its child, in the configuration. */
  readonly connection: string;
  readonly child: string;
  readonly mode: "tunnel" | "transport";
  /** Four octets each; we chose the inbound one. They name the pair. */
  readonly spiIn: Uint8Array;
  readonly spiOut: Uint8Array;
  /** Transform IDs of IKEv2, and the Key Length in bits where the cipher has one. */
  readonly encryption: number;
  readonly keyBits: number | undefined;
  /** Undefined with a combined mode. */
  readonly integrity: number | undefined;
  readonly esn: boolean;
  /** Cipher key, with the salt behind it where the cipher has one. */
  readonly encryptionIn: SecretKey;
  readonly encryptionOut: SecretKey;
  readonly integrityIn: SecretKey | undefined;
  readonly integrityOut: SecretKey | undefined;
  readonly localSelectors: readonly SadSelector[];
  readonly remoteSelectors: readonly SadSelector[];
  readonly local: SadEndpoint;
  readonly remote: SadEndpoint;
  /** ESP goes inside UDP (RFC 3948). */
  readonly encapsulated: boolean;
}

/**
 * What the data plane reports of a Child SA, by its inbound SPI in hex: a count is over both directions since it was
 * installed, `idleMs` the time since the last packet.
 */
export interface ChildSaTraffic {
  readonly spiIn: string;
  readonly octets: number;
  readonly packets: number;
  readonly idleMs: number;
}

/** What a group's member asks of the data plane. */
export type GroupSadChange =
  | { readonly change: "install"; readonly sa: GroupSa }
  /** `at`: at once, or after the deactivation time delay. */
  | {
      readonly change: "remove";
      readonly group: string;
      readonly protocol: number;
      readonly spi: Uint8Array;
      readonly at: number;
    };

/** What an endpoint of IKEv2 asks of the data plane. A pair is named by its inbound SPI. */
export type ChildSadChange =
  /**
   * `outbound`: whether it is used for sending at once; else an "activate-child" follows (RFC 7296 2.8: the responder of a
   * rekey goes on sending by the old pair until that is deleted or traffic arrives by the new one).
   */
  | { readonly change: "install-child"; readonly pair: ChildSaPair; readonly outbound: boolean }
  | { readonly change: "activate-child"; readonly connection: string; readonly spiIn: Uint8Array }
  /** The peer's address, its port or the encapsulation is another now (RFC 7296 2.23). */
  | {
      readonly change: "move-child";
      readonly connection: string;
      readonly spiIn: Uint8Array;
      readonly local: SadEndpoint;
      readonly remote: SadEndpoint;
      readonly encapsulated: boolean;
    }
  | {
      readonly change: "remove-child";
      readonly connection: string;
      readonly child: string;
      readonly spiIn: Uint8Array;
    };

export type SadChange = GroupSadChange | ChildSadChange;
