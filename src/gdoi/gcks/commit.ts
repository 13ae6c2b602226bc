/** Changes of keys: what makes them durable, and the KEKs that they leave behind. */
import type { StoreRecord } from "../../core/engine.ts";
import type { Group } from "./group.ts";
import type { Kek } from "./keys.ts";
import type { Member } from "./members.ts";
import { groupRecord, memberRecord, nodeRecord, nothingElse, type Redo } from "./records.ts";
import { type Turn, tell } from "./server.ts";

/** Hands a record to the store. */
export function persist(turn: Turn, record: StoreRecord): void {
  turn.out.push({ out: "persist", record });
}

/** Makes the group's state durable, and then what belongs to it. */
export function commit(group: Group, turn: Turn, redo: Redo = nothingElse): void {
  group.commits += 1;
  persist(turn, groupRecord(group, redo, turn.env));
  for (const node of redo.nodes) persist(turn, nodeRecord(group, node));
  for (const member of redo.members) persist(turn, memberRecord(group, member));
}

/** Makes one member durable. */
export function keepMember(group: Group, member: Member, turn: Turn): void {
  persist(turn, memberRecord(group, member));
}

/** Puts another KEK in the current one's place; the old one takes acknowledgements for the grace period. */
export function replaceKek(group: Group, next: Kek, turn: Turn): void {
  const { kek } = group;
  kek.retiredAt = turn.env.now;
  group.retired.push(kek);
  group.kek = next;
  turn.server.keks.add(next, group);
}

/** When a retired KEK may go, as far as the grace period is concerned (RFC 8263 6). */
function graceEnd(group: Group, kek: Kek): number {
  return (kek.retiredAt ?? 0) + group.policy.acks.graceMs;
}

/** Forgets KEKs whose grace period is over and whose last push is settled. */
export function endGrace(group: Group, turn: Turn): void {
  const over = group.retired.filter((kek) => graceEnd(group, kek) <= turn.env.now && quiet(kek));
  if (over.length === 0) return;
  group.retired = group.retired.filter((kek) => !over.includes(kek));
  for (const kek of over) {
    turn.server.keks.remove(kek);
    tell(turn, {
      kind: "gcks.kek-forgotten",
      subjects: [group.subject],
      cause: "timer",
      figures: { spi: kek.spiHex, seq: kek.seq },
      level: "info",
    });
  }
  commit(group, turn);
}

/** When the next retired KEK may go; Infinity when none waits for time alone. */
export function nextGrace(group: Group): number {
  return Math.min(...group.retired.filter(quiet).map((kek) => graceEnd(group, kek)));
}

function quiet(kek: Kek): boolean {
  for (const rekey of kek.rekeys.values()) if (!rekey.settled) return false;
  return true;
}
