/** Chains of payloads behind generic headers (RFC 2408 3.2, RFC 7296 3.2). The walker knows no payload: types are looked up. */
import { PayloadType } from "../iana/isakmp.ts";
import type { Registry } from "../iana/names.ts";
import type { Reader } from "../util/reader.ts";
import { misfit, type Writer } from "../util/writer.ts";
import { type Codec, codeText, type Trace, type TraceNode } from "./codec.ts";
import { mode, within } from "./error.ts";

/** One type of payload that a chain may hold. `U` is the union of all of them. */
export interface Entry<U> {
  readonly type: number;
  readonly name: string;
  /** What its values have as `kind`, and how to ask a value; undefined in the one entry of a chain whose values have none. */
  readonly kind: { readonly name: string; readonly of: (value: U) => string } | undefined;
  readonly body: Body<U>;
  /**
   * Of a payload that ends the chain and whose Next Payload says what is inside it (RFC 7296 3.14): that type, of a value
   * of this entry.
   */
  readonly inner?: (value: U) => number | undefined;
}

/**
 * What stands behind a generic header. These are methods, whose parameters may be narrower than said here: an entry is
 * found by the kind of a value, and given no other.
 */
interface Body<U> {
  /** `next` is the Next Payload of the generic header. */
  read(reader: Reader, next: number): U;
  write(writer: Writer, value: U, trace: Trace | undefined): void;
}

/** How the generic header of a chain is laid out: Next Payload, one octet, Payload Length. */
export interface HeaderForm<U> {
  readonly section: string;
  /** Names of the types, for the description. */
  readonly types: Registry;
  /** What the RFC calls the first and the third field. */
  readonly labels: readonly [next: string, length: string];
  /** Adds to the value what the second octet says when it is not 0; undefined when the octet must be 0. */
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

/** Makes entries of the union `U` that are told by their `kind`. */
export function ofKind<U extends { readonly kind: string }>() {
  const of = (value: U): string => value.kind;
  return <K extends U["kind"]>(
    type: number,
    name: string,
    kind: K,
    body: Codec<Extract<U, { readonly kind: K }>>,
  ): Entry<U> => ({ type, name, kind: { name: kind, of }, body });
}

/** The entry of a chain that has no other. */
export function sole<U>(type: number, name: string, body: Codec<U>): Entry<U> {
  return { type, name, kind: undefined, body };
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
/** What fits Payload Length. */
const LONGEST = 0xffff;

export class Chain<U> {
  readonly #rules: ChainRules<U>;
  readonly #form: HeaderForm<U>;
  readonly #byType: readonly (Entry<U> | undefined)[];
  /** The one entry of a chain whose values have no kind. */
  readonly #sole: Entry<U> | undefined;
  readonly #kindOf: (value: U) => string;
  readonly #byKind: ReadonlyMap<string, Entry<U>>;

  constructor(rules: ChainRules<U>) {
    this.#rules = rules;
    this.#form = rules.header ?? isakmpHeader;
    const byType: (Entry<U> | undefined)[] = new Array(256).fill(undefined);
    for (const entry of rules.entries) byType[entry.type] = entry;
    this.#byType = byType;
    this.#byKind = new Map(rules.entries.flatMap((entry) => (entry.kind ? [[entry.kind.name, entry]] : [])));
    const [first] = rules.entries;
    this.#sole = first?.kind === undefined ? first : undefined;
    this.#kindOf = first?.kind?.of ?? (() => "");
  }

  /**
   * Reads payloads from one of type `first` to the one whose Next Payload is 0.
   * @param starts takes the offset at which each begins, generic header included; it ends where the next one begins
   * @throws Malformed
   */
  read(reader: Reader, first: number, starts?: number[]): U[] {
    const { octets, offset: begin, end } = reader;
    const { atMost } = this.#rules;
    const readOctet = this.#form.read;
    const byType = this.#byType;
    const values: U[] = [];
    let type = first;
    let start = begin;
    try {
      while (type !== 0) {
        start = reader.offset;
        if (values.length === atMost) throw reader.fault("too-many", `more than ${atMost} payloads`);
        const next = octets[start] ?? 0;
        const octet = octets[start + 1] ?? 0;
        const length = ((octets[start + 2] ?? 0) << 8) | (octets[start + 3] ?? 0);
        // `start` may be behind `end`
        const fits = length >= GENERIC_HEADER_LENGTH && length <= end - start;
        if (!fits || (octet !== 0 && readOctet === undefined)) throw this.#headerFault(reader);
        reader.offset = start + GENERIC_HEADER_LENGTH;
        reader.end = start + length;
        const entry = byType[type];
        const value = entry === undefined ? this.#readOpaque(reader, type, start) : entry.body.read(reader, next);
        if (reader.offset !== reader.end) reader.expectEnd();
        reader.end = end;
        values.push(octet === 0 || readOctet === undefined ? value : readOctet(octet, value));
        starts?.push(start);
        type = entry?.inner === undefined ? next : 0;
      }
      return values;
    } catch (thrown) {
      throw mode.exact ? within(thrown, this.#nameAt(octets, begin, start, first), this.#rules.section) : thrown;
    }
  }

  /** The type of the payload that carries `value`. @throws RangeError when this chain cannot hold it. */
  typeOf(value: U): number {
    return this.#typeBy(value, this.#entryOf(value));
  }

  /** The type of the first payload, 0 when there is none. */
  firstType(values: readonly U[]): number {
    const [first] = values;
    return first === undefined ? 0 : this.typeOf(first);
  }

  /** Writes payloads with their generic headers; the last one's Next Payload is `last`, unless it says what is inside it. */
  write(writer: Writer, values: readonly U[], last: number, trace: Trace | undefined): void {
    let value = values[0];
    let entry = value === undefined ? undefined : this.#entryOf(value);
    for (let i = 1; value !== undefined; i++) {
      const next = values[i];
      const nextEntry = next === undefined ? undefined : this.#entryOf(next);
      this.#writeBy(writer, value, entry, next === undefined ? last : this.#typeBy(next, nextEntry), trace);
      value = next;
      entry = nextEntry;
    }
  }

  /** Writes one payload with its generic header. */
  writeOne(writer: Writer, value: U, next: number, trace: Trace | undefined): void {
    this.#writeBy(writer, value, this.#entryOf(value), next, trace);
  }

  #entryOf(value: U): Entry<U> | undefined {
    return this.#sole ?? this.#byKind.get(this.#kindOf(value));
  }

  #typeBy(value: U, entry: Entry<U> | undefined): number {
    const type = entry?.type ?? this.#rules.opaque?.open(value)?.type;
    if (type === undefined) throw new RangeError("no payload of this chain carries the value");
    return type;
  }

  #writeBy(writer: Writer, value: U, entry: Entry<U> | undefined, next: number, trace: Trace | undefined): void {
    const form = this.#form;
    const start = writer.length;
    const following = entry?.inner?.(value) ?? next;
    const node = trace && this.#traceHeader(value, entry, following, start, trace);
    writer.reserve(GENERIC_HEADER_LENGTH);
    if (entry === undefined) this.#writeOpaque(writer, value, trace);
    else entry.body.write(writer, value, trace);
    const length = writer.length - start;
    if (length > LONGEST) misfit(length, LONGEST);
    writer.setU32(start, 0x1000000 * following + 0x10000 * (form.write?.(value) ?? 0) + length);
    if (node !== undefined) node.value = String(length);
    trace?.close();
  }

