/** Where output goes. Results to standard output, everything else to standard error. */

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

/** Columns that a line may have. */
export function columns(): number {
  return process.stdout.columns ?? 100;
}
