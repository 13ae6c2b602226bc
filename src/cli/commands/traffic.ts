import { type Command, InvalidArgumentError } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";
import { parseSpan } from "../output/time.ts";
import { parseSpi } from "../spi.ts";

interface TrafficOptions extends DaemonOptions {
  readonly octets: number;
  readonly packets: number;
  readonly idle: string;
}

/** `keyherald traffic`: what a data plane calls to report what a Child SA has carried. */
export function addTraffic(program: Command): void {
  askingDaemon(
    program
      .command("traffic")
      .argument("<spi>", "inbound SPI of the Child SA, 8 hexadecimal digits", parseSpi)
      .description("Data plane: report what a Child SA of IKEv2 has carried, for its lifetime and inactivity."),
  )
    .requiredOption("--octets <n>", "octets over both directions since it was installed", parseCount)
    .requiredOption("--packets <n>", "packets over both directions", parseCount)
    .option("--idle <time>", "since the last packet: 90s, 10m", "0s")
    .addHelpText(
      "after",
      examples([["keyherald traffic c1d2e3f4 --octets 48211 --packets 96 --idle 12s", "by a program that carries it"]]),
    )
    .action(async (spiIn: string, options: TrafficOptions) => {
      const idleMs = parseSpan(options.idle);
      if (idleMs === undefined) {
        throw new CommandError(ExitCode.USAGE, `--idle ${options.idle}: give a span such as 12s or 10m`);
      }
      const { octets, packets } = options;
      const done = await clientOf(options).call("traffic", { of: [{ spiIn, octets, packets, idleMs }] });
      if (options.json === true) printJson(done);
      else print(`Counted for Child SA ${spiIn}.`);
    });
}

/** @throws InvalidArgumentError */
function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("A whole number is wanted.");
  return value;
}
