/** Payloads of types that are not understood here are kept and survive a round trip. */
import type { Opaque } from "./chain.ts";
import type { UnknownPayload } from "./payloads.ts";

interface Kinded {
  readonly kind: string;
}

/** Reads and writes payloads as octets. */
export const unknownPayloads: Opaque<Kinded | UnknownPayload> & {
  readonly read: (type: number, data: Uint8Array) => UnknownPayload;
} = {
  read: (type, data) => ({ kind: "UNKNOWN", type, data }),
  open: (value) => (value.kind === "UNKNOWN" && "type" in value ? { type: value.type, data: value.data } : undefined),
};
