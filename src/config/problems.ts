/** What the schema found, as problems with their places in the file. */
import type * as z from "zod";
import { type ConfigText, type Path, pathText } from "./document.ts";
import { oneOf, shown } from "./field.ts";
import { didYouMean } from "./suggest.ts";
import type { ConfigProblem } from "./types.ts";

/** All issues, in the order of their lines. */
export function problemsOf(issues: readonly z.core.$ZodIssue[], text: ConfigText): ConfigProblem[] {
  return issues.flatMap((issue) => problems(issue, text)).sort((a, b) => a.line - b.line || a.column - b.column);
}

function problems(issue: z.core.$ZodIssue, text: ConfigText): ConfigProblem[] {
  const path = issue.path.filter((part) => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys") {
    // sections put the names that they know into the message
    const known = issue.message.split(" ");
    return issue.keys.map((key) =>
      problem(text, [...path, key], `"${key}" is not known here${didYouMean(key, known)}`, oneOf(known), "name"),
    );
  }
  if (issue.code === "invalid_type") {
    const expected = issue.expected === "array" ? "a list" : issue.expected === "object" ? "a section" : issue.expected;
    return [problem(text, path, wrongType(issue.input), expected)];
  }
  if (issue.code === "invalid_value") {
    return [problem(text, path, `${shown(issue.input)} is not allowed here`, oneOf(issue.values.map(String)))];
  }
  if (issue.code === "custom") {
    const expected: unknown = issue.params?.expected;
    return [problem(text, path, issue.message, typeof expected === "string" ? expected : "")];
  }
  return [problem(text, path, issue.message, "")];
}

function wrongType(input: unknown): string {
  if (input === undefined) return "is missing";
  return input === null ? "has no value" : `${shown(input)} is of the wrong kind`;
}

/** A problem of the value at `path`; its message begins with the name of the value. */
export function problem(
  text: ConfigText,
  path: Path,
  message: string,
  expected: string,
  at: "value" | "name" = "value",
  severity: ConfigProblem["severity"] = "error",
): ConfigProblem {
  const place = at === "name" ? text.placeOfName(path) : text.place(path);
  return { ...place, path: pathText(path), expected, message, severity };
}
