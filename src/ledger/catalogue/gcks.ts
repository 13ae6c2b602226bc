/** Events of the key server. Subjects are the group, its members (`GROUP/MEMBER`) and its rekeys. */
import type { Told } from "../event.ts";
import type { StoredEvent } from "../stored.ts";
import { type Catalogue, count, duration, listed, names, number, reason, text, timeOfDay } from "./form.ts";

const member = (event: Told) => `member ${text(event, "member")}`;
const rekey = (event: Told) => `rekey ${text(event, "seq")}`;
const from = (event: Told) => text(event, "from");

/** How many of the same sort were counted, and not told, before this one. */
function suppressed(event: Told): string {
  const many = number(event, "suppressed") ?? 0;
  return many === 0 ? "" : ` (and ${many} more since the last such event)`;
}

const rekeyKinds: Readonly<Record<string, string>> = {
  tek: "new TEKs",
  kek: "a new KEK",
  lkh: "an update of the key tree",
  delete: "the deletion of all keys",
};

/** Member names of a run, each once. */
function membersOf(run: readonly StoredEvent[]): string[] {
  return [...new Set(run.map((event) => text(event, "member")))];
}

function within(run: readonly StoredEvent[]): string {
  return duration(Math.max(...run.map((event) => number(event, "afterMs") ?? 0)));
}

/** `all 5 members acknowledged rekey 2 within 0.8 s`, or who did not. */
function settled(event: Told): string {
  const of = (figure: string) => number(event, figure) ?? 0;
  const [targets, acked, gone, again, left] = [
    of("targets"),
    of("acked"),
    of("missing"),
    of("reregistered"),
    of("left"),
  ];
  if (event.figures?.ackRequested === false) {
    return `${rekey(event)} sent ${count(of("attempts"), "time")} to ${count(targets, "member")}, no acknowledgements asked for`;
  }
  if (targets === 0) return `${rekey(event)} had nobody to go to`;
  const time = duration(of("afterMs"));
  if (acked === targets) {
    const who = targets === 1 ? "the only member" : `all ${targets} members`;
    return `${who} acknowledged ${rekey(event)} within ${time}`;
  }
  const rest = [
    ...(again > 0 ? [`${again} registered again instead`] : []),
    ...(left > 0 ? [`${left} left`] : []),
    ...(gone > 0 ? [`missing: ${whoIsMissing(names(event, "members"), gone)}`] : []),
  ];
  return `${acked} of ${count(targets, "member")} acknowledged ${rekey(event)} within ${time}; ${rest.join("; ")}`;
}

function whoIsMissing(known: readonly string[], many: number): string {
  return many > known.length
    ? `${known.slice(0, 5).join(", ")} and ${many - Math.min(5, known.length)} more`
    : listed(known);
}

/** `4 of 5 members (80 %) have the TEKs of group plant to be used from 14:02:11`. */
function keyDelivery(event: Told): string {
  const [holders, members] = [text(event, "holders"), count(number(event, "members") ?? 0, "member")];
  const use =
    event.figures?.when === "activated"
      ? "now in use"
      : `to be used from ${timeOfDay(number(event, "activateAt") ?? 0)}`;
  return `${holders} of ${members} (${text(event, "percent")} %) have the TEKs of group ${text(event, "group")} ${use}`;
}

/** `member gm3 has not acknowledged rekey 3; silent since 14:02:11; sent 4 times; alert raised`. */
function missing(event: Told): string {
  const last = number(event, "lastAckAt");
  const attempts = number(event, "attempts") ?? 1;
  const parts = [
    `${member(event)} has not acknowledged ${rekey(event)}`,
    last === undefined ? "it has never acknowledged anything" : `silent since ${timeOfDay(last)}`,
    attempts > 1 ? `retransmitted ${count(attempts - 1, "time")}` : "sent once",
    ...((number(event, "missed") ?? 0) > 1 ? [`${text(event, "missed")} rekeys in a row`] : []),
    ...(event.level === "alert" ? ["alert raised"] : []),
  ];
  return parts.join("; ");
}