  #writeOpaque(writer: Writer, value: U, trace: Trace | undefined): void {
    const data = this.#rules.opaque?.open(value)?.data;
    if (data === undefined) throw new RangeError("no payload of this chain carries the value");
    trace?.open("Data", writer.length, `${data.length} octets`);
    writer.bytes(data);
    trace?.close();
  }

  /** Opens the node of a payload, and describes its header; the length is filled in later. */
  #traceHeader(value: U, entry: Entry<U> | undefined, next: number, start: number, trace: Trace): TraceNode {
    const form = this.#form;
    const [nextLabel, lengthLabel] = form.labels;
    trace.open(entry?.name ?? `payload ${this.#typeBy(value, entry)}`, start);
    trace.open(nextLabel, start, codeText(form.types, next));
    trace.close();
    form.trace?.(value, trace, start + 1);
    const length = trace.open(lengthLabel, start + 2);
    trace.close();
    return length;
  }

  /** What is wrong with the generic header where `reader` stands. */
  #headerFault(reader: Reader): unknown {
    const { section, labels, read } = this.#form;
    const [, label] = labels;
    const start = reader.offset;
    try {
      reader.pass(GENERIC_HEADER_LENGTH);
      if (read === undefined && reader.octets[start + 1] !== 0) {
        throw reader.fault("reserved", "RESERVED must be zero", start + 1);
      }
      reader.offset = start + 2;
      const length = reader.u16();
      const rest = length - GENERIC_HEADER_LENGTH;
      reader.offset = start + GENERIC_HEADER_LENGTH;
      if (rest < 0) throw reader.fault("bad-length", `${label} of ${length} is less than its header`, start + 2);
      throw reader.fault("truncated", `${label} says ${rest} more octets, ${reader.left} are left`, start + 2);
    } catch (thrown) {
      return within(thrown, "", section);
    }
  }

  /** The name of the payload that stands at `start` of a chain from `begin` on, with the number of its like before it. */
  #nameAt(octets: Uint8Array, begin: number, start: number, first: number): string {
    let type = first;
    const before = new Map<number, number>();
    for (let at = begin; at < start; at += ((octets[at + 2] ?? 0) << 8) | (octets[at + 3] ?? 0)) {
      before.set(type, (before.get(type) ?? 0) + 1);
      type = octets[at] ?? 0;
    }
    const name = this.#byType[type]?.name ?? `payload${type}`;
    const count = before.get(type);
    return count === undefined ? name : `${name}[${count}]`;
  }

  #readOpaque(reader: Reader, type: number, start: number): U {
    const { opaque, refused } = this.#rules;
    if (opaque === undefined || refused?.includes(type)) {
      throw reader.fault("unexpected", `payload type ${type} must not stand here`, start);
    }
    return opaque.read(type, reader.rest());
  }
}

/** The rest of a structure as a chain whose first type is given beside it. */
export function chained<U>(chain: Chain<U>, first: number): Codec<readonly U[]> {
  return {
    flat: true,
    read: (reader) => chain.read(reader, first),
    write: (writer, values, trace) => chain.write(writer, values, 0, trace),
  };
}

/** The rest of a structure as a chain that begins with `type` when there is anything left. */
export function implied<U>(chain: Chain<U>, type: number): Codec<readonly U[]> {
  return {
    ...chained(chain, type),
    read: (reader) => (reader.left <= 0 ? [] : chain.read(reader, type)),
  };
}
