import { describe, expect, test } from "vitest";
import { KdType, KekAttribute, KekKeyAttribute, LkhAttribute, TekKeyAttribute } from "../../src/iana/gdoi.ts";
import { IdType, PayloadType } from "../../src/iana/isakmp.ts";
import { nameOf } from "../../src/iana/names.ts";
import { OakleyAttribute } from "../../src/iana/oakley.ts";
import { concat, fromHex, hex, toUint, u16 } from "../../src/util/octets.ts";
import { attribute, numberOf } from "../../src/wire/attributes.ts";
import { decodeAck } from "../../src/wire/gdoi/ack.ts";
import { decodeLkhDownload, decodeLkhUpdate, encodeLkhDownload, encodeLkhUpdate } from "../../src/wire/gdoi/lkh.ts";
import { decodeChain, decodeMessage, encodeMessage, payloadType } from "../../src/wire/message.ts";
import type { GdoiSaPayload, KdPayload, Payload } from "../../src/wire/payloads.ts";
import { decodeClear, hexOf, vectorFile } from "../support/golden.ts";
import type { Pull, Push, PushCase, Tek } from "./gdoi-data.ts";

interface Message {
  readonly plaintext: string;
  readonly datagram: string;
  readonly hash: string;
}

interface Phase1 {
  readonly sai_b: string;
  readonly idii_b: string;
  readonly idir_b: string;
  readonly message5: Message;
  readonly message6: Message;
}

interface LkhKeyEntry {
  readonly id: number;
  readonly handle: number;
  readonly lkh_key_data?: string;
  readonly encrypted_key_data?: string;
}

interface LkhFile {
  readonly created: number;
  readonly expires: number;
  readonly downloads: readonly { readonly array: string; readonly keys: readonly LkhKeyEntry[] }[];
  readonly update_arrays: readonly {
    readonly lkh_id: number;
    readonly key_handle: number;
    readonly octets: string;
    readonly keys: readonly LkhKeyEntry[];
  }[];
  readonly pulls: readonly Pull[];
  readonly pushes: readonly Push[];
}

const push = vectorFile<{ readonly phase1: Phase1; readonly cases: readonly PushCase[] }>("gdoi-push.json");
const lkh = vectorFile<LkhFile>("gdoi-lkh.json");
const acks = vectorFile<{
  readonly vectors: readonly {
    readonly spi: string;
    readonly sequence_number: number;
    readonly id_type: number;
    readonly id_address: string;
    readonly hash: string;
    readonly datagram: string;
  }[];
}>("rfc8263-ack.json");

function payloadsOf(message: { readonly plaintext: string; readonly datagram: string }): Payload[] {
  const header = fromHex(message.datagram).subarray(0, 28);
  const octets = concat(header, fromHex(message.plaintext));
  return decodeClear({ origin: "vector", header, octets, padded: true }).payloads.map(({ payload }) => payload);
}

function only<K extends Payload["kind"]>(payloads: readonly Payload[], kind: K): Extract<Payload, { kind: K }> {
  const found = payloads.filter((p): p is Extract<Payload, { kind: K }> => p.kind === kind);
  const [first] = found;
  if (first === undefined || found.length !== 1) throw new Error(`${found.length} payloads ${kind}`);
  return first;
}

/** Protocol and SPI of each SAT. */
function expectTeks(sa: GdoiSaPayload, teks: readonly Tek[]): void {
  const sats = sa.attributes.filter((a) => a.kind === "SAT");
  expect(sats.map((sat) => sat.protocolId)).toEqual(teks.map((tek) => tek.protocol));
  for (const [i, sat] of sats.entries()) {
    expect(hexOf((sat.body ?? sat.iec61850)?.spi)).toBe(teks[i]?.spi);
  }
}

function expectKeys(kd: KdPayload, teks: readonly Tek[]): void {
  const packets = kd.packets.filter((packet) => packet.kdType === KdType.TEK);
  const keys = packets.map((packet) => ({
    spi: hex(packet.spi),
    algorithm: hexOf(attribute(packet.attributes, TekKeyAttribute.TEK_ALGORITHM_KEY)?.value),
    integrity: hexOf(attribute(packet.attributes, TekKeyAttribute.TEK_INTEGRITY_KEY)?.value),
  }));
  expect(keys).toEqual(
    teks.map((tek) => ({
      spi: tek.spi,
      algorithm: tek.tek_algorithm_key ?? "",
      integrity: tek.tek_integrity_key ?? "",
    })),
  );
}

function expectKek(kd: KdPayload, spi: string, key: string): void {
  const kek = kd.packets.find((packet) => packet.kdType === KdType.KEK);
  expect(hexOf(kek?.spi)).toBe(spi);
  expect(hexOf(attribute(kek?.attributes ?? [], KekKeyAttribute.KEK_ALGORITHM_KEY)?.value)).toBe(key);
}

