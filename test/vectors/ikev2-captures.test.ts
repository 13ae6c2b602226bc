import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CertificateEncoding,
  ConfigurationAttributeType,
  DhGroup,
  EncryptionTransform,
  ExchangeType,
  Flag,
  HashAlgorithm,
  IdType,
  NotifyType,
  ProtocolId,
  TransformType,
} from "../../src/iana/ikev2.ts";
import { nameOf } from "../../src/iana/names.ts";
import { addressText } from "../../src/util/address.ts";
import { concat, hex } from "../../src/util/octets.ts";
import { describeMessage } from "../../src/wire/ikev2/describe.ts";
import { encodeHeader, HEADER_LENGTH } from "../../src/wire/ikev2/header.ts";
import {
  encodeEnvelope,
  encodeMessage,
  encodePayloads,
  enveloped,
  firstPayload,
} from "../../src/wire/ikev2/message.ts";
import { decodeNotifyData, invalidKePayload, signatureHashAlgorithms } from "../../src/wire/ikev2/notify-data.ts";
import type { Payload, ReceivedPayload, TrafficSelector } from "../../src/wire/ikev2/payloads.ts";
import type { TreeNode } from "../../src/wire/tree.ts";
import { goldenIkev2, ikev2Captures, type OpenedMessage, openedMessages } from "../support/ikev2-golden.ts";

const messages = goldenIkev2();

function values(payloads: readonly ReceivedPayload[]): Payload[] {
  return payloads.map(({ payload }) => payload);
}

/** What a message says: in the clear, or inside its SK payload; of a fragment that is not the last, nothing. */
function contents({ payloads, inner }: OpenedMessage): Payload[] | undefined {
  if (inner !== undefined) return values(inner.payloads);
  return payloads.at(-1)?.payload.kind === "SKF" ? undefined : values(payloads);
}

/** The payloads of one kind in all messages of a capture, in order. */
function payloads<K extends Payload["kind"]>(name: string, kind: K): Extract<Payload, { kind: K }>[] {
  const is = (payload: Payload): payload is Extract<Payload, { kind: K }> => payload.kind === kind;
  return openedMessages(name)
    .flatMap((message) => contents(message) ?? [])
    .filter(is);
}

/** charon's short names of notifications. */
const NOTIFICATIONS: Readonly<Record<number, string>> = {
  [NotifyType.INVALID_KE_PAYLOAD]: "INVAL_KE",
  [NotifyType.INITIAL_CONTACT]: "INIT_CONTACT",
  [NotifyType.NAT_DETECTION_SOURCE_IP]: "NATD_S_IP",
  [NotifyType.NAT_DETECTION_DESTINATION_IP]: "NATD_D_IP",
  [NotifyType.COOKIE]: "COOKIE",
  [NotifyType.REKEY_SA]: "REKEY_SA",
  [NotifyType.MOBIKE_SUPPORTED]: "MOBIKE_SUP",
  [NotifyType.NO_ADDITIONAL_ADDRESSES]: "NO_ADD_ADDR",
  [NotifyType.MULTIPLE_AUTH_SUPPORTED]: "MULT_AUTH",
  [NotifyType.REDIRECT_SUPPORTED]: "REDIR_SUP",
  [NotifyType.EAP_ONLY_AUTHENTICATION]: "EAP_ONLY",
  [NotifyType.CHILDLESS_IKEV2_SUPPORTED]: "CHDLESS_SUP",
  [NotifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED]: "MSG_ID_SYN_SUP",
  [NotifyType.IKEV2_FRAGMENTATION_SUPPORTED]: "FRAG_SUP",
  [NotifyType.SIGNATURE_HASH_ALGORITHMS]: "HASH_ALG",
};

