/**
 * Which push comes next: one after the other, each when the one before is settled. New TEKs after an update of the key
 * tree alone do not wait for that, or one silent member would delay them for all.
 */
import type { Cause } from "../../ledger/event.ts";
import { hex } from "../../util/octets.ts";
import { commit, endGrace } from "./commit.ts";
import { deliver, replacement, schedule } from "./delivery.ts";
import { freshStart } from "./fresh-start.ts";
import { type Group, needsFreshStart, newTeks, type Step } from "./group.ts";
import { launchAgain, launchKek, launchTek } from "./launch.ts";
import { type Turn, tell } from "./server.ts";
import type { WaitingRekeyView } from "./types.ts";

/** Where a push will stand: what an operator is told before it leaves. */
export type Planned = Pick<WaitingRekeyView, "spi" | "seq">;

/** All queued steps with their places, in their order. */
export function planned(group: Group): WaitingRekeyView[] {
  let spi = group.kek.spiHex;
  let seq = group.kek.seq;
  return group.queue.map(({ what, cause, nextSpi }) => {
    const waiting = { spi, seq: ++seq, kind: what === "kek" ? what : "tek", cause } as const;
    if (nextSpi !== undefined) {
      spi = hex(nextSpi);
      seq = 0;
    }
    return waiting;
  });
}

/** Plans new keys; they are made and sent when it is their turn. Returns the place of the push. */
export function enqueue(group: Group, turn: Turn, what: "tek" | "kek" | "next", cause: string, by: Cause): Planned {
  const nextSpi = what === "kek" ? turn.server.keks.freshSpi(turn.env) : undefined;
  const step: Step = { what, cause, by, ...(nextSpi && { nextSpi }) };
  group.queue.push(step);
  const { spi, seq } = planned(group).at(-1) ?? { spi: group.kek.spiHex, seq: group.kek.seq + 1 };
  const place = { spi, seq };
  if (group.idle) advance(group, turn);
  else {
    commit(group, turn);
    tell(turn, {
      kind: "gcks.rekey-planned",
      subjects: [group.subject],
      cause: by,
      reason: cause,
      figures: { group: group.name, what, ...place, waiting: group.queue.length },
      level: "info",
    });
  }
  return place;
}

/** Settles, repeats and sends whatever is due, and sets the deadlines: the end of every step that touched the group. */
export function pump(group: Group, turn: Turn): void {
  do deliver(group, turn);
  while (advance(group, turn));
  endGrace(group, turn);
  schedule(group);
}

/** Sends what is next, as long as nothing under way must be settled first. Returns whether a step was taken. */
function advance(group: Group, turn: Turn): boolean {
  let moved = false;
  while (group.idle || replacement(group) <= turn.env.now) {
    const step = group.queue.shift();
    if (step === undefined) break;
    moved = true;
    if (step.what === "kek") {
      if (needsFreshStart(group)) freshStart(group, turn, { cause: step.cause, by: step.by });
      else launchKek(group, turn, step);
    } else if (step.what === "again" || step.what === "announce") launchAgain(group, turn, step);
    else launchTek(group, turn, step);
  }
  return moved;
}

/** Plans the renewal of keys whose time has come. */
export function renew(group: Group, turn: Turn): void {
  const { now } = turn.env;
  const at = group.renewal();
  const waits = (...what: readonly Step["what"][]) => group.queue.some((step) => what.includes(step.what));
  if (at.tek <= now && !waits(...newTeks)) {
    const follows = group.policy.handOutNext === true && group.live(now).length > 0;
    if (follows) enqueue(group, turn, "next", "the TEKs handed out before are in use", "timer");
    else enqueue(group, turn, "tek", "the TEKs' lifetime runs out", "timer");
  }
  if (group.renewal().kek <= now && !waits("kek")) enqueue(group, turn, "kek", "the KEK's lifetime runs out", "timer");
}
