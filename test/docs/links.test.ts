import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { documents, documentText, repository } from "../support/documents.ts";

/** The anchors that a document's headings make. */
function anchors(path: string): string[] {
  return [...documentText(path).matchAll(/^#+ (.+)$/gmu)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replace(/\s/gu, "-"),
  );
}

test("every link from a document to a file of the repository leads somewhere", () => {
  const broken = documents().flatMap((document) =>
    [...documentText(document).matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/gu)].flatMap(
      ([link, path, anchor]) => {
        const target = path ? normalize(join(dirname(document), path)) : document;
        if (!existsSync(join(repository, target))) return [`${document}: ${link}`];
        if (anchor !== undefined && target.endsWith(".md") && !anchors(target).includes(anchor)) {
          return [`${document}: ${link} has no such heading`];
        }
        return [];
      },
    ),
  );
  expect(broken).toEqual([]);
});
