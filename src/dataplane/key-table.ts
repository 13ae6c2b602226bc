/** The Data-Security SAs that a member holds now, and which of each stream's are in use. */
import type { GroupSa, SadChange } from "../sad/sad.ts";
import { hex } from "../util/octets.ts";

/**
 * Of the generations of a stream: the newest that is active is the one to send with, later ones are to come, earlier ones
 * are for receiving only.
 */
export type KeyState = "current" | "next" | "old";

export interface HeldSa {
  readonly sa: GroupSa;
  readonly state: KeyState;
}

interface Entry {
  readonly sa: GroupSa;
  /** When it is to be taken away, Infinity unless that was asked for. */
  readonly removeAt: number;
}

/** Follows the changes that a member asks for; those of Child SAs are not its own. Times are milliseconds since the epoch. */
export class KeyTable {
  readonly #entries = new Map<string, Entry>();

  apply(change: SadChange, now: number): void {
    if (change.change === "install") {
      const { sa } = change;
      this.#entries.set(nameOf(sa.group, sa.protocol, sa.spi), { sa, removeAt: Number.POSITIVE_INFINITY });
      return;
    }
    if (change.change !== "remove") return;
    const name = nameOf(change.group, change.protocol, change.spi);
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    if (change.at <= now) this.#entries.delete(name);
    else this.#entries.set(name, { sa: entry.sa, removeAt: change.at });
  }

  /** What is held at `now`: by group, stream and time of activation. What is to be removed is forgotten when that is due. */
  held(now: number): HeldSa[] {
    for (const [name, entry] of [...this.#entries]) if (endOf(entry) <= now) this.#entries.delete(name);
    const all = [...this.#entries.values()].map((entry) => entry.sa);
    const current = new Map<string, GroupSa>();
    for (const sa of all) {
      const best = current.get(streamOf(sa));
      if (sa.activateAt <= now && (best === undefined || sa.activateAt >= best.activateAt))
        current.set(streamOf(sa), sa);
    }
    const stateOf = (sa: GroupSa): KeyState =>
      current.get(streamOf(sa)) === sa ? "current" : sa.activateAt > now ? "next" : "old";
    return all.sort(byPlace).map((sa) => ({ sa, state: stateOf(sa) }));
  }

  /** When the answer of `held` changes by itself; Infinity when it does not. */
  next(now: number): number {
    const times = [...this.#entries.values()].flatMap((entry) => [entry.sa.activateAt, endOf(entry)]);
    return Math.min(...times.filter((time) => time > now), Number.POSITIVE_INFINITY);
  }
}

/** The member says whether a key that has come to its end goes or is kept: there is no moment without it before that. */
function endOf({ sa, removeAt }: Entry): number {
  if (removeAt === Number.POSITIVE_INFINITY || sa.kept === true) return removeAt;
  return Math.min(removeAt, sa.expiresAt);
}

function nameOf(group: string, protocol: number, spi: Uint8Array): string {
  return `${protocol}:${hex(spi)}:${group}`;
}

function streamOf(sa: GroupSa): string {
  return `${sa.stream} ${sa.group}`;
}

function byPlace(a: GroupSa, b: GroupSa): number {
  return compare(a.group, b.group) || compare(a.stream, b.stream) || a.activateAt - b.activateAt;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
