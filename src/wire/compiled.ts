/**
 * A table of fields as two functions of its own: JavaScript is made of the table once, and then reads and writes as fast as
 * if it had been written by hand. It does what walking the table does, but says of a failure no more than that there is
 * one, and describes nothing: for both the table is walked. Nothing but tables of this folder goes into the source.
 */
import type { Reader } from "../util/reader.ts";
import { misfit, type Writer } from "../util/writer.ts";
import type { Codec } from "./codec.ts";
import { mode } from "./error.ts";

type Any = Codec<unknown>;

/** What a row of a table does. */
export type Plan =
  | { readonly is: "field"; readonly name: string; readonly codec: Any }
  | { readonly is: "sized"; readonly name: string; readonly by: string }
  | { readonly is: "dependent"; readonly name: string; readonly choose: (seen: object) => Any }
  | { readonly is: "derived"; readonly name: string; readonly codec: Any; readonly derive: (whole: object) => unknown }
  | { readonly is: "merge"; readonly choose: (seen: object) => Any }
  | { readonly is: "include"; readonly codec: Any }
  | { readonly is: "constant"; readonly name: string; readonly value: string }
  | { readonly is: "check"; readonly read: (reader: Reader) => void; readonly write: (writer: Writer) => void }
  | { readonly is: "counts"; readonly name: string; readonly by: string; readonly read: Counter }
  | { readonly is: "ignored"; readonly name: string; readonly count: number }
  | { readonly is: "length" };

type Counter = (reader: Reader, count: number, values: readonly unknown[]) => void;

/** So many octets in the middle of others: how they are read into a local, and written. */
interface Piece {
  readonly octets: number;
  readonly read: (at: string) => string;
  readonly write: (into: string, at: string) => string;
}

function integer(octets: number, local: string, value: string): Piece {
  const shifts = Array.from({ length: octets }, (_, i) => [i, 8 * (octets - 1 - i)] as const);
  const most = 2 ** (8 * octets) - 1;
  // an integer of JavaScript that has a bit 31 is negative
  const unsigned = octets === 4 ? ">>> 0" : `& ${most}`;
  const check = `if ((${local} ${unsigned}) !== ${local}) misfit(${local}, ${most});`;
  const sum = (at: string) => shifts.map(([i, shift]) => `(o[${at} + ${i}] << ${shift})`).join(" | ");
  const parts = (into: string, at: string) =>
    shifts.map(([i, shift]) => `${into}[${at} + ${i}] = ${local} >>> ${shift};`);
  return {
    octets,
    read: (at) => `const ${local} = ${octets === 4 ? `(${sum(at)}) >>> 0` : sum(at)};`,
    write: (into, at) => [`const ${local} = ${value};`, check, ...parts(into, at)].join(" "),
  };
}

/** `refuse` throws, for octets of another length. */
function octetString(octets: number, local: string, value: string, refuse: string): Piece {
  return {
    octets,
    read: (at) => `const ${local} = r.view(${at}, ${octets});`,
    write: (into, at) => `if (${value}.length !== ${octets}) ${refuse}; ${into}.set(${value}, ${at});`,
  };
}

/** The source of one structure while it is being made. */
class Source {
  readonly reads: string[] = [];
  readonly writes: string[] = [];
  /** Done when the value is there. */
  readonly after: string[] = [];
  /** What stands in the value. */
  readonly #value: { readonly name: string; readonly local: string }[] = [];
  /** Objects whose properties stand in it too, and are not known before. */
  readonly #merged: string[] = [];
  /** Of a length known before, one after the other: there is one check of the bounds for all of them. */
  #run: Piece[] = [];
  /** Names of what dependent rows can look at. */
  readonly #seenRead: string[] = [];
  readonly #seenWrite: string[] = [];
  #derives = false;

  piece(piece: Piece): void {
    this.#run.push(piece);
  }

  read(line: string): void {
    this.flush();
    this.reads.push(line);
  }

  write(line: string): void {
    this.flush();
    this.writes.push(line);
  }

  flush(): void {
    const run = this.#run;
    if (run.length === 0) return;
    this.#run = [];
    const all = run.reduce((sum, { octets }) => sum + octets, 0);
    const at = `a${this.reads.length}`;
    const into = `o${this.reads.length}`;
    this.reads.push(`const ${at} = r.offset; if (r.end - ${at} < ${all}) r.pass(${all}); r.offset = ${at} + ${all};`);
    this.writes.push(`const ${at} = w.reserve(${all}), ${into} = w.octets;`);
    let offset = 0;
    for (const { octets, read, write } of run) {
      this.reads.push(read(`${at} + ${offset}`));
      this.writes.push(write(into, `${at} + ${offset}`));
      offset += octets;
    }
  }

  /** A property of the value that has been read into `local`. */
  property(name: string, local: string): void {
    this.#value.push({ name, local });
    this.#see(name, local, `v.${name}`);
  }

  derived(name: string, local: string): void {
    this.#derives = true;
    this.#see(name, local, local);
  }

  constant(name: string, value: string): void {
    this.#value.push({ name, local: JSON.stringify(value) });
  }

  /** An object that has been read into `local`: its properties are the value's. */
  merged(local: string, properties: readonly string[] | undefined): void {
    if (properties === undefined) {
      this.#merged.push(local);
      this.#seenRead.push(`...${local}`);
    } else for (const name of properties) this.property(name, `${local}.${name}`);
  }

