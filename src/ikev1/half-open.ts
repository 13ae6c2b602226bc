/**
 * Exchanges on their way: found by cookies, bounded in number. Nobody has proven anything yet, so a flood must neither
 * take memory nor keep others out: a source has its share, and when all places are taken the oldest exchange that has
 * cost no cryptography gives way.
 */
import { addressOctets } from "../util/address.ts";
import { hex } from "../util/octets.ts";
import type { InitiatorExchange, ResponderExchange } from "./exchange.ts";

export class HalfOpen {
  readonly #initiating = new Map<string, InitiatorExchange>();
  readonly #responding = new Map<string, ResponderExchange>();
  /** Exchange by source and initiator's cookie. */
  readonly #first = new Map<string, string>();
  readonly #sources = new Map<string, number>();

  /** Exchanges as responder that are not established. */
  get responding(): number {
    return this.#responding.size;
  }

  get initiating(): number {
    return this.#initiating.size;
  }

  addInitiator(exchange: InitiatorExchange): void {
    this.#initiating.set(hex(exchange.initiatorCookie), exchange);
  }

  initiator(initiatorCookie: Uint8Array): InitiatorExchange | undefined {
    return this.#initiating.get(hex(initiatorCookie));
  }

  initiatorNamed(key: string): InitiatorExchange | undefined {
    return this.#initiating.get(key);
  }

  removeInitiator(exchange: InitiatorExchange): void {
    this.#initiating.delete(hex(exchange.initiatorCookie));
  }

  /** How many exchanges a source has under way: an IPv4 address, or an IPv6 network of 64 bits, which one host has whole. */
  from(address: string): number {
    return this.#sources.get(sourceOf(address)) ?? 0;
  }

  addResponder(exchange: ResponderExchange): void {
    this.#responding.set(exchange.id, exchange);
    this.#first.set(exchange.first, exchange.id);
    const { address } = exchange.remote;
    this.#sources.set(sourceOf(address), this.from(address) + 1);
  }

  responder(id: string): ResponderExchange | undefined {
    return this.#responding.get(id);
  }

  /** The id of the exchange that a repeated message 1 belongs to. */
  idOfFirst(first: string): string | undefined {
    return this.#first.get(first);
  }

  /** The oldest exchange in which nothing but cookies and an SA payload were spent. */
  oldestCheap(): ResponderExchange | undefined {
    for (const exchange of this.#responding.values()) if (exchange.state.at === "SA-ANSWERED") return exchange;
    return undefined;
  }

  removeResponder(exchange: ResponderExchange): void {
    if (!this.#responding.delete(exchange.id)) return;
    this.#first.delete(exchange.first);
    const { address } = exchange.remote;
    const left = this.from(address) - 1;
    if (left > 0) this.#sources.set(sourceOf(address), left);
    else this.#sources.delete(sourceOf(address));
  }
}

function sourceOf(address: string): string {
  const octets = address.includes(":") ? addressOctets(address) : undefined;
  return octets?.length === 16 ? hex(octets.subarray(0, 8)) : address;
}