const CP_ATTRIBUTES: Readonly<Record<number, string>> = {
  [ConfigurationAttributeType.INTERNAL_IP4_ADDRESS]: "ADDR",
  [ConfigurationAttributeType.INTERNAL_IP6_ADDRESS]: "ADDR6",
  [ConfigurationAttributeType.INTERNAL_IP4_DNS]: "DNS",
  [ConfigurationAttributeType.INTERNAL_IP6_DNS]: "DNS6",
  [ConfigurationAttributeType.INTERNAL_IP4_SUBNET]: "SUBNET",
};

/** A payload as charon writes it in its log. */
function logged(payload: Payload): string {
  switch (payload.kind) {
    case "NONCE":
      return "No";
    case "N":
      return `N(${NOTIFICATIONS[payload.type]})`;
    case "EAP": {
      const code = ["", "REQ", "RES", "SUCC", "FAIL"][payload.code];
      return payload.data[0] === 4 ? `EAP/${code}/MD5` : `EAP/${code}`;
    }
    case "CP": {
      const types = payload.attributes.map(({ type }) => CP_ATTRIBUTES[type]);
      return `CP${["", "RQ", "RP"][payload.cfgType]}(${types.join(" ")})`;
    }
    default:
      return payload.kind;
  }
}

/** A message as charon's log of 10.99.0.1 has it. */
function logLine(message: OpenedMessage): string[] {
  const inside = contents(message);
  if (inside === undefined) return [];
  const { exchangeType, flags, messageId } = message.header;
  const kind = (flags & Flag.RESPONSE) === 0 ? "request" : "response";
  return [`${nameOf(ExchangeType, exchangeType)} ${kind} ${messageId} [ ${[...inside.map(logged), "]"].join(" ")}`];
}

describe.each(ikev2Captures())("%s", (name) => {
  test("has the messages and payloads that strongSwan logged", () => {
    const log = readFileSync(new URL(`data/ikev2/${name}.log`, import.meta.url), "utf8")
      .trim()
      .split("\n");
    const theirs = log.filter((line) => !line.includes("EF(")).map((line) => line.replace(/^(generating|parsed) /, ""));
    expect(openedMessages(name).flatMap(logLine)).toEqual(theirs);
  });
});

describe("messages of IKEv2 that strongSwan made", () => {
  test("are of every exchange of RFC 7296, some of them in fragments", () => {
    expect(new Set(messages.map(({ header }) => header.exchangeType))).toEqual(new Set([34, 35, 36, 37]));
    expect(messages.filter(({ payloads: outer }) => outer.at(-1)?.payload.kind === "SKF")).toHaveLength(6);
  });

  test("decode to the last octet and encode to the same octets, inside SK too", () => {
    for (const { origin, datagram, header, payloads: outer, inner } of messages) {
      expect(hex(encodeMessage(header, values(outer))), origin).toBe(hex(datagram));
      expect(hex(encodeHeader(header)), origin).toBe(hex(datagram.subarray(0, HEADER_LENGTH)));
      if (inner === undefined) continue;
      expect(hex(encodePayloads(values(inner.payloads))), origin).toBe(hex(inner.octets));
      expect(firstPayload(values(inner.payloads)), origin).toBe(inner.first);
    }
  });

  test("have the octets in front of their ciphertext that an envelope made here has", () => {
    for (const { origin, datagram, header, payloads: outer } of messages) {
      const part = enveloped(datagram, outer);
      if (part === undefined) continue;
      const { body, ...envelope } = part.payload;
      expect(hex(encodeEnvelope(header, envelope, body.length)), origin).toBe(hex(part.associatedData));
      expect(hex(concat(part.associatedData, body)), origin).toBe(hex(datagram));
    }
  });

  test("give every payload with the octets and the offset that it came with", () => {
    for (const { datagram, payloads: outer, inner } of messages) {
      for (const { octets, offset } of outer) {
        expect(hex(octets)).toBe(hex(datagram.subarray(offset, offset + octets.length)));
      }
      for (const { octets, offset } of inner?.payloads ?? []) {
        expect(hex(octets)).toBe(hex(inner?.octets.subarray(offset, offset + octets.length) ?? new Uint8Array()));
      }
    }
  });

  test("hold nothing that is not understood, nothing reserved and nothing critical", () => {
    for (const message of messages) {
      for (const payload of contents(message) ?? []) {
        expect(payload.kind, message.origin).not.toBe("UNKNOWN");
        expect(Object.keys(payload).filter((key) => /reserved|critical/.test(key))).toEqual([]);
      }
    }
  });

  test("are described inside their bounds, in the order of their octets", () => {
    function* nodes(node: TreeNode): Generator<TreeNode> {
      yield node;
      for (const child of node.children ?? []) yield* nodes(child);
    }
    for (const { datagram, header, payloads: outer, inner } of messages) {
      let before = 0;
      for (const { offset = 0 } of nodes(describeMessage(header, outer))) {
        expect(offset).toBeGreaterThanOrEqual(before);
        expect(offset).toBeLessThanOrEqual(datagram.length);
        before = offset;
      }
      const opened = describeMessage(header, outer, inner?.payloads).children?.at(-1)?.children ?? [];
      const closed = describeMessage(header, outer).children?.at(-1)?.children ?? [];
      expect(opened).toHaveLength(closed.length + (inner?.payloads.length ?? 0));
    }
  });
});

