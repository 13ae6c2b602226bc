/** How an event kind is declared, and the few phrases that its sentences are made of. */
import type { Instant } from "../../core/engine.ts";
import type { Told } from "../event.ts";
import type { StoredEvent } from "../stored.ts";

/** How a kind of event is told. */
export interface EventForm {
  /** One sentence without the time, a full stop or a capital at its beginning; it says 'key server' and 'member'. */
  readonly sentence: (event: Told) => string;
  /** How several of them in a row are told as one line; without it each has its own. */
  readonly fold?: Fold;
}

export interface Fold {
  /** Events of one kind are one run when this agrees, e.g. the rekey that they acknowledge. */
  readonly by: (event: Told) => string;
  /** Tells a run of at least two, oldest first. */
  readonly sentence: (run: readonly StoredEvent[]) => string;
}

/** Forms by event kind. */
export type Catalogue = Readonly<Record<string, EventForm>>;

/** A figure as text; `otherwise` when the event does not have it. Lists are joined by commas. */
export function text(event: Told, figure: string, otherwise = "?"): string {
  const value = event.figures?.[figure];
  if (value === undefined) return otherwise;
  return Array.isArray(value) ? value.join(", ") : String(value);
}

/** A numeric figure, undefined when the event does not have it. */
export function number(event: Told, figure: string): number | undefined {
  const value = event.figures?.[figure];
  return typeof value === "number" ? value : undefined;
}

/** A figure that is a list of names; one name counts as a list of one, none as an empty list. */
export function names(event: Told, figure: string): readonly string[] {
  const value = event.figures?.[figure];
  if (typeof value === "string") return [value];
  return typeof value === "object" ? value : [];
}

/** The reason with `before` in front of it, nothing when there is none. */
export function reason(event: Told, before = ": "): string {
  return event.reason === undefined || event.reason === "" ? "" : `${before}${event.reason}`;
}

/** `1 member`, `5 members`, `2 retries` with an explicit plural. */
export function count(value: number, singular: string, plural = `${singular}s`): string {
  return `${value} ${value === 1 ? singular : plural}`;
}

/** At most `most` names, and how many more there are: `gm1, gm2 and 3 more`. */
export function listed(items: readonly string[], most = 5): string {
  if (items.length > most) return `${items.slice(0, most).join(", ")} and ${items.length - most} more`;
  const last = items.at(-1);
  if (last === undefined) return "none";
  return items.length === 1 ? last : `${items.slice(0, -1).join(", ")} and ${last}`;
}

/** A length of time for people: `0.8 s`, `12 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. */
export function duration(milliseconds: number): string {
  if (milliseconds < 100) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 9_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return joined(minutes, "min", seconds % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large} ${largeUnit}` : `${large} ${largeUnit} ${small} ${smallUnit}`;
}

/** Time of day of an instant, which says that it is UTC: readers show other times in their own zone. `14:02:11 UTC`. */
export function timeOfDay(at: Instant): string {
  const seconds = Math.floor(at / 1000) % 86_400;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${parts.map((part) => String(part).padStart(2, "0")).join(":")} UTC`;
}
