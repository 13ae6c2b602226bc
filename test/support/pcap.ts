/** Reads UDP datagrams out of a classic pcap file, as far as the captures of the tests need it. */

export interface CapturedDatagram {
  readonly fromPort: number;
  readonly toPort: number;
  /** Dotted source and destination. */
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 1;
const RAW_IP = 101;
const UDP = 17;

/** The UDP datagrams over IPv4 in `file`, in their order. @throws Error for a file of another kind. */
export function readPcap(file: Uint8Array): CapturedDatagram[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = view.getUint32(0, true);
  const little = magic === 0xa1b2c3d4 || magic === 0xa1b23c4d;
  if (!little && view.getUint32(0) !== 0xa1b2c3d4 && view.getUint32(0) !== 0xa1b23c4d) throw new Error("no pcap file");
  const link = view.getUint32(20, little);
  if (link !== ETHERNET && link !== RAW_IP) throw new Error(`link type ${link} is not read here`);
  const datagrams: CapturedDatagram[] = [];
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const length = view.getUint32(at + 8, little);
    const frame = file.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length);
    const datagram = udp(link === ETHERNET ? frame.subarray(14) : frame);
    if (datagram !== undefined) datagrams.push(datagram);
    at += RECORD_HEADER + length;
  }
  return datagrams;
}

function udp(packet: Uint8Array): CapturedDatagram | undefined {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (packet.length < 28 || view.getUint8(0) >>> 4 !== 4 || view.getUint8(9) !== UDP) return undefined;
  const at = 4 * (view.getUint8(0) & 15);
  return {
    from: packet.subarray(12, 16).join("."),
    to: packet.subarray(16, 20).join("."),
    fromPort: view.getUint16(at),
    toPort: view.getUint16(at + 2),
    bytes: packet.slice(at + 8, at + view.getUint16(at + 4)),
  };
}

/** A classic pcap file with these datagrams in Ethernet and IPv4, for programs that read nothing else. */
export function writePcap(datagrams: readonly CapturedDatagram[]): Uint8Array {
  const records = datagrams.map(record);
  const header = new Uint8Array(FILE_HEADER);
  const view = new DataView(header.buffer);
  view.setUint32(0, 0xa1b2c3d4, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, 262_144, true);
  view.setUint32(20, ETHERNET, true);
  return new Uint8Array(Buffer.concat([header, ...records]));
}

function record({ from, to, fromPort, toPort, bytes }: CapturedDatagram, index: number): Uint8Array {
  const length = 14 + 20 + 8 + bytes.length;
  const octets = new Uint8Array(RECORD_HEADER + length);
  const view = new DataView(octets.buffer);
  view.setUint32(0, index, true);
  view.setUint32(8, length, true);
  view.setUint32(12, length, true);
  const ip = RECORD_HEADER + 14;
  view.setUint16(ip - 2, 0x0800);
  view.setUint8(ip, 0x45);
  view.setUint16(ip + 2, length - 14);
  view.setUint8(ip + 8, 64);
  view.setUint8(ip + 9, UDP);
  octets.set(from.split(".").map(Number), ip + 12);
  octets.set(to.split(".").map(Number), ip + 16);
  view.setUint16(ip + 20, fromPort);
  view.setUint16(ip + 22, toPort);
  view.setUint16(ip + 24, 8 + bytes.length);
  octets.set(bytes, ip + 28);
  return octets;
}
