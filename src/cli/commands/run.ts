import type { Command } from "commander";
import { examples } from "../daemon-command.ts";
import { CommandError, type ExitCode } from "../exit.ts";

/** `keyherald run`: the daemon in the foreground. */
export function addRun(program: Command): void {
  program
    .command("run")
    .description("Run a key server, a member, an endpoint of IKEv2, until SIGTERM; SIGHUP reloads.")
    .requiredOption("-c, --config <file>", "configuration file")
    .option("--log-level <level>", "debug, info, warn or error, in place of the configuration's")
    .option("--json", "log JSON lines, which is the default without a terminal")
    .addHelpText(
      "after",
      examples([
        ["keyherald run -c keyherald.yaml", "in the foreground, log on standard error"],
        ["kill -HUP PID", "read the configuration again, sessions stay; keyherald status has the PID"],
      ]),
    )
    .action(async (options: { config: string; logLevel?: string; json?: boolean }) => {
      // the engines are loaded by the one command that needs them
      const { run } = await import("../../daemon/run.ts");
      const code = await run(options.config, { level: options.logLevel, json: options.json === true });
      if (code !== 0) throw new CommandError(code as ExitCode, "");
    });
}
