/** The ledger in sentences: what `keyherald why` prints. */
import type { Instant } from "../core/engine.ts";
import { formOf } from "./catalogue/index.ts";
import type { Told } from "./event.ts";
import type { StoredEvent } from "./stored.ts";

export type { StoredEvent } from "./stored.ts";

/** One line of a story. */
export interface StoryLine {
  readonly at: Instant;
  readonly text: string;
}

/** One event in a sentence, without its time. */
export function sentence(event: Told): string {
  return formOf(event.kind).sentence(event);
}

/**
 * Events, oldest first, as lines in the same order. A run of the same kind about the same thing (forty
 * acknowledgements of one rekey) becomes one line at the time of its last event.
 */
export function story(events: readonly StoredEvent[]): StoryLine[] {
  return runs(events).map((run) => {
    const [first] = run;
    const last = run.at(-1) ?? first;
    const fold = run.length > 1 ? formOf(first.kind).fold : undefined;
    return { at: last.at, text: fold === undefined ? sentence(last) : fold.sentence(run) };
  });
}

type Run = [StoredEvent, ...StoredEvent[]];

function runs(events: readonly StoredEvent[]): Run[] {
  const all: Run[] = [];
  for (const event of events) {
    const run = all.at(-1);
    if (run !== undefined && together(run[0], event)) run.push(event);
    else all.push([event]);
  }
  return all;
}

function together(a: StoredEvent, b: StoredEvent): boolean {
  const fold = formOf(a.kind).fold;
  return fold !== undefined && a.kind === b.kind && fold.by(a) === fold.by(b);
}
