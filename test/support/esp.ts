/** ESP in UDP with AES-GCM (RFC 4303, RFC 4106, RFC 3948), as much of it as a ping takes: what keys are worth is seen in use. */
import { createCipheriv, createDecipheriv } from "node:crypto";
import { nodeCrypto } from "../../src/crypto/node/index.ts";
import type { SecretKey } from "../../src/crypto/provider.ts";
import type { ChildSaPair } from "../../src/sad/sad.ts";
import { concat, equal, u32 } from "../../src/util/octets.ts";

const HEADER = 8;
const IV = 8;
const SALT = 4;
const TAG = 16;
const IPV4 = 4;
const ICMP = 1;

/** The IP packet inside an ESP packet of the peer. @throws when it is not for that pair, or not authentic */
export function openEsp(pair: ChildSaPair, packet: Uint8Array): Uint8Array {
  if (!equal(packet.subarray(0, 4), pair.spiIn)) throw new Error("another SPI");
  const { key, salt } = keyOf(pair.encryptionIn);
  const nonce = concat(salt, packet.subarray(HEADER, HEADER + IV));
  const decipher = createDecipheriv("aes-128-gcm", key, nonce, { authTagLength: TAG });
  decipher.setAAD(packet.subarray(0, HEADER));
  decipher.setAuthTag(packet.subarray(-TAG));
  const plain = concat(decipher.update(packet.subarray(HEADER + IV, -TAG)), decipher.final());
  const [padLength = 0, nextHeader] = plain.subarray(-2);
  if (nextHeader !== IPV4) throw new Error(`next header ${nextHeader}`);
  return plain.subarray(0, plain.length - 2 - padLength);
}

/** An ESP packet to the peer around an IP packet. */
export function sealEsp(pair: ChildSaPair, sequence: number, inner: Uint8Array): Uint8Array {
  const { key, salt } = keyOf(pair.encryptionOut);
  const header = concat(pair.spiOut, u32(sequence));
  const iv = concat(u32(0), u32(sequence));
  const cipher = createCipheriv("aes-128-gcm", key, concat(salt, iv), { authTagLength: TAG });
  cipher.setAAD(header);
  const padLength = (4 - ((inner.length + 2) % 4)) % 4;
  const padding = Uint8Array.from({ length: padLength }, (_, i) => i + 1);
  const ciphertext = concat(cipher.update(concat(inner, padding, Uint8Array.of(padLength, IPV4))), cipher.final());
  return concat(header, iv, ciphertext, cipher.getAuthTag());
}

/** The echo reply (RFC 792) to an echo request in an IP packet; undefined for any other. */
export function echoReply(packet: Uint8Array): Uint8Array | undefined {
  const start = 4 * ((packet[0] ?? 0) & 15);
  if (packet[9] !== ICMP || packet[start] !== 8) return undefined;
  const reply = packet.slice();
  reply.set(packet.subarray(16, 20), 12);
  reply.set(packet.subarray(12, 16), 16);
  reply[start] = 0;
  // request and reply differ in the type alone: 8 in the upper octet of the first word
  const view = new DataView(reply.buffer);
  const sum = view.getUint16(start + 2) + 0x0800;
  view.setUint16(start + 2, sum > 0xffff ? sum - 0xffff : sum);
  return reply;
}

function keyOf(secret: SecretKey): { key: Uint8Array; salt: Uint8Array } {
  const octets = nodeCrypto.exportSecret(secret);
  return { key: octets.subarray(0, -SALT), salt: octets.subarray(-SALT) };
}
