/** Key delivery assurance: which members have a generation's keys, and who is told (RFC 8052 2.2.4.2). */
import type { Identity } from "../../core/identity.ts";
import type { CryptoProvider } from "../../crypto/provider.ts";
import { hex } from "../../util/octets.ts";
import { authorise } from "./authorisation.ts";
import type { Group } from "./group.ts";
import type { TekGeneration } from "./keys.ts";
import type { Member } from "./members.ts";
import type { Rekey } from "./rekey.ts";
import { type Turn, tell } from "./server.ts";

/** How many of the registered members have the keys. */
export interface Delivery {
  /** Whole, rounded down; 0 when there are no members. */
  readonly percent: number;
  readonly holders: number;
  readonly members: number;
}

/** Counts the members that registered since the generation was made, or acknowledged a push of it. */
export function deliveryOf(group: Group, generation: TekGeneration): Delivery {
  let holders = 0;
  for (const member of group.members.present()) if (holds(member, generation)) holders += 1;
  const members = group.members.registered;
  return { percent: members === 0 ? 0 : Math.floor((100 * holders) / members), holders, members };
}

function holds(member: Member, { number, holders }: TekGeneration): boolean {
  return !member.keyless && (member.generation >= number || holders.has(member.slot));
}

/** A member acknowledged a push: it has the keys that came with it. */
export function received(group: Group, rekey: Rekey, slot: number): void {
  for (const number of rekey.generations) {
    group.generations.find((generation) => generation.number === number)?.holders.add(slot);
  }
}

/** Whether SA_KDA is for this member. */
export function isPublisher(group: Group, identity: Identity, crypto: CryptoProvider): boolean {
  const { assurance } = group.policy;
  return assurance !== undefined && authorise(assurance.publishers, identity, crypto) !== undefined;
}

/** A push of TEKs is settled: the ledger is told what it reached, and a second push may tell the publishers. */
export function delivered(group: Group, rekey: Rekey, turn: Turn): void {
  const { assurance } = group.policy;
  if (assurance === undefined || rekey.superseded || group.closing) return;
  const { generations, announcement } = rekey;
  const known = group.generations.filter(({ number }) => generations.includes(number));
  for (const generation of known) report(group, generation, announcement ? "announced" : "settled", turn);
  if (announcement || !assurance.announce || known.length === 0 || rekey.targets === 0) return;
  const cause = "publishers are told how many members have the keys";
  group.queue.push({ what: "announce", cause, by: "policy", generations });
}

/** Generations that have come into use are judged once more. */
export function assess(group: Group, turn: Turn): void {
  for (const generation of group.generations) {
    if (generation.assessed || generation.activatesAt > turn.env.now) continue;
    generation.assessed = true;
    if (group.policy.assurance !== undefined) report(group, generation, "activated", turn);
  }
}

/** When a generation comes into use next; Infinity when none is to. */
export function nextActivation(group: Group): number {
  return Math.min(...group.generations.filter(({ assessed }) => !assessed).map(({ activatesAt }) => activatesAt));
}

function report(
  group: Group,
  generation: TekGeneration,
  when: "settled" | "announced" | "activated",
  turn: Turn,
): void {
  const { assurance } = group.policy;
  if (assurance === undefined) return;
  const delivery = deliveryOf(group, generation);
  const { percent, holders, members } = delivery;
  const figures = {
    group: group.name,
    generation: generation.number,
    percent,
    holders,
    members,
    level: assurance.levelPercent,
    activateAt: generation.activatesAt,
    spis: generation.teks.map((tek) => hex(tek.spi)),
    when,
  };
  const event = { subjects: [group.subject] as const, cause: "policy" as const, figures };
  if (when !== "activated") tell(turn, { ...event, kind: "gcks.key-delivery", level: "info" });
  if (when === "announced" || members === 0 || percent >= assurance.levelPercent) return;
  tell(turn, { ...event, kind: "gcks.key-delivery-low", level: "alert" });
}
