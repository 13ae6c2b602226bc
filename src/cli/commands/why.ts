import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson, wrapped } from "../output/print.ts";
import { dim } from "../output/style.ts";
import { clockTime } from "../output/time.ts";

/** `keyherald why SUBJECT`: the story of one subject. */
export function addWhy(program: Command): void {
  askingDaemon(
    program
      .command("why")
      .argument("<subject>", "group, member, GROUP/MEMBER, GROUP/SEQ, connection, SPI, peer, or server")
      .description("Tell what happened to a group, a member, a connection or a peer, and why."),
  )
    .addHelpText(
      "after",
      examples([
        ["keyherald why gm4", "the life of one member"],
        ["keyherald why substation/3", "what became of rekey 3"],
        ["keyherald why office-paris", "why a tunnel went away, and when it was back"],
        ["keyherald why server", "starts, stops, reloads, trouble with the store"],
      ]),
    )
    .action(async (subject: string, options: DaemonOptions) => {
      const story = await clientOf(options).call("why", {}, { subject });
      if (options.json === true) printJson(story);
      if (story.lines.length === 0) {
        throw new CommandError(
          ExitCode.FAILURE,
          `the ledger has nothing about ${subject}; keyherald events shows the subjects that there are. ` +
            "Who never got as far as a registration is found by address: keyherald why 192.0.2.10",
        );
      }
      if (options.json === true) return;
      const now = Date.now();
      for (const line of story.lines) {
        const time = clockTime(line.at, now);
        print(`${dim(time)}  ${wrapped(line.text, time.length + 2)}`);
      }
    });
}
