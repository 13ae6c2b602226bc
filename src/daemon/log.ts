/** The daemon's log: lines for people on a terminal, JSON for machines, never a flood. */
import { type Logger, pino } from "pino";
import type { StoredEvent } from "../ledger/story.ts";
import { sentence } from "../ledger/story.ts";

export type { Logger } from "pino";

/** Where log lines go: standard error unless a test says otherwise. */
export interface LogTarget {
  readonly isTTY?: boolean | undefined;
  write(text: string): unknown;
}

const words: Readonly<Record<number, string>> = { 20: "debug", 30: "info", 40: "warning", 50: "error", 60: "fatal" };
const colours: Readonly<Record<number, string>> = {
  20: "\u001b[2m",
  40: "\u001b[33m",
  50: "\u001b[31m",
  60: "\u001b[31m",
};

/** A pino logger: readable lines when the target is a terminal, JSON lines otherwise. */
export function createLog(level: string, target: LogTarget = process.stderr): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (target.isTTY !== true) return pino(options, { write: (line: string) => void target.write(line) });
  const colour = process.env["NO_COLOR"] === undefined;
  return pino(options, { write: (line: string) => void target.write(readable(line, colour)) });
}

interface LogLine {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
}

function readable(line: string, colour: boolean): string {
  // names and ids of events are for machines
  const { level, time, msg, event, id, ...rest } = JSON.parse(line) as Record<string, unknown> & LogLine;
  const word = (words[level] ?? String(level)).padEnd(7);
  const paint = colour ? colours[level] : undefined;
  const more = Object.entries(rest)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
  const label = paint === undefined ? word : `${paint}${word}\u001b[0m`;
  // UTC, as every time of the ledger
  return `${time.slice(11, 19)}Z ${label} ${msg ?? ""}${more === "" ? "" : `  ${more}`}\n`;
}

/** Lines of one kind that are written in full within each window; the rest is counted. */
const linesPerWindow = 20;
const windowMs = 10_000;

/** Writes ledger events into the log; a thousand acknowledgements become twenty lines and a count. */
export class EventLog {
  readonly #log: Logger;
  #written = new Map<string, number>();
  #windowEnds = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  write(event: StoredEvent): void {
    if (event.at >= this.#windowEnds) {
      this.summarise();
      this.#windowEnds = event.at + windowMs;
    }
    const written = (this.#written.get(event.kind) ?? 0) + 1;
    this.#written.set(event.kind, written);
    if (written > linesPerWindow && event.level !== "alert") return;
    const fields = { event: event.kind, id: event.id };
    const text = sentence(event);
    // what the data plane is told stands beside what the protocol says of the same SA
    if (event.kind.startsWith("sad.")) this.#log.debug(fields, text);
    else if (event.level === "alert") this.#log.error(fields, text);
    else if (event.level === "warning") this.#log.warn(fields, text);
    else this.#log.info(fields, text);
  }

  /** Says how many were left out since the last window began. */
  summarise(): void {
    for (const [kind, count] of this.#written) {
      const more = count - linesPerWindow;
      if (more > 0) this.#log.info({ event: kind }, `${more} further events of this kind; the ledger has them all`);
    }
    this.#written = new Map();
  }
}
