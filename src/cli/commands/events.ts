import type { Command } from "commander";
import type { ControlClient } from "../../api/client.ts";
import type { EventView } from "../../api/views.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { CommandError, ExitCode } from "../exit.ts";
import { print, wrapped } from "../output/print.ts";
import { bad, dim, warn } from "../output/style.ts";
import { clockTime, parseSince } from "../output/time.ts";

interface EventsOptions extends DaemonOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly subject?: string;
  readonly limit: string;
}

/** `keyherald events`: the ledger, oldest first. */
export function addEvents(program: Command): void {
  askingDaemon(program.command("events").description("Show the ledger's events."))
    .option("-f, --follow", "stay and show events as they happen")
    .option("--since <time>", "from then on: 10m, 2h, 1d, or ISO 8601")
    .option("--subject <name>", "only about this group, member, rekey, connection or peer")
    .option("--limit <n>", "at most so many, the newest", "100")
    .addHelpText(
      "after",
      examples([
        ["keyherald events --since 10m", "the last ten minutes"],
        ["keyherald events --follow --subject gm4", "one member, live"],
        ["keyherald events --since 2026-11-01 --limit 100000 --json", "export as JSON Lines"],
      ]),
    )
    .action(async (options: EventsOptions) => {
      const client = clientOf(options);
      const show = options.json === true ? (event: EventView) => print(JSON.stringify(event)) : showLine;
      const query = queryOf(options);
      if (options.follow === true) await follow(client, query, show);
      else for (const event of await client.call("events", query)) show(event);
    });
}

function queryOf(options: EventsOptions) {
  const since = options.since === undefined ? undefined : parseSince(options.since, Date.now());
  if (options.since !== undefined && since === undefined) {
    throw new CommandError(
      ExitCode.USAGE,
      `--since ${options.since}: give a span such as 10m, 2h or 1d, or a time such as 2026-11-23T14:00:00`,
    );
  }
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000) {
    throw new CommandError(ExitCode.USAGE, `--limit ${options.limit}: give a number from 1 to 100000`);
  }
  return {
    limit,
    ...(since === undefined ? {} : { since }),
    ...(options.subject === undefined ? {} : { subject: options.subject }),
  };
}

/** Listens first and then looks back, so that nothing falls between. */
async function follow(
  client: ControlClient,
  query: ReturnType<typeof queryOf>,
  show: (event: EventView) => void,
): Promise<void> {
  const live = client.follow(query.subject);
  let next = live.next();
  let last = 0;
  for (const event of await client.call("events", query)) {
    show(event);
    last = event.id;
  }
  for (let step = await next; step.done !== true; step = await next) {
    if (step.value.id > last) show(step.value);
    next = live.next();
  }
  throw new CommandError(ExitCode.UNREACHABLE, "the daemon has ended");
}

function showLine(event: EventView): void {
  const time = clockTime(event.at, Date.now());
  const subject = event.subjects[0]?.name ?? "";
  const told = wrapped(`${subject}: ${event.text}`, time.length + 3).slice(subject.length);
  const text = event.level === "alert" ? bad(told) : event.level === "warning" ? warn(told) : told;
  const mark = event.level === "alert" ? bad("!") : event.level === "warning" ? warn("*") : " ";
  print(`${dim(time)} ${mark} ${dim(subject)}${text}`);
}