/** Kinds that start with `gcks.`. */
export const gcksEvents: Catalogue = {
  /** figures: group, spi, management, acks, teks (names). */
  "gcks.group-opened": {
    sentence: (e) => `group ${text(e, "group")} opened with KEK ${text(e, "spi")} and TEKs ${listed(names(e, "teks"))}`,
  },
  /** figures: group, spi, seq, members, nextSid, resumed (rekeys), waiting. */
  "gcks.group-restored": {
    sentence: (e) => {
      const resumed = names(e, "resumed");
      const under = resumed.length === 0 ? "no rekey under way" : `${count(resumed.length, "rekey")} resumed`;
      const members = count(number(e, "members") ?? 0, "member");
      return `group ${text(e, "group")} restored with ${members}: KEK ${text(e, "spi")} at SEQ ${text(e, "seq")}, ${under}`;
    },
  },
  /** figures: group, members. */
  "gcks.group-forgotten": { sentence: (e) => `stored group ${text(e, "group")} forgotten${reason(e)}` },
  /** figures: group. */
  "gcks.group-changed": { sentence: (e) => `the configuration of group ${text(e, "group")} changed` },
  /** figures: group, members. */
  "gcks.group-closed": { sentence: (e) => `group ${text(e, "group")} closed, its keys deleted` },
  /** The key that signs pushes is another one. figures: group, members, tree. */
  "gcks.signer-lost": {
    sentence: (e) => {
      const members = count(number(e, "members") ?? 0, "member");
      return `the signing key of group ${text(e, "group")} is another than before; ${members} must register again`;
    },
  },
  /** figures: group, member, address, port, registrations, seq, spi, sids, firstSid, leaf. */
  "gcks.member-registered": {
    sentence: (e) => {
      const again = (number(e, "registrations") ?? 1) > 1 ? " again" : "";
      const sids = number(e, "sids") ?? 0;
      const with_ = sids > 0 ? `, with ${count(sids, "SID")}` : "";
      return `${member(e)} registered${again} from ${text(e, "address")}, KEK at SEQ ${text(e, "seq")}${with_}`;
    },
    fold: {
      by: (e) => text(e, "group"),
      sentence: (run) => {
        const who = membersOf(run);
        return `${count(who.length, "member")} registered (${listed(who)})`;
      },
    },
  },
  /** figures: group, member. */
  "gcks.member-admitted": { sentence: (e) => `${member(e)} may register again` },
  /** reason: the operator's. figures: group, member. */
  "gcks.member-evicted": { sentence: (e) => `${member(e)} evicted${reason(e)}` },
  /** By policy. figures: group, member; missed. */
  "gcks.member-removed": {
    sentence: (e) => {
      const missed = number(e, "missed");
      const why = missed === undefined ? "" : `: ${count(missed, "rekey")} in a row without an acknowledgement`;
      return `${member(e)} removed${reason(e) || why}`;
    },
  },
  /** A protected notification. figures: notify, identity, from. */
  "gcks.member-notified": {
    sentence: (e) => `${text(e, "identity")} at ${from(e)} notifies ${text(e, "notify")}${suppressed(e)}`,
  },
  /** Waits for the one before it. figures: group, what, waiting. */
  "gcks.rekey-planned": { sentence: (e) => `a rekey (${text(e, "what")}) is planned${reason(e)}` },
  /** reason: why. figures: group, seq, spi, kind, targets, datagrams, octets, ackRequested, transport, newSpi. */
  "gcks.rekey-sent": {
    sentence: (e) => {
      const what = rekeyKinds[text(e, "kind")] ?? text(e, "kind");
      const to = count(number(e, "targets") ?? 0, "member");
      return `${rekey(e)} with ${what} sent to ${to} by ${text(e, "transport")}${reason(e)}`;
    },
  },
  /** figures: group, seq, pending, attempt. */
  "gcks.rekey-repeated": {
    sentence: (e) =>
      `${rekey(e)} retransmitted to ${count(number(e, "pending") ?? 0, "member")} that did not answer, attempt ${text(e, "attempt")}`,
  },
  /** Its lifetimes are no longer true. figures: group, seq, spi, pending, afterMs. */
  "gcks.rekey-outdated": {
    sentence: (e) =>
      `${rekey(e)} was made ${duration(number(e, "afterMs") ?? 0)} ago and is not retransmitted: another takes its place`,
  },
  /** Of one generation. figures: group, generation, percent, holders, members, level, activateAt, spis, when. */
  "gcks.key-delivery": { sentence: keyDelivery },
  "gcks.key-delivery-low": {
    sentence: (e) => `${keyDelivery(e)}, under the level of ${text(e, "level")} %; alert raised`,
  },
  /** figures: group, seq, spi, ackRequested, targets, acked, missing, reregistered, left, attempts, afterMs, members. */
  "gcks.rekey-settled": { sentence: settled },
  /** figures: group, member, seq, afterMs, attempt, late. */
  "gcks.ack-received": {
    sentence: (e) => {
      const after = duration(number(e, "afterMs") ?? 0);
      const attempt = number(e, "attempt") ?? 1;
      const late = e.figures?.late === true ? ", when it was no longer waited for" : "";
      return `${member(e)} acknowledged ${rekey(e)} after ${after}${attempt > 1 ? `, at attempt ${attempt}` : ""}${late}`;
    },
    fold: {
      by: (e) => `${text(e, "group")}/${text(e, "seq")}`,
      sentence: (run) => {
        const [first] = run;
        const who = membersOf(run);
        const what = first === undefined ? "" : rekey(first);
        return `${count(who.length, "member")} acknowledged ${what} within ${within(run)} (${listed(who)})`;
      },
    },
  },
  /** figures: group, member, seq, waitedMs, attempts, everAcked, missed; lastAckAt, lastAckSeq. */
  "gcks.ack-missing": { sentence: missing },
  /** figures: code, from, port, suppressed. */
  "gcks.ack-refused": {
    sentence: (e) => `acknowledgement from ${from(e)} refused (${text(e, "code")})${reason(e)}${suppressed(e)}`,
  },
  /** figures: code, identity, peer, from, notify, suppressed. */
  "gcks.pull-refused": {
    sentence: (e) =>
      `registration of ${text(e, "identity")} at ${from(e)} refused (${text(e, "code")})${reason(e)}${suppressed(e)}`,
  },
  /** figures: code, from, suppressed. */
  "gcks.datagram-dropped": {
    sentence: (e) => `datagram from ${from(e)} dropped (${text(e, "code")})${reason(e)}${suppressed(e)}`,
  },
  /** The grace period of a replaced KEK is over. figures: spi, seq. */
  "gcks.kek-forgotten": {
    sentence: (e) => `replaced KEK ${text(e, "spi")} forgotten, its last SEQ was ${text(e, "seq")}`,
  },
  "gcks.sids-exhausted": { sentence: (e) => `all Sender-IDs are handed out, everything begins anew${reason(e)}` },
  "gcks.tree-full": { sentence: (e) => `the key tree is full, everything begins anew${reason(e)}` },
};
