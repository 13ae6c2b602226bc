/**
 * Registration (RFC 6407 3.3): which key server, under which Phase 1 SA, and what follows a failure. The exchange itself
 * is in exchange.ts.
 */
import type { Datagram } from "../../core/engine.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import { nameOf } from "../../iana/names.ts";
import type { Phase1Sa, Phase1Upcall } from "../../ikev1/types.ts";
import type { Header } from "../../wire/payloads.ts";
import { type Phase1After, type PullOutcome, receivePull, repeatPull, startPull } from "./exchange.ts";
import { releaseKept, SILENT_AFTER_MS, tellKept } from "./expiry.ts";
import { localTowards } from "./own-address.ts";
import { registered } from "./registered.ts";
import { count, report } from "./report.ts";
import type { Attempt, Gm, Group } from "./state.ts";

/** Notify types from here on are status, not error (RFC 2408 3.14.1). */
const FIRST_STATUS_TYPE = 16_384;

/** A key server whose keys changed during the exchange is asked again at once, so often in one attempt. */
const MOST_REPEATS = 5;

/** A Phase 1 SA with less than this left is not used for a new exchange. */
const PHASE1_MARGIN_MS = 10_000;

/** Begins to register at the first key server; nothing happens when an attempt is under way. */
export function register(gm: Gm, group: Group, why: string): void {
  if (group.attempt !== undefined) return;
  group.gapBehindUpdate = false;
  for (const what of ["renew", "retry", "prompt"]) gm.deadlines.clear(`${what}:${group.name}`);
  group.askingSince = gm.env.now;
  gm.deadlines.set(`silent:${group.name}`, gm.env.now + SILENT_AFTER_MS);
  tryServer(gm, group, 0, why, "no key server is configured");
}

/** Tries the group's key server number `server`, and waits when there is no further one. */
function tryServer(gm: Gm, group: Group, server: number, why: string, lastError: string, repeats = 0): void {
  const name = group.config.keyServers[server];
  if (name === undefined) {
    roundFailed(gm, group, lastError);
    return;
  }
  const endpoint = gm.policy.keyServers.find((k) => k.name === name)?.endpoint;
  if (endpoint === undefined) {
    tryServer(gm, group, server + 1, why, `the key server ${name} has no address`);
    return;
  }
  const local = localTowards(gm.policy, name);
  if (local === undefined) {
    tryServer(gm, group, server + 1, why, `no route leads to the key server ${name}`);
    return;
  }
  const sa = usableSa(gm, name);
  if (sa !== undefined) {
    usePhase1(gm, group, { why, server, repeats, at: "queued", sa, reused: true });
    return;
  }
  group.attempt = { why, server, repeats, at: "phase1" };
  if ([...gm.dialling.values()].includes(name)) return;
  gm.dialling.set(gm.phase1.initiate(local, endpoint, name, gm.env, gm.out), name);
}

function usableSa(gm: Gm, keyServer: string): Phase1Sa | undefined {
  for (const sa of gm.phase1.sas()) {
    if (sa.peerName === keyServer && sa.expiresAt > gm.env.now + PHASE1_MARGIN_MS) return sa;
  }
  return undefined;
}

/** One GROUPKEY-PULL at a time under one Phase 1 SA, so that a notification tells which one it is about. */
function usePhase1(gm: Gm, group: Group, attempt: Extract<Attempt, { at: "queued" }>): void {
  group.attempt = attempt;
  const busy = [...gm.groups.values()].some((g) => g.attempt?.at === "pull" && g.attempt.pull.sa === attempt.sa);
  if (!busy) startPull(gm, group, attempt);
}

/** Starts the next GROUPKEY-PULL that waits for this Phase 1 SA. */
function releasePhase1(gm: Gm, sa: Phase1Sa): void {
  for (const group of gm.groups.values()) {
    if (group.attempt?.at === "queued" && group.attempt.sa === sa) {
      usePhase1(gm, group, group.attempt);
      return;
    }
  }
}

