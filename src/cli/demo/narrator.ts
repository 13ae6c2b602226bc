/** How the demo tells its story: live on a terminal, in plain lines elsewhere, or not at all. */
import { stripVTControlCharacters } from "node:util";
import { wrapped } from "../output/print.ts";
import { bad, bold, dim, good, warn } from "../output/style.ts";

export interface Narrator {
  /** The heading, once. */
  title(text: string): void;
  /** What is under way from now on; replaced by each later call until `done` or `trouble`. */
  doing(text: string): void;
  /** It went well. */
  done(text: string): void;
  /** It did not, as the story has it. */
  trouble(text: string): void;
  /** What comes next is about something else. */
  chapter(text: string): void;
  /** A line below the last result; where it is broken, it goes on `hang` columns further in. */
  detail(text: string, hang?: number): void;
  /** Time to read; nothing without a reader. */
  pause(ms: number): Promise<void>;
  /** Leaves the terminal as it was. */
  end(): void;
}

const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/** On a terminal: the line of what is under way moves, results stay. */
export class LiveNarrator implements Narrator {
  readonly #out: NodeJS.WriteStream;
  #text = "";
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#out.write("\u001b[?25l");
  }

  title(text: string): void {
    this.#line(`\n${bold(text)}\n`);
  }

  doing(text: string): void {
    this.#text = text;
    this.#timer ??= setInterval(() => this.#draw(), 80);
    this.#draw();
  }

  done(text: string): void {
    this.#stop();
    this.#line(`${good("✓")} ${wrapped(text, 2)}`);
  }

  trouble(text: string): void {
    this.#stop();
    this.#line(`${bad("✗")} ${wrapped(text, 2)}`);
  }

  chapter(text: string): void {
    this.#stop();
    this.#line(`\n${wrapped(bold(text), 0)}`);
  }

  detail(text: string, hang = 0): void {
    this.#line(`    ${dim(wrapped(text, 4 + hang, 4))}`);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  end(): void {
    this.#stop();
    this.#out.write("\u001b[?25h");
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#out.write("\r\u001b[K");
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % frames.length;
    const room = (this.#out.columns ?? 80) - 3;
    this.#out.write(`\r\u001b[K${warn(frames[this.#frame] ?? "")} ${this.#text.slice(0, room)}`);
  }

  #line(text: string): void {
    this.#out.write(`\r\u001b[K${text}\n`);
    if (this.#timer !== undefined) this.#draw();
  }
}

/** Without a terminal: one line a result, no waiting. */
export class PlainNarrator implements Narrator {
  readonly #write: (line: string) => void;

  constructor(write: (line: string) => void) {
    this.#write = (line) => write(stripVTControlCharacters(line));
  }

  title(text: string): void {
    this.#write(text);
  }

  doing(): void {}

  done(text: string): void {
    this.#write(`ok       ${wrapped(text, 9)}`);
  }

  trouble(text: string): void {
    this.#write(`trouble  ${wrapped(text, 9)}`);
  }

  chapter(text: string): void {
    this.#write(text);
  }

  detail(text: string, hang = 0): void {
    this.#write(`${" ".repeat(9)}${wrapped(text, 9 + hang, 9)}`);
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  end(): void {}
}

/** For --json: standard output has one JSON object and nothing else. */
export const silentNarrator: Narrator = new PlainNarrator(() => {});
