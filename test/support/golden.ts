/** Messages that programs which share no code with Keyherald made: the files in test/vectors/data. */
import { createDecipheriv, createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Flag } from "../../src/iana/isakmp.ts";
import { concat, fromHex, hex } from "../../src/util/octets.ts";
import { numberOf } from "../../src/wire/attributes.ts";
import { decodeHeader, HEADER_LENGTH } from "../../src/wire/header.ts";
import { contextOf, decodeChain, decodeMessage } from "../../src/wire/message.ts";
import type { Header, ReceivedPayload } from "../../src/wire/payloads.ts";
import { type CapturedDatagram, readPcap } from "./pcap.ts";

const directory = new URL("../vectors/data/", import.meta.url);

/** The parsed JSON of a file of vectors; `T` says which of its properties a test looks at. */
export function vectorFile<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, directory), "utf8"));
}

/** A message in the clear: its header as on the wire, then the payloads with their padding. */
export interface ClearMessage {
  readonly origin: string;
  readonly header: Uint8Array;
  /** Header and payloads, so that offsets are those of the message. */
  readonly octets: Uint8Array;
  /** Whether the payloads were encrypted, so that padding may follow them. */
  readonly padded: boolean;
}

export interface DecodedMessage {
  readonly header: Header;
  readonly payloads: readonly ReceivedPayload[];
  readonly end: number;
}

/** Decodes a message of the vectors. @throws Error when it does not decode: these all do. */
export function decodeClear(message: ClearMessage): DecodedMessage {
  const { octets, padded, origin } = message;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const exchangeType = view.getUint8(18);
  const chain = decodeChain(
    view.getUint8(16),
    octets,
    HEADER_LENGTH,
    contextOf(exchangeType),
    padded ? "zeros" : "none",
  );
  const header = decodeHeader(octets);
  if (!chain.ok || !header.ok) {
    throw new Error(`${origin}: ${JSON.stringify(chain.ok ? header : chain)}`);
  }
  return { header: header.value, ...chain.value };
}

/** Every message that stands in gdoi-push.json, gdoi-lkh.json and rfc8263-ack.json. */
export function vectorMessages(): ClearMessage[] {
  const found: ClearMessage[] = [];
  for (const name of ["gdoi-push.json", "gdoi-lkh.json", "rfc8263-ack.json"]) {
    collect(vectorFile<unknown>(name), name, found);
  }
  return found;
}

function collect(value: unknown, origin: string, found: ClearMessage[]): void {
  if (typeof value !== "object" || value === null) return;
  if ("datagram" in value && typeof value.datagram === "string" && /^[0-9a-f]+$/.test(value.datagram)) {
    const datagram = fromHex(value.datagram);
    const header = datagram.subarray(0, HEADER_LENGTH);
    const plaintext = "plaintext" in value && typeof value.plaintext === "string" ? value.plaintext : undefined;
    const octets = plaintext === undefined ? datagram : concat(header, fromHex(plaintext));
    found.push({ origin, header, octets, padded: plaintext !== undefined });
  }
  for (const [key, part] of Object.entries(value)) collect(part, `${origin}/${key}`, found);
}

/** The names of the captured registrations. */
export function captureNames(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".pcap"))
    .map((name) => name.slice(0, -".pcap".length))
    .sort();
}

/** The datagrams of a capture. */
export function capture(name: string): CapturedDatagram[] {
  return readPcap(readFileSync(new URL(`${name}.pcap`, directory)));
}

const HASHES: Readonly<Record<number, string>> = { 2: "sha1", 4: "sha256", 5: "sha384", 6: "sha512" };
const BLOCK = 16;

/** The messages of a captured registration, decrypted with the key beside it. */
export function decryptedCapture(name: string): ClearMessage[] {
  return decryptDatagrams(
    name,
    capture(name).map(({ bytes }) => bytes),
    captureKey(name).key,
  );
}

/** What tshark needs to decrypt a capture: the initiator's cookie and the key, in hexadecimal. */
export interface CaptureKey {
  readonly cookie: string;
  readonly key: string;
}

/** The key beside a captured registration. */
export function captureKey(name: string): CaptureKey {
  const [cookie = "", key = ""] = readFileSync(new URL(`${name}.keys`, directory), "utf8")
    .trim()
    .split(",");
  return { cookie, key };
}

/**
 * Phase 1 and what it protects, in order, decrypted with its key (hexadecimal): AES-CBC with the IVs of RFC 2409 App. B.
 * The engines have no part in it, so that their own messages can be looked at.
 */
export function decryptDatagrams(name: string, datagrams: readonly Uint8Array[], key: string): ClearMessage[] {
  const publicValues: Uint8Array[] = [];
  const ivs = new Map<number, Uint8Array>();
  let hash = "sha256";
  let lastBlock: Uint8Array = new Uint8Array();
  return datagrams.map((bytes, i) => {
    const origin = `${name} message ${i + 1}`;
    const header = bytes.slice(0, HEADER_LENGTH);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if ((view.getUint8(19) & Flag.ENCRYPTION) === 0) {
      const message = decodeMessage(bytes);
      if (!message.ok) throw new Error(`${origin}: ${JSON.stringify(message.error)}`);
      for (const { payload } of message.value.payloads) {
        if (payload.kind === "KE") publicValues.push(payload.data);
        if (payload.kind === "SA") {
          const chosen = payload.proposals[0]?.transforms[0]?.attributes.find((a) => a.type === 2);
          hash = HASHES[chosen === undefined ? 0 : numberOf(chosen)] ?? hash;
        }
      }
      return { origin, header, octets: bytes, padded: false };
    }
    const mid = view.getUint32(20);
    const base = mid === 0 ? concat(...publicValues) : concat(lastBlock, bytes.subarray(20, 24));
    const iv = ivs.get(mid) ?? createHash(hash).update(base).digest().subarray(0, BLOCK);
    const ciphertext = bytes.subarray(HEADER_LENGTH);
    const decipher = createDecipheriv(`aes-${4 * key.length}-cbc`, fromHex(key), iv).setAutoPadding(false);
    ivs.set(mid, ciphertext.slice(-BLOCK));
    if (mid === 0) lastBlock = ciphertext.slice(-BLOCK);
    const octets = concat(header, decipher.update(ciphertext), decipher.final());
    return { origin, header, octets, padded: true };
  });
}

/** All golden messages: the vectors and the captures. */
export function goldenMessages(): ClearMessage[] {
  return [...vectorMessages(), ...captureNames().flatMap(decryptedCapture)];
}

/** Hexadecimal of octets, of nothing for undefined, so that expectations stay short. */
export function hexOf(octets: Uint8Array | number | undefined): string {
  return octets instanceof Uint8Array ? hex(octets) : "";
}
