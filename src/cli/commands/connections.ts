import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { connectionsTable } from "../output/tunnels.ts";

/** `keyherald connections`: all connections of IKEv2. */
export function addConnections(program: Command): void {
  askingDaemon(program.command("connections").description("List the connections of IKEv2, and who is away and why."))
    .option("--names", "names only, one a line")
    .addHelpText(
      "after",
      examples([
        ["keyherald connections", "which are up, which are waited for, and what their peers said"],
        ["keyherald connections --json", "with all SAs, for a monitoring script"],
      ]),
    )
    .action(async (options: DaemonOptions & { names?: boolean }) => {
      const connections = await clientOf(options).call("connections", {});
      if (options.json === true) printJson(connections);
      else if (options.names === true) for (const { name } of connections) print(name);
      else if (connections.length === 0)
        print("There are no connections: add some under ikev2.connections, then send SIGHUP.");
      else print(connectionsTable(connections, Date.now()));
    });
}
