import type { Command } from "commander";
import type { DaemonStatus } from "../../api/views.ts";
import { dropsOf, dropsText } from "../../daemon/drops.ts";
import { askingDaemon, clientOf, type DaemonOptions, examples } from "../daemon-command.ts";
import { print, printJson } from "../output/print.ts";
import { bad, bold, good, warn } from "../output/style.ts";
import { facts } from "../output/table.ts";
import { duration, relative } from "../output/time.ts";
import { downtimeText } from "../output/tunnels.ts";
import { memberGroupsTable, memberStreamsTable } from "../output/views.ts";

/** `keyherald status`: the daemon as a whole. */
export function addStatus(program: Command): void {
  askingDaemon(program.command("status").description("Show how the daemon is."))
    .addHelpText("after", examples([["keyherald status", "its roles, the state store, what was dropped"]]))
    .action(async (options: DaemonOptions) => {
      const status = await clientOf(options).call("status", {});
      if (options.json === true) printJson(status);
      else print(statusText(status));
    });
}

function statusText(status: DaemonStatus): string {
  const { store, keyServer, member, ikev2, now } = status;
  const lines: [string, string][] = [
    ["configuration", status.configuration],
    ["listens on", status.listen.join(", ") || "nothing: the machine has no address yet"],
    ["state", store.works ? `${store.file} (${good("works")})` : bad(storeTrouble(status))],
  ];
  if (status.clockAheadMs > 0) {
    lines.push([
      "clock",
      bad(`${duration(status.clockAheadMs)} ahead of the machine's, which was once wrong or set back`),
    ]);
  }
  if (keyServer !== undefined) {
    const halfOpen = keyServer.halfOpen === 0 ? "" : `, ${keyServer.halfOpen} half-open`;
    lines.push([
      "key server",
      `${many(keyServer.groups, "group")}, ${many(keyServer.members, "member")}, ${many(keyServer.phase1, "Phase 1 SA")}${halfOpen}`,
    ]);
  }
  if (member !== undefined) {
    lines.push(["member", `of ${many(member.groups.length, "group")}, ${many(member.phase1, "Phase 1 SA")}`]);
  }
  if (ikev2 !== undefined) lines.push(["IKEv2", ikev2Text(ikev2)]);
  if (status.keyLog !== undefined) {
    lines.push(["KEY LOG", bad(`ALL KEYS OF IKE SAs ARE WRITTEN TO ${status.keyLog}: for a laboratory alone`)]);
  }
  if (status.farewell !== undefined) {
    const { cause, downtimeSeconds } = status.farewell;
    const what = `${cause.replace("-", " ")}, ${downtimeText(downtimeSeconds)}`;
    lines.push(["marked", warn(`peers are told when this is ended: ${what}`)]);
  }
  const dropped = dropsText(dropsOf(status.counters));
  lines.push(["dropped", dropped === "" ? "nothing" : dropped]);
  const head = `${bold(`keyherald ${status.version}`)}  up ${duration(now - status.startedAt)}, process ${status.pid}`;
  const groups =
    member === undefined || member.groups.length === 0 ? "" : `\n\n${memberGroupsTable(member.groups, now)}`;
  const streams = member === undefined ? "" : memberStreamsTable(member.groups, now);
  return `${head}\n${facts(lines)}${groups}${streams === "" ? "" : `\n\n${streams}`}`;
}

function ikev2Text({ connections, up, ikeSas, childSas, halfOpen }: NonNullable<DaemonStatus["ikev2"]>): string {
  const open = halfOpen === 0 ? "" : `, ${halfOpen} half-open`;
  return `${up} of ${many(connections, "connection")} up, ${many(ikeSas, "IKE SA")}, ${many(childSas, "Child SA")}${open}`;
}

function storeTrouble({ store, now }: DaemonStatus): string {
  const since = store.since === undefined ? "" : `, failed ${relative(store.since, now)}`;
  return `${store.file}: ${store.message ?? "does not work"}${since}; nothing is issued until it works`;
}

function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
