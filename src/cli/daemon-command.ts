/** What every command that asks a running daemon has in common. */
import type { Command } from "commander";
import { ControlClient } from "../api/client.ts";

/** Options of such a command. */
export interface DaemonOptions {
  readonly socket?: string;
  readonly json?: boolean;
}

/** Where a daemon's control socket is when nothing else is said. */
export const defaultSocket = "/run/keyherald/control.sock";

/** Adds `--socket` and `--json`. */
export function askingDaemon(command: Command): Command {
  return command
    .option("--socket <path>", `control socket of the daemon (or KEYHERALD_SOCKET; default ${defaultSocket})`)
    .option("--json", "print JSON");
}

/** The client for the socket that the options, or the environment, name. */
export function clientOf(options: DaemonOptions): ControlClient {
  return new ControlClient(options.socket ?? process.env["KEYHERALD_SOCKET"] ?? defaultSocket);
}

/** Examples under a command's help: pairs of a command line and what it is for. */
export function examples(lines: readonly (readonly [string, string])[]): string {
  const width = Math.max(...lines.map(([line]) => line.length));
  if (lines.some(([, what]) => width + what.length + 7 > 100)) {
    return `\nExamples:\n${lines.map(([line, what]) => `  # ${what}\n  $ ${line}`).join("\n")}`;
  }
  return `\nExamples:\n${lines.map(([line, what]) => `  $ ${line.padEnd(width)}   ${what}`).join("\n")}`;
}
