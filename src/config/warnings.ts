/** What is allowed, but should be looked at. */
import { OakleyGroup } from "../iana/oakley.ts";
import type { ConfigText, Path } from "./document.ts";
import { problem } from "./problems.ts";
import { pskOf, type WrittenPeer } from "./schema/credentials.ts";
import type { RootSection } from "./schema/index.ts";
import { hasProfile, inClause, namesSubjects } from "./schema/profile.ts";
import { isUnprotected } from "./schema/tek-iec61850.ts";
import type { ConfigProblem } from "./types.ts";

const leastPskOctets = 16;
const soonMs = 14 * 86_400_000;

/** All warnings of a valid configuration. @param now milliseconds since the epoch, for certificates that expire. */
export function warningsOf(root: RootSection, text: ConfigText, now: number): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  const warn: Warn = (path, message, expected) =>
    found.push(problem(text, path, message, expected, "value", "warning"));
  const { keyServer, member, ikev2 } = root;
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
  peers(ikev2?.connections ?? [], ["ikev2", "connections"]);
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
  }
  if (root.ikev2 !== undefined) ikev2Warnings(root.ikev2, warn);
  for (const [certificate, path] of certificatesOf(root)) {
    const [leaf] = certificate.chain.certificates;
    if (leaf === undefined) continue;
    const at = [...path, "certificate", "chain"];
    const day = new Date(leaf.notAfter).toISOString().slice(0, 10);
    if (leaf.notBefore > now) warn(at, `the certificate of ${leaf.subjectText} is not valid yet`, "a valid one");
    else if (leaf.notAfter < now) warn(at, `the certificate of ${leaf.subjectText} expired on ${day}`, "a valid one");
    else if (leaf.notAfter < now + soonMs)
      warn(at, `the certificate of ${leaf.subjectText} expires on ${day}`, "a new one");
  }
  return found.sort((a, b) => a.line - b.line);
}

type Warn = (path: Path, message: string, expected: string) => void;

/** Own certificates, each with the place of the section that has it. */
function certificatesOf({ keyServer, member, ikev2 }: RootSection) {
  const sections = [
    [keyServer?.certificate, ["keyServer"]],
    [member?.certificate, ["member"]],
    [ikev2?.certificate, ["ikev2"]],
    ...(ikev2?.connections ?? []).map(
      ({ local }, index) => [local.certificate, ["ikev2", "connections", index, "local"]] as const,
    ),
  ] as const;
  return sections.flatMap(([certificate, path]) => (certificate === undefined ? [] : [[certificate, path] as const]));
}

function ikev2Warnings({ keyLog, connections }: NonNullable<RootSection["ikev2"]>, warn: Warn): void {
  if (keyLog !== undefined) {
    const message = `ALL KEYS OF IKE SAs ARE WRITTEN TO ${keyLog.file}: who reads it reads all messages, and may forge them`;
    warn(["ikev2", "keyLog"], message, "no keyLog outside of a laboratory");
  }
  connections.forEach(({ name, psk, remote, children, signatures }, index) => {
    const path = ["ikev2", "connections", index];
    const anybody = remote.identity === undefined && remote.address.ranges.length === 0;
    if (psk !== undefined && remote.auth !== "certificate" && anybody) {
      warn(path, `whoever knows the pre-shared key of ${name} may use it from any address`, "remote.identity");
    }
    if (signatures?.rsaSha1 === true) {
      warn(
        [...path, "signatures", "rsaSha1"],
        `signatures of ${name} may be made over SHA-1, which is broken`,
        "false",
      );
    }
    children.forEach((child, at) => {
      const open = child.proposals?.some(({ value }) => value.encryption.some((cipher) => cipher.name === "null"));
      if (open !== true) return;
      warn([...path, "children", at, "proposals"], `traffic of ${child.name} may go unencrypted`, "no null");
    });
  });
}

/** Rules of groups without the profile that it leaves without effect: all groups share Phase 1. */
function besideProfile(groups: NonNullable<RootSection["keyServer"]>["groups"], warn: Warn): void {
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
  warn: Warn,
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
