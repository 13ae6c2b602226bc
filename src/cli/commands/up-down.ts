import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { downtimeOf, forWords } from "../for-option.ts";
import { print, printJson } from "../output/print.ts";
import { downtimeText, upText } from "../output/tunnels.ts";
import { patiently } from "../patience.ts";

/** `keyherald up`: a connection is brought up now, and stays up if it is meant to. */
export function addUp(program: Command): void {
  askingDaemon(
    program
      .command("up")
      .argument("<connection>", "name of the connection, or CONNECTION/CHILD for one Child SA")
      .description("Bring a connection of IKEv2 up, and wait until it is."),
  )
    .addHelpText(
      "after",
      examples([
        ["keyherald up office-paris", "the IKE SA, and the Child SAs that start with it"],
        ["keyherald up office-paris/lan", "one Child SA"],
      ]),
    )
    .action(async (target: string, options: DaemonOptions) => {
      const connection = await patiently(
        clientOf(options).call("up", { target }),
        `${target} is not up yet; the endpoint goes on trying when this is stopped (Ctrl-C).`,
      );
      if (options.json === true) printJson(connection);
      else print(upText(connection));
    });
}

/** `keyherald down`: a connection or an SA is taken down, and the peer is told why and for how long. */
export function addDown(program: Command): void {
  askingDaemon(
    program
      .command("down")
      .argument("<connection>", "name of the connection, CONNECTION/CHILD, or the SPI of an SA")
      .description("Take a connection of IKEv2 or an SA down, and tell the peer why."),
  )
    .option("--reason <text>", "what the peer's operator reads, at most 255 octets")
    .option("--for <time>", forWords)
    .addHelpText(
      "after",
      examples([
        ['keyherald down office-paris --reason "new fibre" --for 10m', "stays down until keyherald up"],
        ["keyherald down c1d2e3f4", "one Child SA by its SPI"],
      ]),
    )
    .action(async (target: string, options: DaemonOptions & { reason?: string; for?: string }) => {
      const { reason } = options;
      const downtime = downtimeOf(options.for);
      const connection = await patiently(
        clientOf(options).call("down", { target, ...(reason !== undefined && { reason }), ...downtime }),
        "The peer does not answer yet; its SAs are gone here in any case.",
      );
      if (options.json === true) {
        printJson(connection);
        return;
      }
      const said = reason === undefined ? "the usual words for it" : `"${reason}"`;
      print(`${target} is down. The peer was told: ${said}, ${downtimeText(downtime.downtimeSeconds)}.`);
      if (connection.state === "stopped") print(`It stays down until keyherald up ${connection.name}.`);
    });
}
