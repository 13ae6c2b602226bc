/** What a group is: the operator's decisions, as the configuration hands them to the engines. */
import type { Identity } from "../core/identity.ts";
import type { Signer } from "../crypto/provider.ts";

/** Who may join: by Phase 1 identity (RFC 6407 3.1). */
export type MemberRule =
  | { readonly rule: "identity"; readonly identity: Identity; readonly text: string }
  /** RFC 4514 text of the subject with `*` for any value of one attribute, or any further RDNs when alone: `CN=*,O=Utility`. */
  | { readonly rule: "dn"; readonly pattern: string }
  /** Phase 1 identity is an address within the range, inclusive. */
  | { readonly rule: "addresses"; readonly from: Uint8Array; readonly to: Uint8Array; readonly text: string };

/** One Data-Security SA template (RFC 6407 5.5.1, RFC 8052 2.2). */
export type TekPolicy = IpsecTekPolicy | Iec61850TekPolicy;

/** What every TEK has. */
interface TekTerms {
  readonly name: string;
  /** Octets of TEK_ALGORITHM_KEY (GCM: key and 4 octets of salt, RFC 4106, RFC 8052 2.3), 0 for none. */
  readonly algorithmKeyOctets: number;
  /** AuthenticationAlgorithm of RFC 2407 4.5 or AuthAlg of RFC 8052, with its key's octets, or undefined for none. */
  readonly authentication?: { readonly algorithm: number; readonly keyOctets: number };
  /** A counter mode: members need SIDs (RFC 6407 3.5). */
  readonly counterMode: boolean;
  readonly lifetimeSeconds: number;
}

/** ESP or AH. */
export interface IpsecTekPolicy extends TekTerms {
  /** TekProtocol: ESP 1, AH 2. */
  readonly protocolId: 1 | 2;
  /** EspTransform or AhTransform. */
  readonly transformId: number;
  /** Key length attribute in bits for ciphers that have several, else undefined. */
  readonly keyBits?: number;
  /** IP protocol, 0 any. */
  readonly protocol: number;
  readonly source: { readonly idType: number; readonly port: number; readonly data: Uint8Array };
  readonly destination: { readonly idType: number; readonly port: number; readonly data: Uint8Array };
  /** Encapsulation mode: 1 tunnel, 2 transport. */
  readonly mode: 1 | 2;
  readonly addressPreservation?: number;
  readonly direction?: number;
}

/** A stream of IEC 61850; made by iec61850TekPolicy, which knows the keys and what goes together. */
export interface Iec61850TekPolicy extends TekTerms {
  /** TekProtocol: IEC_61850 3. */
  readonly protocolId: 3;
  /** Contents octets of the OID. */
  readonly oid: Uint8Array;
  /** DER, empty for none. */
  readonly oidSpecificPayload: Uint8Array;
  readonly encAlg: number;
}

export interface KekPolicy {
  readonly keyBits: 128 | 192 | 256;
  readonly lifetimeSeconds: number;
  readonly management: "none" | "lkh";
  /** KekAckRequested 1-4, or none. Types 2 and 4 only with LKH. */
  readonly ack?: 1 | 2 | 3 | 4;
  /** SigAlgorithm: RSA 1, ECDSA-256/384/521 4/5/6; SigHash for RSA: 3, 4, 5. */
  readonly signature: { readonly algorithm: 1 | 4 | 5 | 6; readonly hash: 3 | 4 | 5; readonly signer: Signer };
}

export type PushTransport =
  | { readonly transport: "unicast" }
  | {
      readonly transport: "multicast";
      readonly address: string;
      readonly port: number;
      readonly interface?: string;
      readonly ttl: number;
    };

/** RFC 8263 6: how the key server waits for acknowledgements. */
export interface AckPolicy {
  /** Milliseconds after the first send at which identical octets go to those who did not answer. */
  readonly retransmitAfterMs: readonly number[];
  /** Never below 10 000. */
  readonly missingAfterMs: number;
  readonly whenMissing: "log" | "alert" | "remove";
  /** With "remove": after so many rekeys in a row, and only members that have ever acknowledged (RFC 8263 6). */
  readonly removeAfterRekeys: number;
  /** How long a replaced or deleted KEK still accepts acknowledgements. */
  readonly graceMs: number;
}

export interface GroupPolicy {
  readonly name: string;
  /** ID_KEY_ID with 4 octets, or ID_IPV4_ADDR / ID_IPV6_ADDR (RFC 6407 5.1). */
  readonly id: Identity;
  readonly members: readonly MemberRule[];
  readonly kek: KekPolicy;
  readonly teks: readonly TekPolicy[];
  /** New keys are made when this share of the old ones' lifetime is left, e.g. 0.2. */
  readonly renewAtRemaining: number;
  /** RFC 6407 5.4.1, seconds; undefined: not sent. */
  readonly activationDelaySeconds?: number;
  readonly deactivationDelaySeconds?: number;
  /** Width of a SID in bits (RFC 6054: 8, 12 or 16 in use). */
  readonly sidBits: number;
  readonly push: PushTransport;
  readonly acks: AckPolicy;
  /** Largest GROUPKEY-PUSH datagram in octets: larger LKH updates are split over several pushes. */
  readonly maxPushOctets: number;
  /** What the configuration has been held against; the engines need not know. */
  readonly profile?: "iec-62351-9";
  /** K0 and K1: the next generation of TEKs is made and handed out as soon as the current one is in use. */
  readonly handOutNext?: boolean;
  readonly assurance?: AssurancePolicy;
}

/** Key delivery assurance (RFC 8052 2.2.4.2): who is told which share of the members has a key, and what is too little. */
export interface AssurancePolicy {
  /** Below it, in per cent of the registered members, an alert is raised. */
  readonly levelPercent: number;
  /** Members that are told, in the SATs of their registration. */
  readonly publishers: readonly MemberRule[];
  /** Tells them in one further push of the same TEKs too, when the first is settled. */
  readonly announce: boolean;
}
