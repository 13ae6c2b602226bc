/** RFC 8052's figures, octet by octet; figure 8 with the code points of section 4 where it has others (READINGS 20). */
import { describe, expect, test } from "vitest";
import { concat, fromHex, hex, u16 } from "../../util/octets.ts";
import { oidOctets } from "../../util/oid.ts";
import { describeMessage } from "../describe.ts";
import { decodeChain, decodeMessage, encodeChain, encodeMessage } from "../message.ts";
import type { GdoiSaPayload, IdPayload, Iec61850Tek, Payload } from "../payloads.ts";
import type { TreeNode } from "../tree.ts";
import { decodeOidSelector, encodeOidSelector, oidSelectorText } from "./iec61850.ts";

const none = new Uint8Array();
const oid = oidOctets("1.2.840.10070.61850.8.1.2") ?? none;
/** OCTET STRING of four octets: 233.252.0.1. */
const address = fromHex("04 04 e9 fc 00 01");

/** Octets of a figure: hexadecimal, with what a field is behind `|`. */
function octetsOf(figure: string): Uint8Array {
  return fromHex(figure.replaceAll(/\|.*$/gm, ""));
}

const figure7 = octetsOf(`
  00                                      | Next Payload
  00                                      | RESERVED
  00 1e                                   | Payload Length: 4 + 4 + 1 + 13 + 2 + 6 = 30
  0d                                      | ID Type: ID_OID
  00 00 00                                | DOI-Specific ID Data
  0d                                      | OID Length
  06 0b 2a 86 48 ce 56 83 e3 1a 08 01 02  | OID
  00 06                                   | OID-Specific Payload Length
  04 04 e9 fc 00 01                       | OID-Specific Payload
`);

const figure8 = octetsOf(`
  00 00                                   | Next Payload, RESERVED
  00 6e                                   | Payload Length: 4 + 12 + 43 + 51 = 110
  00 00 00 02                             | DOI: GDOI
  00 00 00 00                             | Situation
  00 10 00 00                             | SA Attribute Next Payload: SA TEK, RESERVED2

  10 00                                   | Next Payload: SA TEK, RESERVED
  00 2b                                   | Payload Length: 4 + 1 + 22 + 4 + 2 + 2 + 4 + 4 = 43
  03                                      | Protocol-ID: GDOI_PROTO_IEC_61850
  0d                                      | OID Length
  06 0b 2a 86 48 ce 56 83 e3 1a 08 01 02  | OID
  00 06                                   | OID-Specific Payload Length
  04 04 e9 fc 00 01                       | OID-Specific Payload
  00 00 00 01                             | SPI
  00 02                                   | Auth Alg: HMAC-SHA256-128, 1 in the figure
  00 02                                   | Enc Alg: AES-CBC-128
  00 00 0e 10                             | Remaining Lifetime: 3600, 0x0E01 in the figure
  80 02 00 4b                             | SA_KDA (B): 75, not in the figure

  00 00                                   | Next Payload, RESERVED
  00 33                                   | Payload Length: 4 + 1 + 22 + 4 + 2 + 2 + 4 + 8 + 4 = 51
  03                                      | Protocol-ID: GDOI_PROTO_IEC_61850
  0d                                      | OID Length
  06 0b 2a 86 48 ce 56 83 e3 1a 08 01 02  | OID
  00 06                                   | OID-Specific Payload Length
  04 04 e9 fc 00 01                       | OID-Specific Payload
  00 00 00 02                             | SPI
  00 01                                   | Auth Alg: NONE, 0 in the figure
  00 04                                   | Enc Alg: AES-GCM-128
  00 00 a8 c0                             | Remaining Lifetime: 12 hours
  00 01 00 04 00 00 0c e4                 | SA_ATD (V), four octets: 3300
  80 02 00 64                             | SA_KDA (B): 100, not in the figure
`);

const goose = { oid, oidSpecificPayload: address };
const now: Iec61850Tek = {
  ...goose,
  spi: fromHex("00000001"),
  authAlg: 2,
  encAlg: 2,
  remainingLifetime: 3600,
  attributes: [{ type: 2, value: 75 }],
};
const next: Iec61850Tek = {
  ...goose,
  spi: fromHex("00000002"),
  authAlg: 1,
  encAlg: 4,
  remainingLifetime: 43_200,
  attributes: [
    { type: 1, value: fromHex("00000ce4") },
    { type: 2, value: 100 },
  ],
};
const id: IdPayload = { kind: "ID", idType: 13, protocolId: 0, port: 0, data: figure7.slice(8) };
const sa: GdoiSaPayload = {
  kind: "GDOI-SA",
  doi: 2,
  situation: 0,
  attributes: [
    { kind: "SAT", protocolId: 3, iec61850: now },
    { kind: "SAT", protocolId: 3, iec61850: next },
  ],
};

function decoded(type: number, octets: Uint8Array) {
  const chain = decodeChain(type, octets, 0, "gdoi", "none");
  return chain.ok ? chain.value.payloads.map(({ payload }) => payload) : chain.error;
}