describe("Phase 1 of gdoi-push.json", () => {
  test("offers AES-CBC-256, SHA2-256, ECP-256 and pre-shared keys under DOI 2", () => {
    const body = fromHex(push.phase1.sai_b);
    const chain = decodeChain(PayloadType.SA, concat(fromHex("0000"), u16(body.length + 4), body), 0, "phase1", "none");
    if (!chain.ok) throw new Error(chain.error.message);
    const sa = only(
      chain.value.payloads.map(({ payload }) => payload),
      "SA",
    );
    const chosen = sa.proposals[0]?.transforms[0]?.attributes ?? [];
    const value = (type: number) => {
      const found = attribute(chosen, type);
      return found === undefined ? undefined : numberOf(found);
    };
    expect([sa.doi, sa.situation]).toEqual([2, 1]);
    expect(value(OakleyAttribute.ENCRYPTION_ALGORITHM)).toBe(7);
    expect(value(OakleyAttribute.KEY_LENGTH)).toBe(256);
    expect(value(OakleyAttribute.HASH_ALGORITHM)).toBe(4);
    expect(value(OakleyAttribute.AUTHENTICATION_METHOD)).toBe(1);
    expect(value(OakleyAttribute.GROUP_DESCRIPTION)).toBe(19);
    expect(value(OakleyAttribute.LIFE_DURATION)).toBe(28800);
  });

  test("names both ends and hashes them in messages 5 and 6", () => {
    for (const [message, id] of [
      [push.phase1.message5, push.phase1.idii_b],
      [push.phase1.message6, push.phase1.idir_b],
    ] as const) {
      const payloads = payloadsOf(message);
      const { idType, protocolId, port, data } = only(payloads, "ID");
      expect([idType, protocolId, port, hex(data)]).toEqual([IdType.ID_IPV4_ADDR, 0, 0, id.slice(8)]);
      expect(hex(only(payloads, "HASH").data)).toBe(message.hash);
    }
  });
});

describe.each([
  ...push.cases.map((c) => ({ name: c.name, pull: c.pull })),
  ...lkh.pulls.map((pull, i) => ({ name: `lkh ${i + 1}`, pull })),
])("GROUPKEY-PULL of $name", ({ pull }) => {
  test("asks for the group", () => {
    const payloads = payloadsOf(pull.message1);
    expect(hex(only(payloads, "HASH").data)).toBe(pull.message1.hash);
    expect(hex(only(payloads, "NONCE").data)).toBe(pull.ni);
    const { idType, data } = only(payloads, "ID");
    expect([idType, toUint(data)]).toEqual([IdType.ID_KEY_ID, pull.group]);
  });

  test("answers with the policy", () => {
    const payloads = payloadsOf(pull.message2);
    expect(hex(only(payloads, "NONCE").data)).toBe(pull.nr);
    const sa = only(payloads, "GDOI-SA");
    expect([sa.doi, sa.situation]).toEqual([2, 0]);
    const sak = sa.attributes.find((a) => a.kind === "SAK");
    expect(hexOf(sak?.spi)).toBe(pull.spi);
    expect(sak?.destinationProtocol).toBeUndefined();
    expect(attribute(sak?.attributes ?? [], KekAttribute.KEK_ALGORITHM)?.value).toBe(3);
    expectTeks(sa, pull.teks);
  });

  test("sends keys, the sequence number and sender IDs", () => {
    const payloads = payloadsOf(pull.message4);
    expect(only(payloads, "SEQ").sequenceNumber).toBe(pull.seq);
    const kd = only(payloads, "KD");
    expectKeys(kd, pull.teks);
    const hasLkh = kd.packets.some((packet) => packet.kdType === KdType.LKH);
    if (!hasLkh) expectKek(kd, pull.spi, pull.kek_algorithm_key);
    const sids =
      kd.packets.find((packet) => packet.kdType === KdType.SID)?.attributes.filter((a) => a.type === 2) ?? [];
    expect(sids.map(numberOf)).toEqual(pull.sids);
  });
});

describe.each([...push.cases.flatMap((c) => c.pushes), ...lkh.pushes])("GROUPKEY-PUSH: $name", (message) => {
  const payloads = payloadsOf(message);

  test("has its payloads at their places", () => {
    const header = fromHex(message.hdr);
    const octets = concat(header, fromHex(message.plaintext));
    const received = decodeClear({ origin: message.name, header, octets, padded: true }).payloads;
    const found = received.map(({ payload, octets: own, offset }) => ({
      type: nameOf(PayloadType, payloadType(payload)),
      offset,
      octets: hex(own),
    }));
    expect(found).toEqual(message.payloads);
  });

  test("says its sequence number and signature", () => {
    expect(only(payloads, "SEQ").sequenceNumber).toBe(message.seq);
    expect(hex(only(payloads, "SIG").data)).toBe(message.signature);
  });

  test("carries its keys", () => {
    if (message.teks !== undefined) {
      expectTeks(only(payloads, "GDOI-SA"), message.teks);
      expectKeys(only(payloads, "KD"), message.teks);
    }
    if (message.new_spi !== undefined) {
      const sak = only(payloads, "GDOI-SA").attributes.find((a) => a.kind === "SAK");
      expect(hexOf(sak?.spi)).toBe(message.new_spi);
      if (message.new_kek_algorithm_key !== undefined) {
        expectKek(only(payloads, "KD"), message.new_spi, message.new_kek_algorithm_key);
      }
    }
  });

  test("is acknowledged by what both decoders read alike", () => {
    for (const expected of message.acks) {
      expectAck(expected.datagram, { spi: message.spi, seq: message.seq, hash: expected.hash });
      const ack = decodeAck(fromHex(expected.datagram));
      expect(ack.ok && hex(ack.value.covered)).toBe(expected.ack_hash_input);
      expect(ack.ok && ack.value.id.join(".")).toBe(expected.member);
    }
  });
});

