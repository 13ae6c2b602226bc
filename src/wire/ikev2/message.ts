/** Messages and chains of payloads of IKEv2: RFC 7296 3.1 and 3.2. */
import { PayloadType } from "../../iana/ikev2.ts";
import { err, ok, type Result } from "../../util/result.ts";
import { Writer } from "../../util/writer.ts";
import { Chain, type HeaderForm, ofKind } from "../chain.ts";
import { attempt, plain, type WireError } from "../error.ts";
import { unknownPayloads } from "../unknown.ts";
import { configuration } from "./configuration.ts";
import { encryptedEntries } from "./encrypted.ts";
import {
  decodeHeader,
  HEADER_LENGTH,
  type HeaderError,
  type HeaderFields,
  LENGTH_OFFSET,
  writeHeader,
} from "./header.ts";
import { deletion, notification } from "./notices.ts";
import {
  authentication,
  certificate,
  certificateRequest,
  eap,
  identificationI,
  identificationR,
  keyExchange,
  nonce,
  vendorId,
} from "./opaque.ts";
import type { Header, Payload, ReceivedPayload, SkfPayload, SkPayload } from "./payloads.ts";
import { sa } from "./sa.ts";
import { trafficSelectorsI, trafficSelectorsR } from "./traffic-selectors.ts";

const SECTION = "RFC 7296 3.2";
/** More payloads than any exchange has; a chain of certificates and a notify for every address included. */
const MOST_PAYLOADS = 128;
const CRITICAL = 0x80;

/** Next Payload, critical bit and 7 reserved bits, Payload Length. */
const genericHeader: HeaderForm<Payload> = {
  section: SECTION,
  types: PayloadType,
  labels: ["Next Payload", "Payload Length"],
  read: (octet, value) => {
    const reserved = octet & ~CRITICAL;
    return { ...value, ...(octet >= CRITICAL && { critical: true }), ...(reserved !== 0 && { reserved }) };
  },
  write: ({ critical, reserved }) => (critical ? CRITICAL : 0) | (reserved ?? 0),
  trace: ({ critical, reserved }, trace, offset) => {
    trace.open("Critical", offset, critical ? "1" : "0");
    trace.close();
    if (reserved === undefined) return;
    trace.open("RESERVED", offset, String(reserved));
    trace.close();
  },
};

const entry = ofKind<Payload>();

const entries = [
  entry(PayloadType.SA, "SA", "SA", sa),
  entry(PayloadType.KE, "KE", "KE", keyExchange),
  entry(PayloadType.IDi, "IDi", "IDi", identificationI),
  entry(PayloadType.IDr, "IDr", "IDr", identificationR),
  entry(PayloadType.CERT, "CERT", "CERT", certificate),
  entry(PayloadType.CERTREQ, "CERTREQ", "CERTREQ", certificateRequest),
  entry(PayloadType.AUTH, "AUTH", "AUTH", authentication),
  entry(PayloadType.NONCE, "NONCE", "NONCE", nonce),
  entry(PayloadType.N, "N", "N", notification),
  entry(PayloadType.D, "D", "D", deletion),
  entry(PayloadType.V, "V", "V", vendorId),
  entry(PayloadType.TSi, "TSi", "TSi", trafficSelectorsI),
  entry(PayloadType.TSr, "TSr", "TSr", trafficSelectorsR),
  entry(PayloadType.CP, "CP", "CP", configuration),
  entry(PayloadType.EAP, "EAP", "EAP", eap),
];

const rules = { opaque: unknownPayloads, atMost: MOST_PAYLOADS, section: SECTION, header: genericHeader };

/** Every payload of a message as it travels; SK or SKF ends it. */
export const payloadChain = new Chain<Payload>({ ...rules, entries: [...entries, ...encryptedEntries] });
/** What can stand inside SK: another one cannot. */
const innerChain = new Chain<Payload>({ ...rules, entries, refused: [PayloadType.SK, PayloadType.SKF] });

/** A payload as it came; a view of its octets is made when somebody asks, which few do. */
class Received implements ReceivedPayload {
  readonly payload: Payload;
  readonly offset: number;
  readonly #whole: Uint8Array;
  readonly #end: number;

  constructor(payload: Payload, whole: Uint8Array, start: number, end: number) {
    this.payload = payload;
    this.offset = start;
    this.#whole = whole;
    this.#end = end;
  }

  get octets(): Uint8Array {
    return this.#whole.subarray(this.offset, this.#end);
  }
}

function decode(
  chain: Chain<Payload>,
  first: number,
  octets: Uint8Array,
  offset: number,
): Result<ReceivedPayload[], WireError> {
  return attempt(octets, offset, SECTION, (reader) => {
    const starts: number[] = [];
    const payloads = chain.read(reader, first, starts);
    reader.expectEnd();
    return payloads.map((payload, i) => {
      const start = starts[i] ?? 0;
      return new Received(payload, reader.octets, start, starts[i + 1] ?? reader.offset);
    });
  });
}

