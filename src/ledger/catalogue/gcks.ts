/** Events of the key server's groups, members and rekeys. */
import { type Catalogue, count, duration, listed, names, number, reason, text, timeOfDay } from "./form.ts";

type Event = Parameters<typeof text>[0];

/** `SEQ 3`. */
function seq(event: Event): string {
  return `SEQ ${text(event, "seq")}`;
}

function flag(event: Event, figure: string): boolean {
  return event.figures?.[figure] === true;
}

/** The sort of keys that a push brings. */
function brings(event: Event): string {
  switch (text(event, "kind")) {
    case "tek":
      return "new TEKs";
    case "kek":
      return "a new KEK";
    case "lkh":
      return "a new KEK for those who remain";
    default:
      return "the deletion of all keys";
  }
}

/** ` (3 more like it before)` after a rate limit. */
function more(event: Event): string {
  const suppressed = number(event, "suppressed") ?? 0;
  return suppressed === 0 ? "" : ` (${suppressed} more like it before)`;
}

/** Kinds that start with `gcks.`. Subjects: the member, the rekey (GROUP/SEQ) and the group. */
export const gcksEvents: Catalogue = {
  /** figures: group, spi, management, acks (KEK_ACK_REQUESTED, 0 none), teks (names). */
  "gcks.group-opened": {
    sentence: (e) => `group ${text(e, "group")} opened with KEK ${text(e, "spi")} and TEKs ${listed(names(e, "teks"))}`,
  },
  /** figures: group, spi, seq, members, nextSid, resumed (rekeys under way), waiting (planned ones). */
  "gcks.group-restored": {
    sentence: (e) => {
      const resumed = names(e, "resumed");
      const goesOn = resumed.length === 0 ? "" : `, ${count(resumed.length, "rekey")} under way go on`;
      const at = `KEK ${text(e, "spi")} at ${seq(e)}, next SID ${text(e, "nextSid")}`;
      return `group ${text(e, "group")} restored with ${count(number(e, "members") ?? 0, "member")}: ${at}${goesOn}`;
    },
  },
  "gcks.group-changed": { sentence: (e) => `the configuration of group ${text(e, "group")} changed` },
  /** figures: group, members. */
  "gcks.group-closed": { sentence: (e) => `group ${text(e, "group")} closed, its keys are gone` },
  "gcks.group-forgotten": { sentence: (e) => `what was stored of group ${text(e, "group")} was removed${reason(e)}` },
  /** figures: group, members. */
  "gcks.signer-lost": {
    sentence: (e) =>
      `the signing key of group ${text(e, "group")} is another one than before: new keys were made, and ${count(number(e, "members") ?? 0, "member")} must register again`,
  },
  /** figures: spi, seq. */
  "gcks.kek-forgotten": {
    sentence: (e) => `KEK ${text(e, "spi")} forgotten after its last acknowledgements, at ${seq(e)}`,
  },
  /** figures: group, member, address, port, registrations, seq, spi, sids, firstSid, leaf. */
  "gcks.member-registered": {
    sentence: (e) => {
      const again = (number(e, "registrations") ?? 1) > 1 ? " again" : "";
      const sids = number(e, "sids") ?? 0;
      const given = sids === 0 ? "" : `, ${count(sids, "SID")} from ${text(e, "firstSid")}`;
      return `member ${text(e, "member")} registered${again} from ${text(e, "address")} port ${text(e, "port")} at ${seq(e)}${given}`;
    },
  },
  /** reason. figures: code, identity, peer, from, notify, suppressed. */
  "gcks.pull-refused": {
    sentence: (e) =>
      `registration of ${text(e, "identity")} from ${text(e, "from")} refused (${text(e, "code")})${reason(e)}${more(e)}`,
  },
  /** A member's protected notification. figures: notify, identity, from. */
  "gcks.member-notified": {
    sentence: (e) => `${text(e, "identity")} notifies ${text(e, "notify")}${more(e)}`,
  },
  /** figures: group, bits, members. */
  "gcks.sids-exhausted": {
    sentence: (e) => `all SIDs of ${text(e, "bits")} bits are used up: all keys are deleted and SIDs begin at 0 again`,
  },
  "gcks.tree-full": { sentence: () => "the key tree is full: all keys are deleted, and a larger tree takes its place" },
  /** reason: the cause. figures: group, what, spi, seq, waiting. */
  "gcks.rekey-planned": {
    sentence: (e) => `rekey ${seq(e)} planned, it waits for the one under way${reason(e)}`,
  },
  /** reason: the cause. figures: group, seq, spi, kind, targets, datagrams, octets, ackRequested, transport, newSpi. */
  "gcks.rekey-sent": {
    sentence: (e) => {
      const to = text(e, "transport") === "multicast" ? "by multicast to" : "to";
      const acks = flag(e, "ackRequested") ? "" : ", without acknowledgements";
      return `rekey ${seq(e)} with ${brings(e)} sent ${to} ${count(number(e, "targets") ?? 0, "member")}${acks}${reason(e)}`;
    },
  },
  /** figures: group, seq, pending, attempt. */
  "gcks.rekey-repeated": {
    sentence: (e) =>
      `rekey ${seq(e)} sent again (attempt ${text(e, "attempt")}), ${count(number(e, "pending") ?? 0, "member")} had not answered`,
  },
  /** figures: group, member, seq, afterMs, attempt, late. */
  "gcks.ack-received": {
    sentence: (e) => {
      const attempt = number(e, "attempt") ?? 1;
      const late = flag(e, "late") ? ", after it had counted as missing" : "";
      const sends = attempt > 1 ? `, at attempt ${attempt}` : "";
      return `member ${text(e, "member")} acknowledged ${seq(e)} after ${duration(number(e, "afterMs") ?? 0)}${sends}${late}`;
    },
    fold: {
      by: (e) => `${text(e, "group")}/${seq(e)}`,
      sentence: (run) => {
        const times = run.map((e) => number(e, "afterMs") ?? 0);
        const [first] = run;
        const which = first === undefined ? "" : seq(first);
        const members = [...new Set(run.map((e) => text(e, "member")))];
        return `${count(members.length, "member")} acknowledged ${which}, the last after ${duration(Math.max(...times))}: ${listed(members)}`;
      },
    },
  },
  /** figures: group, member, seq, waitedMs, attempts, everAcked, missed, lastAckAt, lastAckSeq. */
  "gcks.ack-missing": {
    sentence: (e) => {
      const last = number(e, "lastAckAt");
      const silent =
        last === undefined
          ? "it has never acknowledged, so it does not count as departed"
          : `silent since ${timeOfDay(last)}`;
      const sends = count(number(e, "attempts") ?? 1, "send");
      return `member ${text(e, "member")} did not acknowledge ${seq(e)} within ${duration(number(e, "waitedMs") ?? 0)} and ${sends}; ${silent}`;
    },
  },
  /** figures: group, seq, spi, ackRequested, targets, acked, missing, reregistered, left, attempts, afterMs, members (missing ones). */
  "gcks.rekey-settled": {
    sentence: (e) => {
      if (!flag(e, "ackRequested")) return `rekey ${seq(e)} done after ${count(number(e, "attempts") ?? 1, "send")}`;
      const parts = [`${text(e, "acked")} of ${count(number(e, "targets") ?? 0, "member")} acknowledged`];
      if ((number(e, "reregistered") ?? 0) > 0) parts.push(`${text(e, "reregistered")} registered again`);
      if ((number(e, "left") ?? 0) > 0) parts.push(`${text(e, "left")} left`);
      const missing = number(e, "missing") ?? 0;
      if (missing > 0) parts.push(`missing: ${listed(names(e, "members"))}`);
      return `rekey ${seq(e)} settled after ${duration(number(e, "afterMs") ?? 0)}: ${parts.join(", ")}`;
    },
  },
  /** reason. figures: code, from, port, seq, member, offset, section, suppressed. */
  "gcks.ack-refused": {
    sentence: (e) => `acknowledgement from ${text(e, "from")} refused (${text(e, "code")})${reason(e)}${more(e)}`,
  },
  /** Put out for its silence, or because no rule admits it any more. reason. figures: group, member, missed. */
  "gcks.member-removed": {
    sentence: (e) => {
      const missed = number(e, "missed");
      const why = missed === undefined ? "" : ` after ${count(missed, "rekey")} in a row without an acknowledgement`;
      return `member ${text(e, "member")} removed${why}${reason(e)}; it may register again`;
    },
  },
  /** reason. figures: group, member. */
  "gcks.member-evicted": {
    sentence: (e) => `member ${text(e, "member")} evicted${reason(e)}; it cannot register again until it is admitted`,
  },
  "gcks.member-admitted": { sentence: (e) => `member ${text(e, "member")} may register again` },
  /** reason. figures: code, from, exchange, suppressed. */
  "gcks.datagram-dropped": {
    sentence: (e) => `datagram from ${text(e, "from")} dropped (${text(e, "code")})${reason(e)}${more(e)}`,
  },
};
