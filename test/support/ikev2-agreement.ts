/** One message of IKEv2 as our decoder has it and as tshark shows it, both as the same plain values. */
import { PayloadType } from "../../src/iana/ikev2.ts";
import { hex, u16 } from "../../src/util/octets.ts";
import { payloadType } from "../../src/wire/ikev2/message.ts";
import type { Payload, ReceivedPayload, TrafficSelector } from "../../src/wire/ikev2/payloads.ts";
import type { OpenedMessage } from "./ikev2-golden.ts";
import { type Dissected, find } from "./tshark.ts";

/** A payload: its type, all its octets, and what its fields are, as `name value` in their order. */
export interface PayloadReading {
  readonly type: number;
  readonly octets: string;
  readonly fields: readonly string[];
}

/** What both sides say of a message. */
export interface Ikev2Reading {
  readonly header: Readonly<Record<string, string | number>>;
  readonly payloads: readonly PayloadReading[];
  /** What SK held, or the fragments up to this one; empty when there was nothing, or it could not be decrypted. */
  readonly inner: readonly PayloadReading[];
}

/** The reading of our decoder. */
export function oursIkev2({ header, payloads, inner }: OpenedMessage): Ikev2Reading {
  return {
    header: {
      spiI: hex(header.spiI),
      spiR: hex(header.spiR),
      nextPayload: header.nextPayload,
      version: `${header.majorVersion}.${header.minorVersion}`,
      exchangeType: header.exchangeType,
      flags: header.flags,
      messageId: header.messageId,
      length: header.length,
    },
    payloads: payloads.map(reading),
    inner: (inner?.payloads ?? []).map(reading),
  };
}

function reading({ payload, octets }: ReceivedPayload): PayloadReading {
  return { type: payloadType(payload), octets: hex(octets), fields: fieldsOf(payload).map((pair) => pair.join(" ")) };
}

/** The reading of tshark. */
export function theirsIkev2(message: readonly Dissected[]): Ikev2Reading {
  const text = (name: string) => find(message, name)?.value ?? "";
  const figure = (name: string) => Number(find(message, name)?.show);
  const outer = message.filter(isPayload);
  return {
    header: {
      spiI: text("isakmp.ispi"),
      spiR: text("isakmp.rspi"),
      nextPayload: figure("isakmp.nextpayload"),
      version: `${figure("isakmp.mjver")}.${figure("isakmp.mnver")}`,
      exchangeType: figure("isakmp.exchangetype"),
      flags: figure("isakmp.flags"),
      messageId: figure("isakmp.messageid"),
      length: figure("isakmp.length"),
    },
    payloads: outer.map(dissected),
    inner: outer
      .filter(({ show }) => show === "46" || show === "53")
      .flatMap(({ parts }) => contained(parts).map(dissected)),
  };
}

function isPayload({ name }: Dissected): boolean {
  return name === "isakmp.typepayload";
}

function contained(parts: readonly Dissected[]): Dissected[] {
  return parts.flatMap((part) => (isPayload(part) ? [part] : contained(part.parts)));
}

function dissected(payload: Dissected): PayloadReading {
  return { type: Number(payload.show), octets: payload.value, fields: leaves(payload.parts) };
}

/** The fields that fieldsOf names too, in the order of the dissection. */
function leaves(parts: readonly Dissected[]): string[] {
  return parts.flatMap((part) => {
    const { name, value, parts: within } = part;
    const known = COMPARED.has(name) && value !== "" ? [`${name} ${value}`] : [];
    // what is inside SK and SKF has a reading of its own; proposals and transforms are 'payloads' inside SA
    const apart = name.startsWith("isakmp.enc.") || (isPayload(part) && Number(part.show) >= PayloadType.SA);
    return apart ? known : [...known, ...leaves(within)];
  });
}

const COMPARED: ReadonlySet<string> = new Set(
  [
    "prop.number prop.protoid spisize prop.transforms spi",
    "tf.type tf.id.encr tf.id.prf tf.id.integ tf.id.dh tf.id.esn ike2.attr.type ike2.attr.value",
    "key_exchange.dh_group key_exchange.data id.type id.data.fqdn cert.encoding",
    "certreq.type ike.certreq.authority auth.method auth.data nonce notify.protoid notify.msgtype notify.data",
    "delete.protoid spinum delete.spi vid_string ts.number ts.type ts.protoid ts.selector_length ts.start_port ts.end_port",
    "ts.start_ipv4 ts.end_ipv4 ts.start_ipv6 ts.end_ipv6 cfg.type cfg.attr.length cfg.attr.value frag.number frag.total",
  ]
    .join(" ")
    .split(" ")
    .map((name) => `isakmp.${name}`)
    .concat("eap.code", "eap.id", "eap.len"),
);

