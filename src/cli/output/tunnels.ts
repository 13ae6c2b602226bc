/** Connections, IKE SAs and Child SAs as text. */
import type { z } from "zod";
import type { ConnectionView, childSaView, ikeSaView, recordedPair } from "../../api/views.ts";
import { duration } from "../../ledger/catalogue/form.ts";
import { endpointText } from "../../util/address.ts";
import { wrapped } from "./print.ts";
import { bad, bold, dim, stateText, warn } from "./style.ts";
import { facts, table } from "./table.ts";
import { clockTime, relative } from "./time.ts";
import { byName } from "./views.ts";

type IkeSa = z.infer<typeof ikeSaView>;
type ChildSa = z.infer<typeof childSaView>;

/** `keyherald connections`: one line each, and below what is wrong with those that are not up. */
export function connectionsTable(connections: readonly ConnectionView[], now: number): string {
  const sorted = [...connections].sort((a, b) => byName(a.name, b.name));
  const rows = table(
    ["CONNECTION", "STATE", "PEER", "IDENTITY", "CHILD SAS", "SINCE"],
    sorted.map((connection) => [
      connection.name,
      stateText(connection.state),
      connection.remote,
      identityOf(connection),
      String(connection.ikeSas.reduce((sum, sa) => sum + sa.children.length, 0)),
      since(connection, now),
    ]),
  );
  const remarks = sorted.flatMap((connection) => remarksOn(connection, now));
  return remarks.length === 0 ? rows : `${rows}\n\n${remarks.join("\n")}`;
}

/** That of the configuration, else who is there. */
function identityOf({ remoteIdentity, ikeSas }: ConnectionView): string {
  const [first, ...others] = ikeSas.flatMap((sa) => sa.remoteIdentity ?? []);
  if (remoteIdentity !== undefined) return remoteIdentity;
  return first === undefined ? "any" : others.length === 0 ? first : `${first} and ${others.length} more`;
}

function since({ state, ikeSas, nextAttemptAt }: ConnectionView, now: number): string {
  if (state === "waiting" && nextAttemptAt !== undefined) return `tries ${relative(nextAttemptAt, now)}`;
  const times = ikeSas.flatMap((sa) => sa.since ?? []);
  return times.length === 0 ? "-" : relative(Math.min(...times), now);
}

function remarksOn({ name, state, outage, lastError }: ConnectionView, now: number): string[] {
  const remarks: string[] = [];
  if (outage !== undefined && state !== "up") {
    const reason = outage.reason === undefined ? "without a reason" : `"${outage.reason}"`;
    const { expectedAt } = outage;
    const back =
      expectedAt === undefined ? "" : `, expected back at ${clockTime(expectedAt, now)} (${relative(expectedAt, now)})`;
    remarks.push(warn(wrapped(`${name}: down since ${clockTime(outage.since, now)}, ${reason}${back}`, 2, 0)));
  }
  if (lastError !== undefined && state !== "up") remarks.push(bad(wrapped(`${name}: ${lastError}`, 2, 0)));
  return remarks;
}

/** `keyherald sas`: every IKE SA with its Child SAs. */
export function sasText(connections: readonly ConnectionView[], now: number): string {
  return [...connections]
    .sort((a, b) => byName(a.name, b.name))
    .flatMap(({ ikeSas }) => ikeSas.map((sa) => ikeSaText(sa, now)))
    .join("\n\n");
}

