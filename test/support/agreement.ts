/**
 * One message as our decoder has it and as tshark shows it, both as the same plain values. Of the SA attribute payloads in
 * an SA of GDOI, tshark 4.0 shows the SAK and the SAT behind it, up to a GAP, which it does not know. It reads the ID
 * lengths of an ESP SAT as two octets and gives up there, so of a SAT only protocol and length are compared.
 */
import { PayloadType } from "../../src/iana/isakmp.ts";
import { hex, u32 } from "../../src/util/octets.ts";
import { HEADER_LENGTH } from "../../src/wire/header.ts";
import { encodePayload, payloadType } from "../../src/wire/message.ts";
import type {
  Attribute,
  KeyPacket,
  Payload,
  SaKekPayload,
  SaTekPayload,
  SelectorId,
  Transform,
} from "../../src/wire/payloads.ts";
import { type ClearMessage, type DecodedMessage, decodeClear } from "./golden.ts";
import { type Dissected, find, findAll, payloadsOf } from "./tshark.ts";

/** What both sides say of a message. */
export interface Reading {
  readonly header: Readonly<Record<string, string | number>>;
  readonly payloads: readonly { readonly type: number; readonly octets: string; readonly fields: unknown }[];
  /** How many octets follow the last payload. */
  readonly padding: number;
}

/** The reading of our decoder. @throws Error when it refuses the message */
export function ours(message: ClearMessage): Reading {
  const decoded = decodeClear(message);
  return {
    header: headerFields(decoded),
    payloads: decoded.payloads.map(({ payload, octets }) => ({
      type: payloadType(payload),
      octets: hex(withIpsecDoi(payload, octets)),
      fields: fieldsOf(payload),
    })),
    padding: message.octets.length - decoded.end,
  };
}

/** The reading of tshark. */
export function theirs(message: readonly Dissected[]): Reading {
  const text = (name: string) => find(message, name)?.value ?? "";
  const shown = payloadsOf(message);
  const length = Number(find(message, "isakmp.length")?.show);
  return {
    header: {
      initiatorCookie: text("isakmp.ispi"),
      responderCookie: text("isakmp.rspi"),
      nextPayload: Number(find(message, "isakmp.nextpayload")?.show),
      exchangeType: Number(find(message, "isakmp.exchangetype")?.show),
      flags: Number(find(message, "isakmp.flags")?.show),
      messageId: text("isakmp.messageid"),
      length,
    },
    payloads: shown.map((payload) => ({
      type: Number(payload.show),
      octets: payload.value,
      fields: dissectedFields(Number(payload.show), payload.parts),
    })),
    padding: shown.reduce((left, payload) => left - payload.size, length - HEADER_LENGTH),
  };
}

function headerFields({ header }: DecodedMessage): Reading["header"] {
  return {
    initiatorCookie: hex(header.initiatorCookie),
    responderCookie: hex(header.responderCookie),
    nextPayload: header.nextPayload,
    exchangeType: header.exchangeType,
    flags: header.flags,
    messageId: hex(u32(header.messageId)),
    length: header.length,
  };
}

/** As in the copy of the capture that tshark is given. */
function withIpsecDoi(payload: Payload, octets: Uint8Array): Uint8Array {
  if (payload.kind !== "SA") return octets;
  const copy = octets.slice();
  copy.set(u32(1), 4);
  return copy;
}

type Pair = readonly [type: number, value: string];

function pairs(attributes: readonly Attribute[]): Pair[] {
  return attributes.map(({ type, value }) => [type, typeof value === "number" ? hex(u32(value)).slice(4) : hex(value)]);
}

function dissectedPairs(fields: readonly Dissected[], prefix: string): Pair[] {
  return fields
    .filter((field) => field.name === prefix)
    .map(({ parts }) => [Number(find(parts, `${prefix}.type`)?.show), find(parts, `${prefix}.value`)?.value ?? ""]);
}

function fieldsOf(payload: Payload): unknown {
  switch (payload.kind) {
    case "SA":
      return payload.proposals.map(({ number, protocolId, transforms }) => ({
        number,
        protocolId,
        transforms: transforms.map((t: Transform) => ({ number: t.number, id: t.id, attributes: pairs(t.attributes) })),
      }));
    case "GDOI-SA": {
      const sak = payload.attributes.find((attribute) => attribute.kind === "SAK");
      const next = payload.attributes[sak === undefined ? 0 : 1];
      return {
        doi: payload.doi,
        situation: hex(u32(payload.situation)),
        sak: sak === undefined ? undefined : sakFields(sak),
        sat: next?.kind === "SAT" ? satFields(next) : undefined,
      };
    }
    case "ID":
      return { idType: payload.idType, protocolId: payload.protocolId, port: payload.port };
    case "KE":
    case "NONCE":
    case "HASH":
      return hex(payload.data);
    case "SEQ":
      return payload.sequenceNumber;
    case "KD":
      return payload.packets.map(({ kdType, spi, attributes }: KeyPacket) => ({
        kdType,
        spi: hex(spi),
        attributes: pairs(attributes),
      }));
    default:
      return undefined;
  }
}

