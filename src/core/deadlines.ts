/**
 * Named deadlines of an engine; the next wake-up is their minimum. A binary heap with lazy removal: a key that was set
 * anew or cleared leaves a stale entry behind, and the heap is rebuilt when stale entries outnumber live ones.
 */
import type { Instant } from "./engine.ts";

interface Entry<K> {
  readonly at: Instant;
  readonly key: K;
  /** Order of setting, so that equal instants come out in the order in which they went in. */
  readonly order: number;
}

export class Deadlines<K extends string> {
  readonly #live = new Map<K, Entry<K>>();
  #heap: Entry<K>[] = [];
  #order = 0;

  /** Sets or moves the deadline of `key`. */
  set(key: K, at: Instant): void {
    const entry = { at, key, order: this.#order++ };
    this.#live.set(key, entry);
    this.#push(entry);
    if (this.#heap.length > 2 * this.#live.size + 64) this.#rebuild();
  }

  /** Forgets the deadline of `key`, if there is one. */
  clear(key: K): void {
    this.#live.delete(key);
  }

  /** When `key` is due, undefined when it is not set. */
  get(key: K): Instant | undefined {
    return this.#live.get(key)?.at;
  }

  /** Removes and returns what is due at `now`, earliest first. */
  takeDue(now: Instant): K[] {
    const due: K[] = [];
    for (let top = this.#top(); top !== undefined && top.at <= now; top = this.#top()) {
      this.#pop();
      this.#live.delete(top.key);
      due.push(top.key);
    }
    return due;
  }

  /** The earliest deadline; Infinity when there is none. */
  next(): Instant {
    return this.#top()?.at ?? Number.POSITIVE_INFINITY;
  }

  get size(): number {
    return this.#live.size;
  }

  #top(): Entry<K> | undefined {
    for (;;) {
      const top = this.#heap[0];
      if (top === undefined || this.#live.get(top.key) === top) return top;
      this.#pop();
    }
  }

  #push(entry: Entry<K>): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !before(entry, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = heap[child];
      if (least === undefined) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, least)) {
        least = right;
        child += 1;
      }
      if (!before(least, last)) break;
      heap[at] = least;
      at = child;
    }
    heap[at] = last;
  }

  #rebuild(): void {
    this.#heap = [...this.#live.values()].sort((a, b) => (before(a, b) ? -1 : 1));
  }
}

function before(a: Entry<string>, b: Entry<string>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
