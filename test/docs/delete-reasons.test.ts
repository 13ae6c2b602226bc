import { expect, test } from "vitest";
import { deleteReasons } from "../../src/ledger/delete-reasons.ts";
import { documentText } from "../support/documents.ts";

test("docs/guides/tunnel-gone.md has the words of every cause of a deletion, and no others", () => {
  const text = documentText("docs/guides/tunnel-gone.md");
  const [, table = ""] = text.split("## What Keyherald says");
  const shown = [...table.matchAll(/^\| `([^`]+)` \|/gmu)].map(([, words]) => words);
  expect(shown.sort()).toEqual(
    Object.values(deleteReasons)
      .map((reason) => reason.text)
      .sort(),
  );
});
