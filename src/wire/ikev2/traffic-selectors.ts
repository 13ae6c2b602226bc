/** Traffic Selector Payloads: RFC 7296 3.13. */
import { TrafficSelectorType } from "../../iana/ikev2.ts";
import { IpProtocol } from "../../iana/isakmp.ts";
import { addressText } from "../../util/address.ts";
import { byOctet, bytes, type Codec, list, named, octetsText, rest, u8, u16 } from "../codec.ts";
import { struct } from "../struct.ts";
import type { AddressSelector, TrafficSelector, UnknownSelector } from "./payloads.ts";

/** Octets of TS Type, IP Protocol ID and Selector Length: less than that no Traffic Selector has. */
const SELECTOR_HEADER_LENGTH = 4;

type AddressTail = Omit<AddressSelector, "ipProtocol">;
type Tail = AddressTail | Omit<UnknownSelector, "ipProtocol">;

function addresses(length: number): Codec<AddressTail> {
  const show = (address: Uint8Array) => addressText(address) ?? octetsText(address);
  return struct("RFC 7296 3.13.1")
    .constant("kind", "addresses")
    .field("startPort", "Start Port", u16)
    .field("endPort", "End Port", u16)
    .field("startAddress", "Starting Address", bytes(length), show)
    .field("endAddress", "Ending Address", bytes(length), show);
}

const ranges: ReadonlyMap<number, Codec<AddressTail>> = new Map([
  [TrafficSelectorType.TS_IPV4_ADDR_RANGE, addresses(4)],
  [TrafficSelectorType.TS_IPV6_ADDR_RANGE, addresses(16)],
]);

/** What follows Selector Length in the two types that are understood, and in all others. */
const tail = byOctet((tsType): Codec<Tail> => {
  const range = ranges.get(tsType);
  return {
    read: (reader) => range?.read(reader) ?? { kind: "UNKNOWN", tsType, data: reader.rest() },
    write: (writer, value, trace) => {
      if (value.kind === "addresses") {
        range?.write(writer, value, trace);
        return;
      }
      trace?.open("Data", writer.length, octetsText(value.data));
      rest.write(writer, value.data, undefined);
      trace?.close();
    },
  };
});

function typeOf(selector: TrafficSelector): number {
  if (selector.kind === "UNKNOWN") return selector.tsType;
  const { length } = selector.startAddress;
  if (length === 4) return TrafficSelectorType.TS_IPV4_ADDR_RANGE;
  if (length === 16) return TrafficSelectorType.TS_IPV6_ADDR_RANGE;
  throw new RangeError(`an address of a Traffic Selector has 4 or 16 octets, not ${length}`);
}

/** TS Type, IP Protocol ID, Selector Length; then ports and addresses, or what an unknown type has. */
const selector: Codec<TrafficSelector> = struct("RFC 7296 3.13.1")
  .derived("tsType", "TS Type", named(u8, TrafficSelectorType), typeOf)
  .field("ipProtocol", "IP Protocol ID", named(u8, IpProtocol))
  .length("Selector Length")
  .merge(({ tsType }) => tail(tsType));

const selectors = byOctet((count) =>
  list(selector, { count, atMost: 255, atLeastOctets: SELECTOR_HEADER_LENGTH }, () => "Traffic Selector"),
);

function trafficSelectors<const K extends "TSi" | "TSr">(kind: K) {
  return struct("RFC 7296 3.13")
    .constant("kind", kind)
    .derived("count", "Number of TSs", u8, (ts: { selectors: readonly TrafficSelector[] }) => ts.selectors.length)
    .ignored("reserved2", "RESERVED", 3)
    .field("selectors", "Traffic Selectors", ({ count }) => selectors(count));
}

/** Traffic Selector Payload of the initiator. */
export const trafficSelectorsI = trafficSelectors("TSi");
/** Traffic Selector Payload of the responder. */
export const trafficSelectorsR = trafficSelectors("TSr");