  #see(name: string, read: string, write: string): void {
    this.#seenRead.push(`${name}: ${read}`);
    this.#seenWrite.push(`${name}: ${write}`);
  }

  get seenRead(): string {
    return `{ ${this.#seenRead.join(", ")} }`;
  }

  get seenWrite(): string {
    if (!this.#derives) return "v";
    const seen = this.#merged.length > 0 ? ["...v", ...this.#seenWrite] : this.#seenWrite;
    return `{ ${seen.join(", ")} }`;
  }

  /** Makes the value. What was read to be merged was made for nobody else: all else is put into it. */
  get value(): string[] {
    const [whole, ...others] = this.#merged;
    if (whole === undefined) {
      return [`const value = { ${this.#value.map(({ name, local }) => `${name}: ${local}`).join(", ")} };`];
    }
    return [
      `const value = ${whole};`,
      ...others.map((other) => `Object.assign(value, ${other});`),
      ...this.#value.map(({ name, local }) => `value.${name} = ${local};`),
    ];
  }
}

/** A field or a derived value that `codec`, which is called `name` in the source, carries. */
function addCodec(source: Source, codec: Any, name: string, local: string, value: string): void {
  if (codec.width !== undefined) source.piece(integer(codec.width, local, value));
  else if (typeof codec.extent === "number") {
    source.piece(octetString(codec.extent, local, value, `${name}.write(w, ${value}, undefined)`));
  } else if (codec.extent === "rest") {
    source.read(`const ${local} = r.rest();`);
    source.write(`w.bytes(${value});`);
  } else {
    source.read(`const ${local} = ${name}.read(r);`);
    source.write(`${name}.write(w, ${value}, undefined);`);
  }
}

/** The local that a row has its value in, `x_NAME`, so that later rows find it. */
function addPlan(source: Source, plan: Plan, i: number): void {
  const part = `p${i}`;
  const local = "name" in plan ? `x_${plan.name}` : `x${i}`;
  switch (plan.is) {
    case "field":
      addCodec(source, plan.codec, `${part}.codec`, local, `v.${plan.name}`);
      source.property(plan.name, local);
      return;
    case "sized":
      source.read(`const ${local} = r.take(x_${plan.by});`);
      source.write(`if (v.${plan.name}.length !== x_${plan.by}) misfit(v.${plan.name}.length, x_${plan.by});`);
      source.write(`w.bytes(v.${plan.name});`);
      source.property(plan.name, local);
      return;
    case "dependent":
      source.read(`const ${local} = ${part}.choose(${source.seenRead}).read(r);`);
      source.write(`${part}.choose(${source.seenWrite}).write(w, v.${plan.name}, undefined);`);
      source.property(plan.name, local);
      return;
    case "derived":
      if (plan.codec.width !== undefined) source.piece(integer(plan.codec.width, local, `${part}.derive(v)`));
      else {
        source.read(`const ${local} = ${part}.codec.read(r);`);
        source.write(`const ${local} = ${part}.derive(v); ${part}.codec.write(w, ${local}, undefined);`);
      }
      source.derived(plan.name, local);
      return;
    case "merge":
      source.read(`const ${local} = ${part}.choose(${source.seenRead}).read(r);`);
      source.write(`${part}.choose(${source.seenWrite}).write(w, v, undefined);`);
      source.merged(local, undefined);
      return;
    case "include":
      source.read(`const ${local} = ${part}.codec.read(r);`);
      source.write(`${part}.codec.write(w, v, undefined);`);
      source.merged(local, plan.codec.properties);
      return;
    case "constant":
      source.constant(plan.name, plan.value);
      return;
    case "check":
      source.read(`${part}.read(r);`);
      source.write(`${part}.write(w);`);
      return;
    case "counts":
      source.read(`if (x_${plan.name}.length !== x_${plan.by}) ${part}.read(r, x_${plan.by}, x_${plan.name});`);
      return;
    case "ignored":
      source.piece(integer(plan.count, local, `v.${plan.name} ?? 0`));
      source.after.push(`if (${local} !== 0) value.${plan.name} = ${local};`);
      return;
    case "length":
      source.piece(integer(2, local, "0"));
      source.read(`const outer = r.end; r.end = start + ${local};`);
      source.read('if (r.end < r.offset || r.end > outer) throw r.fault("truncated", "");');
      source.write("const lengthAt = w.length - 2;");
      source.after.push("if (r.offset !== r.end) r.expectEnd();", "r.end = outer;");
      return;
  }
}

/**
 * The functions of a table, which do what `walked` does; undefined where no code may be made of text
 * (`--disallow-code-generation-from-strings`).
 */
export function compile<T>(plans: readonly Plan[], walked: Codec<T>): Codec<T> | undefined {
  const source = new Source();
  plans.forEach((plan, i) => {
    addPlan(source, plan, i);
  });
  source.flush();
  const counted = plans.some(({ is }) => is === "length");
  const text = `"use strict";
    const [${plans.map((_, i) => `p${i}`).join(", ")}] = plans;
    return {
      read(r) {
        if (mode.exact) return walked.read(r);
        const o = r.octets;
        ${counted ? "const start = r.offset;" : ""}
        ${source.reads.join("\n        ")}
        ${[...source.value, ...source.after].join("\n        ")}
        return value;
      },
      write(w, v, trace) {
        if (trace !== undefined) {
          walked.write(w, v, trace);
          return;
        }
        ${counted ? "const start = w.length;" : ""}
        ${source.writes.join("\n        ")}
        ${counted ? "w.setU16(lengthAt, w.length - start);" : ""}
      },
    };`;
  try {
    return new Function("plans", "walked", "mode", "misfit", text)(plans, walked, mode, misfit);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
