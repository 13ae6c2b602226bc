/** Data attributes (RFC 2408 3.3, RFC 7296 3.3.5): two octets of type with the AF bit, then a value (TV) or length and value (TLV). */
import { nameOf, type Registry } from "../iana/names.ts";
import { toUint } from "../util/octets.ts";
import { Malformed, Reader } from "../util/reader.ts";
import type { Writer } from "../util/writer.ts";
import type { Codec, Trace } from "./codec.ts";
import { codeText, octetsText, rest, secretText } from "./codec.ts";
import { within } from "./error.ts";
import type { Attribute } from "./payloads.ts";

/** What is known of the attributes of one structure; only the description needs it. */
export interface AttributeTable {
  readonly names: Registry;
  /** Registries of values, by attribute type. */
  readonly values?: Readonly<Record<number, Registry>>;
  /** Types whose value is key material. */
  readonly secrets?: readonly number[];
  /** Types whose value has a structure of its own. */
  readonly nested?: Readonly<Record<number, NestedValue>>;
  /** Where attributes are laid down; RFC 2408 3.3 when it is not given. */
  readonly section?: string;
}

/** How the value of an attribute is taken apart for the description. */
export type NestedValue = (writer: Writer, value: Uint8Array, trace: Trace) => boolean;

const SECTION = "RFC 2408 3.3";
const AF = 0x8000;
/**
 * More attributes than any structure here has use for: a SID packet may carry 4096 SIDs beside their width, an LKH packet an
 * array for every node put out.
 */
const AT_MOST = 8192;

/** The value of `a` as a number: of TV, or of a TLV of up to six octets; longer ones count as the largest number. */
export function numberOf(a: Attribute): number {
  if (typeof a.value === "number") return a.value;
  const significant = a.value.subarray(Math.max(0, a.value.length - 6));
  for (const octet of a.value.subarray(0, a.value.length - significant.length)) {
    if (octet !== 0) return Number.MAX_SAFE_INTEGER;
  }
  return toUint(significant);
}

/** The first attribute of `type`. */
export function attribute(list: readonly Attribute[], type: number): Attribute | undefined {
  return list.find((a) => a.type === type);
}

const none: readonly Attribute[] = [];

/** Attributes up to the end of the enclosing structure. */
export function attributes(table: AttributeTable): Codec<readonly Attribute[]> {
  const section = table.section ?? SECTION;
  return {
    read: (reader) => {
      if (reader.left === 0) return none;
      let list: Attribute[] = [];
      try {
        // most lists have one: no room for more is made
        list = [readAttribute(reader)];
        while (reader.left > 0) {
          if (list.length === AT_MOST) throw reader.fault("too-many", `more than ${AT_MOST} attributes`);
          list.push(readAttribute(reader));
        }
      } catch (thrown) {
        throw within(thrown, `[${list.length}]`, section);
      }
      return list;
    },
    write: (writer, list, trace) => {
      for (const a of list) writeAttribute(writer, a, table, trace);
    },
  };
}

/** Takes a value apart by `codec` when it has that form. */
export function nestedAs<T>(codec: Codec<T>): NestedValue {
  return (writer, value, trace) => {
    try {
      const reader = new Reader(value);
      const parts = codec.read(reader);
      reader.expectEnd();
      codec.write(writer, parts, trace);
      return true;
    } catch (thrown) {
      if (thrown instanceof Malformed) return false;
      throw thrown;
    }
  };
}

/** All octets up to the end; the description takes them apart by `codec` when they have that form. */
export function takenApart<T>(codec: Codec<T>): Codec<Uint8Array> {
  const nested = nestedAs(codec);
  return {
    read: rest.read,
    write: (writer, data, trace) => {
      if (trace === undefined || !nested(writer, data, trace)) writer.bytes(data);
    },
  };
}

function readAttribute(reader: Reader): Attribute {
  const head = reader.u16();
  if ((head & AF) !== 0) return { type: head & ~AF, value: reader.u16() };
  return { type: head, value: reader.take(reader.u16()) };
}

function writeAttribute(writer: Writer, a: Attribute, table: AttributeTable, trace: Trace | undefined): void {
  if (a.type >= AF) throw new RangeError(`attribute type ${a.type} does not fit 15 bits`);
  trace?.open(nameOf(table.names, a.type), writer.length, valueText(a, table, trace.showKeys));
  if (typeof a.value === "number") {
    writer.u16(AF | a.type);
    writer.u16(a.value);
  } else {
    writer.u16(a.type);
    writer.u16(a.value.length);
    const nested = trace && table.nested?.[a.type];
    if (!(nested && trace && nested(writer, a.value, trace))) writer.bytes(a.value);
  }
  trace?.close();
}

function valueText(a: Attribute, table: AttributeTable, showKeys: boolean): string {
  const registry = table.values?.[a.type];
  if (registry !== undefined) return codeText(registry, numberOf(a));
  if (typeof a.value === "number") return String(a.value);
  if (table.secrets?.includes(a.type)) return secretText(a.value, showKeys);
  if (table.nested?.[a.type] !== undefined) return `${a.value.length} octets`;
  return a.value.length <= 6 ? String(toUint(a.value)) : octetsText(a.value);
}
