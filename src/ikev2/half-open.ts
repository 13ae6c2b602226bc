/**
 * IKE SAs as responder whose peer has proven nothing yet: counted in all and by source (RFC 8019 4.4), and found by the
 * first message, so that a repeated one gets the same answer (RFC 7296 2.1).
 */
import { addressOctets } from "../util/address.ts";
import { hex } from "../util/octets.ts";

interface Entry {
  readonly key: string;
  readonly first: string;
  readonly source: string;
}

export class HalfOpen {
  readonly #byKey = new Map<string, Entry>();
  readonly #byFirst = new Map<string, Entry>();
  readonly #sources = new Map<string, number>();

  get size(): number {
    return this.#byKey.size;
  }

  /** How many a source has: an IPv4 address, or an IPv6 network of 64 bits, which one host has whole. */
  from(address: string): number {
    return this.#sources.get(sourceOf(address)) ?? 0;
  }

  /**
   * @param key of the IKE SA
   * @param address that it comes from
   * @param first digest of the first message with where it came from
   */
  add(key: string, address: string, first: string): void {
    const source = sourceOf(address);
    const entry = { key, first, source };
    this.#byKey.set(key, entry);
    this.#byFirst.set(first, entry);
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1);
  }

  /** Key of the IKE SA that a first message began. */
  begunBy(first: string): string | undefined {
    return this.#byFirst.get(first)?.key;
  }

  /** It is half-open no longer. */
  remove(key: string): void {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return;
    this.#byKey.delete(key);
    this.#byFirst.delete(entry.first);
    const left = (this.#sources.get(entry.source) ?? 0) - 1;
    if (left > 0) this.#sources.set(entry.source, left);
    else this.#sources.delete(entry.source);
  }
}

function sourceOf(address: string): string {
  const octets = address.includes(":") ? addressOctets(address) : undefined;
  return octets?.length === 16 ? hex(octets.subarray(0, 8)) : address;
}
