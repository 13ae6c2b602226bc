import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { memberGroupsTable } from "../output/views.ts";
import { patiently } from "../patience.ts";

/** `keyherald register`: the member registers now. */
export function addRegister(program: Command): void {
  askingDaemon(
    program
      .command("register")
      .argument("<group>", "name of the group in the member's configuration")
      .description("Member: register for a group now (again)."),
  )
    .addHelpText(
      "after",
      examples([["keyherald register substation", "GROUPKEY-PULL with the first key server that answers"]]),
    )
    .action(async (group: string, options: DaemonOptions) => {
      const view = await patiently(
        clientOf(options).call("register", { group }),
        "No answer of a key server yet; the member goes on trying when this is stopped (Ctrl-C).",
      );
      if (options.json === true) printJson(view);
      else
        print(
          `Registered for ${group} with ${view.keyServer ?? "its key server"}.\n\n${memberGroupsTable([view], Date.now())}`,
        );
    });
}
