import { describe, expect, test } from "vitest";
import { concat, fromHex, utf8 } from "../../util/octets.ts";
import type { TreeNode } from "../tree.ts";
import { describeMessage } from "./describe.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads, firstPayload } from "./message.ts";
import type { Payload } from "./payloads.ts";

const header = {
  spiI: fromHex("0102030405060708"),
  spiR: fromHex("1112131415161718"),
  exchangeType: 37,
  flags: 0x28,
  messageId: 7,
};

function lines(payloads: readonly Payload[], inner: readonly Payload[] = []): string[] {
  const message = decodeMessage(encodeMessage(header, payloads));
  if (!message.ok) throw new Error(message.error.message);
  const opened = decodePayloads(firstPayload(inner), concat(new Uint8Array(100), encodePayloads(inner)), 100);
  if (!opened.ok) throw new Error(opened.error.message);
  const print = (node: TreeNode, depth: number): string[] => [
    `${node.offset}${" ".repeat(depth + 1)}${node.name}${node.value === undefined ? "" : `: ${node.value}`}`,
    ...(node.children ?? []).flatMap((child) => print(child, depth + 1)),
  ];
  return print(describeMessage(message.value.header, message.value.payloads, opened.value), 0);
}

const notify = (type: number, data: Uint8Array): Payload => ({
  kind: "N",
  protocolId: 0,
  spi: new Uint8Array(),
  type,
  data,
});

/** What stands under Notification Data. */
function dataOf(type: number, data: Uint8Array): string[] {
  const all = lines([notify(type, data)]);
  return all.slice(all.findIndex((line) => line.includes("Notification Data"))).map((line) => line.trim());
}

describe("the description of a message of IKEv2", () => {
  test("has the RFC's field names, names of code points, and the offsets of the wire", () => {
    const payloads: Payload[] = [
      {
        kind: "SA",
        proposals: [
          {
            number: 1,
            protocolId: 3,
            spi: fromHex("c0000001"),
            transforms: [
              { type: 1, id: 20, attributes: [{ type: 14, value: 256 }] },
              { type: 5, id: 0, attributes: [] },
            ],
          },
        ],
      },
      {
        kind: "TSi",
        critical: true,
        selectors: [
          {
            kind: "addresses",
            ipProtocol: 17,
            startPort: 0,
            endPort: 65535,
            startAddress: fromHex("0a000000"),
            endAddress: fromHex("0a0000ff"),
          },
        ],
      },
      { kind: "CP", cfgType: 2, attributes: [{ type: 13, value: fromHex("0a000000ffff0000") }] },
    ];
    expect(lines(payloads)).toEqual([
      "0 INFORMATIONAL response: 108 octets",
      "0  HDR",
      "0   IKE SA Initiator's SPI: 0102030405060708",
      "8   IKE SA Responder's SPI: 1112131415161718",
      "16   Next Payload: SA (33)",
      "17   Version: 2.0",
      "18   Exchange Type: INFORMATIONAL (37)",
      "19   Flags: INITIATOR | RESPONSE (40)",
      "20   Message ID: 7",
      "24   Length: 108",
      "28  SA",
      "28   Next Payload: TSi (44)",
      "29   Critical: 0",
      "30   Payload Length: 36",
      "32   Proposal",
      "32    Last Substruc: LAST (0)",
      "34    Proposal Length: 32",
      "36    Proposal Num: 1",
      "37    Protocol ID: ESP (3)",
      "38    SPI Size: 4",
      "39    Num Transforms: 2",
      "40    SPI: c0000001",
      "44    Transform",
      "44     Last Substruc: MORE (3)",
      "46     Transform Length: 12",
      "48     Transform Type: ENCR (1)",
      "50     Transform ID: ENCR_AES_GCM_16 (20)",
      "52     Transform Attributes",
      "52      KEY_LENGTH: 256",
      "56    Transform",
      "56     Last Substruc: LAST (0)",
      "58     Transform Length: 8",
      "60     Transform Type: ESN (5)",
      "62     Transform ID: NO_ESN (0)",
      "64     Transform Attributes",
      "64  TSi",
      "64   Next Payload: CP (47)",
      "65   Critical: 1",
      "66   Payload Length: 24",
      "68   Number of TSs: 1",
      "72   Traffic Selectors",
      "72    Traffic Selector",
      "72     TS Type: TS_IPV4_ADDR_RANGE (7)",
      "73     IP Protocol ID: UDP (17)",
      "74     Selector Length: 16",
      "76     Start Port: 0",
      "78     End Port: 65535",
      "80     Starting Address: 10.0.0.0",
      "84     Ending Address: 10.0.0.255",
      "88  CP",
      "88   Next Payload: NONE (0)",
      "89   Critical: 0",
      "90   Payload Length: 20",
      "92   CFG Type: CFG_REPLY (2)",
      "96   Configuration Attributes",
      "96    INTERNAL_IP4_SUBNET: 10.0.0.0/255.255.0.0",
    ]);
  });

  test("has the payloads of an opened SK payload inside it, at the offsets they were given with", () => {
    const inner: Payload[] = [
      { kind: "D", protocolId: 1, spiSize: 0, spis: [] },
      { kind: "IDr", idType: 2, data: utf8("b.example") },
    ];
    const shown = lines([{ kind: "SK", innerFirst: 42, body: fromHex("00112233") }], inner);
    expect(shown.slice(10)).toEqual([
      "28  SK",
      "28   Next Payload: D (42)",
      "29   Critical: 0",
      "30   Payload Length: 8",
      "32   IV, Encrypted IKE Payloads, ICV: 00112233",
      "100   D",
      "100    Next Payload: IDr (36)",
      "101    Critical: 0",
      "102    Payload Length: 8",
      "104    Protocol ID: IKE (1)",
      "105    SPI Size: 0",
      "106    Num of SPIs: 0",
      "108    Security Parameter Index(es) (SPI)",
      "108   IDr",
      "108    Next Payload: NONE (0)",
      "109    Critical: 0",
      "110    Payload Length: 17",
      "112    ID Type: ID_FQDN (2)",
      "116    Identification Data: b.example",
    ]);
  });

  test("takes Notification Data apart that have the form of their type", () => {
    expect(dataOf(16431, fromHex("00020005"))).toEqual([
      "36   Notification Data",
      "36    Hash Algorithm: SHA2_256 (2)",
      "38    Hash Algorithm: IDENTITY (5)",
    ]);
    expect(dataOf(17, fromHex("0013"))).toEqual([
      "36   Notification Data",
      "36    Diffie-Hellman Group Num: ECP_256 (19)",
    ]);
    expect(dataOf(40960, concat(fromHex("0078"), utf8("host is restarting")))).toEqual([
      "36   Notification Data",
      "36    Downtime: 120",
      "38    Reason Message: host is restarting",
    ]);
  });

  test("spells a Reason Message out in hexadecimal that could do harm where it is shown", () => {
    for (const text of ["$(reboot)", "`id`", "a\x1b[2Jb", "\u202eevil", "a\nb", ""]) {
      const shown = dataOf(40960, concat(fromHex("0000"), utf8(text))).at(-1);
      expect(shown).toMatch(/^38 +Reason Message: ([0-9a-f]+|\(empty\))$/);
    }
  });
});
