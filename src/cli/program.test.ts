import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { completionScript } from "./completion-script.ts";
import { createProgram } from "./program.ts";

const program = createProgram();

/** Every command that does something, with those below it. */
const commands = program.commands.flatMap((command) => (command.commands.length > 0 ? command.commands : [command]));

test.each(commands.map((command) => [command.name(), command] as const))(
  "%s has a description, --json, and an example in its help",
  (_, command) => {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(command.description()).not.toBe("");
    expect(command.options.map((option) => option.long)).toContain("--json");
    expect(help).toContain("Examples:");
  },
);

test("no line of any help is wider than 100 columns", () => {
  for (const command of [program, ...commands]) {
    let help = "";
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    for (const line of help.split("\n")) expect(line.length, line).toBeLessThanOrEqual(100);
  }
});

test("completion knows every command and option, and the scripts are valid", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const script = completionScript(shell, program);
    for (const command of program.commands) expect(script).toContain(command.name());
    expect(script).toContain("since");
  }
  const { status, stderr } = spawnSync("bash", ["-n"], { input: completionScript("bash", program), encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
