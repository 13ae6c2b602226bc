/** Configurations of real processes in a temporary directory. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Endpoint } from "../../../src/core/engine.ts";
import { nodeRandom } from "../../../src/crypto/node/index.ts";
import { hex } from "../../../src/util/octets.ts";

export interface Home {
  readonly directory: string;
  readonly file: string;
  readonly socket: string;
  readonly state: string;
  readonly stateKey: Uint8Array;
}

/** A directory for one test; to be removed with `remove`. */
export function laboratory(): { directory: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), "keyherald-test-"));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A loopback port out of the range that the system hands out; the same for all addresses of a test. */
export function somePort(): number {
  return 20_000 + Math.floor(Math.random() * 10_000);
}

/** The directory of one process, with a fresh state key. `state`: where its state file is, else in the directory. */
export function home(directory: string, name: string, sections: string, state?: string): Home {
  const own = join(directory, name);
  mkdirSync(own, { mode: 0o700, recursive: true });
  const stateKey = nodeRandom.octets(32);
  writeFileSync(join(own, "state.key"), hex(stateKey), { mode: 0o600 });
  const paths = { file: join(own, "keyherald.yaml"), socket: join(own, "sock"), state: state ?? join(own, "state.db") };
  writeConfiguration(paths, own, sections);
  return { directory: own, stateKey, ...paths };
}

/** Writes (again) what stands below the sections that every process has. */
export function writeConfiguration(
  paths: Pick<Home, "file" | "socket" | "state">,
  own: string,
  sections: string,
): void {
  const common = `state: { file: ${paths.state}, key: { file: ${join(own, "state.key")} } }
control: { socket: ${paths.socket} }
`;
  writeFileSync(paths.file, common + sections, { mode: 0o600 });
}

/** A pre-shared key beside the homes. */
export function writePsk(directory: string, name: string): void {
  writeFileSync(join(directory, `${name}.psk`), hex(nodeRandom.octets(24)), { mode: 0o600 });
}

/** Repeats of a push that come soon, for what is lost in a test. */
const repeatsSoon = "300ms, 1s, 2s, 4s";
/** A repeat that comes late, where a test counts how often a push was sent and the machine may be busy. */
export const repeatsLate = "9s";

/** A key server of the group `g` for members `fqdn:NAME` at the addresses of `members`. */
export function keyServerSections(
  listen: Endpoint,
  members: Readonly<Record<string, string>>,
  kek: string,
  repeats = repeatsSoon,
): string {
  const names = Object.keys(members);
  const peers = names.map(
    (name) =>
      `    - { name: ${name}, address: ${members[name]}, identity: "fqdn:${name}", psk: { file: ../${name}.psk } }`,
  );
  return `keyServer:
  listen: [ "${listen.address}:${listen.port}" ]
  identity: "fqdn:ks"
  peers:
${peers.join("\n")}
  groups:
    - name: g
      id: 77
      members: [ ${names.map((name) => `"fqdn:${name}"`).join(", ")} ]
      kek: { cipher: aes-cbc-128, lifetime: 24h, ${kek}, signature: { algorithm: ecdsa-256, key: generated } }
      teks: [ { name: data, protocol: esp, cipher: aes-gcm-16-128, source: 0.0.0.0/0, destination: 239.192.0.1, mode: tunnel, lifetime: 1h } ]
      acknowledgements: { retransmit: [${repeats}], missingAfter: 10s, whenMissing: alert, grace: 60s }
`;
}

/** A member NAME of the group `g`. */
export function memberSections(name: string, local: Endpoint, keyServer: Endpoint, sids = 1): string {
  return `member:
  local: "${local.address}:${local.port}"
  identity: "fqdn:${name}"
  phase1: { retransmission: { first: 200ms, max: 800ms, tries: 4 } }
  keyServers: [ { name: ks, address: ${keyServer.address}, port: ${keyServer.port}, identity: "fqdn:ks", psk: { file: ../${name}.psk } } ]
  groups: [ { name: g, id: 77, keyServers: [ks], sids: ${sids} } ]
  retry: { first: 200ms, max: 500ms }
`;
}
