/** Events of IKEv2 (RFC 7296). Subjects: the SA that it is about, and the connection that it belongs to. */
import type { Told } from "../event.ts";
import type { StoredEvent } from "../stored.ts";
import { type Catalogue, count, duration, listed, names, number, reason, text, timeOfDay } from "./form.ts";

/** ` after 2 min`: how long an SA stood. */
function held(event: Told): string {
  return ` after ${duration(1000 * (number(event, "heldSeconds") ?? 0))}`;
}

/** What a peer said with its Delete: `: "host is restarting", expects to be back in about 120 s (14:57:03 UTC)`. */
function said(event: Told): string {
  const { reason: words } = event;
  const seconds = number(event, "downtimeSeconds") ?? 0;
  const at = number(event, "expectedAt");
  const until = at === undefined ? "" : ` (${timeOfDay(at)})`;
  const back = seconds === 0 ? "" : `, expects to be back in about ${seconds} s${until}`;
  const more = names(event, "further").map((one) => `"${one}"`);
  const also = more.length === 0 ? "" : `, and also ${listed(more, 3)}`;
  if (words !== undefined && words !== "") return `: "${words}"${also}${back}`;
  return `${number(event, "octets") === undefined ? " without a reason" : " without words"}${also}${back}`;
}

/** What we say with our own: `: "host is restarting", announced for 120 s`. */
function saying(event: Told): string {
  const seconds = number(event, "downtimeSeconds") ?? 0;
  return `: "${event.reason ?? ""}"${seconds === 0 ? "" : `, announced for about ${seconds} s`}`;
}

/** `, 18 s later than announced` */
function against(event: Told): string {
  const late = number(event, "lateMs");
  if (late === undefined) return "";
  if (Math.abs(late) < 1000) return ", as announced";
  return `, ${duration(Math.abs(late))} ${late < 0 ? "earlier" : "later"} than announced`;
}

/** A Child SA by its name and SPIs. */
function child(event: Told): string {
  return `Child SA ${text(event, "child")}`;
}

/** What was rekeyed: a Child SA by its name, or the IKE SA. */
function rekeyed(event: Told): string {
  return event.figures?.["child"] === undefined ? "IKE SA" : child(event);
}

/** Routine: `rekeyed 30 times in 23 h 40 min: 24 of Child SA net, 6 of IKE SA`. */
function rekeyedOften(run: readonly StoredEvent[]): string {
  const counts = new Map<string, number>();
  for (const event of run) counts.set(rekeyed(event), (counts.get(rekeyed(event)) ?? 0) + 1);
  const passed = (run.at(-1)?.at ?? 0) - (run[0]?.at ?? 0);
  const each = [...counts].map(([what, many]) => `${many} of ${what}`);
  return `rekeyed ${count(run.length, "time")} in ${duration(passed)}: ${listed(each)}`;
}

function times(event: Told): string {
  const many = number(event, "times") ?? 1;
  return many > 1 ? ` (${count(many, "time")})` : "";
}

/** Seconds as they are, up to ten minutes: what was announced in seconds is held against seconds. */
function away(event: Told): string {
  const ms = number(event, "awayMs") ?? 0;
  return ms < 600_000 ? `${Math.round(ms / 1000)} s` : duration(ms);
}

