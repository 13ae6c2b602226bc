import type { Command } from "commander";
import type { ConnectionView } from "../../api/views.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { sasText } from "../output/tunnels.ts";
import { patiently } from "../patience.ts";

const waits = "The peer has not answered yet.";

/** `keyherald rekey-sa`: new keys for an SA of IKEv2. */
export function addRekeySa(program: Command): void {
  askingDaemon(
    program
      .command("rekey-sa")
      .argument("<connection>", "name of the connection, CONNECTION/CHILD, or the SPI of an SA")
      .description("Rekey an IKE SA or a Child SA of IKEv2 now."),
  )
    .addHelpText(
      "after",
      examples([
        ["keyherald rekey-sa office-paris", "its IKE SA"],
        ["keyherald rekey-sa office-paris/lan", "a Child SA, by name or by SPI"],
      ]),
    )
    .action(async (target: string, options: DaemonOptions) => {
      show(await patiently(clientOf(options).call("rekeySa", { target }), waits), options);
    });
}

/** `keyherald reauthenticate`: both sides prove anew who they are. */
export function addReauthenticate(program: Command): void {
  askingDaemon(
    program
      .command("reauthenticate")
      .argument("<connection>", "name of the connection, or the SPI of its IKE SA")
      .description("Set an IKE SA of IKEv2 up anew, both sides proving who they are, before the old one ends."),
  )
    .addHelpText("after", examples([["keyherald reauthenticate office-paris", "after a certificate was renewed"]]))
    .action(async (target: string, options: DaemonOptions) => {
      show(await patiently(clientOf(options).call("reauthenticate", { target }), waits), options);
    });
}

function show(connection: ConnectionView, { json }: DaemonOptions): void {
  if (json === true) printJson(connection);
  else print(sasText([connection], Date.now()));
}
