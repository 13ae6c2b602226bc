/** Security events as syslog messages. */
import type { SecurityEvent, Severity } from "../../ledger/security-events.ts";
import { type StoredEvent, sentence } from "../../ledger/story.ts";

/** Numerical severities of RFC 5424 6.2.1: Notice, Warning, Error, Alert. */
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

/** The message of one security event, in octets, cut to what receivers take. */
export function syslogMessage(form: MessageForm, origin: Origin, event: StoredEvent, security: SecurityEvent): Buffer {
  const { name, severity } = security;
  const subject = event.subjects[0].name;
  const said = oneLine(`${severity}: ${subject}: ${sentence(event)} (event ${event.id})`);
  return compose(form, origin, event.at, severity, name, said);
}

function compose(
  form: MessageForm,
  { facility, host, pid, version }: Origin,
  at: number,
  severity: Severity,
  name: string,
  said: string,
): Buffer {
  const priority = `<${8 * facility + severities[severity]}>`;
  if (form === "local") return cut(`${priority}${localTime(at)} ${appName}[${pid}]: ${name} ${said}`);
  const time = new Date(at).toISOString();
  const data = `[origin software="${appName}" swVersion="${version}"]`;
  // RFC 5424 6.4: text beyond ASCII is UTF-8 and begins with the mark
  const mark = /^[\x20-\x7e]*$/.test(said) ? "" : byteOrderMark;
  return cut(`${priority}1 ${time} ${printable(host)} ${appName} ${pid} ${name} ${data} ${mark}${said}`);
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