/** Kinds that start with `ikev2.`. */
export const ikev2Events: Catalogue = {
  /** figures: role, remote, identity, authentication, suite. */
  "ikev2.established": {
    sentence: (e) =>
      `IKE SA with ${text(e, "identity")} at ${text(e, "remote")} established as ${text(e, "role")}, ${text(e, "authentication")}, ${text(e, "suite")}`,
  },
  /** reason: what was told when it went. figures: awayMs, by, downtimeSeconds, lateMs (absent without an estimate). */
  "ikev2.reestablished": { sentence: (e) => `re-established after ${away(e)}${against(e)}` },
  /** An attempt of ours. reason. figures: code, failures, retryInMs. */
  "ikev2.failed": {
    sentence: (e) => {
      const retry = number(e, "retryInMs");
      const next = retry === undefined ? "" : `; another attempt in ${duration(retry)}`;
      return `could not be established${reason(e)}${next}`;
    },
  },
  /** A peer's attempt. reason. figures: code, remote, times. */
  "ikev2.refused": {
    sentence: (e) => `an attempt of ${text(e, "remote")} came to nothing (${text(e, "code")})${reason(e)}${times(e)}`,
  },
  /**
   * reason: its words. figures: by (peer, us), heldSeconds, downtimeSeconds; by us: code; by the peer, when it gave a reason:
   * raw (hex), octets, expectedAt, and further (list), furtherRaw (list) when it gave several.
   */
  "ikev2.deleted": {
    sentence: (e) =>
      text(e, "by") === "peer" ? `peer deleted the IKE SA${said(e)}` : `deleted the IKE SA${saying(e)}`,
  },
  "ikev2.delete-unanswered": { sentence: () => "the peer did not answer the deletion of the IKE SA" },
  /** reason. figures: code, heldSeconds. */
  "ikev2.replaced": { sentence: (e) => `IKE SA ended${held(e)} without a Delete${reason(e)}` },
  /** figures: heldSeconds, silentSeconds. */
  "ikev2.peer-dead": {
    sentence: (e) =>
      `the peer does not answer any more, nothing came for ${duration(1000 * (number(e, "silentSeconds") ?? 0))}: IKE SA ended${held(e)}`,
  },
  /** reason. figures: code, remote. */
  "ikev2.broken": { sentence: (e) => `IKE SA with ${text(e, "remote")} ended (${text(e, "code")})${reason(e)}` },
  /** figures: from, to. */
  "ikev2.peer-moved": { sentence: (e) => `the peer moved from ${text(e, "from")} to ${text(e, "to")}${times(e)}` },
  /** figures: code, times. */
  "ikev2.notified": { sentence: (e) => `the peer notifies ${text(e, "code")}${times(e)}` },
  /** A gateway gives a client addresses. figures: addresses (list), pools (list). */
  "ikev2.address-given": {
    sentence: (e) => `the client gets ${listed(names(e, "addresses"))} of ${listed(names(e, "pools"))}`,
  },
  /** A client is given addresses. figures: addresses (list), nameServers (list). */
  "ikev2.address-received": {
    sentence: (e) => {
      const servers = names(e, "nameServers");
      const resolving = servers.length === 0 ? "" : `, name servers ${listed(servers)}`;
      return `the gateway gives ${listed(names(e, "addresses"))}${resolving}`;
    },
  },
  /** As a client. figures: from, to (gateways). */
  "ikev2.redirected": { sentence: (e) => `the gateway ${text(e, "from")} sends us to ${text(e, "to")}` },
  /** As a client of a gateway that serves it until then. reason. */
  "ikev2.redirect-refused": { sentence: (e) => `the gateway wants to send us to another one, in vain${reason(e)}` },
  /** As a gateway. figures: client, to, times. */
  "ikev2.sent-on": {
    sentence: (e) => `the client at ${text(e, "client")} is sent to the gateway ${text(e, "to")}${times(e)}`,
  },
  "ikev2.connection-removed": { sentence: () => "the connection is no longer in the configuration" },
  /** Its own line says that the old one was deleted, too. figures: replaces, suite, heldSeconds; child, spiIn, spiOut. */
  "ikev2.rekeyed": {
    sentence: (e) => {
      const spis = e.figures?.["child"] === undefined ? "" : ` (${text(e, "spiIn")} in, ${text(e, "spiOut")} out)`;
      return `${rekeyed(e)} rekeyed${spis}${held(e)}, ${text(e, "suite")}`;
    },
    fold: { by: (e) => e.subjects.at(-1)?.name ?? "", sentence: rekeyedOften },
  },
  /** Our request came to nothing; it is made again. reason. figures: child. */
  "ikev2.rekey-failed": { sentence: (e) => `rekeying of the ${rekeyed(e)} failed${reason(e)}` },
  /** The peer's request. reason. figures: child. */
  "ikev2.rekey-refused": {
    sentence: (e) => `the peer's rekeying of the ${rekeyed(e)} was refused${reason(e)}${times(e)}`,
  },
  /** figures: child, spiIn, spiOut, mode, suite, local (list), remote (list). */
  "ikev2.child-established": {
    sentence: (e) => {
      const traffic = `${listed(names(e, "local"))} to ${listed(names(e, "remote"))}`;
      return `${child(e)} established (${text(e, "spiIn")} in, ${text(e, "spiOut")} out), ${text(e, "mode")} mode, ${text(e, "suite")}, ${traffic}`;
    },
  },
  /** reason. figures: child, code. */
  "ikev2.child-failed": { sentence: (e) => `${child(e)} could not be established${reason(e)}` },
  /** reason. figures: code. */
  "ikev2.child-refused": {
    sentence: (e) => `a Child SA of the peer's wish was refused (${text(e, "code")})${reason(e)}${times(e)}`,
  },
  /** As ikev2.deleted, with child. */
  "ikev2.child-deleted": {
    sentence: (e) =>
      text(e, "by") === "peer" ? `peer deleted ${child(e)}${said(e)}` : `deleted ${child(e)}${saying(e)}`,
  },
  /** reason: what the answer to our Delete says. figures: child, downtimeSeconds, raw, octets. */
  "ikev2.child-delete-answered": { sentence: (e) => `the peer answers the deletion of ${child(e)}${said(e)}` },
  /** A datagram that was dropped. figures: code, source, drops. */
  "ikev2.dropped": {
    sentence: (e) => {
      const many = number(e, "drops") ?? 1;
      return `${count(many, "IKEv2 datagram")} from ${text(e, "source")} dropped (${text(e, "code")})${reason(e)}`;
    },
  },
};
