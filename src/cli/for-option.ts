/** `--for`: how long something is expected to take, as the Downtime of a DELETE_REASON. */
import { CommandError, ExitCode } from "./exit.ts";
import { remark } from "./output/print.ts";
import { parseSpan } from "./output/time.ts";

/** The largest number of the field's two octets stands for that long or longer. */
const longestSeconds = 65_535;

export const forWords = "how long it is expected to take: 90s, 10m, 2h";

/** Seconds of `--for`; undefined when nothing is said. @throws CommandError */
export function downtimeOf(text: string | undefined): { readonly downtimeSeconds?: number } {
  if (text === undefined) return {};
  const span = parseSpan(text);
  if (span === undefined) throw new CommandError(ExitCode.USAGE, `--for ${text}: give a span such as 90s, 10m or 2h`);
  const seconds = span / 1000;
  if (seconds > longestSeconds) remark(`The peer is told 18 hours or longer: its message has no room for ${text}.`);
  return { downtimeSeconds: Math.min(seconds, longestSeconds) };
}
