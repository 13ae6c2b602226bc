/** What tshark (4.0, Debian 12) reads in a capture of ISAKMP: a second opinion on our codecs and key derivation. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Flag, PayloadType } from "../../src/iana/isakmp.ts";
import type { CaptureKey } from "./golden.ts";

const run = promisify(execFile);

/** One field of the dissection, with what stands inside it. */
export interface Dissected {
  /** tshark's name, `isakmp.kd.payload.type`. */
  readonly name: string;
  /** The value as a display filter would have it. */
  readonly show: string;
  /** The octets in hexadecimal; empty for a heading. */
  readonly value: string;
  readonly size: number;
  readonly parts: readonly Dissected[];
}

/**
 * Dissects the ISAKMP messages of a pcap file.
 * @param ports UDP ports that tshark is to take for ISAKMP
 * @returns for each packet the fields of its ISAKMP message, decrypted where `key` fits
 */
export function dissect(
  pcap: Uint8Array,
  ports: readonly number[],
  key: CaptureKey,
): Promise<(readonly Dissected[])[]> {
  return pdml(withIpsecDoiInPhase1(pcap), [
    ...ports.flatMap((port) => ["-d", `udp.port==${port},isakmp`]),
    ...["-o", `uat:ikev1_decryption_table:${key.cookie},${key.key}`],
  ]);
}

/**
 * Dissects the messages of IKEv2 in a pcap file, on its own ports.
 * @param keys lines of the ikev2_decryption_table; those of ChaCha20-Poly1305 are passed over, since tshark knows it not
 * @returns for each packet the fields of its message, decrypted where a key fits
 */
export function dissectIkev2(pcap: Uint8Array, keys: readonly string[]): Promise<(readonly Dissected[])[]> {
  const known = keys.filter((line) => !line.includes("ChaCha20"));
  return pdml(
    pcap,
    known.flatMap((line) => ["-o", `uat:ikev2_decryption_table:${line}`]),
  );
}

async function pdml(pcap: Uint8Array, options: readonly string[]): Promise<(readonly Dissected[])[]> {
  const directory = await mkdtemp(join(tmpdir(), "keyherald-tshark-"));
  try {
    const file = join(directory, "copy.pcap");
    await writeFile(file, pcap);
    const { stdout } = await run(
      "tshark",
      ["-r", file, "-T", "pdml", ...options],
      // its own configuration of this machine is not looked at
      { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory } },
    );
    return stdout
      .split("<packet>")
      .slice(1)
      .map((packet) => isakmpFields(packet));
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The first field of a name, at any depth. */
export function find(fields: readonly Dissected[], name: string): Dissected | undefined {
  return findAll(fields, name)[0];
}

/** All fields of a name, at any depth, in order. */
export function findAll(fields: readonly Dissected[], name: string): Dissected[] {
  return fields.flatMap((field) => [...(field.name === name ? [field] : []), ...findAll(field.parts, name)]);
}

/** The payloads of a message, decrypted or not: what stands directly in it. */
export function payloadsOf(message: readonly Dissected[]): readonly Dissected[] {
  const encrypted = message.find((field) => field.name === "isakmp.enc.data");
  return (encrypted?.parts ?? message).filter((field) => field.name === "isakmp.typepayload");
}

/** Only fields of the ISAKMP protocol; PDML is regular enough for a scan of its tags. */
function isakmpFields(packet: string): readonly Dissected[] {
  const start = packet.indexOf('<proto name="isakmp"');
  if (start < 0) return [];
  const root: Dissected[] = [];
  const open: Dissected[][] = [root];
  for (const [, closing, attributes = "", empty] of packet
    .slice(packet.indexOf(">", start) + 1, packet.indexOf("</proto>", start))
    .matchAll(/<(\/)?field([^>]*?)(\/)?>/gu)) {
    if (closing) {
      open.pop();
      continue;
    }
    const parts: Dissected[] = [];
    open.at(-1)?.push({
      name: property(attributes, "name"),
      show: property(attributes, "show"),
      value: property(attributes, "value"),
      size: Number(property(attributes, "size")),
      parts,
    });
    if (!empty) open.push(parts);
  }
  return root;
}

function property(attributes: string, name: string): string {
  return attributes.match(new RegExp(` ${name}="([^"]*)"`, "u"))?.[1] ?? "";
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 14;

/**
 * tshark 4.0 reads an SA whose DOI is GDOI (2) in the layout of phase 2 even in main mode; it then sees no transforms and
 * cannot decrypt what follows. In this copy the DOI of those SAs is IPsec (1), and nothing else is changed.
 * Little-endian pcap of Ethernet and IPv4 with no options, which is what a capture on loopback has for our own traffic.
 */
function withIpsecDoiInPhase1(pcap: Uint8Array): Uint8Array {
  const copy = pcap.slice();
  const view = new DataView(copy.buffer);
  for (let at = FILE_HEADER; at + RECORD_HEADER <= copy.length; ) {
    const length = view.getUint32(at + 8, true);
    const message = at + RECORD_HEADER + ETHERNET + 20 + 8;
    const end = at + RECORD_HEADER + length;
    if (
      end - message >= 40 &&
      view.getUint8(message + 16) === PayloadType.SA &&
      view.getUint8(message + 18) === 2 &&
      (view.getUint8(message + 19) & Flag.ENCRYPTION) === 0 &&
      view.getUint32(message + 32) === 2
    ) {
      view.setUint32(message + 32, 1);
    }
    at = end;
  }
  return copy;
}
