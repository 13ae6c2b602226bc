/** vici, the control protocol of strongSwan's charon (its src/libcharon/plugins/vici/README.md): one command per connection. */
import { createConnection } from "node:net";
import { utf8 } from "../../src/util/octets.ts";
import { Reader } from "../../src/util/reader.ts";
import { Writer } from "../../src/util/writer.ts";

export type ViciValue = string | Uint8Array | readonly (string | Uint8Array)[] | ViciMessage;

/** A tree of sections, lists and values. */
export interface ViciMessage {
  readonly [name: string]: ViciValue;
}

/** As it is received: all values as text. */
export type ViciReply = { readonly [name: string]: string | readonly string[] | ViciReply };

const Packet = { REQUEST: 0, RESPONSE: 1, UNKNOWN: 2, REGISTER: 3, CONFIRM: 5, EVENT: 7 } as const;
const Element = { SECTION: 1, SECTION_END: 2, VALUE: 3, LIST: 4, ITEM: 5, LIST_END: 6 } as const;

/** What a command brought: its response, and the events of the stream that it was asked for with. */
export interface ViciOutcome {
  readonly response: ViciReply;
  readonly events: readonly ViciReply[];
}

/**
 * Sends a command to the daemon behind `socketPath` and waits for its response.
 * @param stream an event that is received meanwhile, `list-sa`
 * @throws when the daemon does not know it, goes away, or sends something that is no vici
 */
export function viciCall(
  socketPath: string,
  command: string,
  message: ViciMessage = {},
  stream?: string,
): Promise<ViciOutcome> {
  return new Promise((resolve, reject) => {
    const events: ViciReply[] = [];
    const socket = createConnection(socketPath);
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`vici ${command}: ${why}`));
    };
    const request = () => socket.write(packet(Packet.REQUEST, command, message));
    let buffer: Buffer = Buffer.alloc(0);
    socket.on("connect", () => {
      if (stream === undefined) request();
      else socket.write(packet(Packet.REGISTER, stream));
    });
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => fail("charon closed the connection"));
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
        const end = 4 + buffer.readUInt32BE(0);
        const reader = new Reader(new Uint8Array(buffer.subarray(4, end)));
        buffer = buffer.subarray(end);
        const type = reader.u8();
        if (type === Packet.CONFIRM) request();
        else if (type === Packet.EVENT) {
          name(reader);
          events.push(readSection(reader));
        } else if (type === Packet.RESPONSE) {
          socket.destroy();
          resolve({ response: readSection(reader), events });
        } else fail(`packet of type ${type}`);
      }
    });
  });
}

function packet(type: number, called: string, message: ViciMessage = {}): Uint8Array {
  const body = new Writer();
  body.u8(type);
  writeName(body, called);
  writeSection(body, message);
  const octets = body.finish();
  const whole = new Writer();
  whole.u32(octets.length);
  whole.bytes(octets);
  return whole.finish();
}

function writeName(writer: Writer, text: string): void {
  const octets = utf8(text);
  writer.u8(octets.length);
  writer.bytes(octets);
}

function writeValue(writer: Writer, value: string | Uint8Array): void {
  const octets = typeof value === "string" ? utf8(value) : value;
  writer.u16(octets.length);
  writer.bytes(octets);
}

function isList(value: ViciValue): value is readonly (string | Uint8Array)[] {
  return Array.isArray(value);
}

function writeSection(writer: Writer, section: ViciMessage): void {
  for (const [called, value] of Object.entries(section)) {
    if (typeof value === "string" || value instanceof Uint8Array) {
      writer.u8(Element.VALUE);
      writeName(writer, called);
      writeValue(writer, value);
    } else if (isList(value)) {
      writer.u8(Element.LIST);
      writeName(writer, called);
      for (const item of value) {
        writer.u8(Element.ITEM);
        writeValue(writer, item);
      }
      writer.u8(Element.LIST_END);
    } else {
      writer.u8(Element.SECTION);
      writeName(writer, called);
      writeSection(writer, value);
      writer.u8(Element.SECTION_END);
    }
  }
}

function name(reader: Reader): string {
  return new TextDecoder().decode(reader.take(reader.u8()));
}

function readValue(reader: Reader): string {
  return new TextDecoder().decode(reader.take(reader.u16()));
}

function readSection(reader: Reader): ViciReply {
  const section: Record<string, ViciReply[string]> = {};
  while (reader.left > 0) {
    const element = reader.u8();
    if (element === Element.SECTION_END) break;
    const called = name(reader);
    if (element === Element.SECTION) section[called] = readSection(reader);
    else if (element === Element.VALUE) section[called] = readValue(reader);
    else if (element === Element.LIST) section[called] = readList(reader);
    else throw new Error(`vici: element ${element}`);
  }
  return section;
}

function readList(reader: Reader): string[] {
  const items: string[] = [];
  while (reader.u8() === Element.ITEM) items.push(readValue(reader));
  return items;
}
