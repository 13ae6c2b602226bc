/** Events of Phase 1 (RFC 2409). Subjects are the peer's address and, once it is proven, its identity. */
import { type Catalogue, count, duration, number, reason, text } from "./form.ts";

/** Several of one kind and source count as one event: `times` of them, or `drops` of them. */
function times(event: Parameters<typeof number>[0], figure = "times"): string {
  const many = number(event, figure) ?? 1;
  return many > 1 ? ` (${count(many, "time")})` : "";
}

/** Kinds that start with `phase1.`. */
export const phase1Events: Catalogue = {
  /** figures: sa, role, peer, identity, remote, proposal, doi, lifetimeSeconds, notes (list), certificate. */
  "phase1.established": {
    sentence: (e) => {
      const notes = text(e, "notes", "");
      const life = duration(1000 * (number(e, "lifetimeSeconds") ?? 0));
      const who = `${text(e, "identity")} at ${text(e, "remote")}`;
      const beside = notes === "" ? "" : `; ${notes}`;
      return `Phase 1 with ${who} established as ${text(e, "role")}, ${text(e, "proposal")}, for ${life}${beside}`;
    },
  },
  /** An attempt of ours came to nothing. figures: code, peer, remote. */
  "phase1.failed": {
    sentence: (e) => `Phase 1 with ${text(e, "peer")} at ${text(e, "remote")} failed (${text(e, "code")})${reason(e)}`,
  },
  /** A message was refused; the exchange may still succeed. figures: code, role, source, times. */
  "phase1.refused": {
    sentence: (e) => `Phase 1 message of ${text(e, "source")} refused (${text(e, "code")})${reason(e)}${times(e)}`,
  },
  /** figures: sa, by (peer, expiry, us), heldSeconds. */
  "phase1.deleted": {
    sentence: (e) => `Phase 1 ended after ${duration(1000 * (number(e, "heldSeconds") ?? 0))}${reason(e)}`,
  },
  /** Within an SA. reason: name and text of the notification. figures: sa, type, times. */
  "phase1.notification": { sentence: (e) => `the peer notifies${reason(e, " ")}${times(e)}` },
  /** Outside of any SA: nothing is done because of it. figures: source, times, ours (it names an attempt of ours). */
  "phase1.unprotected-notification": {
    sentence: (e) => `${text(e, "source")} says without protection, so it changes nothing${reason(e)}${times(e)}`,
  },
  /** A datagram that was dropped. figures: code, source, drops. */
  "phase1.dropped": {
    sentence: (e) =>
      `Phase 1 datagram from ${text(e, "source")} dropped (${text(e, "code")})${reason(e)}${times(e, "drops")}`,
  },
};
