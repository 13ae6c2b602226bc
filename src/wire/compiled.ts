/**
 * A table of fields as two functions of its own: JavaScript is made of the table once, and then reads and writes as fast as
 * if it had been written by hand. It does what walking the table does, but says of a failure no more than that there is
 * one, and describes nothing: for both the table is walked. Nothing but tables of this folder goes into the source.
 */
import type { Reader } from "../util/reader.ts";
import { misfit, type Writer } from "../util/writer.ts";
import type { Codec } from "./codec.ts";

type Any = Codec<unknown>;

/** What a row of a table does. */
export type Plan =
  | { readonly is: "field"; readonly name: string; readonly codec: Any }
  | { readonly is: "sized"; readonly name: string; readonly by: string }
  | { readonly is: "dependent"; readonly name: string; readonly choose: (seen: object) => Any }
  | { readonly is: "derived"; readonly name: string; readonly codec: Any; readonly derive: (whole: object) => unknown }
  | { readonly is: "merge"; readonly choose: (seen: object) => Any }
  | { readonly is: "constant"; readonly name: string; readonly value: string }
  | { readonly is: "check"; readonly read: (reader: Reader) => void; readonly write: (writer: Writer) => void }
  | { readonly is: "counts"; readonly name: string; readonly by: string; readonly read: Counter }
  | { readonly is: "ignored"; readonly name: string; readonly count: number }
  | { readonly is: "length"; readonly read: (reader: Reader, start: number) => number };

type Counter = (reader: Reader, count: number, values: readonly unknown[]) => void;

/** A structure as functions. @throws Malformed and RangeError, as the table does, but without path and section. */
export interface Compiled {
  readonly read: (reader: Reader) => object;
  readonly write: (writer: Writer, value: object) => void;
}

/** An integer of so many octets: where it is kept when read, and what is written. */
interface Integer {
  readonly octets: number;
  readonly local: string;
  readonly value: string;
}

/** The source of one structure while it is being made. */
class Source {
  readonly reads: string[] = ["const start = r.offset;"];
  readonly writes: string[] = ["const start = w.length;"];
  /** What stands in the value: properties of an object literal. */
  readonly value: string[] = [];
  /** Done when the value is there. */
  readonly after: string[] = [];
  /** Integers one after the other, for which there is one check of the bounds. */
  #run: Integer[] = [];
  /** Names of what dependent rows can look at. */
  readonly #seenRead: string[] = [];
  readonly #seenWrite: string[] = [];
  #spread = false;
  #derives = false;

  integer(octets: number, local: string, value: string): void {
    this.#run.push({ octets, local, value });
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
    this.reads.push(`const ${at} = r.pass(${all});`);
    this.writes.push(`const ${at} = w.reserve(${all}), ${into} = w.octets;`);
    let offset = 0;
    for (const { octets, local, value } of run) {
      const places = Array.from({ length: octets }, (_, i) => ({
        at: `${at} + ${offset + i}`,
        shift: 8 * (octets - 1 - i),
      }));
      this.reads.push(`const ${local} = (${places.map((p) => `(o[${p.at}] << ${p.shift})`).join(" | ")}) >>> 0;`);
      const most = 2 ** (8 * octets) - 1;
      const fits = octets === 4 ? `${local} >>> 0` : `${local} & ${most}`;
      this.writes.push(`const ${local} = ${value}; if ((${fits}) !== ${local}) misfit(${local}, ${most});`);
      this.writes.push(...places.map((p) => `${into}[${p.at}] = ${local} >>> ${p.shift};`));
      offset += octets;
    }
  }

  /** A property of the value that has been read into `local`. */
  property(name: string, local: string): void {
    this.value.push(`${name}: ${local}`);
    this.#see(name, local, `v.${name}`);
  }

  derived(name: string, local: string): void {
    this.#derives = true;
    this.#see(name, local, local);
  }

  merged(local: string): void {
    this.#spread = true;
    this.value.push(`...${local}`);
    this.#seenRead.push(`...${local}`);
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
    return this.#spread ? `{ ...v, ${this.#seenWrite.join(", ")} }` : `{ ${this.#seenWrite.join(", ")} }`;
  }
}

/** The local that a row has its value in, `x_NAME`, so that later rows find it. */
function addPlan(source: Source, plan: Plan, i: number): void {
  const part = `p${i}`;
  const local = "name" in plan ? `x_${plan.name}` : `x${i}`;
  switch (plan.is) {
    case "field":
      if (plan.codec.width !== undefined) source.integer(plan.codec.width, local, `v.${plan.name}`);
      else {
        source.read(`const ${local} = ${part}.codec.read(r);`);
        source.write(`${part}.codec.write(w, v.${plan.name}, undefined);`);
      }
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
      if (plan.codec.width !== undefined) source.integer(plan.codec.width, local, `${part}.derive(v)`);
      else {
        source.read(`const ${local} = ${part}.codec.read(r);`);
        source.write(`const ${local} = ${part}.derive(v); ${part}.codec.write(w, ${local}, undefined);`);
      }
      source.derived(plan.name, local);
      return;
    case "merge":
      source.read(`const ${local} = ${part}.choose(${source.seenRead}).read(r);`);
      source.write(`${part}.choose(${source.seenWrite}).write(w, v, undefined);`);
      source.merged(local);
      return;
    case "constant":
      source.value.push(`${plan.name}: ${JSON.stringify(plan.value)}`);
      return;
    case "check":
      source.read(`${part}.read(r);`);
      source.write(`${part}.write(w);`);
      return;
    case "counts":
      source.read(`${part}.read(r, x_${plan.by}, x_${plan.name});`);
      return;
    case "ignored":
      source.integer(plan.count, local, `v.${plan.name} ?? 0`);
      source.after.push(`if (${local} !== 0) value.${plan.name} = ${local};`);
      return;
    case "length":
      source.read(`const end = ${part}.read(r, start);`);
      source.write("const lengthAt = w.length; w.u16(0);");
      source.after.push("r.expectEnd(); r.release(end);");
      return;
  }
}

/** The functions of a table; undefined where no code may be made of text (`--disallow-code-generation-from-strings`). */
export function compile(plans: readonly Plan[]): Compiled | undefined {
  const source = new Source();
  plans.forEach((plan, i) => {
    addPlan(source, plan, i);
  });
  source.flush();
  if (plans.some(({ is }) => is === "length")) source.writes.push("w.setU16(lengthAt, w.length - start);");
  const parts = plans.map((_, i) => `p${i}`).join(", ");
  const text = `"use strict";
    const [${parts}] = plans;
    return {
      read(r) {
        const o = r.octets;
        ${source.reads.join("\n        ")}
        const value = { ${source.value.join(", ")} };
        ${source.after.join("\n        ")}
        return value;
      },
      write(w, v) {
        ${source.writes.join("\n        ")}
      },
    };`;
  try {
    return new Function("plans", "misfit", text)(plans, misfit);
  } catch (error) {
    if (error instanceof EvalError) return undefined;
    throw error;
  }
}
