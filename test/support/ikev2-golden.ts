/** IKEv2 between programs that share no code with Keyherald: the captures in test/vectors/data/ikev2. */
import { createDecipheriv, createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Flag } from "../../src/iana/ikev2.ts";
import { concat, equal, fromHex, hex, isZero } from "../../src/util/octets.ts";
import { decodeMessage, decodePayloads, enveloped } from "../../src/wire/ikev2/message.ts";
import type { Header, ReceivedPayload } from "../../src/wire/ikev2/payloads.ts";
import { type CapturedDatagram, readPcap } from "./pcap.ts";

const directory = new URL("../vectors/data/ikev2/", import.meta.url);
const NAT_T_PORT = 4500;
const MARKER = 4;

/** The names of the captures. */
export function ikev2Captures(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".pcap"))
    .map((name) => name.slice(0, -".pcap".length))
    .sort();
}

/** A capture as it is, for other readers. */
export function ikev2Pcap(name: string): Uint8Array {
  return readFileSync(new URL(`${name}.pcap`, directory));
}

/** The IKE messages of a capture, without the non-ESP marker of port 4500 (RFC 3948 2.2). */
export function ikev2Datagrams(name: string): CapturedDatagram[] {
  return ikeDatagrams(readPcap(ikev2Pcap(name)));
}

/** Those of the datagrams that are IKE messages, without the non-ESP marker: no ESP, no keepalive. */
export function ikeDatagrams(datagrams: readonly CapturedDatagram[]): CapturedDatagram[] {
  return datagrams.flatMap((datagram) => {
    if (![datagram.fromPort, datagram.toPort].includes(NAT_T_PORT)) return [datagram];
    const { bytes } = datagram;
    const marked = bytes.length > MARKER && isZero(bytes.subarray(0, MARKER));
    return marked ? [{ ...datagram, bytes: bytes.slice(MARKER) }] : [];
  });
}

/** The keys beside a capture, as Wireshark's ikev2_decryption_table has them. */
export interface Ikev2Keys {
  readonly spiI: string;
  readonly encr: string;
  readonly integ: string;
  /** By side: that of the original initiator first. */
  readonly encrKeys: readonly [string, string];
  readonly integKeys: readonly [string, string];
  /** The line as it is. */
  readonly line: string;
}

export function ikev2Keys(name: string): Ikev2Keys[] {
  const lines = readFileSync(new URL(`${name}.keys`, directory), "utf8")
    .trim()
    .split("\n");
  return lines.map(keysOf);
}

/** What a line of a key log says. */
function keysOf(line: string): Ikev2Keys {
  const [spiI = "", , ei = "", er = "", encr = "", ai = "", ar = "", integ = ""] = line.replaceAll('"', "").split(",");
  return { spiI, encr, integ, encrKeys: [ei, er], integKeys: [ai, ar], line };
}

/** A message of a capture with what was in its SK payload. */
export interface OpenedMessage {
  readonly origin: string;
  readonly datagram: Uint8Array;
  readonly header: Header;
  /** As they travelled. */
  readonly payloads: readonly ReceivedPayload[];
  /** What the SK payload held; of fragments it is with the last one. */
  readonly inner?: {
    readonly first: number;
    readonly octets: Uint8Array;
    readonly payloads: readonly ReceivedPayload[];
  };
}

/** The messages of a capture in order, opened with the keys beside it. @throws Error when one does not decode. */
export function openedMessages(name: string): OpenedMessage[] {
  return openedWith(name, ikev2Datagrams(name), ikev2Keys(name));
}

/** The IKE messages of a conversation in order, opened with the lines of a key log. @throws Error when one does not decode */
export function openedConversation(
  name: string,
  datagrams: readonly CapturedDatagram[],
  keyLog: readonly string[],
): OpenedMessage[] {
  return openedWith(name, ikeDatagrams(datagrams), keyLog.map(keysOf));
}

