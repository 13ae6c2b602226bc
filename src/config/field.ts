/** The pieces that the schema is built of: values with an expectation in words, sections, and checks across them. */
import * as z from "zod";
import type { Path } from "./document.ts";
import { didYouMean } from "./suggest.ts";

/** Thrown while a value is read: what is wrong with it, and what to do. */
export class Wrong extends Error {
  /** What would have been right, when it is more than the field says. */
  readonly expected: string | undefined;
  constructor(message: string, expected?: string) {
    super(message);
    this.expected = expected;
  }
}

/** A value of one kind. `expected` says in words what is right; `read` gives the typed value or throws Wrong. */
export function field<T>(expected: string, read: (input: unknown) => T): z.ZodType<T> {
  return z.unknown().transform((input, context): T => {
    const refuse = (message: string, wanted = expected): never => {
      context.addIssue({ code: "custom", message, params: { expected: wanted } });
      return z.NEVER;
    };
    if (input === undefined) return refuse("is missing");
    if (input === null) return refuse("has no value");
    try {
      return read(input);
    } catch (error) {
      if (error instanceof Wrong) return refuse(error.message, error.expected);
      throw error;
    }
  });
}

/** A value as it is shown in a message: short, on one line. */
export function shown(input: unknown): string {
  if (Array.isArray(input)) return "a list";
  if (typeof input === "object" && input !== null) return "a section";
  const text = typeof input === "string" ? JSON.stringify(input) : String(input);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

/** The text of a scalar: numbers too, since `1h` and `60` look alike to people. @throws Wrong */
export function textOf(input: unknown): string {
  if (typeof input === "string" && input !== "") return input;
  if (typeof input === "number") return String(input);
  throw new Wrong(input === "" ? "is empty" : `${shown(input)} is no text`);
}

/** Any text that is not empty. */
export function text(expected: string): z.ZodType<string> {
  return field(expected, textOf);
}

/** One of a few words. */
export function choice<const Word extends string>(...words: readonly Word[]): z.ZodType<Word> {
  return field(oneOf(words), (input) => chosen(input, words));
}

/** @throws Wrong unless `input` is one of `words`. */
export function chosen<Word extends string>(input: unknown, words: readonly Word[]): Word {
  const word = words.find((one) => one === input);
  if (word !== undefined) return word;
  const guess = typeof input === "string" ? didYouMean(input, words) : "";
  throw new Wrong(`${shown(input)} is none of the words known here${guess}`);
}

/** `a, b or c`. */
export function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** true or false. */
export function flag(): z.ZodType<boolean> {
  return field("true or false", (input) => {
    if (typeof input !== "boolean") throw new Wrong(`${shown(input)} is neither true nor false`);
    return input;
  });
}

/** A whole number within bounds. */
export function integer(least: number, most: number, unit = ""): z.ZodType<number> {
  const expected = `a whole number from ${least} to ${most}${unit === "" ? "" : ` ${unit}`}`;
  return field(expected, (input) => {
    if (typeof input !== "number" || !Number.isInteger(input)) throw new Wrong(`${shown(input)} is no whole number`);
    if (input < least) throw new Wrong(`${input} is too small`);
    if (input > most) throw new Wrong(`${input} is too large`);
    return input;
  });
}

/** A section of named values; other names are refused. The names travel in the message, for a guess at what was meant. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const names = Object.keys(shape).join(" ");
  return z.strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? names : undefined) });
}

/** A list with at least `least` items and at most `most`. */
export function list<T>(item: z.ZodType<T>, least = 0, most = 100_000): z.ZodType<T[]> {
  return z.array(item).check(
    z.superRefine((items, context) => {
      const wrong = items.length < least ? "too few" : items.length > most ? "too many" : undefined;
      if (wrong === undefined) return;
      const expected = least > 0 && items.length < least ? `at least ${least}` : `at most ${most}`;
      context.addIssue({ code: "custom", message: `has ${wrong} items`, params: { expected } });
    }),
  );
}

/** A value as far as it could be read: what was wrong, or missing, is undefined. */
export type Loose<T> = T extends string | number | boolean | Uint8Array | Leaf | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly (Loose<Item> | undefined)[]
    : { readonly [Name in keyof T]?: Loose<T[Name]> | undefined };

/** Marks a value of the schema that checks look at as a whole: everything in it is there. */
export interface Leaf {
  readonly leaf: true;
}

/** Says that something at `path`, below the section that is checked, is wrong. */
export type Report = (path: Path, message: string, expected: string) => void;

/** Adds a check across the values of a section. It runs even when some of them are wrong, so that all is told at once. */
export function checked<T>(schema: z.ZodType<T>, check: (value: Loose<T>, report: Report) => void): z.ZodType<T> {
  return schema.check(
    z.superRefine(
      (value, context) => {
        const wrongKind = context.issues.flatMap(({ code, path }) =>
          code === "invalid_type" ? keyOf(path ?? []) : [],
        );
        const loose = loosened(value, [], new Set(wrongKind));
        if (typeof loose !== "object" || loose === null) return;
        check(loose as Loose<T>, (path, message, expected) =>
          context.addIssue({ code: "custom", path: [...path], message, params: { expected } }),
        );
      },
      { when: () => true },
    ),
  );
}

function keyOf(path: readonly PropertyKey[]): string {
  return path.map(String).join(" ");
}

/** The value without what is of the wrong kind, and without the marks that zod leaves where something was wrong. */
function loosened(value: unknown, path: readonly PropertyKey[], wrongKind: ReadonlySet<string>): unknown {
  if (value === z.NEVER || value === null || wrongKind.has(keyOf(path))) return undefined;
  if (Array.isArray(value)) return value.map((inner, index) => loosened(inner, [...path, index], wrongKind));
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype || "leaf" in value) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, loosened(inner, [...path, name], wrongKind)]),
  );
}

/** A section of waits that grow from `first` to `max`. */
export function growing<T extends { readonly first: number; readonly max: number }>(
  schema: z.ZodType<T>,
): z.ZodType<T> {
  return checked(schema, (waits, report) => {
    const { first, max } = waits as { first?: number; max?: number };
    if (first !== undefined && max !== undefined && max < first) {
      report(["max"], "is shorter than the first wait", "a time not below `first`");
    }
  });
}

/** Reports every item whose `key` an earlier one has too. */
export function refuseRepeats<Item>(
  items: readonly (Item | undefined)[] | undefined,
  key: (item: Item) => string | undefined,
  path: (index: number) => Path,
  what: string,
  report: Report,
): void {
  const seen = new Set<string>();
  items?.forEach((item, index) => {
    const name = item === undefined ? undefined : key(item);
    if (name === undefined) return;
    if (seen.has(name)) report(path(index), `the ${what} ${name} is there already`, `a ${what} of its own`);
    seen.add(name);
  });
}
