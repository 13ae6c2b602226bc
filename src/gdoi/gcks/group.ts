/** Everything the key server holds of one group. Changed in place by the files beside this one. */
import { Deadlines } from "../../core/deadlines.ts";
import type { Instant } from "../../core/engine.ts";
import type { Cause, Subject } from "../../ledger/event.ts";
import type { KeyTree } from "../lkh/tree.ts";
import type { GroupPolicy } from "../policy.ts";
import { generationEnd, type Kek, successionOf, type TekGeneration } from "./keys.ts";
import { MemberTable, uint32 } from "./members.ts";
import { HISTORY, type Rekey } from "./rekey.ts";
import { SidCounter } from "./sids.ts";

/** A rekey that is decided and waits for its turn. */
export interface Step {
  /**
   * `tek`: new TEKs. `replace`: new TEKs, and a Delete of all old ones (RFC 6407 7.4.1). `next`: TEKs that follow the
   * last ones. `again`: TEKs of an earlier push. `announce`: the same, with how many members have them.
   */
  readonly what: "tek" | "kek" | "replace" | "next" | "again" | "announce";
  readonly cause: string;
  readonly by: Cause;
  /** SPI of the KEK that a roll-over will make: chosen when it is planned, so that it can be told. */
  readonly nextSpi?: Uint8Array;
  /** Numbers of the generations that are pushed again. */
  readonly generations?: readonly number[];
}

/** Steps that make new TEKs. */
export const newTeks = ["tek", "replace", "next"] as const satisfies readonly Step["what"][];

export class Group {
  readonly name: string;
  readonly subject: Subject;
  policy: GroupPolicy;
  /** Undefined only until the group is opened or restored. */
  #kek: Kek | undefined;
  /** KEKs within their grace period. */
  retired: Kek[] = [];
  tree: KeyTree | undefined;
  /** Oldest first; the last is the current one, or the one that is to follow it. */
  generations: TekGeneration[] = [];
  sids: SidCounter;
  readonly members = new MemberTable();
  /** The last rekeys, oldest first. */
  readonly rekeys: Rekey[] = [];
  queue: Step[] = [];
  /** Number of the last rekey. */
  number = 0;
  /** Times that the group's own record was written. */
  commits = 0;
  /** Changes with every key: a GROUPKEY-PULL that began before is overtaken. */
  version = 0;
  /** Taken out of the configuration: it ends when its last push is settled. */
  closing = false;
  readonly deadlines = new Deadlines<"push" | "renew" | "grace" | "activate">();

  constructor(policy: GroupPolicy) {
    this.name = policy.name;
    this.subject = { kind: "group", name: policy.name };
    this.policy = policy;
    this.sids = new SidCounter(policy.sidBits);
  }

  get kek(): Kek {
    if (this.#kek === undefined) throw new Error(`group ${this.name} has no keys yet`);
    return this.#kek;
  }

  set kek(kek: Kek) {
    this.#kek = kek;
    this.version += 1;
  }

  get generation(): TekGeneration | undefined {
    return this.generations.at(-1);
  }

  /** Rekeys that wait for somebody or will be repeated. */
  get flights(): Rekey[] {
    return this.rekeys.filter((rekey) => !rekey.settled);
  }

  /** Nothing that was sent must be settled before the next push. */
  get idle(): boolean {
    return this.rekeys.every((rekey) => rekey.settled || rekey.superseded);
  }

  /** Generations whose TEKs live. */
  live(now: Instant): TekGeneration[] {
    return this.generations.filter((generation) => generationEnd(generation) > now);
  }

  /** Generations whose TEKs may be used, or could be before they ended. */
  active(now: Instant): TekGeneration[] {
    return this.generations.filter((generation) => generation.activatesAt <= now);
  }

  /** SPIs that a new TEK must not have. */
  usedSpis(): Set<number> {
    return new Set(this.generations.flatMap((g) => g.teks.map((tek) => uint32(tek.spi, 0))));
  }

  /** The KEK of an SPI, the current one or one within its grace period. */
  kekOf(spiHex: string): Kek | undefined {
    return [this.kek, ...this.retired].find((kek) => kek.spiHex === spiHex);
  }

  /** Remembers a rekey. */
  remember(rekey: Rekey): void {
    this.rekeys.push(rekey);
    this.kekOf(rekey.spiHex)?.rekeys.set(rekey.seq, rekey);
  }

  /**
   * Forgets the oldest rekeys that are too many, and returns them. One that waits for somebody stays: a large LKH update
   * has more parts than are remembered otherwise.
   */
  forgetOld(): Rekey[] {
    const forgotten = this.rekeys.slice(0, -HISTORY).filter((rekey) => rekey.settled);
    for (const rekey of forgotten) {
      this.rekeys.splice(this.rekeys.indexOf(rekey), 1);
      this.kekOf(rekey.spiHex)?.rekeys.delete(rekey.seq);
    }
    return forgotten;
  }

  /** When TEKs and KEK must be renewed, whichever comes first. */
  renewal(): { readonly at: Instant; readonly tek: Instant; readonly kek: Instant } {
    const share = this.policy.renewAtRemaining;
    const tek = this.#tekRenewal(share);
    const kek = this.kek.renewAt(share);
    return { at: Math.min(tek, kek), tek, kek };
  }

  /** The generation after the last is handed out when that comes into use, or else made when it is to follow. */
  #tekRenewal(share: number): Instant {
    const { generation } = this;
    if (generation === undefined || generation.teks.length === 0) return Number.POSITIVE_INFINITY;
    return this.policy.handOutNext === true ? generation.activatesAt : successionOf(generation, share);
  }

  /** A member's subject in the ledger. */
  memberSubject(name: string): Subject {
    return { kind: "member", name: `${this.name}/${name}` };
  }
}

/**
 * Whether changed terms cannot be pushed: members need a new tree, one with keys of another size, no tree any more, or
 * SIDs of another width.
 */
export function needsFreshStart({ kek, policy, sids, tree }: Group): boolean {
  if (kek.policy.management !== policy.kek.management || sids.bits !== policy.sidBits) return true;
  return tree !== undefined && tree.shape.keyBits !== policy.kek.keyBits;
}
