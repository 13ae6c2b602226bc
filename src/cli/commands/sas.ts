import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { pairsTable, sasText } from "../output/tunnels.ts";

/** `keyherald sas`: IKE SAs and their Child SAs. */
export function addSas(program: Command): void {
  askingDaemon(
    program
      .command("sas")
      .argument("[connection]", "name of the connection, else those of all")
      .description("Show the SAs of IKEv2: algorithms, addresses, selectors, and how long they live."),
  )
    .option("--installed", "the pairs of ESP SAs that the data plane has")
    .addHelpText(
      "after",
      examples([
        ["keyherald sas office-paris", "its IKE SA with the Child SAs"],
        ["keyherald sas --installed --json", "what the data plane was told"],
      ]),
    )
    .action(async (name: string | undefined, options: DaemonOptions & { installed?: boolean }) => {
      const client = clientOf(options);
      if (options.installed === true) {
        const all = await client.call("recordedPairs", {});
        const pairs = name === undefined ? all : all.filter(({ connection }) => connection === name);
        if (options.json === true) printJson(pairs);
        else print(pairs.length > 0 ? pairsTable(pairs) : "Nothing is installed.");
        return;
      }
      const connections =
        name === undefined ? await client.call("connections", {}) : [await client.call("connection", {}, { name })];
      const sas = connections.flatMap(({ ikeSas }) => ikeSas);
      if (options.json === true) printJson(sas);
      else print(sas.length > 0 ? sasText(connections, Date.now()) : "There are no SAs.");
    });
}
