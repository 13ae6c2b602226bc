import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { absentTable, membersTable } from "../output/views.ts";

/** `keyherald members NAME`: everybody in a group, those who are silent first. */
export function addMembers(program: Command): void {
  askingDaemon(
    program.command("members").argument("<name>", "name of the group").description("List the members of a group."),
  )
    .option("--missing", "only those who do not answer")
    .option("--absent", "only those who are listed by name and have never registered")
    .addHelpText(
      "after",
      examples([
        ["keyherald members substation", "everybody, with the last acknowledgement"],
        ["keyherald members substation --missing --json", "for a monitoring script"],
      ]),
    )
    .action(async (name: string, options: DaemonOptions & { missing?: boolean; absent?: boolean }) => {
      const client = clientOf(options);
      if (options.absent === true) {
        const absent = await client.call("absent", {}, { name });
        if (options.json === true) printJson(absent);
        else print(absent.length > 0 ? absentTable(absent) : "Nobody is absent.");
        return;
      }
      const all = await client.call("members", {}, { name });
      const members = options.missing === true ? all.filter((member) => member.state === "missing") : all;
      if (options.json === true) printJson(members);
      else if (members.length > 0) print(membersTable(members, Date.now()));
      else print(options.missing === true ? "Nobody is missing." : `Nobody has registered for ${name} yet.`);
      if (options.json === true || options.missing === true) return;
      const absent = await client.call("absent", {}, { name });
      if (absent.length > 0) print(`\n${absentTable(absent)}`);
    });
}
