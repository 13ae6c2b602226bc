/** The command line as a whole. */
import { Command, CommanderError } from "commander";
import { ApiError, UnreachableError } from "../api/client.ts";
import { version } from "../daemon/version.ts";
import { addCompletion } from "./commands/completion.ts";
import { addConfig } from "./commands/config.ts";
import { addConnections } from "./commands/connections.ts";
import { addDecode } from "./commands/decode.ts";
import { addDemo } from "./commands/demo.ts";
import { addEvents } from "./commands/events.ts";
import { addAdmit, addEvict } from "./commands/evict.ts";
import { addGroup } from "./commands/group.ts";
import { addGroups } from "./commands/groups.ts";
import { addMembers } from "./commands/members.ts";
import { addPki } from "./commands/pki.ts";
import { addRedirect } from "./commands/redirect.ts";
import { addRegister } from "./commands/register.ts";
import { addRekey } from "./commands/rekey.ts";
import { addReauthenticate, addRekeySa } from "./commands/rekey-sa.ts";
import { addRun } from "./commands/run.ts";
import { addSas } from "./commands/sas.ts";
import { addSeen } from "./commands/seen.ts";
import { addStatus } from "./commands/status.ts";
import { addRestart, addStop } from "./commands/stop.ts";
import { addTraffic } from "./commands/traffic.ts";
import { addDown, addUp } from "./commands/up-down.ts";
import { addWhy } from "./commands/why.ts";
import { CommandError, ExitCode } from "./exit.ts";
import { remark } from "./output/print.ts";

const exitCodes = `
Exit codes: 0 done, 1 failed or refused, 2 wrong command line, 3 members are missing after a rekey,
4 no daemon answers on the socket.`;

/** All commands. */
export function createProgram(): Command {
  const program = new Command("keyherald")
    .description(
      "IPsec key management: who got the group's key and who did not; why a tunnel went away, and for how long.",
    )
    .version(version)
    .showHelpAfterError("(keyherald --help, or keyherald COMMAND --help, shows what there is)")
    .configureHelp({ helpWidth: Math.min(100, process.stdout.columns ?? 100), sortSubcommands: false })
    .addHelpText("after", exitCodes)
    .exitOverride();
  program.commandsGroup("Daemon:");
  addRun(program);
  addDemo(program);
  addConfig(program);
  program.commandsGroup("Asking a running daemon:");
  addStatus(program);
  addGroups(program);
  addGroup(program);
  addMembers(program);
  addConnections(program);
  addSas(program);
  addEvents(program);
  addWhy(program);
  program.commandsGroup("Telling a running daemon:");
  addRekey(program);
  addEvict(program);
  addAdmit(program);
  addRegister(program);
  addSeen(program);
  addUp(program);
  addDown(program);
  addRekeySa(program);
  addReauthenticate(program);
  addRedirect(program);
  addTraffic(program);
  addStop(program);
  addRestart(program);
  program.commandsGroup("Tools:");
  addDecode(program);
  addPki(program);
  addCompletion(program);
  program.helpCommand("help [command]", "Show the help of a command.");
  return program;
}

/** Runs one command line. @returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `keyherald events | head` closes the pipe early
    if (error.code === "EPIPE") process.exit(ExitCode.OK);
  });
  try {
    await createProgram().parseAsync(argv);
    return Number(process.exitCode ?? ExitCode.OK);
  } catch (error) {
    return exitCodeOf(error);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  if (error instanceof UnreachableError) {
    remark(`keyherald: ${error.message}`);
    return ExitCode.UNREACHABLE;
  }
  if (error instanceof CommandError) {
    if (error.message !== "") remark(`keyherald: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof ApiError) {
    const code = error.message.includes(error.code) ? "" : ` (${error.code})`;
    remark(`keyherald: ${error.message}${code}`);
    return ExitCode.FAILURE;
  }
  remark(`keyherald: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  return ExitCode.FAILURE;
}
