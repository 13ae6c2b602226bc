/**
 * Two gateways whose messages arrive when a test says so, in the order that it says: a letter is named by what everybody can
 * see of it, `left CREATE_CHILD_SA`, `right INFORMATIONAL response`, with ` of SA 2` when it is not of the first IKE SA.
 */
import { expect } from "vitest";
import { seededRandom } from "../../src/crypto/seeded.ts";
import { ExchangeType, Flag } from "../../src/iana/ikev2.ts";
import { nameOf } from "../../src/iana/names.ts";
import type { Packet } from "../../src/sim/network.ts";
import { hex } from "../../src/util/octets.ts";
import { decodeHeader } from "../../src/wire/ikev2/header.ts";
import {
  bringUp,
  childSas,
  dataPlane,
  type Ikev2World,
  type Ikev2WorldOptions,
  ikeSas,
  ikev2World,
  leftAddress,
  mirrored,
} from "./ikev2.ts";

interface Letter {
  readonly name: string;
  readonly packet: Packet;
}

/** What a letter takes on its way. */
const DELAY_MS = 2;

export class Mail {
  readonly #pair: Ikev2World;
  #waiting: Letter[] = [];
  #all: string[] = [];
  #holding = false;
  #passing = false;
  readonly #spis: string[] = [];