/** Ends the attempt without success, and goes on with the next key server, or the same under a new Phase 1 SA. */
function attemptFailed(gm: Gm, group: Group, error: string, phase1: Phase1After): void {
  const { attempt } = group;
  if (attempt === undefined) return;
  gm.deadlines.clear(`pull:${group.name}`);
  group.attempt = undefined;
  group.lastError = error;
  const sa = attempt.at === "pull" ? attempt.pull.sa : attempt.at === "queued" ? attempt.sa : undefined;
  if (sa !== undefined && phase1 !== "keep") {
    gm.phase1.delete(sa, error, gm.env, gm.out);
    leavePhase1(gm, sa);
  } else if (sa !== undefined) {
    releasePhase1(gm, sa);
  }
  const again = phase1 === "renew" && attempt.at !== "phase1" && attempt.reused;
  tryServer(gm, group, again ? attempt.server : attempt.server + 1, attempt.why, error);
}

/** A Phase 1 SA is gone: attempts that hang on it begin again at the same key server. */
export function leavePhase1(gm: Gm, sa: Phase1Sa): void {
  for (const group of gm.groups.values()) {
    const { attempt } = group;
    if (attempt === undefined || attempt.at === "phase1") continue;
    if ((attempt.at === "pull" ? attempt.pull.sa : attempt.sa) !== sa) continue;
    gm.deadlines.clear(`pull:${group.name}`);
    group.attempt = undefined;
    const { reused, server, why } = attempt;
    const error = "the Phase 1 SA was deleted";
    tryServer(gm, group, reused || attempt.at === "queued" ? server : server + 1, why, error);
  }
}

/** No key server helped: waits, longer each time; the keys stay until they expire. */
function roundFailed(gm: Gm, group: Group, error: string): void {
  const { now, random } = gm.env;
  group.attempt = undefined;
  noLongerAsking(gm, group);
  group.lastError = error;
  group.failedRounds += 1;
  const { first, max } = gm.policy.retryMs;
  const backOff = Math.min(max, first * 2 ** Math.min(group.failedRounds - 1, 30));
  const delay = backOff * (0.5 + random.fraction() / 2);
  gm.deadlines.set(`retry:${group.name}`, now + delay);
  for (const id of group.commands.splice(0)) {
    const message = `no key server serves the group ${group.name}: ${error}`;
    gm.out.push({ out: "refuse", id, refusal: { code: "not-registered", message } });
  }
  if (group.failingSince !== undefined) {
    tellKept(gm, group);
    return;
  }
  group.failingSince = now;
  const ends = [...group.teks.values()].map((tek) => tek.expiresAt);
  const keysUntil = Math.max(0, ...ends.filter(Number.isFinite));
  report(gm, group.name, "gm.key-server-unreachable", {
    cause: "failure",
    level: "warning",
    reason: error,
    figures: {
      keyServers: group.config.keyServers,
      since: now,
      ...(ends.every(Number.isFinite) && { keysUntil }),
      retryInMs: Math.round(delay),
    },
  });
  tellKept(gm, group);
}

/** The round is over, for better or worse. */
function noLongerAsking(gm: Gm, group: Group): void {
  group.askingSince = undefined;
  gm.deadlines.clear(`silent:${group.name}`);
}

/** A datagram of exchange type GROUPKEY-PULL. */
export function pullArrived(gm: Gm, datagram: Datagram, header: Header): void {
  const sa = gm.phase1.find(header.initiatorCookie, header.responderCookie);
  for (const group of gm.groups.values()) {
    const { attempt } = group;
    if (attempt?.at !== "pull" || attempt.pull.sa !== sa || attempt.pull.messageId !== header.messageId) continue;
    settle(gm, group, receivePull(gm, group, attempt, datagram, header));
    return;
  }
  count(gm, sa === undefined ? "drop.pull-without-phase1" : "drop.pull-unknown-exchange");
}

