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
      if (done.evicted.length === 0) {
        print(`${members.join(", ")}: evicted from ${name} before, nothing to do.`);
        return;
      }
      print(`${done.evicted.join(", ")} evicted from ${name}${pushText(done.rekeys)}.`);
      print(`keyherald group ${name} shows who has acknowledged; keyherald admit ${name} MEMBER lets one in again.`);
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
      else if (done.admitted.length === 0) print(`${members.join(", ")}: not evicted from ${name}, nothing to do.`);
      else print(`${done.admitted.join(", ")} may register for ${name} again.`);
    });
}

/** With a key tree the pushes bring new keys; without, one takes all keys away and the others register again. */
function pushText(rekeys: readonly { seq: number }[]): string {
  if (rekeys.length === 0) return "; nobody is left to tell";
  const numbers = rekeys.map((rekey) => rekey.seq).join(", ");
  return `; ${rekeys.length === 1 ? `rekey ${numbers} tells` : `rekeys ${numbers} tell`} the others`;
}
