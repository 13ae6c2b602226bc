/** Colours, on a terminal only (and not with NO_COLOR). */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

function paint(format: Format): (text: string) => string {
  return (text) => styleText(format, text, { stream: process.stdout });
}

export const bold = paint("bold");
export const dim = paint("dim");
export const good = paint("green");
export const warn = paint("yellow");
export const bad = paint("red");

/** The colour of a state: registered and acked are good, missing is bad. */
export function stateText(state: string): string {
  switch (state) {
    case "registered":
    case "acked":
    case "reregistered":
    case "up":
    case "established":
    case "installed":
      return good(state);
    case "missing":
    case "evicted":
    case "removed":
    case "expired":
    case "down":
      return bad(state);
    case "pending":
    case "retrying":
    case "registering":
    case "waiting":
    case "connecting":
    case "rekeying":
    case "deleting":
      return warn(state);
    default:
      return state;
  }
}
