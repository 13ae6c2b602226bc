/** The configuration files of the demo: written as a user would write them. */

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeRandom } from "../../crypto/node/index.ts";
import { hex } from "../../util/octets.ts";
import type { GatewayPlace, Places } from "./places.ts";

/** One process to start. */
export interface Prepared {
  readonly name: string;
  readonly file: string;
  readonly socket: string;
}

export const demoGroup = "demo";
export const keyServerName = "key-server";
/** The connection between the two gateways, as both call it. */
export const demoTunnel = "berlin-paris";

/** Writes configurations, pre-shared keys and state keys below `directory`. */
export function writeConfigurations(
  directory: string,
  places: Places,
): { keyServer: Prepared; members: Prepared[]; berlin: Prepared; paris: Prepared } {
  const names = places.members.map((_, i) => `gm${i + 1}`);
  // a pre-shared key is found by the peer's address: members that share one share the key
  const shared = hex(nodeRandom.octets(24));
  for (const name of names) {
    secret(join(directory, `${name}.psk`), places.ownAddresses ? hex(nodeRandom.octets(24)) : shared);
  }
  const keyServer = prepare(directory, keyServerName, keyServerSections(places, names));
  const members = names.map((name, i) => prepare(directory, name, memberSections(places, name, i)));
  secret(join(directory, "tunnel.psk"), hex(nodeRandom.octets(24)));
  const [first, second] = places.gateways;
  const one: Side = ["berlin", first, "10.1.0.0/16"];
  const other: Side = ["paris", second, "10.2.0.0/16"];
  const berlin = prepare(directory, "berlin", gatewaySections(one, other, "always"));
  const paris = prepare(directory, "paris", gatewaySections(other, one, "manual"));
  return { keyServer, members, berlin, paris };
}

function prepare(directory: string, name: string, sections: string): Prepared {
  const home = join(directory, name);
  mkdirSync(home, { mode: 0o700 });
  secret(join(home, "state.key"), hex(nodeRandom.octets(32)));
  const file = join(home, "keyherald.yaml");
  const socket = join(home, "sock");
  const common = `state: { file: ${join(home, "state.db")}, key: { file: ${join(home, "state.key")} } }
control: { socket: ${socket} }
log: { level: info }
`;
  writeFileSync(file, common + sections, { mode: 0o600 });
  return { name, file, socket };
}

function keyServerSections(places: Places, names: readonly string[]): string {
  const { address, port } = places.keyServer;
  const peers = names.map((name, i) => {
    const own = places.members[i]?.address ?? address;
    return `    - { name: ${name}, address: ${own}, identity: "fqdn:${name}", psk: { file: ../${name}.psk } }`;
  });
  return `keyServer:
  listen: [ "${address}:${port}" ]
  identity: "fqdn:ks"
  phase1: { proposals: [aes-cbc-256/sha2-256/ecp-256], authentication: [psk], lifetime: 8h }
  peers:
${peers.join("\n")}
  groups:
    - name: ${demoGroup}
      id: 1234
      members: [ ${names.map((name) => `"fqdn:${name}"`).join(", ")} ]
      kek: { cipher: aes-cbc-256, lifetime: 24h, management: lkh, acknowledge: lkh-sha256, signature: { algorithm: ecdsa-256, key: generated } }
      teks:
        - { name: goose, protocol: esp, cipher: aes-gcm-16-128, source: 0.0.0.0/0, destination: 239.192.0.1, mode: tunnel, lifetime: 1h }
      activationDelay: 5s
      push: { transport: unicast }
      acknowledgements: { retransmit: [1s, 3s, 6s], missingAfter: 10s, whenMissing: alert }
`;
}

function memberSections(places: Places, name: string, index: number): string {
  const local = places.members[index] ?? places.keyServer;
  const { address, port } = places.keyServer;
  return `member:
  local: "${local.address}:${local.port}"
  identity: "fqdn:${name}"
  phase1: { proposals: [aes-cbc-256/sha2-256/ecp-256], authentication: [psk], lifetime: 8h }
  keyServers:
    - { name: ks, address: ${address}, port: ${port}, identity: "fqdn:ks", psk: { file: ../${name}.psk } }
  groups:
    - { name: ${demoGroup}, id: 1234, keyServers: [ks] }
`;
}

type Side = readonly [name: string, at: GatewayPlace, network: string];

/** One attempt lasts as long as the other side is away, so that it is back as soon as that is. */
function gatewaySections([name, at, network]: Side, [peer, there, behind]: Side, start: "always" | "manual"): string {
  const ports = (place: GatewayPlace) => `{ ike: ${place.port}, nat: ${place.natPort} }`;
  return `ikev2:
  listen: [ "${at.address}" ]
  ports: ${ports(at)}
  retransmission: { first: 300ms, factor: 1, max: 300ms, tries: 50 }
  connections:
    - name: ${demoTunnel}
      local: { identity: "fqdn:${name}.example" }
      remote: { address: "${there.address}", ports: ${ports(there)}, identity: "fqdn:${peer}.example" }
      psk: { file: ../tunnel.psk }
      start: ${start}
      retry: { first: 300ms, max: 1s }
      children: [ { name: lan, local: ["${network}"], remote: ["${behind}"] } ]
`;
}

function secret(file: string, hex: string): void {
  writeFileSync(file, `${hex}\n`, { mode: 0o600 });
  chmodSync(file, 0o600);
}
