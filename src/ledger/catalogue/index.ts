/** All event kinds of the ledger. */
import type { Told } from "../event.ts";
import type { Catalogue, EventForm } from "./form.ts";
import { gcksEvents } from "./gcks.ts";
import { gmEvents } from "./gm.ts";
import { ikev2Events } from "./ikev2.ts";
import { phase1Events } from "./phase1.ts";
import { sadEvents } from "./sad.ts";
import { serverEvents } from "./server.ts";

/** Every declared kind. */
export const catalogue: Catalogue = {
  ...serverEvents,
  ...phase1Events,
  ...gcksEvents,
  ...gmEvents,
  ...ikev2Events,
  ...sadEvents,
};

/** The form of a kind; an undeclared one gets a sentence from its kind, reason and figures. */
export function formOf(kind: string): EventForm {
  return Object.hasOwn(catalogue, kind) ? (catalogue[kind] ?? fallback) : fallback;
}

const fallback: EventForm = { sentence: plainSentence };

/** `gcks.key-made` of figures { seq: 2 } with a reason: `key made: the reason (seq 2)`. */
function plainSentence(event: Told): string {
  const what = event.kind.slice(event.kind.indexOf(".") + 1).replaceAll("-", " ");
  const figures = Object.entries(event.figures ?? {}).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(" ") : value}`,
  );
  const why = event.reason === undefined ? "" : `: ${event.reason}`;
  return `${what}${why}${figures.length === 0 ? "" : ` (${figures.join(", ")})`}`;
}
