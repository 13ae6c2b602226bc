/** Chains of payloads behind generic headers (RFC 2408 3.2). The walker knows no payload: types are looked up. */
import { PayloadType } from "../iana/isakmp.ts";
import type { Reader } from "../util/reader.ts";
import type { Writer } from "../util/writer.ts";
import { type Codec, codeText, type Trace } from "./codec.ts";
import { within } from "./error.ts";

/** One type of payload that a chain may hold. `U` is the union of all of them. */
export interface Entry<U> {
  readonly type: number;
  readonly name: string;
  readonly read: (reader: Reader) => U;
  /** Writes the value when it is one of this entry. */
  readonly write: (writer: Writer, value: U, trace: Trace | undefined) => boolean;
  readonly holds: (value: U) => boolean;
}

/** What becomes of types that have no entry: they are kept as they came. */
export interface Opaque<U> {
  readonly read: (type: number, octets: Uint8Array) => U;
  /** Type and octets of a value that was kept so. */
  readonly open: (value: U) => { readonly type: number; readonly data: Uint8Array } | undefined;
}

/** A payload and where it stood, generic header included. */
export interface Link<U> {
  readonly value: U;
  readonly start: number;
  readonly end: number;
}

/** Makes entries of the union `U` that are told by their `kind`. */
export function ofKind<U extends { readonly kind: string }>() {
  return <K extends U["kind"]>(
    type: number,
    name: string,
    kind: K,
    codec: Codec<Extract<U, { readonly kind: K }>>,
  ): Entry<U> => {
    const holds = (value: U): value is Extract<U, { readonly kind: K }> => value.kind === kind;
    return {
      type,
      name,
      holds,
      read: codec.read,
      write: (writer, value, trace) => {
        if (!holds(value)) return false;
        codec.write(writer, value, trace);
        return true;
      },
    };
  };
}

/** The entry of a chain that has no other. */
export function sole<U>(type: number, name: string, codec: Codec<U>): Entry<U> {
  const { read } = codec;
  const write = (writer: Writer, value: U, trace: Trace | undefined): boolean => {
    codec.write(writer, value, trace);
    return true;
  };
  return { type, name, read, write, holds: () => true };
}

export interface ChainRules<U> {
  readonly entries: readonly Entry<U>[];
  readonly atMost: number;
  /** Without it, a type that has no entry is an error. */
  readonly opaque?: Opaque<U>;
  /** Types that must not stand in this chain although they exist. */
  readonly refused?: readonly number[];
  /** Where it says so. */
  readonly section: string;
}

const GENERIC_HEADER_LENGTH = 4;

export class Chain<U> {
  readonly #rules: ChainRules<U>;
  readonly #entries: ReadonlyMap<number, Entry<U>>;

  constructor(rules: ChainRules<U>) {
    this.#rules = rules;
    this.#entries = new Map(rules.entries.map((entry) => [entry.type, entry]));
  }

