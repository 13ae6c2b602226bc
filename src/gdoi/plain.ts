/** Reads stored records. What is stored was written by this program, so a record of another form is an error. */
import type { Plain } from "../core/engine.ts";

/** One stored object; reading a field that is not there, or is of another type, throws. */
export class Fields {
  readonly #value: { readonly [name: string]: Plain | undefined };
  readonly #where: string;

  /** @throws Error when `value` is no object. */
  constructor(value: Plain | undefined, where: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) {
      throw new Error(`stored record ${where} is not an object`);
    }
    this.#value = value as { readonly [name: string]: Plain | undefined };
    this.#where = where;
  }

  number(name: string): number {
    const value = this.#value[name];
    return typeof value === "number" ? value : this.#wrong(name);
  }

  text(name: string): string {
    const value = this.#value[name];
    return typeof value === "string" ? value : this.#wrong(name);
  }

  flag(name: string): boolean {
    const value = this.#value[name];
    return typeof value === "boolean" ? value : this.#wrong(name);
  }

  octets(name: string): Uint8Array {
    const value = this.#value[name];
    return value instanceof Uint8Array ? value : this.#wrong(name);
  }

  numbers(name: string): number[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) return this.#wrong(name);
    return value.map((entry: Plain) => (typeof entry === "number" ? entry : this.#wrong(name)));
  }

  has(name: string): boolean {
    return this.#value[name] !== undefined;
  }

  /** A nested object. */
  fields(name: string): Fields {
    return new Fields(this.#value[name], `${this.#where}.${name}`);
  }

  /** The objects of a list. */
  list(name: string): Fields[] {
    const value = this.#value[name];
    if (!Array.isArray(value)) return this.#wrong(name);
    return value.map((entry: Plain, i) => new Fields(entry, `${this.#where}.${name}[${i}]`));
  }

  #wrong(name: string): never {
    throw new Error(`stored record ${this.#where} has no usable ${name}`);
  }
}
