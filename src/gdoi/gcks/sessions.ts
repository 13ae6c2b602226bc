/** GROUPKEY-PULL exchanges under way, bounded for each Phase 1 SA, and their answers for a while after. */
import type { Instant } from "../../core/engine.ts";
import type { Phase1Sa } from "../../ikev1/types.ts";
import type { Group } from "./group.ts";

/** Exchanges of one Phase 1 SA at a time. */
const MOST_EXCHANGES = 8;
/** Message IDs of one Phase 1 SA that are remembered against replay (RFC 6407 7.2.5). */
const REMEMBERED_IDS = 32;
/** How long an exchange may take, and how long its last answer is repeated. */
const LIFE_MS = 60_000;

/** One exchange after message 1. Nothing of it is about a member yet. */
export interface Exchange {
  readonly sa: Phase1Sa;
  readonly messageId: number;
  readonly group: Group;
  readonly niB: Uint8Array;
  readonly nrB: Uint8Array;
  /** The group's keys as message 2 described them: Group.version. */
  readonly version: number;
  /** IV of the next message. */
  iv: Uint8Array;
  /** Hash of the last genuine message, and the exact octets that answered it. */
  request: Uint8Array;
  answer: Uint8Array;
  /** How often that answer was sent again. */
  repeats: number;
  done: boolean;
  expiresAt: Instant;
}

interface Session {
  readonly exchanges: Map<number, Exchange>;
  readonly used: number[];
}

export class Sessions {
  readonly #bySa = new Map<string, Session>();
  /** In the order in which their lives end; entries of exchanges that were prolonged or dropped are passed over. */
  #ends: { readonly at: Instant; readonly exchange: Exchange }[] = [];
  #first = 0;
  #live = 0;

  find(sa: Phase1Sa, messageId: number): Exchange | undefined {
    return this.#bySa.get(sa.id)?.exchanges.get(messageId);
  }

  /** Whether an exchange with this Message ID has been under this SA. */
  used(sa: Phase1Sa, messageId: number): boolean {
    return this.#bySa.get(sa.id)?.used.includes(messageId) === true;
  }

  /** Takes in an exchange; one that is done, or the oldest, makes room. */
  add(exchange: Exchange, now: Instant): void {
    const session: Session = this.#bySa.get(exchange.sa.id) ?? { exchanges: new Map(), used: [] };
    this.#bySa.set(exchange.sa.id, session);
    const { exchanges, used } = session;
    if (exchanges.size >= MOST_EXCHANGES) {
      const all = [...exchanges.values()];
      const gone = all.find((other) => other.done) ?? all[0];
      if (gone !== undefined) this.drop(gone);
    }
    exchanges.set(exchange.messageId, exchange);
    this.#live += 1;
    used.push(exchange.messageId);
    if (used.length > REMEMBERED_IDS) used.shift();
    this.prolong(exchange, now);
  }

  /** Keeps an exchange for another while. */
  prolong(exchange: Exchange, now: Instant): void {
    exchange.expiresAt = now + LIFE_MS;
    this.#ends.push({ at: exchange.expiresAt, exchange });
    if (this.#ends.length - this.#first > 4 * this.#live + 1024) this.#rebuild();
  }

  /** Ends an exchange without an answer to repeat. */
  drop(exchange: Exchange): void {
    if (this.#bySa.get(exchange.sa.id)?.exchanges.delete(exchange.messageId) === true) this.#live -= 1;
  }

  /** The Phase 1 SA is gone. */
  forget(sa: Phase1Sa): void {
    this.#live -= this.#bySa.get(sa.id)?.exchanges.size ?? 0;
    this.#bySa.delete(sa.id);
  }

  /** Drops what has lived its time. */
  expire(now: Instant): void {
    for (; ; this.#first++) {
      const entry = this.#ends[this.#first];
      if (entry === undefined || entry.at > now) break;
      const { exchange } = entry;
      if (exchange.expiresAt > now) continue;
      if (this.find(exchange.sa, exchange.messageId) === exchange) this.drop(exchange);
    }
    if (this.#first > 1024 || this.#first === this.#ends.length) {
      this.#ends = this.#ends.slice(this.#first);
      this.#first = 0;
    }
  }

  /** A peer that begins exchange after exchange leaves nothing behind but those that are remembered. */
  #rebuild(): void {
    const live = [...this.#bySa.values()].flatMap((session) => [...session.exchanges.values()]);
    this.#ends = live.map((exchange) => ({ at: exchange.expiresAt, exchange })).sort((a, b) => a.at - b.at);
    this.#first = 0;
  }

  /** When `expire` has something to do next. */
  next(): Instant {
    return this.#ends[this.#first]?.at ?? Number.POSITIVE_INFINITY;
  }
}
