/**
 * Formats as tables: the fields of a structure in the order of the RFC's figure. Parser, generator, description and the
 * TypeScript type all come from the one declaration. Types are erased inside a row and nowhere else: `field` and its
 * kin put them back.
 */
import type { Reader } from "../util/reader.ts";
import type { Writer } from "../util/writer.ts";
import type { Codec, Trace, TraceNode } from "./codec.ts";
import { bytes, u16 } from "./codec.ts";
import { compile, type Plan } from "./compiled.ts";
import { within } from "./error.ts";

type Fields = Record<string, unknown>;
type Show<T, Seen> = (value: T, seen: Seen, showKeys: boolean) => string;
/** Names of fields that are numbers, and that are lists. */
type NumberIn<T> = { [K in keyof T]: T[K] extends number ? K : never }[keyof T] & string;
type ListIn<T> = { [K in keyof T]: T[K] extends readonly unknown[] ? K : never }[keyof T] & string;
type Kept<N extends string> = { readonly [K in N]?: number };
type With<V, N extends string, T> = V & { readonly [K in N]: T };

/** What the rows of one structure share while it is written. */
interface Writing {
  readonly writer: Writer;
  readonly trace: Trace | undefined;
  /** The value and what was derived from it. */
  readonly seen: Fields;
  /** Where the structure's own length is to be filled in. */
  length?: { readonly at: number; readonly node: TraceNode | undefined };
}

/** What the rows of one structure share while it is read. */
interface Reading {
  readonly start: number;
  reader: Reader;
  /** Everything read so far. */
  readonly seen: Fields;
  /** What of it belongs to the value. */
  readonly value: Fields;
  /** The present row's part of an error path; empty when it adds none. */
  segment: string;
}

interface Row {
  readonly derives: boolean;
  /** The same for the compiled form. */
  readonly plan: Plan;
  readonly read: (reading: Reading) => void;
  readonly write: (writing: Writing) => void;
}

/**
 * A structure of named fields. `Value` is what it decodes to, `Seen` what later rows can look at: the fields before
 * them and derived ones (sizes, counts).
 */
export class Struct<Value extends object, Seen extends object> implements Codec<Value> {
  readonly #section: string;
  readonly #rows: readonly Row[];
  readonly #derives: boolean;

  constructor(section: string, rows: readonly Row[]) {
    this.#section = section;
    this.#rows = rows;
    this.#derives = rows.some((row) => row.derives);
  }

  /** A field of the value. The codec may depend on what stands before it; `label` is the RFC's name of the field. */
  field<N extends string, T>(
    name: N,
    label: string,
    codec: Codec<T> | ((seen: Seen) => Codec<T>),
    show?: Show<T, Seen>,
  ): Struct<With<Value, N, T>, With<Seen, N, T>> {
    return this.#with(valueRow(name, label, codec, show));
  }

  /** Octets whose number stands in the field `by`. */
  sized<N extends string>(
    name: N,
    label: string,
    by: NumberIn<Seen>,
  ): Struct<With<Value, N, Uint8Array>, With<Seen, N, Uint8Array>> {
    const row = valueRow<Uint8Array, Fields>(name, label, (seen) => bytes(Number(seen[by])), undefined);
    return this.#with({ ...row, plan: { is: "sized", name, by } });
  }

  /** A field that travels as `codec` whatever stands before it, and is described as `choose` says. */
  described<N extends string, T>(
    name: N,
    label: string,
    codec: Codec<T>,
    choose: (seen: Seen) => Codec<T>,
    show?: Show<T, Seen>,
  ): Struct<With<Value, N, T>, With<Seen, N, T>> {
    const row = valueRow(name, label, choose, show);
    return this.#with({ ...row, plan: { is: "field", name, codec: codec as Codec<unknown> } });
  }

