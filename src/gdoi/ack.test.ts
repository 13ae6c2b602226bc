import { describe, expect, test } from "vitest";
import { type Identity, parseIdentity } from "../core/identity.ts";
import { nodeCrypto } from "../crypto/node/index.ts";
import { fromHex, hex } from "../util/octets.ts";
import { type AckView, decodeAck } from "../wire/gdoi/ack.ts";
import { ackKey, ackNames, buildAck, verifyAck } from "./ack.ts";

const env = { crypto: nodeCrypto };
const spi = fromHex("000102030405060708090a0b0c0d0e0f");
const key = ackKey(1, new Uint8Array(16), spi, env);
const group: Identity = { type: 13, data: fromHex("0d 060b2a8648ce5683e31a080102 0000") };

function view(sender: Uint8Array | Identity): AckView {
  const decoded = decodeAck(buildAck(1, key, spi, 7, sender, env));
  if (!decoded.ok) throw new Error(decoded.error.message);
  return decoded.value;
}

describe("a GROUPKEY-PUSH ACK with an ID_OID", () => {
  test("has it behind SEQ, and HASH covers it", () => {
    const ack = view(group);
    // SEQ: next payload ID, length 8, 7; ID: none after it, length 8 + 16, type 13, protocol and port 0
    expect(hex(ack.covered)).toBe(`0500000800000007000000180d000000${hex(group.data)}`);
    expect(verifyAck(1, key, ack, env)).toBe(true);
    expect(verifyAck(1, key, { ...ack, covered: ack.covered.with(30, 1) }, env)).toBe(false);
  });

  test("names the group, or a stream of it, in either form of the OID", () => {
    const stream = parseIdentity("oid:1.2.840.10070.61850.8.1.1;payload=0404e9fc0001");
    if (stream === undefined) throw new Error("no identity");
    const names = [group, stream];
    expect(ackNames(view(group), names)).toBe(true);
    expect(ackNames(view(stream), names)).toBe(true);
    expect(ackNames(view({ type: 13, data: fromHex("0b 2a8648ce5683e31a080102 0000") }), names)).toBe(true);
  });

  test("does not name another group, nor does an address or another type", () => {
    expect(ackNames(view({ type: 13, data: fromHex("0d 060b2a8648ce5683e31a080103 0000") }), [group])).toBe(false);
    expect(ackNames(view({ type: 13, data: fromHex("0d 060a2a8648ce5683e31a080102 0000") }), [group])).toBe(false);
    expect(ackNames(view(fromHex("c000020a")), [group])).toBe(false);
    expect(ackNames(view({ type: 11, data: group.data }), [{ type: 11, data: group.data }])).toBe(false);
  });
});
