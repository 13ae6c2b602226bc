import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { patiently } from "../patience.ts";

/** `keyherald redirect`: clients go to another gateway. */
export function addRedirect(program: Command): void {
  askingDaemon(
    program
      .command("redirect")
      .argument("<connection>", "name of the connection, or the SPI of one IKE SA")
      .argument("<gateway>", "address or host name of the other gateway")
      .description("Send the clients of a connection of IKEv2 to another gateway (RFC 5685)."),
  )
    .addHelpText("after", examples([["keyherald redirect road-warriors 192.0.2.77", "before work on this one"]]))
    .action(async (target: string, gateway: string, options: DaemonOptions) => {
      const connection = await patiently(
        clientOf(options).call("redirect", { target, gateway }),
        "The clients have not answered yet.",
      );
      if (options.json === true) printJson(connection);
      else print(`The clients of ${connection.name} were sent to ${gateway}.`);
    });
}