  constructor(pair: Ikev2World) {
    this.#pair = pair;
    pair.world.intercept = (packet) => {
      if (this.#passing) return [packet];
      const letter = { name: this.#nameOf(packet), packet };
      this.#all.push(letter.name);
      if (!this.#holding) return [packet];
      this.#waiting.push(letter);
      return [];
    };
  }

  /** From now on nothing arrives by itself. */
  hold(): void {
    this.#holding = true;
    this.#all = [];
  }

  /** Names of what waits, in the order in which it was sent. */
  get waiting(): readonly string[] {
    return this.#waiting.map(({ name }) => name);
  }

  /** Names of all that was sent since `hold`. */
  get sent(): readonly string[] {
    return this.#all;
  }

  /** One letter after the other arrives: of several of that name the oldest. */
  async deliver(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.#arrive(this.#take(name));
  }

  /** It never arrives. */
  lose(name: string): void {
    this.#take(name);
  }

  /** It arrives once more, later. */
  copy(name: string): () => Promise<void> {
    const letter = this.#waiting.find((one) => one.name === name);
    if (letter === undefined) throw new Error(`no ${name} waits, but ${this.waiting.join(", ")}`);
    return () => this.#arrive(letter);
  }

  /** All that waits arrives, and what follows from it by itself. */
  async release(): Promise<void> {
    this.#holding = false;
    for (const letter of this.#waiting.splice(0)) await this.#arrive(letter);
  }

  #take(name: string): Letter {
    const at = this.#waiting.findIndex((letter) => letter.name === name);
    const [letter] = at < 0 ? [] : this.#waiting.splice(at, 1);
    if (letter === undefined) throw new Error(`no ${name} waits, but ${this.waiting.join(", ") || "nothing"}`);
    return letter;
  }

  async #arrive({ packet }: Letter): Promise<void> {
    const { world } = this.#pair;
    this.#passing = true;
    world.send(packet);
    this.#passing = false;
    await world.runFor(DELAY_MS);
  }

  #nameOf({ from, bytes }: Packet): string {
    const header = decodeHeader(bytes);
    if (!header.ok) return "no IKE message";
    const { spiI, exchangeType, flags } = header.value;
    const spi = hex(spiI);
    if (!this.#spis.includes(spi)) this.#spis.push(spi);
    const sa = this.#spis.indexOf(spi) + 1;
    const side = from.address === leftAddress ? "left" : "right";
    const response = (flags & Flag.RESPONSE) === 0 ? "" : " response";
    return `${side} ${nameOf(ExchangeType, exchangeType)}${response}${sa === 1 ? "" : ` of SA ${sa}`}`;
  }
}

export type Side = "left" | "right";
export const other = { left: "right", right: "left" } as const;

/** Two gateways with a Child SA, whose messages wait from now on. */
export async function withMail(options: Ikev2WorldOptions = {}): Promise<Ikev2World & { readonly mail: Mail }> {
  const pair = ikev2World(options);
  const mail = new Mail(pair);
  await bringUp(pair);
  mail.hold();
  return { ...pair, mail };
}

/** Nonces of a collision: which of the four is the lowest. */
export type Lowest = "left's request" | "right's request" | "left's answer" | "right's answer";
export const lowests: readonly Lowest[] = ["left's request", "right's request", "left's answer", "right's answer"];

/** Whose exchange a nonce belongs to: of two exchanges that made an SA each that one lost. */
export function loserOf(lowest: Lowest): Side {
  return lowest === "left's request" || lowest === "right's answer" ? "left" : "right";
}

const NONCE_OCTETS = 32;

/**
 * The same, with a collision's nonces in the order that is asked for: each gateway's next nonces are those of its request,
 * then of its answer; `after` so many others.
 */
export async function withNonces(lowest: Lowest, options: Ikev2WorldOptions & { readonly after?: number } = {}) {
  const firsts = new Map<Side, number[]>();
  const sides: (Side | undefined)[] = [undefined, "left", "right"];
  const made = await withMail({
    ...options,
    randomFor: (seed) => {
      const source = seededRandom(seed);
      const side = sides.shift();
      return {
        fraction: () => source.fraction(),
        octets: (length) => {
          const octets = source.octets(length);
          const first = length === NONCE_OCTETS && side !== undefined ? firsts.get(side)?.shift() : undefined;
          if (first !== undefined) octets[0] = first;
          return octets;
        },
      };
    },
  });
  for (const side of ["left", "right"] as const) {
    const wanted = [`${side}'s request`, `${side}'s answer`].map((name) => (name === lowest ? 0x00 : 0xff));
    firsts.set(side, [...Array<number>(options.after ?? 0).fill(0x80), ...wanted]);
  }
  return made;
}

/** What is under way at either end. Answers that are kept for half a minute are not. */
export function unsettled({ left, right }: Ikev2World): string[] {
  return [left, right].flatMap((host) => [
    ...host.engine.leftovers.filter((text) => !text.startsWith("ended ")),
    ...ikeSas(host).flatMap(({ id, state }) => (state === "established" ? [] : [`IKE SA ${id} ${state}`])),
    ...childSas(host).flatMap(({ spiIn, state }) => (state === "installed" ? [] : [`Child SA ${spiIn} ${state}`])),
  ]);
}

/** After a while: both ends have the same IKE SAs and Child SAs, all of them in use, and nothing else. */
export async function settled(pair: Ikev2World, { sas = 1, children = 1, afterMs = 60_000 } = {}): Promise<void> {
  const { world, left, right } = pair;
  await world.runFor(afterMs);
  expect(unsettled(pair)).toEqual([]);
  const ids = [left, right].map((host) =>
    ikeSas(host)
      .map(({ id }) => id)
      .sort(),
  );
  expect(ids[0]).toEqual(ids[1]);
  expect(ids[0]).toHaveLength(sas);
  expect(dataPlane(left)).toEqual(mirrored(dataPlane(right)));
  expect(dataPlane(left).size).toBe(children);
  for (const host of [left, right]) {
    expect(childSas(host)).toHaveLength(children);
    expect(sending(host)).toEqual(new Set(dataPlane(host).keys()));
  }
}

/** DELETE_REASONs and Deletes as the ledger of a host has them: `us rekeyed`, `peer "lost a simultaneous rekey"`. */
export function deletions({ world }: Ikev2World, side: Side): string[] {
  return world.events.flatMap(({ host, event: { kind, reason, figures } }) => {
    if (host !== side || (kind !== "ikev2.child-deleted" && kind !== "ikev2.deleted")) return [];
    return [figures?.["by"] === "us" ? `us ${figures["code"]}` : `peer "${reason}"`];
  });
}

/** Inbound SPIs of the pairs that a host's data plane uses for sending. */
export function sending({ sadChanges }: Ikev2World["left"]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const change of sadChanges) {
    if (change.change === "install-child" && change.outbound) used.add(hex(change.pair.spiIn));
    if (change.change === "activate-child") used.add(hex(change.spiIn));
    if (change.change === "remove-child") used.delete(hex(change.spiIn));
  }
  return used;
}
