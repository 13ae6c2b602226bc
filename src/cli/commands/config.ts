import type { Command } from "commander";
import { exampleConfiguration } from "../../config/example.ts";
import { loadConfiguration } from "../../config/load.ts";
import type { ConfigProblem, Configuration } from "../../config/types.ts";
import { examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";
import { bad, dim, good, warn } from "../output/style.ts";

const roles = ["key-server", "member", "ikev2", "both", "all"] as const;

/** `keyherald config check | example`. */
export function addConfig(program: Command): void {
  const config = program.command("config").description("Check a configuration file, or print an example.");
  config
    .command("check")
    .argument("<file>", "configuration file")
    .description("Check a configuration file and the key files that it names; nothing is started.")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([["keyherald config check keyherald.yaml", "every problem with its line and what is right"]]),
    )
    .action(check);
  config
    .command("example")
    .argument("[role]", "key-server, member, ikev2, both (of the first two) or all", "key-server")
    .description("Print a commented configuration to start from.")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([
        ["keyherald config example member > keyherald.yaml", "then edit it"],
        ["keyherald config example ikev2", "gateways and clients of IKEv2"],
      ]),
    )
    .action((role: string, options: { json?: boolean }) => {
      const known = roles.find((one) => one === role);
      if (known === undefined) throw new CommandError(ExitCode.USAGE, `${role}: give ${roles.join(", ")}`);
      const yaml = exampleConfiguration(known);
      if (options.json === true) printJson({ role: known, yaml });
      else process.stdout.write(yaml);
    });
}

function check(file: string, options: { json?: boolean }): void {
  const loaded = loadConfiguration(file, process.env);
  const problems = loaded.ok ? loaded.value.warnings : loaded.error;
  if (options.json === true) printJson({ file, valid: loaded.ok, problems });
  else {
    for (const problem of problems) print(problemText(file, problem));
    if (loaded.ok) print(`${good("valid")}  ${summary(loaded.value)}`);
  }
  if (!loaded.ok) {
    const errors = problems.filter((problem) => problem.severity === "error").length;
    throw new CommandError(
      ExitCode.FAILURE,
      options.json === true ? "" : `${errors} ${errors === 1 ? "problem" : "problems"} in ${file}`,
    );
  }
}

function problemText(file: string, problem: ConfigProblem): string {
  const place = problem.line > 0 ? `${file}:${problem.line}:${problem.column}` : file;
  const label = problem.severity === "error" ? bad("error") : warn("warning");
  const path = problem.path === "" ? "" : `${problem.path}: `;
  const expected = problem.expected === "" ? "" : `\n    ${dim(`expected: ${problem.expected}`)}`;
  return `${place}: ${label}: ${path}${problem.message}${expected}`;
}

function summary({ keyServer, member, ikev2 }: Configuration): string {
  const parts: string[] = [];
  if (keyServer !== undefined) parts.push(`key server with ${count(keyServer.groups.length, "group")}`);
  if (member !== undefined) parts.push(`member of ${count(member.groups.length, "group")}`);
  if (ikev2 !== undefined) parts.push(`IKEv2 with ${count(ikev2.connections.length, "connection")}`);
  return parts.join(", ");
}

function count(value: number, what: string): string {
  return `${value} ${what}${value === 1 ? "" : "s"}`;
}
