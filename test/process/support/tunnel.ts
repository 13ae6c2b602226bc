/** Two gateways on loopback with a tunnel between them. */
import type { Endpoint } from "../../../src/core/engine.ts";

export interface Side {
  readonly name: string;
  /** Port of IKE; that behind a NAT is the next one. */
  readonly at: Endpoint;
}

export interface TunnelOptions {
  readonly start?: "always" | "manual";
  /** Names of the children, each with networks of its own. */
  readonly children?: readonly string[];
  /** Further lines of the section, indented by two. */
  readonly more?: string;
}

/** The section of the side `own`, its connection called by the name of the peer. The pre-shared key is `tunnel.psk`. */
export function tunnelSections(own: Side, peer: Side, options: TunnelOptions = {}): string {
  const { start = "manual", children = ["lan"], more = "" } = options;
  const ports = (at: Endpoint) => `{ ike: ${at.port}, nat: ${at.port + 1} }`;
  // the same on both sides, whichever begins
  const [left] = [own.name, peer.name].sort();
  const networks = (name: string, index: number) => (name === left ? `10.1.${index}.0/24` : `10.2.${index}.0/24`);
  const rows = children.map(
    (child, index) =>
      `        - { name: ${child}, local: [${networks(own.name, index)}], remote: [${networks(peer.name, index)}] }`,
  );
  return `ikev2:
  listen: ["${own.at.address}"]
  ports: ${ports(own.at)}
  retransmission: { first: 200ms, max: 800ms, tries: 6 }
${more}  connections:
    - name: ${peer.name}
      local: { identity: "fqdn:${own.name}.example" }
      remote: { address: "${peer.at.address}", ports: ${ports(peer.at)}, identity: "fqdn:${peer.name}.example" }
      psk: { file: ../tunnel.psk }
      start: ${start}
      retry: { first: 300ms, max: 1s }
      children:
${rows.join("\n")}
`;
}

/** The section of a side that has no connections any more. */
export function withoutConnections(own: Side): string {
  const { address, port } = own.at;
  return `ikev2:
  listen: ["${address}"]
  ports: { ike: ${port}, nat: ${port + 1} }
  retransmission: { first: 200ms, max: 800ms, tries: 6 }
  connections: []
`;
}
