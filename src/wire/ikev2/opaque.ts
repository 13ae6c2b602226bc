/** Payloads whose contents are one octet string behind a code or none: RFC 7296 3.4 to 3.9, 3.12 and 3.16. */
import { AuthenticationMethod, CertificateEncoding, DhGroup, EapCode, IdType } from "../../iana/ikev2.ts";
import { takenApart } from "../attributes.ts";
import { bytes, type Codec, list, named, octetsText, rest, u8, u16 } from "../codec.ts";
import { identityDataText } from "../isakmp/identification.ts";
import { struct } from "../struct.ts";
import type { EapPayload } from "./payloads.ts";

/** Key Exchange Payload. */
export const keyExchange = struct("RFC 7296 3.4")
  .constant("kind", "KE")
  .field("group", "Diffie-Hellman Group Num", named(u16, DhGroup))
  .ignored("reserved2", "RESERVED", 2)
  .field("data", "Key Exchange Data", rest);

function identification<const K extends "IDi" | "IDr">(kind: K) {
  return struct("RFC 7296 3.5")
    .constant("kind", kind)
    .field("idType", "ID Type", named(u8, IdType))
    .ignored("reserved2", "RESERVED", 3)
    .field("data", "Identification Data", rest, (data, { idType }) =>
      // up to ID_KEY_ID the types are those of IKEv1
      idType > IdType.ID_KEY_ID ? octetsText(data) : identityDataText(idType, data),
    );
}

/** Identification Payload of the initiator. */
export const identificationI = identification("IDi");
/** Identification Payload of the responder. */
export const identificationR = identification("IDr");

/** Certificate Payload. */
export const certificate = struct("RFC 7296 3.6")
  .constant("kind", "CERT")
  .field("encoding", "Cert Encoding", named(u8, CertificateEncoding))
  .field("data", "Certificate Data", rest);

/** SHA-1 hashes of Subject Public Key Infos. */
const keyHashes = takenApart(list(bytes(20), { atMost: 4096, atLeastOctets: 20 }, () => "Certification Authority"));
const hashedEncodings: readonly number[] = [
  CertificateEncoding.X509_SIGNATURE,
  CertificateEncoding.HASH_AND_URL_X509,
  CertificateEncoding.HASH_AND_URL_BUNDLE,
];

/** Certificate Request Payload. */
export const certificateRequest = struct("RFC 7296 3.7")
  .constant("kind", "CERTREQ")
  .field("encoding", "Cert Encoding", named(u8, CertificateEncoding))
  .described("authorities", "Certification Authority", rest, ({ encoding }) =>
    hashedEncodings.includes(encoding) ? keyHashes : rest,
  );

/** Authentication Payload. */
export const authentication = struct("RFC 7296 3.8")
  .constant("kind", "AUTH")
  .field("method", "Auth Method", named(u8, AuthenticationMethod))
  .ignored("reserved2", "RESERVED", 3)
  .field("data", "Authentication Data", rest);

/** Nonce Payload. */
export const nonce = struct("RFC 7296 3.9").constant("kind", "NONCE").field("data", "Nonce Data", rest);

/** Vendor ID Payload. */
export const vendorId = struct("RFC 7296 3.12").constant("kind", "V").field("data", "Vendor ID (VID)", rest);

/** Extensible Authentication Payload: one EAP message, which counts its own length. */
export const eap: Codec<EapPayload> = struct("RFC 7296 3.16")
  .constant("kind", "EAP")
  .field("code", "Code", named(u8, EapCode))
  .field("identifier", "Identifier", u8)
  .length("Length")
  .field("data", "Type and Type_Data", rest);
