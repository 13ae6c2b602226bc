import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { documentText, repository } from "../support/documents.ts";

/** All files of the product and its tests. */
const sources = globSync(["src/**/*.ts", "test/**/*.ts"], { cwd: repository }).map((path) => ({
  path,
  text: readFileSync(join(repository, path), "utf8"),
}));

/** The members of a union of string literals in a source file. */
function union(path: string, name: string): string[] {
  const text = readFileSync(join(repository, path), "utf8");
  const [, body = ""] = new RegExp(`${name}\\s*=([^;]*);`, "u").exec(text) ?? [];
  return [...body.matchAll(/"([a-z-]+)"/gu)].map(([, code = ""]) => code);
}

describe("docs/errors.md", () => {
  const errors = documentText("docs/errors.md");

  test.each([
    ["src/util/reader.ts", "MalformedCode"],
    ["src/store/store.ts", "StoreErrorCode"],
    ["src/ikev1/types.ts", "Phase1FailureCode"],
  ])("has every code that %s declares as %s", (path, name) => {
    const codes = union(path, name);
    expect(codes.length).toBeGreaterThan(3);
    expect(codes.filter((code) => !errors.includes(`\`${code}\``))).toEqual([]);
  });
});

test("docs/errors.md has every counter of what is dropped", () => {
  const errors = documentText("docs/errors.md");
  const counted = sources
    .filter(({ path }) => path.startsWith("src/") && !path.endsWith(".test.ts"))
    .flatMap(({ text }) => [...text.matchAll(/"drop\.([a-z0-9-]+)"|\bdrop\(\s*"([a-z0-9-]+)"/gu)])
    .map(([, whole, called]) => whole ?? called ?? "");
  expect(new Set(counted).size).toBeGreaterThan(15);
  expect(counted.filter((counter) => !errors.includes(`\`${counter}\``))).toEqual([]);
});

test("docs/readings.md has every reading that the sources refer to", () => {
  const readings = documentText("docs/readings.md");
  const entries = new Set([...readings.matchAll(/^(\d+)\. \*\*/gmu)].map(([, number]) => Number(number)));
  expect(entries.size).toBe(37);
  const unknown = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/READINGS (\d+)/gu)].flatMap(([, number]) =>
      entries.has(Number(number)) ? [] : [`${path}: ${number}`],
    ),
  );
  expect(unknown).toEqual([]);
});
