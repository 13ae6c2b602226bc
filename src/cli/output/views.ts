/** Groups, members and rekeys as text. */
import type { z } from "zod";
import type { absentView, gmGroupView, groupView, memberView, rekeyMemberView, rekeyView } from "../../api/views.ts";
import { endpointText } from "../../util/address.ts";
import { wrapped } from "./print.ts";
import { bad, bold, dim, stateText, warn } from "./style.ts";
import { facts, table } from "./table.ts";
import { clockTime, duration, relative } from "./time.ts";

type Group = z.infer<typeof groupView>;
type Rekey = z.infer<typeof rekeyView>;

/** `keyherald groups`. */
export function groupsTable(groups: readonly Group[], now: number): string {
  return table(
    ["GROUP", "ID", "MEMBERS", "KEK ENDS", "TEKS", "FIRST ENDS", "LAST REKEY"],
    groups.map((group) => [
      group.name,
      group.id,
      String(group.members),
      relative(group.kek.expiresAt, now),
      String(group.teks.length),
      group.teks.length === 0 ? "-" : relative(Math.min(...group.teks.map((tek) => tek.expiresAt)), now),
      lastRekey(group.rekeys),
    ]),
  );
}

/** `keyherald group NAME`. */
export function groupText(group: Group, now: number): string {
  const { kek } = group;
  const head = facts([
    ["group", `${bold(group.name)} (${group.id})`],
    ["members", String(group.members)],
    ["KEK", kek.spi],
    ["", `${kek.management === "lkh" ? "key tree (LKH)" : "no key tree"}, ${ackText(kek.ack)}`],
    ["", `made ${relative(kek.createdAt, now)}, ends ${relative(kek.expiresAt, now)}, last SEQ ${kek.seq}`],
    ["next SID", String(group.nextSid)],
  ]);
  const assured = group.teks.some((tek) => tek.delivery !== undefined);
  const teks = table(
    ["TEK", "SPI", "PROTOCOL", "IN USE FROM", "ENDS", ...(assured ? ["HAVE IT"] : [])],
    group.teks.map((tek) => [
      tek.name,
      tek.spi,
      tek.protocol,
      clockTime(tek.activateAt, now),
      relative(tek.expiresAt, now),
      ...(assured ? [deliveryText(tek.delivery)] : []),
    ]),
  );
  const none = group.rekeys.length === 0 && group.waiting.length === 0;
  const rekeys = none ? dim("No rekey yet.") : rekeysTable(group, now);
  return `${head}\n\n${teks}\n\n${rekeys}`;
}

/** `4/5 (80 %)`: members that are known to have a key. */
function deliveryText(delivery: Group["teks"][number]["delivery"]): string {
  return delivery === undefined ? "-" : `${delivery.holders}/${delivery.members} (${delivery.percent} %)`;
}

/** Rekeys, those that wait first and then the newest. SEQ begins anew with each KEK, so its SPI stands beside it. */
function rekeysTable({ rekeys, waiting }: Group, now: number): string {
  const planned = [...waiting]
    .reverse()
    .map(({ seq, spi, kind, cause }) => [String(seq), spi.slice(0, 8), kind, "waits", "-", "-", "-", "-", cause]);
  const newest = [...rekeys].reverse().slice(0, 20);
  const sent = newest.map((rekey) => [
    String(rekey.seq),
    rekey.spi.slice(0, 8),
    rekey.kind,
    clockTime(rekey.sentAt, now),
    rekey.ackRequested ? `${rekey.acked}/${rekey.targets}` : `-/${rekey.targets}`,
    String(rekey.pending),
    rekey.missing > 0 ? bad(String(rekey.missing)) : "0",
    String(rekey.attempts),
    rekey.cause,
  ]);
  const columns = ["REKEY", "KEK", "KIND", "SENT", "ACKED", "PENDING", "MISSING", "SENDS", "CAUSE"];
  return table(columns, [...planned, ...sent]);
}

/** How a settled rekey ended. What went before the one that was `asked` for, and took its place, is told as such. */
export function rekeyOutcome(rekey: Rekey, asked: "tek" | "kek"): string {
  const { targets, acked, ackRequested, kind, cause } = rekey;
  const instead = kind === asked ? "" : `; it went before the one that was asked for: ${cause}`;
  if (targets === 0) return `nobody is registered, so it went to nobody${instead}`;
  const reached = ackRequested
    ? `${acked} of ${targets} acknowledged`
    : `sent to ${targets}, no acknowledgements asked for`;
  return `${reached}${instead}`;
}

