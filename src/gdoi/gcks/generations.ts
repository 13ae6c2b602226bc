/** Makes generations of TEKs, one behind the other in time. */
import type { Env, Instant } from "../../core/engine.ts";
import type { Group } from "./group.ts";
import { generationEnd, makeTeks, successionOf, type TekGeneration } from "./keys.ts";
import { Slots } from "./slots.ts";

/**
 * TEKs in place of all others: usable from `activatesAt`, and with `handOutNext` those that follow them.
 * @returns one or two generations, the earlier first.
 */
export function freshGenerations(group: Group, activatesAt: Instant, env: Env): TekGeneration[] {
  const used = group.usedSpis();
  const current = generation(group, (group.generation?.number ?? 0) + 1, activatesAt, used, env);
  if (group.policy.handOutNext !== true) return [current];
  return [current, generation(group, current.number + 1, succession(group, current), used, env)];
}

/** TEKs that follow the last generation. Late ones are usable after the group's activation delay. */
export function followingGeneration(group: Group, last: TekGeneration, env: Env): TekGeneration {
  const activatesAt = Math.max(succession(group, last), env.now + activationDelay(group));
  return generation(group, last.number + 1, activatesAt, group.usedSpis(), env);
}

/** From when TEKs may be used that are made out of turn: at once when there are no others. */
export function earliestUse(group: Group, env: Env): Instant {
  const others = group.active(env.now).some((other) => generationEnd(other) > env.now);
  return group.policy.handOutNext === true && others ? env.now + activationDelay(group) : env.now;
}

function succession(group: Group, before: TekGeneration): Instant {
  return successionOf(before, group.policy.renewAtRemaining);
}

function activationDelay(group: Group): number {
  return 1000 * (group.policy.activationDelaySeconds ?? 0);
}

function generation(group: Group, number: number, activatesAt: Instant, used: Set<number>, env: Env): TekGeneration {
  const teks = makeTeks(group.policy.teks, used, env);
  return { number, createdAt: env.now, activatesAt, teks, holders: new Slots(), assessed: activatesAt <= env.now };
}
