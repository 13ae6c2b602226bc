/** Events of the daemon itself: its life, its store, its clock and its configuration. */
import { type Catalogue, count, duration, names, number, reason, text } from "./form.ts";

/** Kinds that start with `server.`; the subject is `server` unless it is said otherwise. */
export const serverEvents: Catalogue = {
  /** figures: version, roles (list). */
  "server.started": { sentence: (e) => `Keyherald ${text(e, "version")} started as ${text(e, "roles")}` },
  /** reason: the signal, or what failed. */
  "server.stopped": { sentence: (e) => `stopped${reason(e)}` },
  /** After a start on a store with something in it. figures: records, groups, members, downMs. */
  "server.restored": {
    sentence: (e) => {
      const down = number(e, "downMs");
      const after = down === undefined ? "" : ` after ${duration(down)} without a running server`;
      return `state restored${after}: ${count(number(e, "records") ?? 0, "record")}`;
    },
  },
  /** figures: groups (list of names that changed). */
  "server.reconfigured": { sentence: (e) => `configuration loaded anew${reason(e)}` },
  /** reason: the first problem with its line. figures: problems. */
  "server.configuration-refused": {
    sentence: (e) =>
      `the new configuration was refused with ${count(number(e, "problems") ?? 1, "problem")}, the old one stays${reason(e)}`,
  },
  /** figures: code, message of the warning; line. */
  "server.configuration-warning": { sentence: (e) => `the configuration has a weak spot${reason(e)}` },
  /** figures: code of the StoreError. */
  "server.store-failed": {
    sentence: (e) => `the store failed (${text(e, "code")})${reason(e)}; no keys are issued until it works again`,
  },
  /** figures: downMs. */
  "server.store-recovered": {
    sentence: (e) => `the store works again after ${duration(number(e, "downMs") ?? 0)}; keys are issued again`,
  },
  /** figures: stepMs (negative: backwards). */
  "server.clock-stepped": {
    sentence: (e) => {
      const step = number(e, "stepMs") ?? 0;
      const way = step < 0 ? "back" : "forward";
      return `the system clock was set ${way} by ${duration(Math.abs(step))}; time goes on without the step`;
    },
  },
  /** figures: file, keys (how many), groups (list of names). */
  "server.keys-exported": {
    sentence: (e) =>
      `${count(number(e, "keys") ?? 0, "key")} of ${count(names(e, "groups").length, "group")} written to ${text(e, "file")}`,
  },
  /** reason. figures: file. */
  "server.key-export-failed": {
    sentence: (e) => `the keys could not be written to ${text(e, "file")}, its keys are not the newest${reason(e)}`,
  },
  /** reason. figures: file. */
  "server.key-log-failed": {
    sentence: (e) => `the key log ${text(e, "file")} could not be written${reason(e)}`,
  },
  /** figures: endpoint. */
  "server.socket-failed": { sentence: (e) => `the socket ${text(e, "endpoint")} failed${reason(e)}` },
  /** reason: why. */
  "server.syslog-unreachable": {
    sentence: (e) => `the syslog server cannot be reached${reason(e)}; security events wait for it`,
  },
  /** It has everything that waited. figures: lost (messages that found no room to wait). */
  "server.syslog-reached": {
    sentence: (e) => {
      const lost = number(e, "lost") ?? 0;
      return `syslog has all security events that waited${lost === 0 ? "" : `, ${count(lost, "message")} were lost`}`;
    },
  },
  /** figures: removed. */
  "server.ledger-pruned": {
    sentence: (e) => `${count(number(e, "removed") ?? 0, "event")} past their retention removed from the ledger`,
  },
};
