/**
 * Plain data as JSON. What JSON does not have is tagged: octets `{"$o":"base64"}`, numbers that are not finite
 * `{"$n":"Infinity"}`. A property whose own name starts with `$` gets another one in front.
 */
import type { Plain } from "../core/engine.ts";

/** JSON text of `value`; properties without a value are left out. */
export function encodePlain(value: Plain): string {
  return JSON.stringify(tagged(value));
}

/** The inverse of encodePlain. @throws SyntaxError when `text` is not its output. */
export function decodePlain(text: string): Plain {
  return untagged(JSON.parse(text));
}

function tagged(value: Plain): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : { $n: String(value) };
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint8Array) {
    return { $o: Buffer.from(value.buffer, value.byteOffset, value.length).toString("base64") };
  }
  if (isList(value)) return value.map(tagged);
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) =>
      inner === undefined ? [] : [[name.startsWith("$") ? `$${name}` : name, tagged(inner)]],
    ),
  );
}

function untagged(value: unknown): Plain {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return value;
  }
  if (Array.isArray(value)) return value.map(untagged);
  if (typeof value !== "object") throw new SyntaxError("not plain data");
  const entries = Object.entries(value);
  const [only] = entries;
  if (only !== undefined && entries.length === 1 && typeof only[1] === "string") {
    if (only[0] === "$o") return new Uint8Array(Buffer.from(only[1], "base64"));
    if (only[0] === "$n") return Number(only[1]);
  }
  return Object.fromEntries(
    entries.map(([name, inner]) => [name.startsWith("$$") ? name.slice(1) : name, untagged(inner)]),
  );
}

function isList(value: object): value is readonly Plain[] {
  return Array.isArray(value);
}
