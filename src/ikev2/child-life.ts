/** How Child SAs come and go here: the books, the data plane, and what is told. Nothing is sent. */
import { deleteReasons } from "../ledger/delete-reasons.ts";
import type { ChildSaPair } from "../sad/sad.ts";
import { hex } from "../util/octets.ts";
import { answerWaiting } from "./connections.ts";
import type { ReceivedReason } from "./delete-reason.ts";
import type { ChildKeys } from "./keys.ts";
import { scheduleChild } from "./lifetimes.ts";
import { reasonDetails, report } from "./report.ts";
import { selectorText } from "./selector-text.ts";
import type { ChildAgreement, ChildSa, DeleteWhy, EstablishedSa, Ikev2, Nat } from "./state.ts";
import { espSuiteText } from "./suite.ts";

/** Deadlines that go with a Child SA. */
const DEADLINES = ["child-rekey", "child-lifetime"];

/** ESP goes inside UDP (RFC 7296 2.23): somebody is behind a NAT, or pretends to be. */
export function encapsulates({ local, remote, forced }: Nat): boolean {
  return local || remote || forced;
}

/** How a Child SA comes into being. */
export interface Installation {
  readonly keys: ChildKeys;
  /** Whether we began the exchange that made it: whose direction `keys.initiator` is. */
  readonly initiated: boolean;
  /** Whether it is used for sending at once; else `activateChild` says when. */
  readonly outbound: boolean;
  /** The SA whose place it takes: a rekey. */
  readonly replaces?: ChildSa;
}

/** A Child SA stands: the data plane gets it, and keeps its keys alone. */
export function installChild(
  ike: Ikev2,
  sa: EstablishedSa,
  agreement: ChildAgreement,
  { keys, initiated, outbound, replaces }: Installation,
): ChildSa {
  const { connection, secured, children } = sa.phase;
  const { policy, mode, suite, spiIn, spiOut, local, remote } = agreement;
  const child: ChildSa = {
    key: hex(spiIn),
    policy,
    mode,
    suite,
    spiIn,
    spiOut,
    local,
    remote,
    ikeSa: sa,
    encapsulated: encapsulates(secured.nat),
    since: ike.env.now,
    state: "installed",
    octets: 0,
    packets: 0,
    replaces: initiated ? undefined : replaces?.key,
  };
  ike.childSas.set(child.key, child);
  children.set(child.key, child);
  scheduleChild(ike, child);
  const pair = pairOf(child, keys, initiated);
  ike.out.push({ out: "sad", change: { change: "install-child", pair, outbound } });
  if (replaces === undefined) tellChild(ike, child, initiated);
  else tellRekey(ike, child, initiated, replaces);
  answerWaiting(ike, connection);
  return child;
}

function tellChild(ike: Ikev2, child: ChildSa, initiated: boolean): void {
  const { policy, key, spiOut, suite, mode, local, remote } = child;
  report(ike, { child }, "ikev2.child-established", {
    cause: initiated ? "operator" : "peer",
    figures: {
      child: policy.name,
      spiIn: key,
      spiOut: hex(spiOut),
      suite: espSuiteText(suite),
      mode,
      local: local.map(selectorText),
      remote: remote.map(selectorText),
    },
  });
}

function tellRekey(ike: Ikev2, child: ChildSa, initiated: boolean, { key: replaces, since }: ChildSa): void {
  const { policy, key, spiOut, suite } = child;
  const names = { child: policy.name, spiIn: key, spiOut: hex(spiOut), suite: espSuiteText(suite) };
  const heldSeconds = (ike.env.now - since) / 1000;
  report(ike, { child }, "ikev2.rekeyed", {
    cause: initiated ? "timer" : "peer",
    figures: { ...names, replaces, heldSeconds },
  });
}

function pairOf(child: ChildSa, keys: ChildKeys, initiated: boolean): ChildSaPair {
  const { policy, suite, ikeSa } = child;
  const [inbound, outbound] = initiated ? [keys.responder, keys.initiator] : [keys.initiator, keys.responder];
  return {
    connection: ikeSa.phase.connection.config.name,
    child: policy.name,
    mode: child.mode,
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    encryption: suite.encryption.id,
    keyBits: suite.encryption.keyBits,
    integrity: suite.integrity?.id,
    esn: suite.esn,
    encryptionIn: inbound.encryption,
    encryptionOut: outbound.encryption,
    integrityIn: inbound.integrity,
    integrityOut: outbound.integrity,
    localSelectors: child.local,
    remoteSelectors: child.remote,
    local: ikeSa.local,
    remote: ikeSa.remote,
    encapsulated: child.encapsulated,
  };
}

