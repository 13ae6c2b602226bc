/** Security events as syslog messages. */
import type { Severity } from "../../ledger/security-event-table.ts";
import type { SecurityEvent } from "../../ledger/security-events.ts";
import { type StoredEvent, sentence } from "../../ledger/story.ts";

/** Numerical severities of RFC 5424 6.2.1: Notice, Warning, Error, Alert; the same in table 7 of IEC 62351-14. */
const severities: Readonly<Record<Severity, number>> = { notice: 5, warning: 4, error: 3, alarm: 1 };

/** What every message of one process says of it. */
export interface Origin {
  /** 0 to 23 (RFC 5424 6.2.1). */
  readonly facility: number;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
}

/**
 * `rfc5424`: what servers take over the network. `local`: what syslog(3) writes to /dev/log, which journald and the
 * socket of rsyslog read; neither takes the header of RFC 5424 apart there.
 */
export type MessageForm = "rfc5424" | "local";

const appName = "keyherald";
/** RFC 5424 6.1: every receiver takes 480 octets, and should take 2048. */
const mostOctets = 2048;
const byteOrderMark = "\ufeff";
/** IEC 62351-14 6.1: LogType and IECVersion are the MSGID of every event that has an ID of its. */
const iecMessageId = "IEC62351-14:1";
/** IEC 62351-14 6.2: where the event's own ID and name are; the number is the IEC's among enterprises. */
const iecElement = "62351-14@41912";
/** PeerInfo of IEC 62351-14 4.2. */
const longestPeer = 64;

/** The message of one security event, in octets, cut to what receivers take. */
export function syslogMessage(form: MessageForm, origin: Origin, event: StoredEvent, security: SecurityEvent): Buffer {
  const { facility, host, pid, version } = origin;
  const { name, id, severity } = security;
  const subject = event.subjects[0].name;
  const said = oneLine(`${severity}: ${subject}: ${sentence(event)} (event ${event.id})`);
  const priority = `<${8 * facility + severities[severity]}>`;
  if (form === "local") {
    const title = id === undefined ? name : `${name} [${id}]`;
    return cut(`${priority}${localTime(event.at)} ${appName}[${pid}]: ${title} ${said}`);
  }
  const time = new Date(event.at).toISOString();
  // what is cut off at the end must not be the event's own
  const data = `${id === undefined ? "" : iecData(id, name, event)}[origin software="${appName}" swVersion="${version}"]`;
  const messageId = id === undefined ? name : iecMessageId;
  // RFC 5424 6.4: text beyond ASCII is UTF-8 and begins with the mark
  const mark = /^[\x20-\x7e]*$/.test(said) ? "" : byteOrderMark;
  return cut(`${priority}1 ${time} ${printable(host)} ${appName} ${pid} ${messageId} ${data} ${mark}${said}`);
}

/** SqNum 0: there is no counter; the ledger's own number is in the text. */
function iecData(id: string, name: string, { figures }: StoredEvent): string {
  const peer = [figures?.["source"], figures?.["from"], figures?.["remote"], figures?.["address"]].find(
    (one) => typeof one === "string",
  );
  const value = (text: string) => text.replace(/[^\x20-\x7e]/g, "").replace(/["\\\]]/g, "\\$&");
  const peerInfo = typeof peer === "string" ? ` PeerInfo="${value(peer.slice(0, longestPeer))}"` : "";
  return `[${iecElement} ID="${id}" MNEMONIC="${name}" SqNum="0"${peerInfo}]`;
}

/** Without what a server could take as the end of this message, an operator's reason with line breaks for instance. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ");
}

/** HOSTNAME: printable ASCII, at most 255 characters, `-` when there is none. */
function printable(host: string): string {
  const clean = host.replace(/[^\x21-\x7e]/g, "").slice(0, 255);
  return clean === "" ? "-" : clean;
}

/** `Nov 23 14:02:11` in the time zone of the machine, as syslog(3) writes it. */
function localTime(at: number): string {
  const time = new Date(at);
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][time.getMonth()];
  return `${month} ${String(time.getDate()).padStart(2)} ${time.toTimeString().slice(0, 8)}`;
}

/** At most the octets that receivers take; no character is cut in two. */
function cut(text: string): Buffer {
  const octets = Buffer.from(text, "utf8");
  if (octets.length <= mostOctets) return octets;
  let end = mostOctets;
  while (end > 0 && ((octets[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return octets.subarray(0, end);
}
