import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";

/** `keyherald evict`: puts members out for good. */
export function addEvict(program: Command): void {
  askingDaemon(
    program
      .command("evict")
      .argument("<name>", "name of the group")
      .argument("<member...>", "members: name, identity or address")
      .description("Put members out: new keys at once, and they are not let in again."),
  )
    .requiredOption("--reason <text>", "why, for the ledger")
    .addHelpText(
      "after",
      examples([['keyherald evict substation gm4 --reason "relay replaced"', "gm4 reads nothing from now on"]]),
    )
    .action(async (name: string, members: string[], options: DaemonOptions & { reason: string }) => {
      const done = await clientOf(options).call("evict", { members, reason: options.reason }, { name });
      if (options.json === true) {
        printJson(done);
        return;
      }
      print(`${done.evicted.join(", ")} evicted from ${name}; ${rekeysText(done.rekeys)}.`);
      print(`keyherald group ${name} shows who has them; keyherald admit ${name} MEMBER lets one in again.`);
    });
}

/** `keyherald admit`: lets evicted members register again. */
export function addAdmit(program: Command): void {
  askingDaemon(
    program
      .command("admit")
      .argument("<name>", "name of the group")
      .argument("<member...>", "members: name, identity or address")
      .description("Let evicted members register again."),
  )
    .addHelpText("after", examples([["keyherald admit substation gm4", "gm4 may register again"]]))
    .action(async (name: string, members: string[], options: DaemonOptions) => {
      const done = await clientOf(options).call("admit", { members }, { name });
      if (options.json === true) printJson(done);
      else print(`${members.join(", ")} may register for ${name} again.`);
    });
}

function rekeysText(rekeys: readonly { seq: number }[]): string {
  return rekeys.length === 1
    ? "new keys go out with the next push"
    : `new keys go out with the next ${rekeys.length} pushes`;
}