function ikeSaText(sa: IkeSa, now: number): string {
  const at = sa.since === undefined ? "" : ` ${relative(sa.since, now)}`;
  const method = sa.authentication === undefined ? "" : `, ${sa.authentication}`;
  const head = `${bold(sa.connection || "(not known yet)")}  ${stateText(sa.state)}${at} as ${sa.role}${method}`;
  const lines: [string, string][] = [
    ["  IKE SA", sa.id],
    ["  here", `${endpointText(sa.local)}  ${sa.localIdentity ?? ""}`.trimEnd()],
    ["  peer", `${endpointText(sa.remote)}  ${sa.remoteIdentity ?? ""}`.trimEnd()],
  ];
  if (sa.suite !== undefined) lines.push(["  suite", sa.suite]);
  if (sa.nat !== "none") lines.push(["  NAT", natText(sa.nat)]);
  if (sa.virtualAddresses.length > 0) lines.push(["  addresses", sa.virtualAddresses.join(", ")]);
  const ends = endsText(sa, now);
  if (ends !== "") lines.push(["  life", ends]);
  const children = sa.children.length === 0 ? dim("  no Child SAs") : childrenTable(sa.children, now);
  return `${head}\n${facts(lines)}\n${children}`;
}

function natText(nat: IkeSa["nat"]): string {
  if (nat === "forced") return "none, ESP goes inside UDP all the same";
  return nat === "both" ? "on both sides" : `on ${nat === "local" ? "our" : "the peer's"} side`;
}

function endsText(
  { rekeyAt, reauthenticateAt, expiresAt }: Pick<IkeSa, "rekeyAt" | "reauthenticateAt" | "expiresAt">,
  now: number,
) {
  const parts = [
    rekeyAt === undefined ? undefined : `rekeyed ${relative(rekeyAt, now)}`,
    reauthenticateAt === undefined ? undefined : `re-authenticated ${relative(reauthenticateAt, now)}`,
    expiresAt === undefined ? undefined : `ends ${relative(expiresAt, now)} at the latest`,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

function childrenTable(children: readonly ChildSa[], now: number): string {
  const counted = children.some(({ octets, packets }) => octets > 0 || packets > 0);
  const rows = table(
    ["CHILD", "SPI IN", "SPI OUT", "STATE", "LOCAL", "REMOTE", "REKEY", ...(counted ? ["OCTETS"] : [])],
    children.map((child) => [
      child.name,
      child.spiIn,
      child.spiOut,
      stateText(child.state),
      child.local.join(" "),
      child.remote.join(" "),
      child.rekeyAt === undefined ? "never" : relative(child.rekeyAt, now),
      ...(counted ? [String(child.octets)] : []),
    ]),
    2,
  );
  const alike = new Map<string, Set<string>>();
  for (const { name, mode, suite, encapsulated } of children) {
    const how = `${mode} mode, ${suite}${encapsulated ? ", inside UDP" : ""}`;
    alike.set(how, (alike.get(how) ?? new Set()).add(name));
  }
  return [rows, ...[...alike].map(([how, names]) => dim(`  ${[...names].join(", ")}: ${how}`))].join("\n");
}

/** `keyherald sas --installed`: what the data plane has. */
export function pairsTable(pairs: readonly z.infer<typeof recordedPair>[]): string {
  return table(
    ["CHILD", "SPI IN", "SPI OUT", "MODE", "CIPHER", "FROM", "TO", "SENDS"],
    pairs.map((pair) => [
      `${pair.connection}/${pair.child}`,
      pair.spiIn,
      pair.spiOut,
      pair.mode,
      pair.encryption.replace(/^ENCR_/, ""),
      pair.local,
      pair.remote,
      pair.outbound ? "yes" : "not yet",
    ]),
  );
}

/** How long ago, or until: for sentences about a connection that was brought up. */
export function upText(connection: ConnectionView): string {
  const children = connection.ikeSas.flatMap((sa) => sa.children);
  const names = children.map(({ name, spiIn }) => `${name} (SPI ${spiIn})`);
  const what = names.length === 0 ? "no Child SA" : `Child SA ${names.join(", ")}`;
  return `${connection.name} is up with ${what}.`;
}

/** `90 s`, `1 h 30 min`, or that nothing is said. */
export function downtimeText(seconds: number | undefined): string {
  if (seconds === undefined || seconds === 0) return "no estimate";
  return seconds < 600 ? `${seconds} s` : duration(1000 * seconds);
}