  /** Refuses a list before it that is not as long as the field `by`, whose label is given, says. */
  counts(name: ListIn<Value>, by: NumberIn<Seen>, label: string): Struct<Value, Seen> {
    const check = (reader: Reader, count: unknown, values: unknown) => {
      const found = Array.isArray(values) ? values.length : 0;
      if (found !== count) throw reader.fault("bad-value", `${label} is ${count}, but ${found} follow`);
    };
    return this.#with({
      derives: false,
      plan: { is: "counts", name, by, read: check },
      read: ({ reader, seen }) => check(reader, seen[by], seen[name]),
      write: () => undefined,
    });
  }

  /** A field that follows from the rest of the value (a size, a count, a type) and is not kept in it. */
  derived<N extends string, T, Whole extends object>(
    name: N,
    label: string,
    codec: Codec<T>,
    derive: (whole: Whole) => T,
  ): Struct<Value, With<Seen, N, T>> {
    const row = valueRow<T, Seen>(name, label, codec, undefined);
    return this.#with({
      ...row,
      derives: true,
      plan: { is: "derived", name, codec: codec as Codec<unknown>, derive: derive as (whole: object) => unknown },
      read: (reading) => {
        reading.segment = name;
        reading.seen[name] = codec.read(reading.reader);
      },
      write: (writing) => {
        writing.seen[name] = derive(writing.seen as Whole);
        row.write(writing);
      },
    });
  }

  /** Several fields that one codec reads together. */
  merge<T extends object>(codec: Codec<T> | ((seen: Seen) => Codec<T>)): Struct<Value & T, Seen & T> {
    const plan: Plan =
      typeof codec === "function"
        ? { is: "merge", choose: (seen) => codec(seen as Seen) as Codec<unknown> }
        : { is: "include", codec: codec as Codec<unknown> };
    return this.#with({
      derives: false,
      plan,
      read: (reading) => {
        const part = choose(codec, reading.seen).read(reading.reader);
        Object.assign(reading.seen, part);
        Object.assign(reading.value, part);
      },
      write: ({ writer, trace, seen }) => choose(codec, seen).write(writer, seen as T, trace),
    });
  }

  /** A property of the value that has no octets, its `kind`. */
  constant<N extends string, const T extends string>(name: N, value: T): Struct<With<Value, N, T>, With<Seen, N, T>> {
    return this.#with({
      derives: false,
      plan: { is: "constant", name, value },
      read: (reading) => {
        reading.value[name] = value;
      },
      write: () => undefined,
    });
  }

  /** Octets that must be zero. */
  reserved(label: string, count: number): Struct<Value, Seen> {
    const check = (reader: Reader) => {
      const at = reader.offset;
      for (const octet of reader.take(count)) {
        if (octet !== 0) throw reader.fault("reserved", `${label} must be zero`, at);
      }
    };
    return this.#with({
      derives: false,
      plan: { is: "check", read: check, write: (writer) => writer.zeros(count) },
      read: ({ reader }) => check(reader),
      write: ({ writer }) => writer.zeros(count),
    });
  }

  /**
   * Octets that are sent as zero and ignored on receipt (RFC 7296 2.5). Others are kept under `name`, as an integer, so
   * that a structure encodes to the octets that it came in.
   */
  ignored<N extends string>(name: N, label: string, count: 1 | 2 | 3): Struct<Value & Kept<N>, Seen> {
    return this.#with({
      derives: false,
      plan: { is: "ignored", name, count },
      read: (reading) => {
        const kept = reading.reader.uint(count);
        if (kept !== 0) reading.value[name] = kept;
      },
      write: ({ writer, trace, seen }) => {
        const kept = Number(seen[name] ?? 0);
        if (kept !== 0) trace?.open(label, writer.length, String(kept));
        writer.uint(kept, count);
        if (kept !== 0) trace?.close();
      },
    });
  }

  /** A field that has one legal value. */
  fixed(label: string, codec: Codec<number>, value: number): Struct<Value, Seen> {
    const check = (reader: Reader) => {
      const at = reader.offset;
      const found = codec.read(reader);
      if (found !== value) throw reader.fault("bad-value", `${label} must be ${value}, not ${found}`, at);
    };
    return this.#with({
      derives: false,
      plan: { is: "check", read: check, write: (writer) => codec.write(writer, value, undefined) },
      read: ({ reader }) => check(reader),
      write: ({ writer, trace }) => {
        trace?.open(label, writer.length, String(value));
        codec.write(writer, value, trace);
        trace?.close();
      },
    });
  }

  /** The length in octets of this whole structure, in two octets; what follows must use it up. */
  length(label: string): Struct<Value, Seen> {
    return this.#with({
      derives: false,
      plan: { is: "length" },
      read: (reading) => {
        const { reader, start } = reading;
        const at = reader.offset;
        const length = reader.u16();
        const rest = length - (reader.offset - start);
        if (rest < 0) throw reader.fault("bad-length", `${label} of ${length} is too small`, at);
        if (rest > reader.left) {
          throw reader.fault("truncated", `${label} says ${rest} more octets, ${reader.left} are left`, at);
        }
        reading.reader = reader.sub(rest);
      },
      write: (writing) => {
        const { writer, trace } = writing;
        writing.length = { at: writer.length, node: trace?.open(label, writer.length) };
        trace?.close();
        u16.write(writer, 0, undefined);
      },
    });
  }

  /** That of the compiled table, once it is there. */
  read = (reader: Reader): Value => {
    this.#compile();
    return this.read(reader);
  };

  /** That of the compiled table, once it is there. */
  write = (writer: Writer, value: Value, trace: Trace | undefined): void => {
    this.#compile();
    this.write(writer, value, trace);
  };

  /** Made when it is needed for the first time: most structures are steps on the way to others. */
  #compile(): void {
    const walked: Codec<Value> = {
      read: (reader) => this.#walkRead(reader),
      write: (writer, value, trace) => this.#walkWrite(writer, value, trace),
    };
    const plans = this.#rows.map(({ plan }) => plan);
    const { read, write } = compile(plans, walked) ?? walked;
    this.read = read;
    this.write = write;
  }

  #walkRead(outer: Reader): Value {
    const reading: Reading = { start: outer.offset, reader: outer, seen: {}, value: {}, segment: "" };
    for (const row of this.#rows) {
      reading.segment = "";
      try {
        row.read(reading);
      } catch (thrown) {
        throw within(thrown, reading.segment, this.#section);
      }
    }
    if (reading.reader !== outer) {
      try {
        reading.reader.expectEnd();
      } catch (thrown) {
        throw within(thrown, "", this.#section);
      }
    }
    return reading.value as Value;
  }

  #walkWrite(writer: Writer, value: Value, trace: Trace | undefined): void {
    const start = writer.length;
    const fields = value as Fields;
    const writing: Writing = { writer, trace, seen: this.#derives ? { ...fields } : fields };
    for (const row of this.#rows) row.write(writing);
    if (writing.length === undefined) return;
    writer.setU16(writing.length.at, writer.length - start);
    if (writing.length.node !== undefined) writing.length.node.value = String(writer.length - start);
  }

  #with<V extends object, S extends object>(row: Row): Struct<V, S> {
    return new Struct<V, S>(this.#section, [...this.#rows, row]);
  }
}

/** Begins the table of a structure that is laid down in `section`. */
export function struct(section: string): Struct<object, object> {
  return new Struct(section, []);
}

function choose<T, Seen>(codec: Codec<T> | ((seen: Seen) => Codec<T>), seen: Fields): Codec<T> {
  return typeof codec === "function" ? codec(seen as Seen) : codec;
}

function valueRow<T, Seen>(
  name: string,
  label: string,
  codec: Codec<T> | ((seen: Seen) => Codec<T>),
  show: Show<T, Seen> | undefined,
): Row {
  const plan: Plan =
    typeof codec === "function"
      ? { is: "dependent", name, choose: (seen) => codec(seen as Seen) as Codec<unknown> }
      : { is: "field", name, codec: codec as Codec<unknown> };
  return {
    derives: false,
    plan,
    read: (reading) => {
      const chosen = choose(codec, reading.seen);
      reading.segment = chosen.flat ? "" : name;
      const value = chosen.read(reading.reader);
      reading.seen[name] = value;
      reading.value[name] = value;
    },
    write: ({ writer, trace, seen }) => {
      const chosen = choose(codec, seen);
      const value = seen[name] as T;
      if (trace === undefined || chosen.flat) {
        chosen.write(writer, value, trace);
        return;
      }
      const text = show?.(value, seen as Seen, trace.showKeys) ?? chosen.show?.(value, trace.showKeys);
      trace.open(label, writer.length, text);
      chosen.write(writer, value, trace);
      trace.close();
    },
  };
}
