import type { Command } from "commander";
import { examples } from "../daemon-command.ts";
import { demoTunnel } from "../demo/configurations.ts";
import { runDemo, type Stage } from "../demo/demo.ts";
import { LiveNarrator, type Narrator, PlainNarrator, silentNarrator } from "../demo/narrator.ts";
import { DemoError } from "../demo/process.ts";
import type { DemoResult } from "../demo/story.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, remark, wrapped } from "../output/print.ts";
import { bold, dim } from "../output/style.ts";
import { duration } from "../output/time.ts";
import { self } from "../self.ts";

interface DemoOptions {
  readonly once?: boolean;
  readonly keep?: boolean;
  readonly json?: boolean;
}

/** `keyherald demo`: a key server, five members and two gateways on this machine. */
export function addDemo(program: Command): void {
  program
    .command("demo")
    .description(
      "Show a key server, five members and two gateways at work: real processes, real UDP on loopback; needs no root.",
    )
    .option("--once", "without pauses and without a terminal")
    .option("--keep", "keep everything running afterwards, until Ctrl-C")
    .option("--json", "print the result as one JSON object")
    .addHelpText(
      "after",
      examples([
        ["keyherald demo", "takes about twenty seconds"],
        ["keyherald demo --keep", "then look around from another terminal"],
        ["keyherald demo --once --json", "for scripts"],
      ]),
    )
    .action(async (options: DemoOptions) => {
      if (options.keep === true && options.once === true)
        throw new CommandError(ExitCode.USAGE, "--once ends, --keep does not: give one of them");
      const live = process.stdout.isTTY === true && options.once !== true && options.json !== true;
      const narrator = narratorFor(live, options.json === true);
      try {
        const result = await runDemo(
          narrator,
          options.keep === true ? (stage) => keepRunning(stage, narrator) : undefined,
        );
        if (options.json === true) print(JSON.stringify(result));
        else print(closing(result));
      } catch (error) {
        throw asCommandError(error);
      }
    });
}

function narratorFor(live: boolean, json: boolean): Narrator {
  if (json) return silentNarrator;
  return live ? new LiveNarrator(process.stdout) : new PlainNarrator(print);
}

/** Until the demo is interrupted. */
function keepRunning({ socket, group, gateway }: Stage, narrator: Narrator): Promise<void> {
  narrator.end();
  print(`\n${bold("Still running.")} In another terminal:\n`);
  print(`  export KEYHERALD_SOCKET=${socket}`);
  for (const line of [`members ${group}`, `rekey ${group} --wait`, "events --follow"]) print(`  ${self} ${line}`);
  print(`\n  ${self} why ${demoTunnel} --socket ${gateway}`);
  print("\nCtrl-C ends everything.");
  return new Promise(() => {});
}

function closing({ rekeys, tunnels, events, durationMs }: DemoResult): string {
  const acked = rekeys.map((rekey) => `${rekey.seq}: ${rekey.acked}`).join(", ");
  const back = tunnels.map((tunnel) => `tunnel back after ${tunnel.reestablishedAfterSeconds} s`);
  const next = [
    [`${self} demo --keep`, "keep it running and look around"],
    [`${self} config example`, "a configuration to start from"],
    [`${self} --help`, "everything else"],
  ] as const;
  return [
    wrapped(
      `\n${bold("That was it")}: acknowledgements counted for rekey ${acked}; ${back.join(", ")}; ${events} events in the key server's ledger, ${duration(durationMs)}.`,
      0,
    ),
    "\nNext:",
    ...next.map(([line, what]) => `  ${line.padEnd(44)} ${dim(what)}`),
  ].join("\n");
}

function asCommandError(error: unknown): unknown {
  if (!(error instanceof DemoError)) return error;
  for (const line of error.log) remark(`  ${line}`);
  return new CommandError(ExitCode.FAILURE, `the demo did not work: ${error.message}`);
}
