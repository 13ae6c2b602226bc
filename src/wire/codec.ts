/** A codec says once how a value travels: it reads it, writes it, and names it for people. */
import { knownName, type Registry } from "../iana/names.ts";
import { hex } from "../util/octets.ts";
import type { Reader } from "../util/reader.ts";
import type { Writer } from "../util/writer.ts";
import { within } from "./error.ts";

/** One node of a description while it is being made. */
export interface TraceNode {
  value?: string;
}

/** Follows a writer and notes what stands at which offset. */
export interface Trace {
  /** Whether secret octets are spelled out. */
  readonly showKeys: boolean;
  /** Begins a node at `offset` of what is written; what follows up to `close` are its children. */
  open(name: string, offset: number, value?: string): TraceNode;
  close(): void;
}

export interface Codec<T> {
  /** @throws Malformed */
  readonly read: (reader: Reader) => T;
  /** @throws RangeError for a value that the format cannot carry. */
  readonly write: (writer: Writer, value: T, trace: Trace | undefined) => void;
  /** The value in words; absent where its parts are described instead. */
  readonly show?: (value: T, showKeys: boolean) => string;
  /** Its parts stand in the description and in error paths as if they were those of the enclosing structure. */
  readonly flat?: true;
  /** Octets of an integer that is read and written as such, big-endian. */
  readonly width?: 1 | 2 | 4;
  /** Octets of an octet string that is read and written as such; "rest" for all that are left. */
  readonly extent?: number | "rest";
  /** The properties of the object that is read, where they are always the same. */
  readonly properties?: readonly string[];
}

/** One octet. */
export const u8: Codec<number> = { read: (r) => r.u8(), write: (w, v) => w.u8(v), show: String, width: 1 };
/** Two octets, big-endian. */
export const u16: Codec<number> = { read: (r) => r.u16(), write: (w, v) => w.u16(v), show: String, width: 2 };
/** Four octets, big-endian. */
export const u32: Codec<number> = { read: (r) => r.u32(), write: (w, v) => w.u32(v), show: String, width: 4 };

/** An integer whose values have names. */
export function named(codec: Codec<number>, registry: Registry): Codec<number> {
  return { ...codec, show: (code) => codeText(registry, code) };
}

/** `AES (3)`, or the number alone when it has no name. */
export function codeText(registry: Registry, code: number): string {
  const name = knownName(registry, code);
  return name === undefined ? String(code) : `${name} (${code})`;
}

/** `SIT_SECRECY | SIT_INTEGRITY (6)`: the names of the bits that are set, or the number alone when none has a name. */
export function bitsText(registry: Registry, bits: number): string {
  const names = Object.entries(registry).filter(([, bit]) => (bits & bit) !== 0);
  return names.length === 0 ? String(bits) : `${names.map(([name]) => name).join(" | ")} (${bits})`;
}

const ofLength = new Map<number, Codec<Uint8Array>>();

/** Exactly `length` octets. */
export function bytes(length: number): Codec<Uint8Array> {
  const known = ofLength.get(length);
  if (known !== undefined) return known;
  const codec = exactly(length);
  // SPIs and the like: a peer cannot make this grow
  if (length <= LENGTHS_KEPT) ofLength.set(length, codec);
  return codec;
}

const LENGTHS_KEPT = 64;

function exactly(length: number): Codec<Uint8Array> {
  return {
    read: (r) => r.take(length),
    write: (w, v) => {
      if (v.length !== length) throw new RangeError(`${length} octets expected, not ${v.length}`);
      w.bytes(v);
    },
    show: octetsText,
    extent: length,
  };
}

/** All octets up to the end of the enclosing structure. */
export const rest: Codec<Uint8Array> = {
  read: (r) => r.rest(),
  write: (w, v) => w.bytes(v),
  show: octetsText,
  extent: "rest",
};

/** Octets behind their number in one octet. */
export const short: Codec<Uint8Array> = {
  read: (r) => r.take(r.u8()),
  write: (w, v) => {
    w.u8(v.length);
    w.bytes(v);
  },
  show: octetsText,
};

/** The same octets as key material: described by their number unless keys are asked for. */
export function secret(codec: Codec<Uint8Array>): Codec<Uint8Array> {
  return { ...codec, show: secretText };
}

/** `N octets`, spelled out only when keys are asked for. */
export function secretText(octets: Uint8Array, showKeys: boolean): string {
  return showKeys ? hex(octets) : `${octets.length} octets`;
}

/** Hexadecimal; of a long octet string its length and beginning. */
export function octetsText(octets: Uint8Array): string {
  if (octets.length === 0) return "(empty)";
  if (octets.length <= 64) return hex(octets);
  return `${octets.length} octets: ${hex(octets.subarray(0, 32))}…`;
}

/** Octets of printable ASCII as text, undefined when there is anything else among them. */
export function printable(octets: Uint8Array): string | undefined {
  return octets.every((octet) => octet >= 0x20 && octet < 0x7f) ? String.fromCharCode(...octets) : undefined;
}

/**
 * Elements up to the end of the enclosing structure, or exactly `count` of them.
 * @param title names an element in the description.
 */
export function list<T>(
  element: Codec<T>,
  limits: { readonly atMost: number; readonly atLeastOctets: number; readonly count?: number },
  title: (value: T) => string,
): Codec<readonly T[]> {
  const { atMost, atLeastOctets, count } = limits;
  return {
    read: (reader) => {
      if (count !== undefined && (count > atMost || count * atLeastOctets > reader.left)) {
        throw reader.fault("too-many", `${count} elements cannot stand in ${reader.left} octets`);
      }
      const values: T[] = [];
      try {
        while (count === undefined ? reader.left > 0 : values.length < count) {
          if (values.length === atMost) throw reader.fault("too-many", `more than ${atMost} elements`);
          values.push(element.read(reader));
        }
      } catch (thrown) {
        throw within(thrown, `[${values.length}]`, "");
      }
      return values;
    },
    write: (writer, values, trace) => {
      for (const value of values) {
        trace?.open(title(value), writer.length, element.show?.(value, trace.showKeys));
        element.write(writer, value, trace);
        trace?.close();
      }
    },
  };
}

/** The codec that `make` makes for each value of an octet, made once. */
export function byOctet<T>(make: (octet: number) => Codec<T>): (octet: number) => Codec<T> {
  const made: (Codec<T> | undefined)[] = new Array(256).fill(undefined);
  return (octet) => {
    const known = made[octet] ?? make(octet);
    made[octet] = known;
    return known;
  };
}

/** The same octets as another value. */
export function mapped<A, B>(codec: Codec<A>, to: (a: A) => B, from: (b: B) => A): Codec<B> {
  const { show } = codec;
  return {
    read: (reader) => to(codec.read(reader)),
    write: (writer, value, trace) => codec.write(writer, from(value), trace),
    ...(show === undefined ? {} : { show: (value: B, showKeys: boolean) => show(from(value), showKeys) }),
    ...(codec.flat === undefined ? {} : { flat: codec.flat }),
  };
}
