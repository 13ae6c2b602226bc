/** Encrypted Payload (RFC 7296 3.14) and Encrypted Fragment Payload (RFC 7383 2.5): what is around the ciphertext. */
import { PayloadType } from "../../iana/ikev2.ts";
import type { Reader } from "../../util/reader.ts";
import type { Entry } from "../chain.ts";
import { type Codec, octetsText, rest, u16 } from "../codec.ts";
import { within } from "../error.ts";
import { struct } from "../struct.ts";
import type { Payload, SkfPayload, SkPayload } from "./payloads.ts";

/** IV, ciphertext and ICV, whose lengths the negotiated algorithms say. */
const body: Codec<Uint8Array> = { ...rest, show: octetsText };

const sk: Codec<Pick<SkPayload, "kind" | "body">> = struct("RFC 7296 3.14")
  .constant("kind", "SK")
  .field("body", "IV, Encrypted IKE Payloads, ICV", body);

const skf: Codec<Omit<SkfPayload, "innerFirst">> = struct("RFC 7383 2.5")
  .constant("kind", "SKF")
  .field("fragmentNumber", "Fragment Number", u16)
  .field("totalFragments", "Total Fragments", u16)
  .field("body", "IV, Encrypted content, ICV", body);

/** `Fragment Number` and `Total Fragments` are not zero, and the first is not the larger (RFC 7383 2.5). */
function readFragment(reader: Reader): Omit<SkfPayload, "innerFirst"> {
  const at = reader.offset;
  const fragment = skf.read(reader);
  const { fragmentNumber: number, totalFragments: total } = fragment;
  if (number === 0 || number > total) {
    throw within(reader.fault("bad-value", `fragment ${number} of ${total}`, at), "fragmentNumber", "RFC 7383 2.5");
  }
  return fragment;
}

const of = (value: Payload): string => value.kind;

/** The entries of both, which end a chain. */
export const encryptedEntries: readonly Entry<Payload>[] = [
  {
    type: PayloadType.SK,
    name: "SK",
    kind: { name: "SK", of },
    body: {
      read: (reader, innerFirst) => ({ ...sk.read(reader), innerFirst }),
      write: (writer, value: SkPayload, trace) => sk.write(writer, value, trace),
    },
    inner: (value) => (value.kind === "SK" ? value.innerFirst : undefined),
  },
  {
    type: PayloadType.SKF,
    name: "SKF",
    kind: { name: "SKF", of },
    body: {
      read: (reader, innerFirst) => ({ ...readFragment(reader), innerFirst }),
      write: (writer, value: SkfPayload, trace) => skf.write(writer, value, trace),
    },
    inner: (value) => (value.kind === "SKF" ? value.innerFirst : undefined),
  },
];
