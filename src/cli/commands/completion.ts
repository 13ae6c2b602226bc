import type { Command } from "commander";
import { completionScript, type Shell } from "../completion-script.ts";
import { examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";

const shells: readonly Shell[] = ["bash", "zsh", "fish"];

/** `keyherald completion SHELL`: a script for the shell's start-up file. */
export function addCompletion(program: Command): void {
  program
    .command("completion")
    .argument("<shell>", "bash, zsh or fish")
    .description("Print a script that completes commands, options and group names.")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples([
        ["source <(keyherald completion bash)", "in ~/.bashrc"],
        ["keyherald completion zsh > ~/.zfunc/_keyherald", "in a directory of fpath"],
        ["keyherald completion fish | source", "in ~/.config/fish/config.fish"],
      ]),
    )
    .action((name: string, options: { json?: boolean }) => {
      const shell = shells.find((one) => one === name);
      if (shell === undefined) throw new CommandError(ExitCode.USAGE, `${name}: give bash, zsh or fish`);
      const script = completionScript(shell, program);
      if (options.json === true) printJson({ shell, script });
      else print(script);
    });
}
