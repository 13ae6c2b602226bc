import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { membersTable } from "../output/views.ts";

/** `keyherald members NAME`: everybody in a group, those who are silent first. */
export function addMembers(program: Command): void {
  askingDaemon(
    program.command("members").argument("<name>", "name of the group").description("List the members of a group."),
  )
    .option("--missing", "only those who do not answer")
    .addHelpText(
      "after",
      examples([
        ["keyherald members substation", "everybody, with the last acknowledgement"],
        ["keyherald members substation --missing --json", "for a monitoring script"],
      ]),
    )
    .action(async (name: string, options: DaemonOptions & { missing?: boolean }) => {
      const all = await clientOf(options).call("members", {}, { name });
      const members = options.missing === true ? all.filter((member) => member.state === "missing") : all;
      if (options.json === true) printJson(members);
      else if (members.length > 0) print(membersTable(members, Date.now()));
      else print(options.missing === true ? "Nobody is missing." : `Nobody has registered for ${name} yet.`);
    });
}
