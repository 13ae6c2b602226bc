/** What is allowed, but should be looked at. */
import { OakleyGroup } from "../iana/oakley.ts";
import type { ConfigText, Path } from "./document.ts";
import { problem } from "./problems.ts";
import type { RootSection } from "./schema/index.ts";
import { pskOf, type WrittenPeer } from "./schema/phase1.ts";
import { hasProfile, inClause, namesSubjects } from "./schema/profile.ts";
import { isUnprotected } from "./schema/tek-iec61850.ts";
import type { ConfigProblem } from "./types.ts";

const leastPskOctets = 16;
const soonMs = 14 * 86_400_000;

/** All warnings of a valid configuration. @param now milliseconds since the epoch, for certificates that expire. */
export function warningsOf(root: RootSection, text: ConfigText, now: number): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const warn = (path: Path, message: string, expected: string) =>
    found.push(problem(text, path, message, expected, "value", "warning"));
  const { keyServer, member } = root;
  const peers = (list: readonly (WrittenPeer & { name: string })[], path: Path) =>
    list.forEach((peer, index) => {
      const psk = pskOf(peer);
      if (psk !== undefined && psk.octets < leastPskOctets) {
        const message = `the pre-shared key of ${peer.name} has ${psk.octets} octets and can be guessed off line`;
        warn([...path, index, "psk"], message, `at least ${leastPskOctets} octets, at random`);
      }
    });
  peers(keyServer?.peers ?? [], ["keyServer", "peers"]);
  peers(member?.keyServers ?? [], ["member", "keyServers"]);
  keyServer?.peers.forEach((peer, index) => {
    if (pskOf(peer) !== undefined && peer.address === undefined && peer.addresses === undefined) {
      const message = `whoever knows the pre-shared key of ${peer.name} may use it from any address`;
      warn(["keyServer", "peers", index], message, "address or addresses");
    }
  });
  keyServer?.groups.forEach((group, at) => {
    group.teks.forEach((tek, index) => {
      if (tek.protocol !== "iec-61850" || !isUnprotected(tek)) return;
      const message = `the stream of TEK ${tek.name} is neither authenticated nor encrypted (RFC 8052 3)`;
      warn(["keyServer", "groups", at, "teks", index], message, "an authentication, or aes-gcm");
    });
  });
  if (keyServer !== undefined && hasProfile(keyServer.groups)) besideProfile(keyServer.groups, warn);
  for (const role of ["keyServer", "member"] as const) {
    const section = root[role];
    if (section !== undefined && hasProfile(section.groups)) profileWarnings(section, role, warn);
    const [leaf] = root[role]?.certificate?.chain.certificates ?? [];
    if (leaf === undefined) continue;
    const path = [role, "certificate", "chain"];
    const day = new Date(leaf.notAfter).toISOString().slice(0, 10);
    if (leaf.notBefore > now) warn(path, `the certificate of ${leaf.subjectText} is not valid yet`, "a valid one");
    else if (leaf.notAfter < now) warn(path, `the certificate of ${leaf.subjectText} expired on ${day}`, "a valid one");
    else if (leaf.notAfter < now + soonMs)
      warn(path, `the certificate of ${leaf.subjectText} expires on ${day}`, "a new one");
  }
  return found.sort((a, b) => a.line - b.line);
}

/** Rules of groups without the profile that it leaves without effect: all groups share Phase 1. */
function besideProfile(
  groups: NonNullable<RootSection["keyServer"]>["groups"],
  warn: (path: Path, message: string, expected: string) => void,
): void {
  const name = groups.find(({ profile }) => profile !== undefined)?.name;
  const message = `admits nobody: the profile of group ${name} makes all peers the subjects of their certificates (${inClause("8.3.5")})`;
  groups.forEach(({ profile, members, assurance }, at) => {
    if (profile !== undefined) return;
    const lists = [
      [["members"], members],
      [["assurance", "publishers"], assurance?.publishers ?? []],
    ] as const;
    for (const [place, rules] of lists) {
      rules.forEach(({ rule }, index) => {
        if (!namesSubjects(rule)) warn(["keyServer", "groups", at, ...place, index], message, "dn:CN=*,O=…");
      });
    }
  });
}

/** What the profile allows, but not as a rule. */
function profileWarnings(
  section: NonNullable<RootSection["keyServer"] | RootSection["member"]>,
  role: string,
  warn: (path: Path, message: string, expected: string) => void,
): void {
  const { phase1, trust, certificate, labPorts } = section;
  phase1.proposals?.forEach((transform, index) => {
    if (transform.group !== OakleyGroup.MODP_2048) return;
    const message = `modp-2048 (group 14) is for old devices alone (${inClause("8.2")})`;
    warn([role, "phase1", "proposals", index], message, "modp-3072 (15) to modp-8192 (18)");
  });
  if (labPorts) {
    const message = `ports other than 848 are for a laboratory: this is not the profile (${inClause("8.2")})`;
    warn([role, "labPorts"], message, "false, and port 848");
  }
  if ((trust?.crls ?? []).length === 0) {
    const message = `without a revocation list nobody can be known to be revoked (${inClause("8.7.3")})`;
    warn([role, "trust"], message, "crls: [ca.crl]");
  }
  if ((certificate?.chain.certificates.length ?? 0) > 1) {
    const message = `only the first certificate of the file is sent (${inClause("8.3.5")})`;
    warn([role, "certificate", "chain"], message, "a file with one certificate");
  }
}
