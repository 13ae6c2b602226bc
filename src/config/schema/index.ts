/** The whole configuration file. */
import type * as z from "zod";
import type { Endpoint } from "../../core/engine.ts";
import { isWildcard } from "../../util/address.ts";
import type { Path } from "../document.ts";
import { checked, choice, integer, type Loose, type Report, section } from "../field.ts";
import { path, type Surroundings, stateKeyFile, stateKeyVariable } from "../files.ts";
import { duration } from "../values.ts";
import { exactlyOne } from "./credentials.ts";
import { ikev2Section } from "./ikev2.ts";
import { keyServerSection } from "./key-server.ts";
import { memberSection } from "./member.ts";
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
    ikev2: ikev2Section(around).optional(),
  });
}

/** What a valid file says. */
export type RootSection = z.output<ReturnType<typeof rootShape>>;

/** The schema of a file in its surroundings. */
export function rootSection(around: Surroundings): z.ZodType<RootSection> {
  return checked(rootShape(around), checkRoot);
}

function checkRoot(root: Loose<RootSection>, report: Report): void {
  if (root.keyServer === undefined && root.member === undefined && root.ikev2 === undefined) {
    report([], "has no role", "a section keyServer, member or ikev2, or several of them");
  }
  const sockets = socketsOf(root);
  sockets.forEach((socket, index) => {
    const other = sockets.slice(0, index).find((one) => one.role !== socket.role && shared(one, socket));
    if (other === undefined) return;
    report(socket.path, `the ${other.role} listens on port ${socket.port} there`, "another address or port");
  });
}

interface Socket extends Endpoint {
  readonly role: string;
  readonly path: Path;
}

/** Whatever the roles listen on, as far as it could be read. */
function socketsOf({ keyServer, member, ikev2 }: Loose<RootSection>): Socket[] {
  const { ike, nat } = ikev2?.ports ?? {};
  const all = [
    ...(keyServer?.listen ?? []).map((at, index) => ({
      role: "key server",
      path: ["keyServer", "listen", index],
      ...at,
    })),
    { role: "member", path: ["member", "local"], ...member?.local },
    ...(ikev2?.listen ?? []).flatMap((address, index) =>
      [ike, nat].map((port) => ({ role: "endpoint of IKEv2", path: ["ikev2", "listen", index], address, port })),
    ),
  ];
  return all.flatMap(({ address, port, ...socket }) =>
    address === undefined || port === undefined ? [] : [{ ...socket, address, port }],
  );
}

function shared(a: Endpoint, b: Endpoint): boolean {
  const sameVersion = a.address.includes(":") === b.address.includes(":");
  return (
    a.port === b.port && sameVersion && (a.address === b.address || isWildcard(a.address) || isWildcard(b.address))
  );
}