/** From now on it is used for sending. */
export function activateChild(ike: Ikev2, child: ChildSa): void {
  const connection = child.ikeSa.phase.connection.config.name;
  ike.out.push({ out: "sad", change: { change: "activate-child", connection, spiIn: child.spiIn } });
}

/** Why a Child SA is taken away. */
export type ChildEnd =
  /** The peer deleted it. */
  | { readonly by: "peer"; readonly reason: ReceivedReason | undefined }
  /** We do: told when our Delete leaves. */
  | { readonly by: "us" }
  /** Its IKE SA ends, which is told. */
  | { readonly by: "ike-sa" };

/** A Child SA is no more: it leaves the books and the data plane. */
export function removeChild(ike: Ikev2, child: ChildSa, end: ChildEnd): void {
  if (ike.childSas.get(child.key) !== child) return;
  const { connection, children } = child.ikeSa.phase;
  if (end.by === "peer" && (!isReplaced(ike, child) || saysMore(end.reason))) {
    const heldSeconds = (ike.env.now - child.since) / 1000;
    report(ike, { child }, "ikev2.child-deleted", {
      cause: "peer",
      ...reasonDetails(ike, end.reason, { by: "peer", child: child.policy.name, heldSeconds }),
    });
  }
  ike.childSas.delete(child.key);
  children.delete(child.key);
  for (const what of DEADLINES) ike.deadlines.clear(`${what}:${child.key}`);
  const { name } = connection.config;
  ike.out.push({
    out: "sad",
    change: { change: "remove-child", connection: name, child: child.policy.name, spiIn: child.spiIn },
  });
  if (end.by === "ike-sa") return;
  const next = childSuccessorOf(ike, child);
  // RFC 7296 2.8: whoever did not begin the rekey sends by the new one when the old one is deleted
  if (next !== undefined) activateChild(ike, next);
  const old = childPredecessorOf(ike, child);
  if (old?.state === "rekeyed") reinstate(ike, old);
}

/** Another one stands in its place, which was told. */
function isReplaced(ike: Ikev2, child: ChildSa): boolean {
  const { state, deletion } = child;
  return state === "rekeyed" || deletion?.cause === "rekeyed" || childSuccessorOf(ike, child) !== undefined;
}

/** What a peer's exchange made in its place, unless that has gone again. */
export function childSuccessorOf(ike: Ikev2, { successor }: ChildSa): ChildSa | undefined {
  const next = successor?.child;
  return next !== undefined && ike.childSas.get(next.key) === next ? next : undefined;
}

/** The one in whose place the peer put it, while that stands. */
export function childPredecessorOf(ike: Ikev2, child: ChildSa): ChildSa | undefined {
  const old = child.replaces === undefined ? undefined : ike.childSas.get(child.replaces);
  return old?.successor?.child === child ? old : undefined;
}

/** What was to take its place has gone before it: nothing is to any more. */
export function reinstate(ike: Ikev2, child: ChildSa): void {
  if (child.state === "deleting" || ike.childSas.get(child.key) !== child) return;
  child.state = "installed";
  scheduleChild(ike, child);
}

/** A reason for the deletion of what was rekeyed that is not just that, which the line of the rekey implies. */
export function saysMore(reason: ReceivedReason | undefined): boolean {
  return reason !== undefined && (reason.text !== deleteReasons.rekeyed.text || reason.downtimeSeconds > 0);
}

/** Told when our Delete of it leaves; of one that was rekeyed its rekey was. */
export function tellChildDeletion(ike: Ikev2, child: ChildSa, { cause, text, downtimeSeconds }: DeleteWhy): void {
  if (cause === "rekeyed") return;
  report(ike, { child }, "ikev2.child-deleted", {
    cause: deleteReasons[cause].cause,
    reason: text ?? deleteReasons[cause].text,
    figures: {
      by: "us",
      code: cause,
      child: child.policy.name,
      heldSeconds: (ike.env.now - child.since) / 1000,
      downtimeSeconds: downtimeSeconds ?? ike.policy.deleteReason.downtimeSeconds[cause] ?? 0,
    },
  });
}
