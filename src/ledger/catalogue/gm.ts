/** Events of members; the subject is the group. */
import { type Catalogue, count, duration, listed, names, number, reason, text, timeOfDay } from "./form.ts";

/** `, with 2 TEKs` and the like: what came with a registration or a push. */
function keys(event: Parameters<typeof text>[0]): string {
  return count(number(event, "teks") ?? 0, "TEK");
}

/** Kinds that start with `gm.`. */
export const gmEvents: Catalogue = {
  /** reason: why it registered. figures: keyServer, teks, sids; kek, seq, ack; silentMs; otherProtocols. */
  "gm.registered": {
    sentence: (e) => {
      const silent = number(e, "silentMs");
      const kek = e.figures?.["kek"] === undefined ? "no KEK" : `KEK ${text(e, "kek")} at SEQ ${text(e, "seq")}`;
      const since = silent === undefined ? "" : `, after ${duration(silent)} without a key server`;
      return `registered with key server ${text(e, "keyServer")}: ${kek} and ${keys(e)}${since}${reason(e, "; because ")}`;
    },
  },
  /** reason: the cause in words. figures: inMs, cause. */
  "gm.reregistering": {
    sentence: (e) => `registers again in ${duration(number(e, "inMs") ?? 0)}${reason(e, ", because ")}`,
  },
  /** figures: keyServer, notify. */
  "gm.registration-refused": {
    sentence: (e) => `key server ${text(e, "keyServer")} refused the registration: ${text(e, "notify")}`,
  },
  /** reason: what is not acceptable. figures: keyServer, code, section. */
  "gm.policy-unacceptable": {
    sentence: (e) =>
      `the policy of key server ${text(e, "keyServer")} is not acceptable (${text(e, "section")})${reason(e)}`,
  },
  /** reason: the last failure. figures: keyServers, since, keysUntil (0: none; absent: no end), retryInMs. */
  "gm.key-server-unreachable": {
    sentence: (e) => {
      const until = number(e, "keysUntil");
      const end = until === undefined ? "" : ` until ${timeOfDay(until)}`;
      const kept = until === 0 ? "no keys are held" : `the keys are kept${end}`;
      return `no key server of ${listed(names(e, "keyServers"))} gave keys, ${kept}${reason(e)}`;
    },
  },
  /** figures: seq, spi, teks, removed; kek (SPI of a new one); kekDeleted. */
  "gm.rekeyed": {
    sentence: (e) => {
      const kek = e.figures?.["kek"] === undefined ? "" : `, new KEK ${text(e, "kek")}`;
      const removed = number(e, "removed") ?? 0;
      const gone = removed === 0 ? "" : `, ${removed} removed`;
      const deleted = e.figures?.["kekDeleted"] === true ? ", the KEK deleted" : "";
      return `push SEQ ${text(e, "seq")} carried out: ${keys(e)} new${gone}${kek}${deleted}`;
    },
  },
  /** figures: seq, type, attempt (1 for the first). */
  "gm.acknowledged": {
    sentence: (e) => {
      const again = (number(e, "attempt") ?? 1) > 1 ? " again" : "";
      return `push SEQ ${text(e, "seq")} acknowledged${again} with type ${text(e, "type")}`;
    },
  },
  /** reason: what is wrong. figures: code, drops (since the last such event), source. */
  "gm.push-refused": {
    sentence: (e) =>
      `${count(number(e, "drops") ?? 1, "push", "pushes")} from ${text(e, "source")} refused (${text(e, "code")})${reason(e)}`,
  },
  /** reason: what is wrong. figures: code, drops, source. */
  "gm.dropped": {
    sentence: (e) =>
      `${count(number(e, "drops") ?? 1, "datagram")} from ${text(e, "source")} dropped (${text(e, "code")})${reason(e)}`,
  },
  "gm.update-not-for-us": { sentence: (e) => `an LKH update brought no key here${reason(e)}` },
  /** reason. figures: spis (list of hex). */
  "gm.tek-not-installed": {
    sentence: (e) => `${count(names(e, "spis").length, "TEK")} not installed (${listed(names(e, "spis"))})${reason(e)}`,
  },
  /** reason: what is not as Keyherald sends it, or deserves attention. figures: spis (list of hex). */
  "gm.tek-noted": {
    sentence: (e) => `${count(names(e, "spis").length, "new TEK")} (${listed(names(e, "spis"))})${reason(e)}`,
  },
  /** figures: asked, given. */
  "gm.fewer-sids": { sentence: (e) => `asked for ${text(e, "asked")} SIDs, got ${text(e, "given")}` },
  /** reason. figures: teks. */
  "gm.keys-expired": { sentence: (e) => `all keys have expired${reason(e)}` },
  /** reason: the last failure. figures: teks, silentMs; since (when the first of them ended), or until (when the last will). */
  "gm.keys-kept": {
    sentence: (e) => {
      const [since, until] = [number(e, "since"), number(e, "until")];
      const end = until === undefined ? "" : `, until ${timeOfDay(until)}`;
      const how = since === undefined ? ` that it had before the restart${end}` : ` past the end (${timeOfDay(since)})`;
      return `no key server answers, so the member goes on with ${keys(e)}${how}${reason(e)}`;
    },
  },
  /** Of before a restart. figures: teks; keysUntil. */
  "gm.keys-restored": {
    sentence: (e) => {
      const until = number(e, "keysUntil");
      return `${keys(e)} of before the restart in use again${until === undefined ? "" : `, the last until ${timeOfDay(until)}`}`;
    },
  },
  /** figures: spi. */
  "gm.unknown-spi": {
    sentence: (e) => `SPI ${text(e, "spi")} was seen and its key is not here, the key server is asked at once`,
  },
  "gm.kek-expired": { sentence: () => "the KEK has expired, pushes cannot be read until the next registration" },
  /** figures: keyServer, from, to (addresses). */
  "gm.address-changed": {
    sentence: (e) =>
      `this machine's address towards key server ${text(e, "keyServer")} changed from ${text(e, "from")} to ${text(e, "to")}`,
  },
  "gm.left": { sentence: () => "the group is no longer in the configuration, its keys are removed" },
};