/**
 * Decodes a message up to its SK or SKF payload, which is not opened. Octet strings are views of `datagram`.
 * @returns header and payloads; or what is wrong, with the header of a higher major version beside it.
 */
export function decodeMessage(
  datagram: Uint8Array,
): Result<{ header: Header; payloads: ReceivedPayload[] }, HeaderError> {
  const header = decodeHeader(datagram);
  if (!header.ok) return header;
  const payloads = decodeBehind(header.value, datagram);
  return payloads.ok ? ok({ header: header.value, payloads: payloads.value }) : err(payloads.error);
}

/** The payloads of a message whose header is decoded, as decodeMessage gives them. */
export function decodeBehind({ nextPayload }: Header, datagram: Uint8Array): Result<ReceivedPayload[], WireError> {
  return decode(payloadChain, nextPayload, datagram, HEADER_LENGTH);
}

/**
 * Decodes the payloads inside an SK payload, which begin at `offset` of `octets` with one of type `first` and use the
 * octets up.
 */
export function decodePayloads(first: number, octets: Uint8Array, offset = 0): Result<ReceivedPayload[], WireError> {
  return decode(innerChain, first, octets, offset);
}

/** The type of the first payload that has the critical bit and is not understood here: RFC 7296 2.5. */
export function unsupportedCritical(payloads: readonly ReceivedPayload[]): number | undefined {
  for (const { payload } of payloads) if (payload.kind === "UNKNOWN" && payload.critical) return payload.type;
  return undefined;
}

/** The Next Payload value that announces `payload`. */
export function payloadType(payload: Payload): number {
  return payloadChain.typeOf(payload);
}

/** The type of the first payload, 0 when there is none. */
export function firstPayload(payloads: readonly Payload[]): number {
  return payloadChain.firstType(payloads);
}

/**
 * Encodes each payload with its generic header.
 * @throws RangeError when a value does not fit its field.
 */
export function encodePayloads(payloads: readonly Payload[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  payloadChain.write(writer, payloads, 0, undefined);
  return writer.finish();
}

/**
 * Encodes a message whose payloads are as they travel: in the clear, or SK with its body made.
 * @throws RangeError when a value does not fit its field.
 */
export function encodeMessage(header: HeaderFields, payloads: readonly Payload[]): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writeHeader(writer, header, firstPayload(payloads));
  payloadChain.write(writer, payloads, 0, undefined);
  writer.setU32(LENGTH_OFFSET, writer.length);
  return writer.finish();
}

const NO_BODY = new Uint8Array(0);

/** An SK or SKF payload whose body is to be made. */
export type Envelope = Omit<SkPayload, "body"> | Omit<SkfPayload, "body">;

/**
 * Encodes a message up to the body of its SK or SKF payload. These octets are what an AEAD authenticates beside the
 * body (RFC 5282 5.1, RFC 7383 2.5), and with the body all that an integrity algorithm covers.
 * @param before payloads in the clear in front of it, none in all exchanges of RFC 7296
 * @param bodyLength octets of IV, ciphertext and ICV that will follow
 * @throws RangeError when a value does not fit its field.
 */
export function encodeEnvelope(
  header: HeaderFields,
  envelope: Envelope,
  bodyLength: number,
  before: readonly Payload[] = [],
): Uint8Array<ArrayBuffer> {
  const sealed: Payload = { ...envelope, body: NO_BODY };
  const writer = new Writer();
  const type = payloadType(sealed);
  writeHeader(writer, header, before[0] === undefined ? type : payloadType(before[0]));
  payloadChain.write(writer, before, type, undefined);
  const start = writer.length;
  payloadChain.writeOne(writer, sealed, envelope.innerFirst, undefined);
  writer.setU16(start + 2, writer.length - start + bodyLength);
  writer.setU32(LENGTH_OFFSET, writer.length + bodyLength);
  return writer.finish();
}

/** The protected part of a received message. */
export interface Enveloped {
  readonly payload: SkPayload | SkfPayload;
  /** Everything in front of the body, from the first octet of the header. */
  readonly associatedData: Uint8Array;
  /** Where the body begins in the message. */
  readonly bodyOffset: number;
}

/** The SK or SKF payload that ends a message, undefined when there is none. */
export function enveloped(datagram: Uint8Array, payloads: readonly ReceivedPayload[]): Enveloped | undefined {
  const last = payloads.at(-1);
  if (last === undefined || (last.payload.kind !== "SK" && last.payload.kind !== "SKF")) return undefined;
  const bodyOffset = last.offset + last.octets.length - last.payload.body.length;
  return { payload: last.payload, associatedData: plain(datagram).subarray(0, bodyOffset), bodyOffset };
}
