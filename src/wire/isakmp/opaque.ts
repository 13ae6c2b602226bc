/** Payloads whose contents are one octet string, with a type of encoding at most: RFC 2408 3.7 to 3.13 and 3.16. */
import { CertificateEncoding } from "../../iana/isakmp.ts";
import { named, rest, u8 } from "../codec.ts";
import { struct } from "../struct.ts";

/** Key Exchange Payload. */
export const keyExchange = struct("RFC 2408 3.7").constant("kind", "KE").field("data", "Key Exchange Data", rest);

/** Certificate Payload. */
export const certificate = struct("RFC 2408 3.9")
  .constant("kind", "CERT")
  .field("encoding", "Cert Encoding", named(u8, CertificateEncoding))
  .field("data", "Certificate Data", rest);

/** Certificate Request Payload. */
export const certificateRequest = struct("RFC 2408 3.10")
  .constant("kind", "CR")
  .field("encoding", "Cert. Type", named(u8, CertificateEncoding))
  .field("authority", "Certificate Authority", rest);

/** Hash Payload. */
export const hash = struct("RFC 2408 3.11").constant("kind", "HASH").field("data", "Hash Data", rest);

/** Signature Payload. */
export const signature = struct("RFC 2408 3.12").constant("kind", "SIG").field("data", "Signature Data", rest);

/** Nonce Payload. */
export const nonce = struct("RFC 2408 3.13").constant("kind", "NONCE").field("data", "Nonce Data", rest);

/** Vendor ID Payload. */
export const vendorId = struct("RFC 2408 3.16").constant("kind", "VID").field("data", "Vendor ID (VID)", rest);
