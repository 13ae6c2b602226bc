import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { ApiError, type ControlClient } from "../../api/client.ts";
import type { RekeyDetail } from "../../api/views.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";
import { AckProgress } from "../output/progress.ts";
import { missingTable } from "../output/views.ts";

interface RekeyOptions extends DaemonOptions {
  readonly tek?: boolean;
  readonly kek?: boolean;
  readonly wait?: boolean;
}

const pollMs = 200;

/** `keyherald rekey`: new keys for a group now. */
export function addRekey(program: Command): void {
  askingDaemon(
    program
      .command("rekey")
      .argument("<name>", "name of the group")
      .description("Make new keys for a group and push them to its members."),
  )
    .option("--tek", "new TEKs (the default)")
    .option("--kek", "a new KEK")
    .option("-w, --wait", "wait for the acknowledgements; exit code 3 when members are missing at the end")
    .addHelpText(
      "after",
      examples([
        ["keyherald rekey substation --wait", "new TEKs, and who got them"],
        ["keyherald rekey substation --kek", "roll the KEK over"],
      ]),
    )
    .action(async (name: string, options: RekeyOptions) => {
      if (options.tek === true && options.kek === true) {
        throw new CommandError(ExitCode.USAGE, "give either --tek or --kek; two rekeys are two commands");
      }
      const client = clientOf(options);
      const planned = await client.call("rekey", { what: options.kek === true ? "kek" : "tek" }, { name });
      if (options.wait === true) await waitFor(client, name, planned.rekeys, options.json === true);
      else if (options.json === true) printJson(planned);
      else {
        for (const { seq } of planned.rekeys)
          print(`Rekey ${seq} of ${name} is on its way; keyherald group ${name} shows who has it.`);
      }
    });
}

async function waitFor(
  client: ControlClient,
  name: string,
  rekeys: readonly { spi: string; seq: number }[],
  json: boolean,
): Promise<void> {
  const details: RekeyDetail[] = [];
  for (const { spi, seq } of rekeys) details.push(await settled(client, name, spi, seq, json));
  const missing = details.flatMap(({ rekey, members }) =>
    members.filter((member) => member.state === "missing").map((member) => ({ seq: rekey.seq, ...member })),
  );
  if (json) printJson({ group: name, rekeys: details, missing: [...new Set(missing.map((member) => member.member))] });
  else {
    for (const { rekey } of details) {
      print(`Rekey ${rekey.seq} of ${name}: ${outcome(rekey)}.`);
    }
    if (missing.length > 0) print(`\n${missingTable(missing, Date.now())}`);
  }
  if (missing.length > 0)
    throw new CommandError(ExitCode.MISSING, json ? "" : `${missing.length} missing; keyherald why MEMBER tells more`);
}

function outcome({ targets, acked, ackRequested }: RekeyDetail["rekey"]): string {
  if (targets === 0) return "nobody is registered, so it went to nobody";
  return ackRequested ? `${acked} of ${targets} acknowledged` : `sent to ${targets}, no acknowledgements asked for`;
}

/** Looks until nothing more is waited for. A queued rekey is not known yet. */
async function settled(
  client: ControlClient,
  name: string,
  spi: string,
  seq: number,
  json: boolean,
): Promise<RekeyDetail> {
  const progress = new AckProgress(`Rekey ${seq} of ${name}`, !json);
  try {
    for (;;) {
      const detail = await detailOf(client, name, spi, seq);
      if (detail !== undefined) progress.show(detail.rekey);
      if (detail?.rekey.settled === true) return detail;
      await sleep(pollMs);
    }
  } finally {
    progress.end();
  }
}

async function detailOf(
  client: ControlClient,
  name: string,
  spi: string,
  seq: number,
): Promise<RekeyDetail | undefined> {
  try {
    return await client.call("rekeyDetail", {}, { name, spi, seq: String(seq) });
  } catch (error) {
    if (error instanceof ApiError && error.code === "unknown-rekey") return undefined;
    throw error;
  }
}
