import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { type ControlClient, UnreachableError } from "../../api/client.ts";
import type { Farewell } from "../../api/views.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { downtimeOf, forWords } from "../for-option.ts";
import { print, printJson } from "../output/print.ts";
import { downtimeText } from "../output/tunnels.ts";
import { patiently } from "../patience.ts";

interface StopOptions extends DaemonOptions {
  readonly for?: string;
  readonly mark?: boolean;
  readonly hostShutdown?: boolean;
  readonly hostRestart?: boolean;
}

const pollMs = 100;
const withinMs = 60_000;
const markWords = "do not end it now: say this to the peers when it is ended next (SIGTERM)";

/** `keyherald stop`: the daemon ends, and its peers hear why. */
export function addStop(program: Command): void {
  askingDaemon(program.command("stop").description("End the daemon; peers of IKEv2 are told why, and for how long."))
    .option("--host-shutdown", "because the machine is shut down")
    .option("--host-restart", "because the machine is restarted")
    .option("--for <time>", forWords)
    .option("--mark", markWords)
    .addHelpText(
      "after",
      examples([
        ["keyherald stop --host-restart --for 2m", "before a reboot"],
        ["keyherald stop --host-restart --for 2m --mark", "the same, the service manager ends it"],
      ]),
    )
    .action(async (options: StopOptions) => {
      if (options.hostShutdown === true && options.hostRestart === true) {
        throw new CommandError(ExitCode.USAGE, "give either --host-shutdown or --host-restart");
      }
      const host = options.hostShutdown === true ? "host-shutdown" : undefined;
      await end(options.hostRestart === true ? "host-restart" : (host ?? "service-shutdown"), options);
    });
}

/** `keyherald restart`: the daemon ends and begins anew, and its peers know that it comes back. */
export function addRestart(program: Command): void {
  askingDaemon(
    program
      .command("restart")
      .description("End the daemon and start it anew in the same process; peers of IKEv2 are told so."),
  )
    .option("--for <time>", forWords)
    .option("--mark", markWords)
    .addHelpText(
      "after",
      examples([
        ["keyherald restart --for 10s", "with the configuration and the program that are there now"],
        ["keyherald restart --mark && docker restart gateway", "the same, done by somebody else"],
      ]),
    )
    .action((options: StopOptions) => end("service-restart", options));
}

async function end(cause: Farewell["cause"], options: StopOptions): Promise<void> {
  const client = clientOf(options);
  const mark = options.mark === true;
  const downtime = downtimeOf(options.for);
  const { pid, startedAt, told } = await client.call("stop", { cause, ...downtime, mark });
  const anew = cause === "service-restart";
  if (!mark) {
    const over = anew ? () => startedAnew(client, startedAt) : () => gone(client);
    await patiently(waitUntil(over), "It waits for answers of its peers, a few seconds at most.");
  }
  if (options.json === true) {
    printJson({ cause, ...downtime, mark, pid, told });
    return;
  }
  const why = `${cause.replace("-", " ")}, ${downtimeText(downtime.downtimeSeconds)}`;
  if (mark) print(`When process ${pid} is ended, its peers are told: ${why}.`);
  else print(`keyherald (process ${pid}) has ${anew ? "started anew" : "ended"}; ${peers(told)} told: ${why}.`);
}

function peers(told: number): string {
  return told === 1 ? "1 peer was" : `${told} peers were`;
}

async function gone(client: ControlClient): Promise<boolean> {
  return (await statusOf(client)) === undefined;
}

async function startedAnew(client: ControlClient, before: number): Promise<boolean> {
  const status = await statusOf(client);
  return status !== undefined && status.startedAt !== before;
}

async function statusOf(client: ControlClient) {
  try {
    return await client.call("status", {});
  } catch (error) {
    if (error instanceof UnreachableError) return undefined;
    throw error;
  }
}

/** @throws CommandError */
async function waitUntil(over: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + withinMs;
  while (!(await over())) {
    if (Date.now() > until) throw new CommandError(ExitCode.FAILURE, "it is still at it; look at its log");
    await sleep(pollMs);
  }
}
