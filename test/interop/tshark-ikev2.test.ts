import { describe, expect, test } from "vitest";
import { ProvisionalNotifyType } from "../../src/iana/provisional.ts";
import { concat, fromHex, u16, utf8 } from "../../src/util/octets.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/ikev2/message.ts";
import type { Payload } from "../../src/wire/ikev2/payloads.ts";
import { oursIkev2, theirsIkev2 } from "../support/ikev2-agreement.ts";
import { ikev2Captures, ikev2Keys, ikev2Pcap, openedMessages } from "../support/ikev2-golden.ts";
import { writePcap } from "../support/pcap.ts";
import { dissectIkev2 } from "../support/tshark.ts";

/** What tshark 4.0 has no decryption for. */
const isOpaque = (name: string) => ikev2Keys(name).some(({ encr }) => encr.startsWith("ChaCha20"));

describe.each(ikev2Captures())("tshark and our decoder on %s, which strongSwan made", (name) => {
  test("agree on every field of every payload, inside SK and fragments too where tshark can decrypt", async () => {
    const keys = ikev2Keys(name).map(({ line }) => line);
    const seen = (await dissectIkev2(ikev2Pcap(name), keys)).map(theirsIkev2);
    const expected = openedMessages(name).map(oursIkev2);
    expect(seen).toEqual(isOpaque(name) ? expected.map((reading) => ({ ...reading, inner: [] })) : expected);
    if (!isOpaque(name)) expect(seen.flatMap(({ inner }) => inner).length).toBeGreaterThan(20);
  });
});

test("tshark agrees on what we send and strongSwan does not: a Delete of two SPIs with its DELETE_REASON, and vendor IDs", async () => {
  const payloads: Payload[] = [
    { kind: "D", protocolId: 3, spiSize: 4, spis: [fromHex("c0000001"), fromHex("c0000002")] },
    {
      kind: "N",
      protocolId: 0,
      spi: new Uint8Array(),
      type: ProvisionalNotifyType.DELETE_REASON,
      data: concat(u16(120), utf8("host is restarting")),
    },
    { kind: "N", protocolId: 3, spi: fromHex("c0000001"), type: 44, data: new Uint8Array() },
    { kind: "V", data: fromHex("00112233445566778899aabbccddeeff") },
    { kind: "CERTREQ", encoding: 4, authorities: new Uint8Array(40).fill(0xaa) },
    { kind: "CERT", encoding: 12, data: utf8("hash and URL") },
  ];
  const header = { spiI: fromHex("0102030405060708"), spiR: fromHex("1112131415161718"), exchangeType: 37 };
  const datagram = encodeMessage({ ...header, flags: 0x28, messageId: 0xfffffffe }, payloads);
  const endpoints = { from: "192.0.2.1", to: "192.0.2.2", fromPort: 500, toPort: 500 };
  const [seen] = await dissectIkev2(writePcap([{ ...endpoints, bytes: datagram }]), []);
  const decoded = decodeMessage(datagram);
  if (!decoded.ok) throw new Error(decoded.error.message);
  expect(theirsIkev2(seen ?? [])).toEqual(oursIkev2({ origin: "ours", datagram, ...decoded.value }));
});
