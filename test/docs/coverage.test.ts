import { join, normalize } from "node:path";
import { expect, test } from "vitest";
import { documentText } from "../support/documents.ts";

test("docs/coverage.md names tests that exist", () => {
  const references = [...documentText("docs/coverage.md").matchAll(/\[[^\]]+\]\(([^)]+[.]test[.]ts)\) \*([^*]+)\*/gu)];
  expect(references.length).toBeGreaterThan(40);
  const wrong = references.flatMap(([reference, path = "", name = ""]) => {
    try {
      return documentText(normalize(join("docs", path))).includes(name) ? [] : [reference];
    } catch {
      return [`${reference}: no such file`];
    }
  });
  expect(wrong).toEqual([]);
});