type Pair = readonly [name: string, value: string];

const octet = (value: number) => hex(Uint8Array.of(value));
const word = (value: number) => hex(u16(value));

function fieldsOf(payload: Payload): Pair[] {
  const own = ownFields(payload);
  return own
    .filter(([, value]) => value !== "")
    .map(([name, value]) => [name.startsWith("eap") ? name : `isakmp.${name}`, value]);
}

const TRANSFORM_IDS = ["", "encr", "prf", "integ", "dh", "esn"];

function ownFields(payload: Payload): Pair[] {
  switch (payload.kind) {
    case "SA":
      return payload.proposals.flatMap((p): Pair[] => [
        ["prop.number", octet(p.number)],
        ["prop.protoid", octet(p.protocolId)],
        ["spisize", octet(p.spi.length)],
        ["prop.transforms", octet(p.transforms.length)],
        ["spi", hex(p.spi)],
        ...p.transforms.flatMap((t): Pair[] => [
          ["tf.type", octet(t.type)],
          [`tf.id.${TRANSFORM_IDS[t.type]}`, word(t.id)],
          ...t.attributes.flatMap(({ type, value }): Pair[] => [
            // with the bit that says how the attribute travels
            ["ike2.attr.type", word(typeof value === "number" ? 0x8000 | type : type)],
            ["ike2.attr.value", typeof value === "number" ? word(value) : hex(value)],
          ]),
        ]),
      ]);
    case "KE":
      return [
        ["key_exchange.dh_group", word(payload.group)],
        ["key_exchange.data", hex(payload.data)],
      ];
    case "IDi":
    case "IDr":
      return [
        ["id.type", octet(payload.idType)],
        ["id.data.fqdn", payload.idType === 2 ? hex(payload.data) : ""],
      ];
    case "CERT":
      return [["cert.encoding", octet(payload.encoding)]];
    case "CERTREQ":
      return [
        ["certreq.type", octet(payload.encoding)],
        // SHA-1 hashes of keys, 20 octets each
        ...(hex(payload.authorities).match(/.{40}/g) ?? []).map((hash): Pair => ["ike.certreq.authority", hash]),
      ];
    case "AUTH":
      return [
        ["auth.method", octet(payload.method)],
        ["auth.data", hex(payload.data)],
      ];
    case "V":
      return [["vid_string", hex(payload.data)]];
    case "NONCE":
      return [["nonce", hex(payload.data)]];
    case "N":
      return [
        ["notify.protoid", octet(payload.protocolId)],
        ["spisize", octet(payload.spi.length)],
        ["notify.msgtype", word(payload.type)],
        ["spi", hex(payload.spi)],
        ["notify.data", hex(payload.data)],
      ];
    case "D":
      return [
        ["delete.protoid", octet(payload.protocolId)],
        ["spisize", octet(payload.spiSize)],
        ["spinum", word(payload.spis.length)],
        ...payload.spis.map((spi): Pair => ["delete.spi", hex(spi)]),
      ];
    case "TSi":
    case "TSr":
      return [["ts.number", octet(payload.selectors.length)], ...payload.selectors.flatMap(selectorFields)];
    case "CP":
      return [
        ["cfg.type", octet(payload.cfgType)],
        ...payload.attributes.flatMap(({ value }): Pair[] => [
          ["cfg.attr.length", word(value.length)],
          ["cfg.attr.value", hex(value)],
        ]),
      ];
    case "EAP":
      return [
        ["eap.code", octet(payload.code)],
        ["eap.id", octet(payload.identifier)],
        ["eap.len", word(4 + payload.data.length)],
      ];
    case "SKF":
      return [
        ["frag.number", word(payload.fragmentNumber)],
        ["frag.total", word(payload.totalFragments)],
      ];
    default:
      return [];
  }
}

function selectorFields(selector: TrafficSelector): Pair[] {
  if (selector.kind === "UNKNOWN") return [["ts.type", octet(selector.tsType)]];
  const four = selector.startAddress.length === 4;
  const family = four ? "ipv4" : "ipv6";
  return [
    ["ts.type", octet(four ? 7 : 8)],
    ["ts.protoid", octet(selector.ipProtocol)],
    ["ts.selector_length", word(8 + 2 * selector.startAddress.length)],
    ["ts.start_port", word(selector.startPort)],
    ["ts.end_port", word(selector.endPort)],
    [`ts.start_${family}`, hex(selector.startAddress)],
    [`ts.end_${family}`, hex(selector.endAddress)],
  ];
}