const ranges = (selectors: readonly TrafficSelector[] = []) =>
  selectors.map((s) =>
    s.kind === "UNKNOWN"
      ? `type ${s.tsType}`
      : `${s.ipProtocol} ${s.startPort}-${s.endPort} ${addressText(s.startAddress)}-${addressText(s.endAddress)}`,
  );

describe("what was configured is what is read", () => {
  test("the proposals of an IKE SA, in their order", () => {
    const [offer] = payloads("strongswan-psk-gcm", "SA");
    expect(offer?.proposals.map((p) => [p.number, p.protocolId, p.spi.length])).toEqual([
      [1, ProtocolId.IKE, 0],
      [2, ProtocolId.IKE, 0],
    ]);
    const transforms = offer?.proposals.map((p) => p.transforms.map((t) => [t.type, t.id, ...t.attributes]));
    expect(transforms?.[0]).toEqual([
      [TransformType.ENCR, EncryptionTransform.ENCR_AES_GCM_16, { type: 14, value: 128 }],
      [TransformType.ENCR, EncryptionTransform.ENCR_AES_GCM_16, { type: 14, value: 256 }],
      [TransformType.PRF, 5],
      [TransformType.PRF, 6],
      [TransformType.DH, DhGroup.ECP_256],
      [TransformType.DH, DhGroup.CURVE25519],
    ]);
  });

  test("the group that the responder wants instead", () => {
    const [refusal] = payloads("strongswan-psk-gcm", "N").filter((n) => n.type === NotifyType.INVALID_KE_PAYLOAD);
    expect(decodeNotifyData(invalidKePayload, refusal?.data ?? new Uint8Array())).toEqual({
      ok: true,
      value: DhGroup.CURVE25519,
    });
    expect(payloads("strongswan-psk-gcm", "KE").map(({ group }) => group)).toEqual([
      19, 31, 31, 31, 31, 31, 31, 31, 31,
    ]);
  });

  test("the hash algorithms of signatures", () => {
    const [hashes] = payloads("strongswan-rsa-cbc", "N").filter((n) => n.type === NotifyType.SIGNATURE_HASH_ALGORITHMS);
    expect(decodeNotifyData(signatureHashAlgorithms, hashes?.data ?? new Uint8Array())).toEqual({
      ok: true,
      value: [HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512, HashAlgorithm.IDENTITY],
    });
  });

  test("addresses, name servers and a network out of a pool", () => {
    const [request, reply] = payloads("strongswan-psk-gcm", "CP");
    expect(request?.attributes.map(({ value }) => value.length)).toEqual([0, 0]);
    expect(reply?.attributes.map(({ type, value }) => [type, hex(value)])).toEqual([
      [ConfigurationAttributeType.INTERNAL_IP4_ADDRESS, "0a030001"],
      [ConfigurationAttributeType.INTERNAL_IP6_ADDRESS, "fd00000300000000000000000000000140"],
      [ConfigurationAttributeType.INTERNAL_IP4_DNS, "0a020035"],
      [ConfigurationAttributeType.INTERNAL_IP4_DNS, "0a020036"],
      [ConfigurationAttributeType.INTERNAL_IP4_SUBNET, "0a020000ffff0000"],
      [ConfigurationAttributeType.INTERNAL_IP6_DNS, "fd000002000000000000000000000053"],
    ]);
  });

  test("Traffic Selectors with ports and of both families", () => {
    const [tsi] = payloads("strongswan-ecdsa-chacha", "TSi");
    const [tsr] = payloads("strongswan-ecdsa-chacha", "TSr");
    expect(ranges(tsi?.selectors)).toEqual(["17 4000-5000 10.1.0.1-10.1.0.1", "0 0-65535 fd00:1::1-fd00:1::1"]);
    expect(ranges(tsr?.selectors)).toEqual(["17 53-53 10.2.0.1-10.2.0.1", "0 0-65535 fd00:2::1-fd00:2::1"]);
  });

  test("identities, certificates and the CAs that are asked for", () => {
    const [idi] = payloads("strongswan-ecdsa-chacha", "IDi");
    const [idr] = payloads("strongswan-ecdsa-chacha", "IDr");
    expect(idi).toMatchObject({ idType: IdType.ID_FQDN, data: new Uint8Array(Buffer.from("a.example")) });
    expect(idr?.idType).toBe(IdType.ID_DER_ASN1_DN);
    for (const certificate of payloads("strongswan-rsa-cbc", "CERT")) {
      expect(certificate.encoding).toBe(CertificateEncoding.X509_SIGNATURE);
      expect(hex(certificate.data.subarray(0, 2))).toBe("3082");
    }
    const authorities = payloads("strongswan-rsa-cbc", "CERTREQ").map(({ authorities: hashes }) => hex(hashes));
    expect(authorities).toHaveLength(2);
    expect(new Set(authorities).size).toBe(1);
    expect(authorities[0]).toHaveLength(40);
  });

  test("the SPI that a Child SA was offered with is the one that its REKEY_SA and its Delete name", () => {
    const name = "strongswan-psk-gcm";
    const offered = payloads(name, "SA").flatMap(({ proposals }) =>
      proposals.filter((p) => p.protocolId === ProtocolId.ESP).map((p) => hex(p.spi)),
    );
    const rekeyed = payloads(name, "N").filter((n) => n.type === NotifyType.REKEY_SA);
    expect(rekeyed.map(({ protocolId, spi }) => [protocolId, hex(spi)])).toEqual([[ProtocolId.ESP, offered[0]]]);
    const deleted = payloads(name, "D");
    const children = deleted.filter((d) => d.protocolId === ProtocolId.ESP);
    expect(children.map(({ spiSize, spis }) => [spiSize, spis.length])).toEqual(Array(4).fill([4, 1]));
    expect(children[0]?.spis.map(hex)).toEqual([offered[0]]);
    for (const { spis } of children) for (const spi of spis) expect(offered).toContain(hex(spi));
    const ikeSas = deleted.filter((d) => d.protocolId === ProtocolId.IKE);
    expect(ikeSas.map(({ spiSize, spis }) => [spiSize, spis])).toEqual([
      [0, []],
      [0, []],
    ]);
  });

  test("the SPI that an IKE SA is rekeyed with is the one that the next messages have", () => {
    const spis = payloads("strongswan-psk-gcm", "SA").flatMap(({ proposals }) =>
      proposals.filter((p) => p.protocolId === ProtocolId.IKE && p.spi.length > 0).map((p) => hex(p.spi)),
    );
    const { header } = openedMessages("strongswan-psk-gcm").at(-1) ?? {};
    expect([header?.spiI, header?.spiR].map((spi) => hex(spi ?? new Uint8Array()))).toEqual([...new Set(spis)]);
  });
});
