/** Where security events go besides the ledger: a syslog server. */
import type * as z from "zod";
import { canonicalAddress } from "../../util/address.ts";
import { choice, field, type Leaf, section, shown, textOf, Wrong } from "../field.ts";
import type { SyslogPolicy } from "../types.ts";

/** RFC 5424 6.2.1. */
const facilities = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  audit: 13,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const;
const facilityNames = Object.keys(facilities) as (keyof typeof facilities)[];
const syslogPort = 514;
/** Octets of a Unix socket's path, without the NUL (sockaddr_un). */
const longestPath = 107;

type Target = Leaf & SyslogPolicy["to"];

const words = "unix:/dev/log, or udp:// with an address and perhaps a port, such as udp://127.0.0.1:514";

function target(): z.ZodType<Target> {
  return field(words, (input): Target => {
    const written = textOf(input);
    const path = /^unix:(\/.*)$/.exec(written)?.[1];
    if (path !== undefined) {
      if (Buffer.byteLength(path) > longestPath) throw new Wrong(`${path} is too long for a socket`);
      return { leaf: true, transport: "unix", path };
    }
    const [, bracketed, plain, digits = String(syslogPort)] =
      /^udp:\/\/(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(written) ?? [];
    const address = canonicalAddress(bracketed ?? plain ?? "");
    if (address === undefined) throw new Wrong(`${shown(input)} names no syslog server; host names are not looked up`);
    const port = Number(digits);
    if (port < 1 || port > 65_535) throw new Wrong(`${port} is no UDP port`);
    return { leaf: true, transport: "udp", endpoint: { address, port } };
  });
}

/** The section `syslog`. */
export function syslogSection() {
  return section({
    to: target(),
    facility: choice(...facilityNames).default("authpriv"),
    format: choice("rfc5424", "local").optional(),
  });
}

/** The policy of a checked section: a local socket gets the form of syslog(3) unless it is said otherwise. */
export function buildSyslog({ to, facility, format }: z.output<ReturnType<typeof syslogSection>>): SyslogPolicy {
  return {
    to: to.transport === "unix" ? { transport: "unix", path: to.path } : { transport: "udp", endpoint: to.endpoint },
    facility: facilities[facility],
    format: format ?? (to.transport === "unix" ? "local" : "rfc5424"),
  };
}
