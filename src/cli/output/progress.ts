/** The progress of a rekey over its members. */
import { Presets, SingleBar } from "cli-progress";
import { duration } from "./time.ts";

/** A bar on a terminal, nothing elsewhere. */
export class AckProgress {
  readonly #bar: SingleBar | undefined;
  #started = false;

  /** @param wanted false with --json. */
  constructor(title: string, wanted: boolean) {
    if (!wanted || process.stderr.isTTY !== true) return;
    const format = `${title}  {bar}  {value}/{total} acknowledged{rest}`;
    this.#bar = new SingleBar(
      { format, barsize: 30, hideCursor: true, stream: process.stderr, clearOnComplete: true },
      Presets.shades_classic,
    );
  }

  show(rekey: { targets: number; acked: number; missing: number; attempts: number; sentAt: number }): void {
    const tried = rekey.attempts > 1 ? `, sent ${rekey.attempts} times` : "";
    const missing = rekey.missing > 0 ? `, ${rekey.missing} missing` : "";
    const rest = `${missing}${tried}, ${duration(Math.max(0, Date.now() - rekey.sentAt))}`;
    if (!this.#started) this.#bar?.start(rekey.targets, rekey.acked, { rest });
    else {
      this.#bar?.setTotal(rekey.targets);
      this.#bar?.update(rekey.acked, { rest });
    }
    this.#started = true;
  }

  end(): void {
    if (this.#started) this.#bar?.stop();
  }
}
