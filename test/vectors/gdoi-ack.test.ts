import { expect, test } from "vitest";
import { ackKey, ackUsesLeaf, buildAck, verifyAck } from "../../src/gdoi/ack.ts";
import { keyOfIvAndKey } from "../../src/gdoi/push.ts";
import { fromHex, hex } from "../../src/util/octets.ts";
import { decodeAck } from "../../src/wire/gdoi/ack.ts";
import { ackData, env } from "./gdoi-data.ts";

test.each(ackData)("$type with SEQ $sequence_number comes out octet for octet, and is verified", (v) => {
  expect(hex(keyOfIvAndKey(fromHex(v.kek_algorithm_key_with_iv)))).toBe(v.base_key);
  expect(ackUsesLeaf(v.value)).toBe(v.type.includes("LKH"));
  const key = ackKey(v.value, fromHex(v.base_key), fromHex(v.spi), env);
  expect(hex(env.crypto.exportSecret(key))).toBe(v.ack_key);
  const built = buildAck(v.value, key, fromHex(v.spi), v.sequence_number, fromHex(v.id_address), env);
  expect(hex(built)).toBe(v.datagram);
  const view = decodeAck(built);
  if (!view.ok) throw new Error(view.error.message);
  expect(hex(view.value.hash)).toBe(v.hash);
  expect(view.value.sequenceNumber).toBe(v.sequence_number);
  expect(view.value.idType).toBe(v.id_type);
  expect(verifyAck(v.value, key, view.value, env)).toBe(true);
  const forged = { ...view.value, hash: view.value.hash.map((o, i) => (i === 0 ? o ^ 1 : o)) };
  expect(verifyAck(v.value, key, forged, env)).toBe(false);
});