/** An SA with one SAT of protocol 3. */
function around(body: string): Uint8Array {
  const octets = fromHex(body);
  const header = concat(u16(0), u16(21 + octets.length), fromHex("00000002 00000000 00100000"));
  return concat(header, u16(0), u16(5 + octets.length), fromHex("03"), octets);
}

const rest = "11223344 0001 0004 00000e10";

describe("the ID payload of figure 7", () => {
  test("is read and written", () => {
    expect(decoded(5, figure7)).toEqual([id]);
    expect(hex(encodeChain([id]))).toBe(hex(figure7));
    expect(decodeOidSelector(id.data)).toEqual({ ok: true, value: goose });
    expect(hex(encodeOidSelector(goose))).toBe(hex(id.data));
    expect(oidSelectorText(goose)).toBe("1.2.840.10070.61850.8.1.2 with 0404e9fc0001");
  });

  test("needs no payload of the OID", () => {
    const selector = { oid, oidSpecificPayload: none };
    expect(hex(encodeOidSelector(selector))).toBe("0d060b2a8648ce5683e31a0801020000");
    expect(decodeOidSelector(encodeOidSelector(selector))).toEqual({ ok: true, value: selector });
    expect(oidSelectorText(selector)).toBe("1.2.840.10070.61850.8.1.2");
  });

  test("may have the contents octets of the OID alone, which is recorded and written so again", () => {
    const data = fromHex("0b 2a8648ce5683e31a080102 0000");
    const selector = { oid, oidForm: "contents" as const, oidSpecificPayload: none };
    expect(decodeOidSelector(data)).toEqual({ ok: true, value: selector });
    expect(hex(encodeOidSelector(selector))).toBe(hex(data));
  });

  test.each([
    ["nothing", "", "truncated", 0, ""],
    ["an OID longer than the field", "0e 060b2a8648ce5683e31a080102", "truncated", 1, "oid"],
    ["a DER length that is not the field's", "0d 060a2a8648ce5683e31a080102 0000", "bad-value", 1, "oid"],
    ["no OID", "00 0000", "bad-value", 1, "oid"],
    ["an OID that ends in the middle of an arc", "03 2a8686 0000", "bad-value", 1, "oid"],
    ["another type than OBJECT IDENTIFIER", "03 040180 0000", "bad-value", 1, "oid"],
    ["no length of the payload", "0d 060b2a8648ce5683e31a080102", "truncated", 14, ""],
    ["64 KB of payload that are not there", "0d 060b2a8648ce5683e31a080102 ffff 0404", "truncated", 16, ""],
    ["octets behind it", "0d 060b2a8648ce5683e31a080102 0000 00", "bad-length", 16, ""],
  ])("is refused with %s", (_, data, code, offset, path) => {
    const result = decodeOidSelector(fromHex(data));
    expect(result).toMatchObject({ ok: false, error: { code, offset, section: "RFC 8052 2.1" } });
    expect(!result.ok && result.error.path).toContain(path);
  });

  test("stays an ID payload when its data have another form", () => {
    const octets = concat(fromHex("0000000b 0d000000"), fromHex("ffffff"));
    expect(decoded(5, octets)).toEqual([{ ...id, data: fromHex("ffffff") }]);
  });
});

