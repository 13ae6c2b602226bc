/** Fragmentation of messages: RFC 7383. */
import type { Env, Instant } from "../core/engine.ts";
import { concat } from "../util/octets.ts";
import { HEADER_LENGTH, type HeaderFields } from "../wire/ikev2/header.ts";
import type { SkfPayload } from "../wire/ikev2/payloads.ts";
import { type Content, roomIn, type Sending, seal, sealSk } from "./protect.ts";

/** Octets of the generic header of SK, and of what an SKF payload has in front of its IV. */
const SK_HEADER = 4;
const SKF_HEADER = 8;

/**
 * The datagrams of a message none of which has more than `most` octets, non-ESP marker not counted: one with SK where
 * that is enough, else fragments. An IKE_SA_INIT is never given here, since it has no SK payload.
 * @throws RangeError when `most` leaves no room for content, or there would be more than 65535 fragments.
 */
export function sealWithin(
  most: number,
  by: Sending,
  env: Pick<Env, "crypto" | "random">,
  header: HeaderFields,
  content: Content,
): readonly Uint8Array[] {
  if (content.octets.length <= roomIn(most - HEADER_LENGTH - SK_HEADER, by)) return [sealSk(by, env, header, content)];
  const room = roomIn(most - HEADER_LENGTH - SKF_HEADER, by);
  const total = Math.ceil(content.octets.length / room);
  if (room < 1 || total > 0xffff) throw new RangeError(`datagrams of ${most} octets cannot carry the message`);
  const datagrams: Uint8Array[] = [];
  for (let i = 0; i < total; i++) {
    // the type of the first payload stands in the first fragment alone (2.5)
    const envelope = {
      kind: "SKF",
      innerFirst: i === 0 ? content.first : 0,
      fragmentNumber: i + 1,
      totalFragments: total,
    } as const;
    datagrams.push(seal(by, env, header, envelope, content.octets.subarray(i * room, (i + 1) * room)));
  }
  return datagrams;
}

/** How much one reassembly may take: RFC 7383 5 advises against more than 64 KiB. */
export interface ReassemblyLimits {
  readonly fragments: number;
  readonly octets: number;
  readonly milliseconds: number;
}

/** 256 fragments are 64 KiB in the smallest datagrams that somebody sends, a fragment in each 330 octets. */
export const reassemblyLimits: ReassemblyLimits = { fragments: 256, octets: 0x10000, milliseconds: 30_000 };

/** What a fragment says of itself. */
export type FragmentPlace = Pick<SkfPayload, "innerFirst" | "fragmentNumber" | "totalFragments">;

/** What became of a fragment that is authentic. */
export type Collected =
  /** More are to come. */
  | { readonly now: "waiting" }
  | { readonly now: "complete"; readonly content: Content }
  /** Too much for the limits: an attack, or a broken peer (5). All is forgotten. */
  | { readonly now: "refused"; readonly why: string };

/**
 * The one message of one direction that is being put together. Only fragments that belong to it, and whose integrity
 * check was right, may be added, so that nobody but the peer can make it grow.
 */
export class Reassembly {
  readonly #limits: ReassemblyLimits;
  #messageId = -1;
  #total = 0;
  #first = 0;
  #octets = 0;
  #since: Instant = 0;
  readonly #parts = new Map<number, Uint8Array>();

  constructor(limits: ReassemblyLimits = reassemblyLimits) {
    this.#limits = limits;
  }

  /** When what is there is to be forgotten; Infinity when nothing is. */
  get endsAt(): Instant {
    return this.#parts.size === 0 ? Number.POSITIVE_INFINITY : this.#since + this.#limits.milliseconds;
  }

  /** Forgets all fragments. */
  forget(): void {
    this.#parts.clear();
    this.#messageId = -1;
    this.#total = 0;
    this.#octets = 0;
  }

  /**
   * Whether a fragment is worth its integrity check (2.6): not one that is there already, nor one of a set that a newer
   * one, with more and smaller fragments, took the place of.
   */
  wants(messageId: number, { fragmentNumber: number, totalFragments: total }: FragmentPlace): boolean {
    if (number < 1 || number > total) return false;
    if (messageId !== this.#messageId || total > this.#total) return true;
    return total === this.#total && !this.#parts.has(number);
  }

  /**
   * Takes the content of a fragment that is wanted and authentic. Another message, or a larger number of fragments, begins
   * anew (2.6); the time for it runs from its first fragment.
   */
  add(messageId: number, place: FragmentPlace, content: Uint8Array, now: Instant): Collected {
    const { fragmentNumber: number, totalFragments: total, innerFirst } = place;
    if (messageId !== this.#messageId || total > this.#total) {
      const since = messageId === this.#messageId ? this.#since : now;
      this.forget();
      this.#messageId = messageId;
      this.#total = total;
      this.#since = since;
    }
    if (total > this.#limits.fragments) return this.#refuse(`${total} fragments`);
    this.#octets += content.length;
    if (this.#octets > this.#limits.octets) return this.#refuse(`more than ${this.#limits.octets} octets in fragments`);
    if (number === 1) this.#first = innerFirst;
    // a copy: the fragment is a view of its datagram, which need not be kept
    this.#parts.set(number, content.slice());
    if (this.#parts.size < total) return { now: "waiting" };
    const parts: Uint8Array[] = [];
    for (let i = 1; i <= total; i++) parts.push(this.#parts.get(i) ?? new Uint8Array(0));
    const whole = { first: this.#first, octets: concat(...parts) };
    this.forget();
    return { now: "complete", content: whole };
  }

  #refuse(why: string): Collected {
    this.forget();
    return { now: "refused", why };
  }
}