function openedWith(name: string, datagrams: readonly CapturedDatagram[], keys: readonly Ikev2Keys[]): OpenedMessage[] {
  const fragments: Uint8Array[] = [];
  let firstOfFragments = 0;
  return datagrams.map(({ bytes: datagram }, i) => {
    const origin = `${name} message ${i + 1}`;
    const decoded = decodeMessage(datagram);
    if (!decoded.ok) throw new Error(`${origin}: ${JSON.stringify(decoded.error)}`);
    const message = { origin, datagram, ...decoded.value };
    const part = enveloped(datagram, message.payloads);
    if (part === undefined) return message;
    const key = keys.find(({ spiI }) => spiI === hex(message.header.spiI));
    if (key === undefined) throw new Error(`${origin}: no key`);
    const plaintext = opened(key, (message.header.flags & Flag.INITIATOR) === 0 ? 1 : 0, datagram, part.bodyOffset);
    if (part.payload.kind === "SKF") {
      fragments.push(plaintext);
      if (part.payload.fragmentNumber === 1) firstOfFragments = part.payload.innerFirst;
      if (part.payload.fragmentNumber < part.payload.totalFragments) return message;
    }
    const first = part.payload.kind === "SKF" ? firstOfFragments : part.payload.innerFirst;
    const octets = part.payload.kind === "SKF" ? concat(...fragments.splice(0)) : plaintext;
    const inner = decodePayloads(first, octets);
    if (!inner.ok) throw new Error(`${origin}: ${JSON.stringify(inner.error)}`);
    return { ...message, inner: { first, octets, payloads: inner.value } };
  });
}

/** All messages of all captures. */
export function goldenIkev2(): OpenedMessage[] {
  return ikev2Captures().flatMap(openedMessages);
}

function gcmName(key: Uint8Array): "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm" {
  if (key.length === 16) return "aes-128-gcm";
  return key.length === 24 ? "aes-192-gcm" : "aes-256-gcm";
}

const BLOCK = 16;
const TAG = 16;
const IV = 8;
const SALT = 4;

/** Authenticates and decrypts a body with the cryptography of Node alone, the padding taken off. */
function opened(keys: Ikev2Keys, side: 0 | 1, datagram: Uint8Array, bodyOffset: number): Uint8Array {
  const key = fromHex(keys.encrKeys[side]);
  const body = datagram.subarray(bodyOffset);
  let padded: Uint8Array;
  if (keys.encr.startsWith("AES-CBC")) {
    const [hash, length] = keys.integ.includes("512") ? (["sha512", 32] as const) : (["sha256", 16] as const);
    const covered = datagram.subarray(0, datagram.length - length);
    const checksum = createHmac(hash, fromHex(keys.integKeys[side])).update(covered).digest().subarray(0, length);
    if (!equal(checksum, datagram.subarray(-length))) throw new Error("the checksum is wrong");
    const decipher = createDecipheriv(`aes-${8 * key.length}-cbc`, key, body.subarray(0, BLOCK)).setAutoPadding(false);
    padded = concat(decipher.update(body.subarray(BLOCK, -length)), decipher.final());
  } else {
    const nonce = concat(key.subarray(-SALT), body.subarray(0, IV));
    const gcm = keys.encr.startsWith("AES-GCM");
    const ciphertext = body.subarray(IV, -TAG);
    const rawKey = key.subarray(0, -SALT);
    const decipher = gcm
      ? createDecipheriv(gcmName(rawKey), rawKey, nonce, { authTagLength: TAG })
      : createDecipheriv("chacha20-poly1305", rawKey, nonce, { authTagLength: TAG });
    decipher.setAAD(datagram.subarray(0, bodyOffset), { plaintextLength: ciphertext.length });
    decipher.setAuthTag(body.subarray(-TAG));
    padded = concat(decipher.update(ciphertext), decipher.final());
  }
  return padded.subarray(0, padded.length - 1 - (padded.at(-1) ?? 0));
}