/** The answer to the last message of a GROUPKEY-PULL did not come in time. */
export function pullUnanswered(gm: Gm, group: Group): void {
  if (group.attempt?.at === "pull") settle(gm, group, repeatPull(gm, group, group.attempt));
}

function settle(gm: Gm, group: Group, outcome: PullOutcome): void {
  const { attempt } = group;
  if (outcome.is === "wait" || attempt?.at !== "pull") return;
  if (outcome.is === "fail") {
    attemptFailed(gm, group, outcome.error, outcome.phase1);
    return;
  }
  gm.deadlines.clear(`pull:${group.name}`);
  group.attempt = undefined;
  noLongerAsking(gm, group);
  registered(gm, group, attempt, outcome.download);
  releasePhase1(gm, attempt.pull.sa);
}

/** Takes what Phase 1 tells. */
export function phase1Upcalls(gm: Gm, upcalls: readonly Phase1Upcall[]): void {
  for (const upcall of upcalls) {
    if (upcall.up === "established") established(gm, upcall.sa);
    else if (upcall.up === "failed") phase1Failed(gm, upcall);
    else if (upcall.up === "deleted") leavePhase1(gm, upcall.sa);
    else notified(gm, upcall);
  }
}

/** The identity was checked against the key server's PeerPolicy: peerName says whose it is (GPAD, RFC 6407 3.1). */
function established(gm: Gm, sa: Phase1Sa): void {
  forget(gm, sa.peerName);
  for (const group of gm.groups.values()) {
    const { attempt } = group;
    if (attempt?.at !== "phase1" || group.config.keyServers[attempt.server] !== sa.peerName) continue;
    const { why, server, repeats } = attempt;
    usePhase1(gm, group, { why, server, repeats, at: "queued", sa, reused: false });
  }
}

function phase1Failed(gm: Gm, { attempt, code, why }: Extract<Phase1Upcall, { up: "failed" }>): void {
  const name = attempt === undefined ? undefined : gm.dialling.get(attempt);
  if (name === undefined) return;
  forget(gm, name);
  for (const group of gm.groups.values()) {
    if (group.attempt?.at !== "phase1" || group.config.keyServers[group.attempt.server] !== name) continue;
    attemptFailed(gm, group, `Phase 1 with ${name} failed (${code}): ${why}`, "keep");
  }
}

function forget(gm: Gm, keyServer: string): void {
  for (const [number, name] of gm.dialling) if (name === keyServer) gm.dialling.delete(number);
}

/** Error types of RFC 2408 3.14.1 end the exchange under way; status types do not concern it. */
function notified(gm: Gm, { sa, notification }: Extract<Phase1Upcall, { up: "notification" }>): void {
  if (notification.notifyType >= FIRST_STATUS_TYPE) return;
  for (const group of gm.groups.values()) {
    if (group.attempt?.at !== "pull" || group.attempt.pull.sa !== sa) continue;
    const { attempt } = group;
    const code = nameOf(NotifyType, notification.notifyType);
    if (notification.notifyType === NotifyType.INVALID_SPI && attempt.repeats < MOST_REPEATS) {
      count(gm, "pull.begun-again");
      gm.deadlines.clear(`pull:${group.name}`);
      const error = "the group's keys changed during the exchange";
      tryServer(gm, group, attempt.server, attempt.why, error, attempt.repeats + 1);
      return;
    }
    const { agreed } = attempt.pull;
    if (notification.notifyType === NotifyType.ATTRIBUTES_NOT_SUPPORTED && (agreed?.asked ?? 1) > 1) {
      gm.deadlines.clear(`pull:${group.name}`);
      group.oneSid = true;
      tryServer(gm, group, attempt.server, attempt.why, "the key server gives no more than one SID", attempt.repeats);
      return;
    }
    const keyServer = sa.peerName;
    releaseKept(gm, group);
    report(gm, group.name, "gm.registration-refused", {
      cause: "peer",
      level: "warning",
      figures: { keyServer, notify: code },
    });
    attemptFailed(gm, group, `the key server ${keyServer} refused: ${code}`, "keep");
    return;
  }
}
