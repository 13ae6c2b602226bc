/** Tables that fit the terminal. */
import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import { columns, widthOf, wrapped } from "./print.ts";
import { bold, dim } from "./style.ts";

const plainBorders = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

const gap = 2;
const narrowest = 8;

/**
 * Rows under a bold heading line. Where they are wider than the terminal, the widest columns are shortened in the
 * middle: both ends of an identity or an SPI tell more than its middle. All lines begin behind `indent` columns.
 */
export function table(headings: readonly string[], rows: readonly (readonly string[])[], indent = 0): string {
  const widths = headings.map((heading, i) => Math.max(heading.length, ...rows.map((row) => widthOf(row[i] ?? ""))));
  shrink(widths, columns() - indent - gap * (headings.length - 1));
  const drawn = new Table({
    chars: plainBorders,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  drawn.push(headings.map((heading) => bold(heading)));
  for (const row of rows) drawn.push(row.map((cell, i) => shorten(cell, widths[i] ?? 0)));
  return drawn
    .toString()
    .split("\n")
    .map((line) => " ".repeat(indent) + line.trimEnd())
    .join("\n");
}

/** Lines `name   value`, the names in one column; a long value goes on below itself. */
export function facts(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${dim(name.padEnd(width))}  ${wrapped(value, width + gap)}`).join("\n");
}

/** At most `width` characters, with `…` in place of the middle. Coloured text is never cut. */
export function shorten(text: string, width: number): string {
  if (text.length <= width || text !== stripVTControlCharacters(text)) return text;
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}

function shrink(widths: number[], room: number): void {
  let sum = widths.reduce((all, width) => all + width, 0);
  while (sum > room) {
    const widest = Math.max(...widths);
    if (widest <= narrowest) return;
    widths[widths.indexOf(widest)] = widest - 1;
    sum -= 1;
  }
}
