import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { groupsTable } from "../output/views.ts";

/** `keyherald groups`: all groups of the key server. */
export function addGroups(program: Command): void {
  askingDaemon(program.command("groups").description("List the key server's groups."))
    .option("--names", "names only, one a line")
    .addHelpText("after", examples([["keyherald groups", "members, keys and the last rekey of each"]]))
    .action(async (options: DaemonOptions & { names?: boolean }) => {
      const client = clientOf(options);
      const groups = await client.call("groups", {});
      if (options.json === true) printJson(groups);
      else if (options.names === true) for (const group of groups) print(group.name);
      else if (groups.length === 0)
        print("The key server has no groups: add some under keyServer.groups, then send SIGHUP.");
      else print(groupsTable(groups, Date.now()));
    });
}
