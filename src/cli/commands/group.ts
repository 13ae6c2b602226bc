import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { groupText } from "../output/views.ts";

/** `keyherald group NAME`: keys and rekeys of one group. */
export function addGroup(program: Command): void {
  askingDaemon(
    program
      .command("group")
      .argument("<name>", "name of the group")
      .description("Show one group: its keys and its rekeys."),
  )
    .addHelpText("after", examples([["keyherald group substation", "KEK, TEKs, and who acknowledged the last rekeys"]]))
    .action(async (name: string, options: DaemonOptions) => {
      const group = await clientOf(options).call("group", {}, { name });
      if (options.json === true) printJson(group);
      else print(groupText(group, Date.now()));
    });
}