  /** Reads payloads from one of type `first` to the one whose Next Payload is 0. @throws Malformed */
  read(reader: Reader, first: number): Link<U>[] {
    const links: Link<U>[] = [];
    const counts = new Map<number, number>();
    let type = first;
    while (type !== 0) {
      const start = reader.offset;
      const entry = this.#entries.get(type);
      const count = counts.get(type) ?? 0;
      counts.set(type, count + 1);
      try {
        if (links.length === this.#rules.atMost) throw reader.fault("too-many", `more than ${links.length} payloads`);
        const { next, body } = genericHeader(reader);
        links.push({ value: this.#body(type, entry, body, start), start, end: reader.offset });
        type = next;
      } catch (thrown) {
        const name = entry?.name ?? `payload${type}`;
        throw within(thrown, count === 0 ? name : `${name}[${count}]`, this.#rules.section);
      }
    }
    return links;
  }

  /** The type of the payload that carries `value`. @throws RangeError when this chain cannot hold it. */
  typeOf(value: U): number {
    const type = this.#rules.entries.find((entry) => entry.holds(value))?.type ?? this.#rules.opaque?.open(value)?.type;
    if (type === undefined) throw new RangeError("no payload of this chain carries the value");
    return type;
  }

  /** The type of the first payload, 0 when there is none. */
  firstType(values: readonly U[]): number {
    const [first] = values;
    return first === undefined ? 0 : this.typeOf(first);
  }

  /** Writes payloads with their generic headers; the last one's Next Payload is `last`. */
  write(writer: Writer, values: readonly U[], last: number, trace: Trace | undefined): void {
    for (const [i, value] of values.entries()) {
      const next = values[i + 1];
      this.writeOne(writer, value, next === undefined ? last : this.typeOf(next), trace);
    }
  }

  /** Writes one payload with its generic header. */
  writeOne(writer: Writer, value: U, next: number, trace: Trace | undefined): void {
    const start = writer.length;
    const type = this.typeOf(value);
    trace?.open(this.#entries.get(type)?.name ?? `payload ${type}`, start);
    trace?.open("Next Payload", start, codeText(PayloadType, next));
    trace?.close();
    const length = trace?.open("Payload Length", start + 2);
    trace?.close();
    writer.u8(next);
    writer.zeros(GENERIC_HEADER_LENGTH - 1);
    if (!this.#rules.entries.some((entry) => entry.holds(value) && entry.write(writer, value, trace))) {
      const data = this.#rules.opaque?.open(value)?.data ?? new Uint8Array();
      trace?.open("Data", writer.length, `${data.length} octets`);
      writer.bytes(data);
      trace?.close();
    }
    writer.setU16(start + 2, writer.length - start);
    if (length !== undefined) length.value = String(writer.length - start);
    trace?.close();
  }

  #body(type: number, entry: Entry<U> | undefined, body: Reader, start: number): U {
    const { opaque, refused } = this.#rules;
    if (entry === undefined && (opaque === undefined || refused?.includes(type))) {
      throw body.fault("unexpected", `payload type ${type} must not stand here`, start);
    }
    const value = entry === undefined ? opaque?.read(type, body.rest()) : entry.read(body);
    if (value === undefined) throw body.fault("unexpected", `payload type ${type} must not stand here`, start);
    body.expectEnd();
    return value;
  }
}

/** The rest of a structure as a chain whose first type is given beside it. */
export function chained<U>(chain: Chain<U>, first: number): Codec<readonly U[]> {
  return {
    flat: true,
    read: (reader) => chain.read(reader, first).map((link) => link.value),
    write: (writer, values, trace) => chain.write(writer, values, 0, trace),
  };
}

/** The rest of a structure as a chain that begins with `type` when there is anything left. */
export function implied<U>(chain: Chain<U>, type: number): Codec<readonly U[]> {
  return {
    ...chained(chain, type),
    read: (reader) => (reader.left <= 0 ? [] : chain.read(reader, type).map((link) => link.value)),
  };
}

/** Next Payload, RESERVED, Payload Length: RFC 2408 3.2. RESERVED must be zero (5.3). */
function genericHeader(reader: Reader): { readonly next: number; readonly body: Reader } {
  const start = reader.offset;
  try {
    const next = reader.u8();
    if (reader.u8() !== 0) throw reader.fault("reserved", "RESERVED must be zero", start + 1);
    const length = reader.u16();
    if (length < GENERIC_HEADER_LENGTH) {
      throw reader.fault("bad-length", `Payload Length of ${length} is less than its header`, start + 2);
    }
    const rest = length - GENERIC_HEADER_LENGTH;
    if (rest > reader.left) {
      throw reader.fault("truncated", `Payload Length says ${rest} more octets, ${reader.left} are left`, start + 2);
    }
    return { next, body: reader.sub(rest) };
  } catch (thrown) {
    throw within(thrown, "", "RFC 2408 3.2");
  }
}
