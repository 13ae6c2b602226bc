/** Chains of payloads behind generic headers (RFC 2408 3.2, RFC 7296 3.2). The walker knows no payload: types are looked up. */
import { PayloadType } from "../iana/isakmp.ts";
import type { Registry } from "../iana/names.ts";
import type { Reader } from "../util/reader.ts";
import type { Writer } from "../util/writer.ts";
import { type Codec, codeText, type Trace } from "./codec.ts";
import { within } from "./error.ts";

/** One type of payload that a chain may hold. `U` is the union of all of them. */
export interface Entry<U> {
  readonly type: number;
  readonly name: string;
  /** `next` is the Next Payload of its generic header. */
  readonly read: (reader: Reader, next: number) => U;
  /** Writes the value when it is one of this entry. */
  readonly write: (writer: Writer, value: U, trace: Trace | undefined) => boolean;
  readonly holds: (value: U) => boolean;
  /**
   * Of a payload that ends the chain and whose Next Payload says what is inside it (RFC 7296 3.14): that type, when the
   * value is one of this entry.
   */
  readonly inner?: (value: U) => number | undefined;
}

/** How the generic header of a chain is laid out: Next Payload, one octet, Payload Length. */
export interface HeaderForm<U> {
  readonly section: string;
  /** Names of the types, for the description. */
  readonly types: Registry;
  /** What the RFC calls the first and the third field. */
  readonly labels: readonly [next: string, length: string];
  /** Adds to the value what the second octet says, when that is not 0; undefined when the octet must be 0. */
  readonly read?: (octet: number, value: U) => U;
  /** The second octet of a value. */
  readonly write?: (value: U) => number;
  /** Names what is in the second octet. */
  readonly trace?: (value: U, trace: Trace, offset: number) => void;
}

/** RFC 2408 3.2: RESERVED must be zero (5.3). */
const isakmpHeader = {
  section: "RFC 2408 3.2",
  types: PayloadType,
  labels: ["Next Payload", "Payload Length"],
} as const;

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
  /** That of ISAKMP when it is not given. */
  readonly header?: HeaderForm<U>;
}

const GENERIC_HEADER_LENGTH = 4;

export class Chain<U> {
  readonly #rules: ChainRules<U>;
  readonly #entries: ReadonlyMap<number, Entry<U>>;
  readonly #form: HeaderForm<U>;

  constructor(rules: ChainRules<U>) {
    this.#rules = rules;
    this.#form = rules.header ?? isakmpHeader;
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
        const { next, octet, body } = genericHeader(reader, this.#form);
        const value = this.#body(type, entry, body, start, next);
        links.push({ value: this.#form.read?.(octet, value) ?? value, start, end: reader.offset });
        type = entry?.inner === undefined ? next : 0;
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

  /** Writes payloads with their generic headers; the last one's Next Payload is `last`, unless it says what is inside it. */
  write(writer: Writer, values: readonly U[], last: number, trace: Trace | undefined): void {
    for (const [i, value] of values.entries()) {
      const next = values[i + 1];
      this.writeOne(writer, value, next === undefined ? last : this.typeOf(next), trace);
    }
  }

  /** Writes one payload with its generic header. */
  writeOne(writer: Writer, value: U, next: number, trace: Trace | undefined): void {
    const start = writer.length;
    const form = this.#form;
    const [nextLabel, lengthLabel] = form.labels;
    const type = this.typeOf(value);
    const entry = this.#entries.get(type);
    const following = entry?.inner?.(value) ?? next;
    trace?.open(entry?.name ?? `payload ${type}`, start);
    trace?.open(nextLabel, start, codeText(form.types, following));
    trace?.close();
    if (trace !== undefined) form.trace?.(value, trace, start + 1);
    const length = trace?.open(lengthLabel, start + 2);
    trace?.close();
    writer.u8(following);
    writer.u8(form.write?.(value) ?? 0);
    writer.u16(0);
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

  #body(type: number, entry: Entry<U> | undefined, body: Reader, start: number, next: number): U {
    const { opaque, refused } = this.#rules;
    if (entry === undefined && (opaque === undefined || refused?.includes(type))) {
      throw body.fault("unexpected", `payload type ${type} must not stand here`, start);
    }
    const value = entry === undefined ? opaque?.read(type, body.rest()) : entry.read(body, next);
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

/** Refuses a list that is not as long as the field before it, named by `label`, says. */
export function counted<T>(codec: Codec<readonly T[]>, count: number, label: string): Codec<readonly T[]> {
  return {
    ...codec,
    read: (reader) => {
      const at = reader.offset;
      const values = codec.read(reader);
      if (values.length === count) return values;
      throw reader.fault("bad-value", `${label} is ${count}, but ${values.length} follow`, at);
    },
  };
}

interface GenericHeader {
  readonly next: number;
  readonly octet: number;
  readonly body: Reader;
}

function genericHeader<U>(reader: Reader, form: HeaderForm<U>): GenericHeader {
  const start = reader.offset;
  const [, label] = form.labels;
  try {
    const next = reader.u8();
    const octet = reader.u8();
    if (octet !== 0 && form.read === undefined) throw reader.fault("reserved", "RESERVED must be zero", start + 1);
    const length = reader.u16();
    if (length < GENERIC_HEADER_LENGTH) {
      throw reader.fault("bad-length", `${label} of ${length} is less than its header`, start + 2);
    }
    const rest = length - GENERIC_HEADER_LENGTH;
    if (rest > reader.left) {
      throw reader.fault("truncated", `${label} says ${rest} more octets, ${reader.left} are left`, start + 2);
    }
    return { next, octet, body: reader.sub(rest) };
  } catch (thrown) {
    throw within(thrown, "", form.section);
  }
}