describe("the SATs of figure 8", () => {
  test("are read and written", () => {
    expect(decoded(1, figure8)).toEqual([sa]);
    expect(hex(encodeChain([sa]))).toBe(hex(figure8));
  });

  test("may have the contents octets of the OID alone", () => {
    const octets = around(`0b 2a8648ce5683e31a080102 0000 ${rest}`);
    expect(decoded(1, octets)).toMatchObject([{ attributes: [{ iec61850: { oid, oidForm: "contents" } }] }]);
    expect(hex(encodeChain(decodedPayloads(octets)))).toBe(hex(octets));
  });

  test.each([
    ["SA_ATD in two octets", "8001 0ce4"],
    ["SA_KDA in one octet behind its length", "0002 0001 4b"],
    ["the attributes in the other order", "8002 0064 0001 0004 00000ce4"],
    ["attributes that nobody knows", "0003 0001 aa ffff 0001"],
  ])("may have %s", (_, attributes) => {
    const octets = around(`0d 060b2a8648ce5683e31a080102 0000 ${rest} ${attributes}`);
    expect(hex(encodeChain(decodedPayloads(octets)))).toBe(hex(octets));
  });

  test("keep algorithms that have no name", () => {
    const octets = around("0d 060b2a8648ce5683e31a080102 0000 11223344 f000 0000 00000000");
    expect(decoded(1, octets)).toMatchObject([{ attributes: [{ iec61850: { authAlg: 0xf000, encAlg: 0 } }] }]);
    expect(hex(encodeChain(decodedPayloads(octets)))).toBe(hex(octets));
  });

  test.each([
    ["a malformed OID", `0d 060a2a8648ce5683e31a080102 0000 ${rest}`, "SA.SAT.oid", "RFC 8052 2.2"],
    ["an OID longer than the SAT", "ff 060b2a8648ce5683e31a080102", "SA.SAT.oid", "RFC 8052 2.2"],
    [
      "a payload longer than the SAT",
      `0d 060b2a8648ce5683e31a080102 ffff ${rest}`,
      "SA.SAT.oidSpecific",
      "RFC 8052 2.2",
    ],
    ["half an SPI", "0d 060b2a8648ce5683e31a080102 0000 1122", "SA.SAT.spi", "RFC 8052 2.2"],
    ["no Enc Alg", "0d 060b2a8648ce5683e31a080102 0000 11223344 0001", "SA.SAT.encAlg", "RFC 8052 2.2"],
    ["nothing in it", "", "SA.SAT", "RFC 8052 2.2"],
    ["half an attribute", `0d 060b2a8648ce5683e31a080102 0000 ${rest} 0001 0004 0000`, "SA.SAT.attr", "RFC 2408 3.3"],
  ])("are refused with %s", (_, body, path, section) => {
    const error = decoded(1, around(body));
    expect(error).toMatchObject({ section });
    expect("path" in error && error.path).toContain(path);
  });

  test("carry as much of a selector as a payload can hold, and no more", () => {
    const most = 0xffff - 16 - 4 - 1 - 14 - 2 - 12;
    const large = (length: number): Payload => ({
      ...sa,
      attributes: [
        {
          kind: "SAT",
          protocolId: 3,
          iec61850: { ...now, oidSpecificPayload: new Uint8Array(length), attributes: [] },
        },
      ],
    });
    const octets = encodeChain([large(most)]);
    expect(octets).toHaveLength(0xffff);
    expect(decoded(1, octets)).toEqual([large(most)]);
    expect(() => encodeChain([large(most + 1)])).toThrow(RangeError);
  });

  test.each([
    ["an OID that is none", { oid: fromHex("2a86") }],
    ["no OID", { oid: none }],
    ["contents that would be read as a whole encoding", { oid: fromHex("060b01"), oidForm: "contents" as const }],
    ["an SPI of another length", { spi: none }],
    ["an algorithm that does not fit its field", { authAlg: 0x10000 }],
  ])("cannot be written with %s", (_, wrong) => {
    expect(() =>
      encodeChain([{ ...sa, attributes: [{ kind: "SAT", protocolId: 3, iec61850: { ...now, ...wrong } }] }]),
    ).toThrow(RangeError);
  });
});

test("the description has the fields of the figures, with what code points and OIDs mean", () => {
  const header = { initiatorCookie: new Uint8Array(8), responderCookie: new Uint8Array(8), exchangeType: 32, flags: 0 };
  const contents: Iec61850Tek = { ...next, oidForm: "contents" };
  const message = decodeMessage(
    encodeMessage({ ...header, messageId: 1 }, [
      id,
      { ...sa, attributes: [{ kind: "SAT", protocolId: 3, iec61850: contents }] },
    ]),
  );
  if (!message.ok) throw new Error(message.error.message);
  const print = (node: TreeNode, depth: number): string[] => [
    `${node.offset}${" ".repeat(depth)}${node.name}${node.value === undefined ? "" : `: ${node.value}`}`,
    ...(node.children ?? []).flatMap((child) => print(child, depth + 1)),
  ];
  const [, ...payloads] = describeMessage(message.value.header, message.value.payloads).children ?? [];
  expect(payloads.flatMap((node) => print(node, 1))).toEqual([
    "28 ID",
    "28  Next Payload: SA (1)",
    "30  Payload Length: 30",
    "32  ID Type: ID_OID (13)",
    "33  Protocol ID: ANY (0)",
    "34  Port: 0",
    "36  Identification Data: 1.2.840.10070.61850.8.1.2 with 0404e9fc0001",
    "36   OID Length: 13",
    "37   OID: 1.2.840.10070.61850.8.1.2",
    "50   OID-Specific Payload Length: 6",
    "52   OID-Specific Payload: 0404e9fc0001",
    "58 SA",
    "58  Next Payload: NONE (0)",
    "60  Payload Length: 65",
    "62  DOI: GDOI (2)",
    "66  Situation: 0",
    "70  SA Attribute Next Payload: SAT (16)",
    "74  SAT",
    "74   Next Payload: NONE (0)",
    "76   Payload Length: 49",
    "78   Protocol-ID: IEC_61850 (3)",
    "79   OID Length: 11",
    "80   OID: 1.2.840.10070.61850.8.1.2 (contents octets only)",
    "91   OID-Specific Payload Length: 6",
    "93   OID-Specific Payload: 0404e9fc0001",
    "99   SPI: 00000002",
    "103   Auth Alg: NONE (1)",
    "105   Enc Alg: AES_GCM_128 (4)",
    "107   Remaining Lifetime Value: 43200",
    "111   SA Data Attributes",
    "111    SA_ATD: 3300",
    "119    SA_KDA: 100",
  ]);
});

function decodedPayloads(octets: Uint8Array): Payload[] {
  const payloads = decoded(1, octets);
  if (!Array.isArray(payloads)) throw new Error(payloads.message);
  return payloads;
}
