/** Message 6 of exchanges that are through, for a while: the peer repeats message 5 when it did not get it. */
import type { Instant } from "../core/engine.ts";
import { hex } from "../util/octets.ts";
import type { ResponderExchange } from "./exchange.ts";

/** How long an answer is kept. */
const KEPT_MS = 30_000;
/** Kept answers in all; the oldest gives way. */
const AT_MOST = 16_384;

/** Octets as text, one character an octet: thousands of members may have come in within half a minute. */
interface KeptAnswer {
  readonly first: string;
  readonly until: Instant;
  /** Digest of message 5, in hex. */
  readonly taken: string;
  readonly answer: string;
}

export class KeptAnswers {
  /** By SA, oldest first: all are kept equally long. */
  readonly #answers = new Map<string, KeptAnswer>();
  /** Names that their first messages had. */
  readonly #first = new Set<string>();

  /** Keeps the last answer of an exchange. */
  keep({ id, first, taken, answer }: ResponderExchange, now: Instant): void {
    const text = Buffer.from(answer).toString("latin1");
    this.#answers.set(id, { first, until: now + KEPT_MS, taken: hex(taken), answer: text });
    this.#first.add(first);
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= AT_MOST) break;
      this.drop(oldest);
    }
  }

  /** The answer of an SA to the message with this digest. */
  find(id: string, digest: Uint8Array): Uint8Array | undefined {
    const kept = this.#answers.get(id);
    if (kept === undefined || kept.taken !== hex(digest)) return undefined;
    return new Uint8Array(Buffer.from(kept.answer, "latin1"));
  }

  /** Whether a message 1 with this name belongs to an exchange that is through. */
  begunBy(first: string): boolean {
    return this.#first.has(first);
  }

  drop(id: string): void {
    const kept = this.#answers.get(id);
    if (kept === undefined) return;
    this.#answers.delete(id);
    this.#first.delete(kept.first);
  }

  /** Forgets what has been kept long enough. */
  expire(now: Instant): void {
    for (const [id, { until }] of this.#answers) {
      if (until > now) break;
      this.drop(id);
    }
  }

  /** When there is something to forget; Infinity when nothing is kept. */
  next(): Instant {
    for (const { until } of this.#answers.values()) return until;
    return Number.POSITIVE_INFINITY;
  }
}
