import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { type DocumentedCommand, documentedCommands } from "../support/documents.ts";

/** The command that words name, and what is left of them. */
function resolve(words: readonly string[]): { command: Command; rest: readonly string[] } {
  let command: Command = createProgram();
  let rest = words;
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0]);
    if (next === undefined) return { command, rest };
    command = next;
    rest = rest.slice(1);
  }
}

/** What is wrong with a documented command line; undefined when the program would take it. */
function objection({ words }: DocumentedCommand): string | undefined {
  const { command, rest } = resolve(words);
  const operands: string[] = [];
  const given = new Set<string>();
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? "";
    if (!word.startsWith("-") || word === "-") {
      operands.push(word);
      continue;
    }
    const flag = word.split("=", 1)[0] ?? word;
    if (flag === "--help") return undefined;
    const option = command.options.find((one) => one.long === flag || one.short === flag);
    if (option === undefined) return `${command.name()} has no option ${flag}`;
    given.add(option.attributeName());
    if (option.required && !word.includes("=")) at += 1;
  }
  const missing = command.options.find((option) => option.mandatory && !given.has(option.attributeName()));
  if (missing !== undefined) return `${command.name()} needs ${missing.flags}`;
  const expected = command.registeredArguments;
  const least = expected.filter((argument) => argument.required).length;
  const variadic = expected.some((argument) => argument.variadic);
  if (command.commands.length > 0 && operands.length > 0) return `there is no command ${operands[0]}`;
  if (operands.length < least)
    return `${command.name()} needs ${expected.map((argument) => argument.name()).join(" ")}`;
  if (!variadic && operands.length > expected.length) return `${operands.at(-1)} is one argument too many`;
  return undefined;
}

describe("the command lines in the documents", () => {
  const commands = documentedCommands();

  test("are found", () => {
    expect(commands.length).toBeGreaterThan(30);
    expect(new Set(commands.map(({ document }) => document)).size).toBeGreaterThan(5);
  });

  test("all exist with their options and arguments", () => {
    const wrong = commands.flatMap((command) => {
      const why = objection(command);
      return why === undefined ? [] : [`${command.document}:${command.line}: ${command.text}: ${why}`];
    });
    expect(wrong).toEqual([]);
  });

  test("name every command that there is", () => {
    const named = new Set(commands.map(({ words }) => words[0]));
    const unnamed = createProgram()
      .commands.map((command) => command.name())
      .filter((name) => !named.has(name));
    expect(unnamed).toEqual([]);
  });
});
