/** Code points are open integers: a registry names those that it knows, every other number is legal and survives. */

/** A registry: names of code points, as an `as const` object. */
export type Registry = Readonly<Record<string, number>>;

const indexes = new WeakMap<Registry, ReadonlyMap<number, string>>();

/** The name of `code` in `registry`; the number itself, as text, when it has none. */
export function nameOf(registry: Registry, code: number): string {
  return knownName(registry, code) ?? String(code);
}

/** The name of `code` in `registry`, undefined when it has none. */
export function knownName(registry: Registry, code: number): string | undefined {
  let index = indexes.get(registry);
  if (index === undefined) {
    index = new Map(Object.entries(registry).map(([name, value]) => [value, name]));
    indexes.set(registry, index);
  }
  return index.get(code);
}
