/** The whole configuration file. */
import type * as z from "zod";
import { checked, choice, integer, type Loose, type Report, section } from "../field.ts";
import { path, type Surroundings, stateKeyFile, stateKeyVariable } from "../files.ts";
import { duration } from "../values.ts";
import { keyServerSection } from "./key-server.ts";
import { memberSection } from "./member.ts";
import { exactlyOne } from "./phase1.ts";
import { securityEventsSection } from "./security-events.ts";
import { syslogSection } from "./syslog.ts";

/** Octets of a Unix socket's path, without the NUL (sockaddr_un). */
const longestSocketPath = 107;

function rootShape(around: Surroundings) {
  return section({
    state: section({
      file: path(around, "the name of the store's file, made when it does not exist"),
      key: exactlyOne(
        section({ file: stateKeyFile(around).optional(), environment: stateKeyVariable(around).optional() }),
      ),
    }),
    control: checked(
      section({
        socket: path(around, "the name of the control socket").prefault("/run/keyherald/control.sock"),
      }),
      ({ socket }, report) => {
        if (socket !== undefined && Buffer.byteLength(socket) > longestSocketPath) {
          report(["socket"], `${socket} is too long for a socket`, `at most ${longestSocketPath} octets`);
        }
      },
    ).prefault({}),
    log: section({ level: choice("debug", "info", "warn", "error").default("info") }).prefault({}),
    syslog: syslogSection().optional(),
    securityEvents: securityEventsSection().optional(),
    retention: section({
      age: duration("1h", "36500d").default(90 * 86_400_000),
      events: integer(1_000, 1_000_000_000).default(1_000_000),
    }).prefault({}),
    keyServer: keyServerSection(around).optional(),
    member: memberSection(around).optional(),
  });
}

/** What a valid file says. */
export type RootSection = z.output<ReturnType<typeof rootShape>>;

/** The schema of a file in its surroundings. */
export function rootSection(around: Surroundings): z.ZodType<RootSection> {
  return checked(rootShape(around), checkRoot);
}

function checkRoot({ keyServer, member }: Loose<RootSection>, report: Report): void {
  if (keyServer === undefined && member === undefined) {
    report([], "has no role", "a section keyServer, member, or both");
  }
  const local = member?.local;
  for (const listen of keyServer?.listen ?? []) {
    if (local === undefined || listen === undefined || listen.port !== local.port) continue;
    if (listen.address === local.address || isWildcard(listen.address) || isWildcard(local.address)) {
      report(["member", "local"], `the key server listens on port ${local.port} there`, "another address or port");
      return;
    }
  }
}

function isWildcard(address: string | undefined): boolean {
  return address === "0.0.0.0" || address === "::";
}
