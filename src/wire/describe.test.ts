import { describe, expect, test } from "vitest";
import { fromHex } from "../util/octets.ts";
import { describeMessage } from "./describe.ts";
import { decodeMessage, encodeMessage } from "./message.ts";
import type { Payload } from "./payloads.ts";
import type { TreeNode } from "./tree.ts";

const header = {
  initiatorCookie: fromHex("0102030405060708"),
  responderCookie: fromHex("1112131415161718"),
  exchangeType: 32,
  flags: 1,
  messageId: 7,
};

function lines(payloads: readonly Payload[], showKeys = false): string[] {
  const message = decodeMessage(encodeMessage(header, payloads));
  if (!message.ok) throw new Error(message.error.message);
  const print = (node: TreeNode, depth: number): string[] => [
    `${node.offset}${" ".repeat(depth + 1)}${node.name}${node.value === undefined ? "" : `: ${node.value}`}`,
    ...(node.children ?? []).flatMap((child) => print(child, depth + 1)),
  ];
  return print(describeMessage(message.value.header, message.value.payloads, { showKeys }), 0);
}

const kd: Payload = {
  kind: "KD",
  packets: [
    { kdType: 2, spi: fromHex("00".repeat(16)), attributes: [{ type: 1, value: fromHex("0a".repeat(32)) }] },
    {
      kdType: 3,
      spi: fromHex(""),
      attributes: [{ type: 1, value: fromHex(`01000100 00080300 00000001 00000002 00000003 ${"0b".repeat(32)}`) }],
    },
  ],
};

describe("the description of a message", () => {
  test("has the RFC's field names, names of code points, and the offsets of the wire", () => {
    const payloads: Payload[] = [
      { kind: "ID", idType: 1, protocolId: 17, port: 848, data: fromHex("c000020a") },
      {
        kind: "GDOI-SA",
        doi: 2,
        situation: 0,
        attributes: [
          {
            kind: "SAK",
            protocol: 17,
            source: { idType: 1, port: 848, data: fromHex("c0000201") },
            destination: { idType: 4, port: 848, data: fromHex("efc00000ffff0000") },
            spi: fromHex("000102030405060708090a0b0c0d0e0f"),
            attributes: [
              { type: 2, value: 3 },
              { type: 4, value: fromHex("00015180") },
              { type: 9, value: 1 },
              { type: 77, value: 5 },
            ],
          },
        ],
      },
    ];
    expect(lines(payloads)).toEqual([
      "0 GROUPKEY-PULL: 121 octets",
      "0  HDR",
      "0   Initiator Cookie: 0102030405060708",
      "8   Responder Cookie: 1112131415161718",
      "16   Next Payload: ID (5)",
      "17   Version: 1.0",
      "18   Exchange Type: GROUPKEY_PULL (32)",
      "19   Flags: ENCRYPTION (1)",
      "20   Message ID: 7",
      "24   Length: 121",
      "28  ID",
      "28   Next Payload: SA (1)",
      "30   Payload Length: 12",
      "32   ID Type: ID_IPV4_ADDR (1)",
      "33   Protocol ID: UDP (17)",
      "34   Port: 848",
      "36   Identification Data: 192.0.2.10",
      "40  SA",
      "40   Next Payload: NONE (0)",
      "42   Payload Length: 81",
      "44   DOI: GDOI (2)",
      "48   Situation: 0",
      "52   SA Attribute Next Payload: SAK (15)",
      "56   SAK",
      "56    Next Payload: NONE (0)",
      "58    Payload Length: 65",
      "60    Protocol: UDP (17)",
      "61    Source",
      "61     SRC ID Type: ID_IPV4_ADDR (1)",
      "62     SRC ID Port: 848",
      "64     SRC Identification Data: 192.0.2.1",
      "69    Destination",
      "69     DST ID Type: ID_IPV4_ADDR_SUBNET (4)",
      "70     DST ID Port: 848",
      "72     DST Identification Data: 239.192.0.0/255.255.0.0",
      "81    SPI: 000102030405060708090a0b0c0d0e0f",
      "101    KEK Attributes",
      "101     KEK_ALGORITHM: AES (3)",
      "105     KEK_KEY_LIFETIME: 86400",
      "113     KEK_ACK_REQUESTED: REKEY_ACK_KEK_SHA256 (1)",
      "117     77: 5",
    ]);
  });

  test("shows no key octets unless it is asked to", () => {
    const hidden = lines([kd]).join("\n");
    expect(hidden).toContain("KEK_ALGORITHM_KEY: 32 octets");
    expect(hidden).toContain("LKH Key: node 8");
    expect(hidden).toContain("Key Data: 32 octets");
    expect(hidden).not.toMatch(/0a0a0a|0b0b0b/);
    const shown = lines([kd], true).join("\n");
    expect(shown).toContain(`KEK_ALGORITHM_KEY: ${"0a".repeat(32)}`);
    expect(shown).toContain(`Key Data: ${"0b".repeat(32)}`);
  });
});