describe("GROUPKEY-PUSH ACK of rfc8263-ack.json", () => {
  test.each(acks.vectors)("$datagram", (vector) => {
    expectAck(vector.datagram, { spi: vector.spi, seq: vector.sequence_number, hash: vector.hash });
    const ack = decodeAck(fromHex(vector.datagram));
    expect(ack.ok && [ack.value.idType, hex(ack.value.id)]).toEqual([vector.id_type, vector.id_address]);
  });
});

function expectAck(
  datagram: string,
  wanted: { readonly spi: string; readonly seq: number; readonly hash: string },
): void {
  const octets = fromHex(datagram);
  const ack = decodeAck(octets);
  const message = decodeMessage(octets);
  if (!ack.ok || !message.ok) throw new Error("the ACK does not decode");
  const { spi, hash, sequenceNumber } = ack.value;
  expect({ spi: hex(spi), seq: sequenceNumber, hash: hex(hash) }).toEqual(wanted);
  const payloads = message.value.payloads.map(({ payload }) => payload);
  expect(payloads.map((p) => p.kind)).toEqual(["HASH", "SEQ", "ID"]);
  expect(hex(only(payloads, "HASH").data)).toBe(wanted.hash);
  expect(only(payloads, "SEQ").sequenceNumber).toBe(wanted.seq);
  const { idType, data } = only(payloads, "ID");
  expect([idType, hex(data)]).toEqual([ack.value.idType, hex(ack.value.id)]);
  expect(hex(encodeMessage(message.value.header, payloads))).toBe(datagram);
}

describe("LKH arrays of gdoi-lkh.json", () => {
  test("download the path of each member", () => {
    for (const { array, keys } of lkh.downloads) {
      const decoded = decodeLkhDownload(fromHex(array));
      if (!decoded.ok) throw new Error(decoded.error.message);
      expect(decoded.value.keys.map(({ lkhId, keyHandle, data }) => ({ lkhId, keyHandle, data: hex(data) }))).toEqual(
        keys.map((key) => ({ lkhId: key.id, keyHandle: key.handle, data: key.lkh_key_data })),
      );
      for (const key of decoded.value.keys) {
        expect([key.created, key.expires, key.keyType]).toEqual([lkh.created, lkh.expires, 3]);
      }
      expect(hex(encodeLkhDownload(decoded.value))).toBe(array);
    }
  });

  test("update from the node that a key is encrypted with", () => {
    for (const { octets, keys, lkh_id, key_handle } of lkh.update_arrays) {
      const decoded = decodeLkhUpdate(fromHex(octets));
      if (!decoded.ok) throw new Error(decoded.error.message);
      expect([decoded.value.lkhId, decoded.value.keyHandle]).toEqual([lkh_id, key_handle]);
      expect(decoded.value.keys.map(({ lkhId, keyHandle, data }) => ({ lkhId, keyHandle, data: hex(data) }))).toEqual(
        keys.map((key) => ({ lkhId: key.id, keyHandle: key.handle, data: key.encrypted_key_data })),
      );
      expect(hex(encodeLkhUpdate(decoded.value))).toBe(octets);
    }
  });

  test("are those of the PULL and PUSH messages", () => {
    const arrays = (message: Push | Message, type: number) =>
      only(payloadsOf(message), "KD")
        .packets.filter((packet) => packet.kdType === KdType.LKH)
        .flatMap((packet) => packet.attributes.filter((a) => a.type === type))
        .map((a) => hexOf(a.value));
    const downloads = lkh.pulls.flatMap((pull) => arrays(pull.message4, LkhAttribute.LKH_DOWNLOAD_ARRAY));
    expect(downloads).toHaveLength(lkh.pulls.length);
    for (const array of downloads) expect(lkh.downloads.map((d) => d.array)).toContain(array);
    const [eviction] = lkh.pushes;
    if (eviction === undefined) throw new Error("no push");
    expect(arrays(eviction, LkhAttribute.LKH_UPDATE_ARRAY)).toEqual(lkh.update_arrays.map((a) => a.octets));
  });
});
