/** A measured figure and the limit beside it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value must not be above it. */
  readonly limit?: number;
  readonly note?: string;
}

/** Whether a figure keeps its limit; one without a limit does. */
function kept(figure: Figure): boolean {
  return figure.limit === undefined || figure.value <= figure.limit;
}

/** Of what was measured again and again, since some of it is longer for what else the machine does. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** A table of figures: name, value, limit, verdict, note. */
function table(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    `${rounded(figure.value)} ${figure.unit}`,
    figure.limit === undefined ? "" : `<= ${figure.limit} ${figure.unit}`,
    figure.limit === undefined ? "" : kept(figure) ? "ok" : "BROKEN",
    figure.note ?? "",
  ]);
  const all = [["figure", "measured", "limit", "", ""], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Prints the table, and sets the exit code when a limit is broken. */
export function tell(figures: readonly Figure[]): void {
  process.stdout.write(`${table(figures)}\n`);
  if (!figures.every(kept)) process.exitCode = 1;
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