/** `keyherald members NAME`: those who need attention first. */
export function membersTable(members: readonly z.infer<typeof memberView>[], now: number): string {
  const order = ["missing", "registered", "removed", "evicted"];
  const sorted = [...members].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || byName(a.name, b.name));
  // a name that is the identity says it all
  const named = sorted.some(({ name, identity }) => identity !== name && identity !== `fqdn:${name}`);
  return table(
    ["MEMBER", ...(named ? ["IDENTITY"] : []), "ADDRESS", "STATE", "REGISTERED", "LAST ACK", "MISSED", "SIDS"],
    sorted.map((member) => [
      member.name,
      ...(named ? [member.identity] : []),
      endpointText(member),
      stateText(member.state),
      relative(member.registeredAt, now),
      lastAck(member, now),
      String(member.consecutiveMissed),
      member.sids.join(" ") || "-",
    ]),
  );
}

/** Who may join and never did. */
export function absentTable(absent: readonly z.infer<typeof absentView>[]): string {
  return table(
    ["NEVER REGISTERED", "IDENTITY", "ADDRESS"],
    [...absent]
      .sort((a, b) => byName(a.name, b.name))
      .map(({ name, identity, address }) => [warn(name), identity, address ?? "-"]),
  );
}

/** Who did not answer, since when. */
export function missingTable(
  missing: readonly (z.infer<typeof rekeyMemberView> & { seq: number })[],
  now: number,
): string {
  return table(
    ["MISSING", "ADDRESS", "REKEY", "SILENT SINCE", "EVER ACKNOWLEDGED"],
    missing.map((member) => [
      bad(member.member),
      member.address,
      String(member.seq),
      member.silentSince === undefined
        ? "-"
        : `${clockTime(member.silentSince, now)} (${duration(now - member.silentSince)})`,
      member.everAcked ? "yes" : "never",
    ]),
  );
}

/** A member's own view of its groups. */
export function memberGroupsTable(groups: readonly z.infer<typeof gmGroupView>[], now: number): string {
  const rows = table(
    ["GROUP", "ID", "STATE", "KEY SERVER", "SEQ", "TEKS", "RENEWS", "PUSHES", "ACKS"],
    groups.map((group) => [
      group.name,
      group.id,
      stateText(group.state),
      group.keyServer ?? "-",
      group.kek === undefined ? "-" : String(group.kek.seq),
      String(group.teks.length),
      group.reregisterAt === undefined ? "-" : relative(group.reregisterAt, now),
      String(group.pushesAccepted),
      String(group.acksSent),
    ]),
  );
  const troubles = groups.flatMap(({ name, state, lastError }) =>
    lastError === undefined || state === "registered" ? [] : [bad(wrapped(`${name}: ${lastError}`, 2, 0))],
  );
  return [rows, ...troubles].join("\n");
}

/** Streams of IEC 61850 among a member's keys; empty when there are none. */
export function memberStreamsTable(groups: readonly z.infer<typeof gmGroupView>[], now: number): string {
  const rows = groups.flatMap((group) =>
    group.teks.flatMap((tek) => (tek.oid === undefined ? [] : [streamRow(group.name, tek.oid, tek, now)])),
  );
  if (rows.length === 0) return "";
  return table(["GROUP", "STREAM", "SELECTOR", "SPI", "IN USE FROM", "ENDS", "DELIVERED"], rows);
}

type MemberTek = z.infer<typeof gmGroupView>["teks"][number];

function streamRow(group: string, oid: string, tek: MemberTek, now: number): string[] {
  const ends = tek.expiresAt === undefined ? "never" : relative(tek.expiresAt, now);
  return [
    group,
    oid,
    tek.selector ?? "-",
    tek.spi,
    clockTime(tek.activateAt, now),
    tek.kept === true ? bad(`${ends}, kept`) : ends,
    tek.keyDeliveryAssurance === undefined ? "-" : `${tek.keyDeliveryAssurance}%`,
  ];
}

/** gm2 before gm10. */
export const byName = new Intl.Collator("en", { numeric: true }).compare;

/** A type of RFC 8263 in the configuration's spelling. */
function ackText(type: string): string {
  if (type === "none") return "no acknowledgements";
  return `acknowledgements ${type.replace("REKEY_ACK_", "").replaceAll("_", "-").toLowerCase()}`;
}

function lastRekey(rekeys: readonly Rekey[]): string {
  const last = rekeys.reduce<Rekey | undefined>(
    (best, one) => (best === undefined || one.sentAt >= best.sentAt ? one : best),
    undefined,
  );
  if (last === undefined) return "-";
  if (!last.ackRequested) return `${last.seq}: sent`;
  const missing = last.missing > 0 ? `, ${last.missing} missing` : "";
  return `${last.seq}: ${last.acked}/${last.targets} acked${missing}`;
}

function lastAck(member: z.infer<typeof memberView>, now: number): string {
  if (member.lastAckAt === undefined) return member.everAcked ? "-" : "never";
  const rekey = member.lastAckSeq === undefined ? "" : ` (SEQ ${member.lastAckSeq})`;
  return `${relative(member.lastAckAt, now)}${rekey}`;
}
