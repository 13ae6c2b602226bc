/** KEKs and TEKs of a group as the key server holds them: absolute times, each with the policy it was made under. */
import type { Env, Instant } from "../../core/engine.ts";
import type { SecretKey } from "../../crypto/provider.ts";
import { concat, equal, hex } from "../../util/octets.ts";
import { ackKey, ackUsesLeaf } from "../ack.ts";
import type { KeyTree } from "../lkh/tree.ts";
import type { KekPolicy, PushTransport, TekPolicy } from "../policy.ts";
import type { KekKey } from "../push.ts";
import { uint32 } from "./members.ts";
import type { Rekey } from "./rekey.ts";
import type { Slots } from "./slots.ts";

const IV_OCTETS = 16;
/** SPIs below belong to others (RFC 4303 2.1). */
const LOWEST_SPI = 256;

/** One Data-Security SA. */
export interface Tek {
  readonly policy: TekPolicy;
  readonly spi: Uint8Array;
  readonly algorithmKey?: SecretKey;
  readonly integrityKey?: SecretKey;
}

/** TEKs made together. Two or three generations live at a time. */
export interface TekGeneration {
  /** Ascending over the life of the group. */
  readonly number: number;
  readonly createdAt: Instant;
  /** From when its TEKs may be used; their lives begin here. */
  readonly activatesAt: Instant;
  readonly teks: readonly Tek[];
  /** Members that acknowledged a push of it; those who registered since have it too. */
  readonly holders: Slots;
  /** Its delivery was judged when it came into use. */
  assessed: boolean;
}

/** When a TEK of a generation ends. */
export function tekEnd(generation: TekGeneration, tek: Tek): Instant {
  return generation.activatesAt + tek.policy.lifetimeSeconds * 1000;
}

/** When the last TEK of a generation ends. */
export function generationEnd(generation: TekGeneration): Instant {
  return Math.max(...generation.teks.map((tek) => tekEnd(generation, tek)));
}

/** When another generation must take its place: that share of its shortest lifetime is left. Infinity without TEKs. */
export function successionOf(generation: TekGeneration, share: number): Instant {
  const shortest = Math.min(...generation.teks.map((tek) => tek.policy.lifetimeSeconds * 1000));
  return generation.activatesAt + shortest * (1 - share);
}

/** New TEKs of every template, their SPIs unlike each other and all in `used`, which they join (READINGS 18). */
export function makeTeks(templates: readonly TekPolicy[], used: Set<number>, env: Env): Tek[] {
  return templates.map((policy) => {
    const { algorithmKeyOctets, authentication } = policy;
    return {
      policy,
      spi: freshSpi(used, env),
      ...(algorithmKeyOctets > 0 && { algorithmKey: freshKey(algorithmKeyOctets, env) }),
      ...(authentication !== undefined && { integrityKey: freshKey(authentication.keyOctets, env) }),
    };
  });
}

function freshSpi(used: Set<number>, env: Env): Uint8Array {
  for (;;) {
    const spi = env.random.octets(4);
    const value = uint32(spi, 0);
    if (value < LOWEST_SPI || used.has(value)) continue;
    used.add(value);
    return spi;
  }
}

function freshKey(octets: number, env: Env): SecretKey {
  return env.crypto.importSecret(env.random.octets(octets));
}

/** A Rekey SA. */
export class Kek {
  readonly key: KekKey;
  readonly spiHex: string;
  /** The terms it was made under: a changed configuration applies to the next one. */
  readonly policy: KekPolicy;
  /** Where pushes under it go, as its SAK told the members: they are nowhere else until they hold another KEK. */
  readonly push: PushTransport;
  readonly createdAt: Instant;
  /** The tree whose root it is; it outlives the group's use of it for the acknowledgements of its last push. */
  readonly tree: KeyTree | undefined;
  /** The sequence number last used with it. */
  seq = 0;
  /** When it was replaced or deleted: acknowledgements are still taken for the grace period. */
  retiredAt: Instant | undefined = undefined;
  /** Pushes sent under it that are still remembered, by sequence number. */
  readonly rekeys = new Map<number, Rekey>();
  readonly #ackKeys: (SecretKey | undefined)[] = [];
  readonly #leafAckKeys = new Map<number, SecretKey>();

  constructor(key: KekKey, policy: KekPolicy, push: PushTransport, createdAt: Instant, tree?: KeyTree) {
    this.key = key;
    this.spiHex = hex(key.spi);
    this.policy = policy;
    this.push = push;
    this.createdAt = createdAt;
    this.tree = tree;
  }

  get expiresAt(): Instant {
    return this.createdAt + this.policy.lifetimeSeconds * 1000;
  }

  /** When it must be replaced. */
  renewAt(share: number): Instant {
    return this.createdAt + this.policy.lifetimeSeconds * 1000 * (1 - share);
  }

  /** KEK_ALGORITHM_KEY: IV | key. */
  ivAndKey(env: Pick<Env, "crypto">): Uint8Array {
    return concat(this.key.iv, env.crypto.exportSecret(this.key.key));
  }

  /**
   * The ack_key of a type (RFC 8263 3.2), made once: of the KEK, or of the member's leaf.
   * @returns undefined when the type needs a leaf and the tree has none for it.
   */
  ackKey(type: number, leaf: number, env: Env): SecretKey | undefined {
    if (!ackUsesLeaf(type)) {
      this.#ackKeys[type] ??= ackKey(type, env.crypto.exportSecret(this.key.key), this.key.spi, env);
      return this.#ackKeys[type];
    }
    const index = leaf * 8 + type;
    const known = this.#leafAckKeys.get(index);
    if (known !== undefined || this.tree?.has(leaf) !== true) return known;
    const [own] = this.tree.path(leaf);
    if (own === undefined) return undefined;
    const made = ackKey(type, own.data.subarray(IV_OCTETS), this.key.spi, env);
    this.#leafAckKeys.set(index, made);
    return made;
  }
}

/** KEKs by SPI, over all groups. The first four octets of an SPI are unlike those of every other, so a number finds it. */
export class KekIndex<Owner> {
  readonly #found = new Map<number, { readonly kek: Kek; readonly owner: Owner }>();

  add(kek: Kek, owner: Owner): void {
    this.#found.set(uint32(kek.key.spi, 0), { kek, owner });
  }

  remove(kek: Kek): void {
    const index = uint32(kek.key.spi, 0);
    if (this.#found.get(index)?.kek === kek) this.#found.delete(index);
  }

  /** The KEK with exactly this SPI. */
  find(spi: Uint8Array): { readonly kek: Kek; readonly owner: Owner } | undefined {
    const found = this.#found.get(uint32(spi, 0));
    return found !== undefined && equal(found.kek.key.spi, spi) ? found : undefined;
  }

  /** A cookie pair that is not in use; neither cookie is zero (RFC 2408 2.5.3). */
  freshSpi(env: Pick<Env, "random">): Uint8Array {
    for (;;) {
      const spi = env.random.octets(16);
      const first = uint32(spi, 0);
      if (first !== 0 && uint32(spi, 8) !== 0 && !this.#found.has(first)) return spi;
    }
  }
}
