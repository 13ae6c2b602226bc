/** The repository's documents, and the command lines in them. */
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Folder of the repository. */
export const repository = fileURLToPath(new URL("../../", import.meta.url));

/** Paths of all Markdown files that are the project's own, from the repository's folder. */
export function documents(): string[] {
  return globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: repository }).sort();
}

/** The text of a file of the repository. */
export function documentText(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
}

/** A command line of Keyherald in a document. */
export interface DocumentedCommand {
  readonly document: string;
  readonly line: number;
  /** The words behind `keyherald`. */
  readonly words: readonly string[];
  readonly text: string;
}

/** Every line of a shell block that calls `keyherald`, up to a pipe, redirection or comment. */
export function documentedCommands(): DocumentedCommand[] {
  return documents().flatMap((document) => {
    const found: DocumentedCommand[] = [];
    let block: string | undefined;
    for (const [index, line] of documentText(document).split("\n").entries()) {
      const fence = /^\s*```(\w*)/u.exec(line);
      if (fence) block = block === undefined ? fence[1] : undefined;
      else if (block === "sh" || block === "console") {
        for (const text of commandsIn(line)) {
          found.push({ document, line: index + 1, words: wordsOf(text).slice(1), text });
        }
      }
    }
    return found;
  });
}

function commandsIn(line: string): string[] {
  return (
    line
      .replace(/^\$ /u, "")
      .replace(/(^|\s)#\s.*$/u, "")
      // source <(keyherald completion bash)
      .replace(/^.*<\(([^)]*)\).*$/u, "$1")
      .split(/(?:\|\|?|&&|;|\s&(?=\s|$))\s*/u)
      .map((part) => part.replace(/^\s*([A-Z_]+=\S+\s+)*/u, "").trim())
      .filter((part) => part.startsWith("keyherald "))
  );
}

/** As a shell splits words, as far as documents need it. */
function wordsOf(text: string): string[] {
  const words = text.replace(/\s[0-9]?>>?\s*\S+/gu, "").match(/(?:[^\s"']+|"[^"]*"|'[^']*')+/gu) ?? [];
  return words.map((word) => word.replace(/["']/gu, ""));
}
