import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { ApiError, type ControlClient } from "../../api/client.ts";
import type { ReplyOf } from "../../api/contract.ts";
import type { RekeyDetail } from "../../api/views.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, printJson } from "../output/print.ts";
import { AckProgress } from "../output/progress.ts";
import { missingTable, rekeyOutcome } from "../output/views.ts";

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
      const what = options.kek === true ? "kek" : "tek";
      const { rekeys } = await client.call("rekey", { what }, { name });
      if (options.wait === true) await waitFor(client, { group: name, what, rekeys }, options.json === true);
      else if (options.json === true) printJson({ group: name, rekeys });
      else for (const place of rekeys) print(announcement(name, place, await detailOf(client, name, place)));
    });
}

/** What was asked for, and where it stands. */
interface Asked {
  readonly group: string;
  readonly what: "tek" | "kek";
  readonly rekeys: readonly Place[];
}

type Place = ReplyOf<"rekey">["rekeys"][number];

function announcement(group: string, { seq }: Place, detail: RekeyDetail | undefined): string {
  return detail === undefined
    ? `Rekey ${seq} of ${group} is sent when the one before it is settled; keyherald group ${group} shows both.`
    : `Rekey ${seq} of ${group} is on its way; keyherald group ${group} shows who has it.`;
}

async function waitFor(client: ControlClient, asked: Asked, json: boolean): Promise<void> {
  const { group, rekeys } = asked;
  const details: RekeyDetail[] = [];
  for (const place of rekeys) details.push(await settled(client, group, place, json));
  const missing = details.flatMap(({ rekey, members }) =>
    members.filter((member) => member.state === "missing").map((member) => ({ seq: rekey.seq, ...member })),
  );
  if (json) printJson({ group, rekeys: details, missing: [...new Set(missing.map((member) => member.member))] });
  else {
    for (const { rekey } of details) print(`Rekey ${rekey.seq} of ${group}: ${rekeyOutcome(rekey, asked.what)}.`);
    if (missing.length > 0) print(`\n${missingTable(missing, Date.now())}`);
  }
  if (missing.length > 0)
    throw new CommandError(ExitCode.MISSING, json ? "" : `${missing.length} missing; keyherald why MEMBER tells more`);
}

/** Looks until nothing more is waited for. */
async function settled(client: ControlClient, group: string, place: Place, json: boolean): Promise<RekeyDetail> {
  const called = `Rekey ${place.seq} of ${group}`;
  const progress = new AckProgress(called, !json);
  let waits = false;
  try {
    for (;;) {
      const detail = await detailOf(client, group, place);
      if (detail !== undefined) progress.show(detail.rekey);
      else if (!waits) {
        waits = true;
        if (!json) print(announcement(group, place, detail));
      }
      if (detail?.rekey.settled === true) return detail;
      await sleep(pollMs);
    }
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "unknown-rekey")) throw error;
    throw new CommandError(
      ExitCode.FAILURE,
      `${called} was not sent: an eviction or another configuration went before it; keyherald group ${group} shows what was sent instead`,
    );
  } finally {
    progress.end();
  }
}

/** Undefined while the rekey waits for its turn. */
async function detailOf(client: ControlClient, group: string, { spi, seq }: Place): Promise<RekeyDetail | undefined> {
  try {
    return await client.call("rekeyDetail", {}, { name: group, spi, seq: String(seq) });
  } catch (error) {
    if (error instanceof ApiError && error.code === "rekey-waits") return undefined;
    throw error;
  }
}
