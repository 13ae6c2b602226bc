/** What stands in the Notification Data of the types whose data have a form: RFC 7296 3.10.1 and others. */
import { DhGroup, GatewayType, HashAlgorithm, IpcompTransform, NotifyType, PayloadType } from "../../iana/ikev2.ts";
import { ProvisionalNotifyType } from "../../iana/provisional.ts";
import { addressText } from "../../util/address.ts";
import type { Result } from "../../util/result.ts";
import { Writer } from "../../util/writer.ts";
import { takenApart } from "../attributes.ts";
import { type Codec, list, named, octetsText, printable, rest, short, u8, u16, u32 } from "../codec.ts";
import { attempt, type WireError } from "../error.ts";
import { struct } from "../struct.ts";

/** The form of a type's data. */
export interface DataForm<T> {
  readonly section: string;
  readonly codec: Codec<T>;
}

function form<T>(section: string, codec: Codec<T>): DataForm<T> {
  return { section, codec };
}

/**
 * Reads Notification Data.
 * @returns the value, its octet strings as views; or what is wrong. Offsets are those of the data.
 */
export function decodeNotifyData<T>({ codec, section }: DataForm<T>, data: Uint8Array): Result<T, WireError> {
  return attempt(data, 0, section, (reader) => {
    const value = codec.read(reader);
    reader.expectEnd();
    return value;
  });
}

/**
 * Makes Notification Data.
 * @throws RangeError when a value does not fit its field.
 */
export function encodeNotifyData<T>({ codec }: DataForm<T>, value: T): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  codec.write(writer, value, undefined);
  return writer.finish();
}

/** UNSUPPORTED_CRITICAL_PAYLOAD: the type that is not understood. */
export const unsupportedCriticalPayload = form("RFC 7296 2.5", named(u8, PayloadType));

/** INVALID_KE_PAYLOAD: the group that is wanted (RFC 7296 1.3). */
export const invalidKePayload = form("RFC 7296 1.3", named(u16, DhGroup));

/** SET_WINDOW_SIZE: how many requests may be under way. */
export const setWindowSize = form("RFC 7296 2.3", u32);

/** AUTH_LIFETIME: seconds up to which the initiator is to authenticate again. */
export const authLifetime = form("RFC 4478 3", u32);

/** SIGNATURE_HASH_ALGORITHMS: what the sender can verify. */
export const signatureHashAlgorithms = form(
  "RFC 7427 4",
  list(named(u16, HashAlgorithm), { atMost: 1024, atLeastOctets: 2 }, () => "Hash Algorithm"),
);

/** IPCOMP_SUPPORTED. */
export const ipcompSupported = form(
  "RFC 7296 3.10.1",
  struct("RFC 7296 3.10.1")
    .field("cpi", "CPI", u16)
    .field("transformId", "Transform ID", named(u8, IpcompTransform))
    .field("attributes", "Attributes", rest),
);

/** A gateway that a REDIRECT leads to, or that a REDIRECTED_FROM comes from: RFC 5685 9. */
export interface Gateway {
  readonly gatewayType: number;
  /** An address, or the octets of an FQDN. */
  readonly identity: Uint8Array;
}

/** GW Ident Type, GW Ident Len, identity. */
function gateway(section: string, label: string) {
  return struct(section)
    .field("gatewayType", "GW Ident Type", named(u8, GatewayType))
    .field("identity", label, short, (identity, { gatewayType }) => {
      const text = gatewayType === GatewayType.FQDN ? printable(identity) : addressText(identity);
      return text ?? octetsText(identity);
    });
}

/** REDIRECT; the Nonce Data are there in an answer to IKE_SA_INIT only. */
export const redirect: DataForm<Gateway & { readonly nonce: Uint8Array }> = form(
  "RFC 5685 9.2",
  gateway("RFC 5685 9.2", "New Responder GW Identity").field("nonce", "Nonce Data", rest),
);

/** REDIRECTED_FROM. */
export const redirectedFrom: DataForm<Gateway> = form(
  "RFC 5685 9.3",
  gateway("RFC 5685 9.3", "Original Responder GW Identity"),
);

/** Why an SA is deleted, and for how long. */
export interface DeleteReasonData {
  /** 0: no estimate; 65535: that long or longer. */
  readonly downtimeSeconds: number;
  /** Octets of a peer, meant to be UTF-8: nothing is said of them yet. */
  readonly message: Uint8Array;
}

/** DELETE_REASON: Downtime, then Reason Message up to the end. */
export const deleteReason: DataForm<DeleteReasonData> = form(
  "draft-pwouters-ipsecme-delete-info-01",
  struct("draft-pwouters-ipsecme-delete-info-01")
    .field("downtimeSeconds", "Downtime", u16)
    .field("message", "Reason Message", rest, (message) => {
      const text = printable(message);
      // what a shell would take as a command is not spelled out
      return text === undefined || text === "" || /[$`\\{}]/.test(text) ? octetsText(message) : text;
    }),
);

const forms: ReadonlyMap<number, Codec<Uint8Array>> = new Map<number, Codec<Uint8Array>>([
  [NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, apart("Payload Type", unsupportedCriticalPayload)],
  [NotifyType.INVALID_KE_PAYLOAD, apart("Diffie-Hellman Group Num", invalidKePayload)],
  [NotifyType.SET_WINDOW_SIZE, apart("Window Size", setWindowSize)],
  [NotifyType.AUTH_LIFETIME, apart("Lifetime", authLifetime)],
  [NotifyType.SIGNATURE_HASH_ALGORITHMS, takenApart(signatureHashAlgorithms.codec)],
  [NotifyType.IPCOMP_SUPPORTED, takenApart(ipcompSupported.codec)],
  [NotifyType.REDIRECT, takenApart(redirect.codec)],
  [NotifyType.REDIRECTED_FROM, takenApart(redirectedFrom.codec)],
  [ProvisionalNotifyType.DELETE_REASON, takenApart(deleteReason.codec)],
]);

/** Octets of any form; the description takes those apart that have the form of their type. */
export function notificationData(type: number): Codec<Uint8Array> {
  return forms.get(type) ?? rest;
}

/** A single field, with its name in the description. */
function apart(label: string, { section, codec }: DataForm<number>): Codec<Uint8Array> {
  return takenApart(struct(section).field("value", label, codec));
}
