/** What is allowed, but should be looked at. */
import type { ConfigText, Path } from "./document.ts";
import { problem } from "./problems.ts";
import type { RootSection } from "./schema/index.ts";
import { pskOf, type WrittenPeer } from "./schema/phase1.ts";
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
  for (const role of ["keyServer", "member"] as const) {
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
