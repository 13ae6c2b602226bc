/** Where output goes. Results to standard output, everything else to standard error. */
import { stripVTControlCharacters } from "node:util";

/** One line (or several) of a result. */
export function print(text = ""): void {
  process.stdout.write(`${text}\n`);
}

/** A remark that is no result. */
export function remark(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** The result as JSON: indented for a person, on one line for a program. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined));
}

/**
 * Lines of at most the terminal's width; those after the first are indented by `indent` columns.
 * @param used columns in front of the first line.
 */
export function wrapped(text: string, indent: number, used = indent): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const room = Math.max(20, columns() - (lines.length === 0 ? used : indent));
    if (line !== "" && widthOf(line) + 1 + widthOf(word) > room) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** Columns that a text takes: colours take none. */
export function widthOf(text: string): number {
  return stripVTControlCharacters(text).length;
}

/** Columns that a line may have; what goes into a pipe or a file is not cut or broken. */
export function columns(): number {
  return process.stdout.columns ?? Number.POSITIVE_INFINITY;
}
