/** What all requests by CREATE_CHILD_SA have in common: operators who wait, and refusals that pass (RFC 7296 2.25). */
import type { Plain } from "../core/engine.ts";
import { NotifyType } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import type { NotifyPayload } from "../wire/ikev2/payloads.ts";
import { deleteIkeSa } from "./deletion.ts";
import type { EstablishedSa, Ikev2 } from "./state.ts";
import type { Group } from "./suite.ts";

/** Retries after TEMPORARY_FAILURE come at random within this, so that two ends that refuse each other do so once. */
const PAUSE_MS = { least: 5_000, spread: 10_000 };
/** After any other refusal: what is wrong is not over in a moment. */
const LONG_PAUSE_MS = { least: 30_000, spread: 30_000 };
/** RFC 7296 2.25: 'several minutes', after which both sides have lost agreement of what there is. */
const OUT_OF_STEP_MS = 300_000;
const OUT_OF_STEP = `TEMPORARY_FAILURE and nothing else for ${OUT_OF_STEP_MS / 60_000} minutes`;

/** Answers the operator who waits, if one does. */
export function answerCommand(ike: Ikev2, command: number | undefined, reply: Plain): void {
  if (command !== undefined) ike.out.push({ out: "reply", id: command, reply });
}

/** Refuses what the operator who waits asked for. */
export function refuseCommand(ike: Ikev2, command: number | undefined, code: string, message: string): void {
  if (command !== undefined) ike.out.push({ out: "refuse", id: command, refusal: { code, message } });
}

/** A request of ours that came to nothing. */
export interface Refusal {
  /** Undefined: the answer is no refusal, but cannot be used. */
  readonly refusal: NotifyPayload | undefined;
  readonly why: string;
  /** The group that was used because the peer had asked for it. */
  readonly wanted: Group | undefined;
  readonly command: number | undefined;
}

/** Refuses it because the peer does, where the same is asked for again. */
export function refuseForNow(ike: Ikev2, command: number | undefined, why: string): void {
  refuseCommand(ike, command, "refused-by-peer", `${why}; it is tried again`);
}

/** The peer is busy for a moment, or somebody should look. */
export function levelOf(refusal: NotifyPayload | undefined): "info" | "warning" {
  return isTemporary(refusal) ? "info" : "warning";
}

/** Whether the same request may be granted in a few seconds (RFC 7296 2.25). */
export function isTemporary(refusal: NotifyPayload | undefined): boolean {
  return refusal?.type === NotifyType.TEMPORARY_FAILURE;
}

/** `TEMPORARY_FAILURE`; of an answer that is no refusal but cannot be used, `not-offered`. */
export function refusalCode(refusal: NotifyPayload | undefined): string {
  return refusal === undefined ? "not-offered" : nameOf(NotifyType, refusal.type);
}

/** For people. */
export function refusalText(refusal: NotifyPayload): string {
  return `the peer refuses with ${refusalCode(refusal)}`;
}

/**
 * The request is made again when `deadline` is due. A peer that gives TEMPORARY_FAILURE for several minutes has other SAs
 * than we: the IKE SA is closed.
 */
export function askLater(ike: Ikev2, sa: EstablishedSa, deadline: string, refusal: NotifyPayload | undefined): void {
  const { now, random } = ike.env;
  const temporary = isTemporary(refusal);
  if (temporary) {
    sa.phase.refusedSince ??= now;
    if (now - sa.phase.refusedSince > OUT_OF_STEP_MS) {
      deleteIkeSa(ike, sa, { cause: "lifetime", text: OUT_OF_STEP });
      return;
    }
  }
  const { least, spread } = temporary ? PAUSE_MS : LONG_PAUSE_MS;
  ike.deadlines.set(deadline, now + least + spread * random.fraction());
}