function dissectedFields(type: number, parts: readonly Dissected[]): unknown {
  const text = (name: string) => find(parts, name)?.value ?? "";
  const figure = (name: string) => Number(find(parts, name)?.show);
  switch (type) {
    case PayloadType.SA:
      return figure("isakmp.sa.doi") === 2 ? groupSa(parts) : proposals(parts);
    case PayloadType.ID:
      return {
        idType: figure("isakmp.id.type"),
        protocolId: figure("isakmp.id.protoid"),
        port: figure("isakmp.id.port"),
      };
    case PayloadType.KE:
      return text("isakmp.key_exchange.data");
    case PayloadType.NONCE:
      return text("isakmp.nonce");
    case PayloadType.HASH:
      return text("isakmp.hash");
    case PayloadType.SEQ:
      return figure("isakmp.seq.seq");
    case PayloadType.KD:
      return findAll(parts, "isakmp.kd.payload").map(({ parts: packet }) => ({
        kdType: Number(find(packet, "isakmp.kd.payload.type")?.show),
        spi: find(packet, "isakmp.kd.payload.spi")?.value ?? "",
        attributes: dissectedPairs(packet, "isakmp.key_download.attr"),
      }));
    default:
      return undefined;
  }
}

function proposals(parts: readonly Dissected[]): unknown {
  return parts
    .filter((part) => part.name === "isakmp.typepayload")
    .map(({ parts: proposal }) => ({
      number: Number(find(proposal, "isakmp.prop.number")?.show),
      protocolId: Number(find(proposal, "isakmp.prop.protoid")?.show),
      transforms: proposal
        .filter((part) => part.name === "isakmp.typepayload")
        .map(({ parts: transform }) => ({
          number: Number(find(transform, "isakmp.trans.number")?.show),
          id: Number(find(transform, "isakmp.trans.id")?.show),
          attributes: dissectedPairs(transform, "isakmp.ike.attr"),
        })),
    }));
}

function groupSa(parts: readonly Dissected[]): unknown {
  const first = Number(`0x${find(parts, "isakmp.sa.next_attribute_payload")?.value}`);
  const sat = find(parts, "isakmp.sat.protocol_id");
  return {
    doi: Number(find(parts, "isakmp.sa.doi")?.show),
    situation: find(parts, "isakmp.sa.situation")?.value,
    sak: first === PayloadType.SAK ? dissectedSak(parts) : undefined,
    sat: sat && { protocolId: Number(sat.show), length: Number(find(parts, "isakmp.sat.payload_len")?.show) },
  };
}

function satFields(sat: SaTekPayload): unknown {
  // the SAT with its header, in an SA payload of its own: generic header, DOI, situation and what follows it are 16 octets
  const alone = encodePayload({ kind: "GDOI-SA", doi: 2, situation: 0, attributes: [sat] }, 0);
  return { protocolId: sat.protocolId, length: alone.length - 16 };
}

function sakFields(sak: SaKekPayload): unknown {
  return {
    protocol: sak.protocol,
    source: selector(sak.source),
    destination: selector(sak.destination),
    spi: hex(sak.spi),
    attributes: pairs(sak.attributes),
  };
}

function selector({ idType, port, data }: SelectorId): unknown {
  return { idType, port, data: hex(data) };
}

function dissectedSak(parts: readonly Dissected[]): unknown {
  const side = (which: "src" | "dst") => ({
    idType: Number(find(parts, `isakmp.sak.${which}_id_type`)?.show),
    port: Number(find(parts, `isakmp.sak.${which}_id_port`)?.show),
    data: find(parts, `isakmp.sak.${which}_id_data`)?.value ?? "",
  });
  return {
    protocol: Number(find(parts, "isakmp.sak.protoid")?.show),
    source: side("src"),
    destination: side("dst"),
    spi: find(parts, "isakmp.sak.spi")?.value,
    attributes: dissectedPairs(parts, "isakmp.ipsec.attr"),
  };
}
