import type { Command } from "commander";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { duration } from "../output/time.ts";
import { parseSpi } from "../spi.ts";

/** `keyherald seen`: what a data plane calls when it meets an SPI that it has no key for. */
export function addSeen(program: Command): void {
  askingDaemon(
    program
      .command("seen")
      .argument("<group>", "name of the group in the member's configuration")
      .argument("<spi>", "the SPI on the network, 8 hexadecimal digits", parseSpi)
      .description("Member: an SPI was seen; without its key the key server is asked at once."),
  )
    .addHelpText("after", examples([["keyherald seen substation 0a1b2c3d", "GROUPKEY-PULL unless the key is here"]]))
    .action(async (group: string, spi: string, options: DaemonOptions) => {
      const seen = await clientOf(options).call("seen", { group, spi });
      if (options.json === true) printJson(seen);
      else if (seen.known) print(`The key of SPI ${seen.spi} is here.`);
      else {
        const when = (seen.inMs ?? 0) === 0 ? "now" : `in ${duration(seen.inMs ?? 0)}`;
        print(`The key of SPI ${seen.spi} is not here; a key server of ${group} is asked ${when}.`);
      }
    });
}
