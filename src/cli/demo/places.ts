/** Where the demo's processes live: loopback addresses and a UDP port that nobody else has. */
import { createSocket } from "node:dgram";
import type { Endpoint } from "../../core/engine.ts";

/** An endpoint of IKEv2: its second port is for peers behind a NAT. */
export interface GatewayPlace extends Endpoint {
  readonly natPort: number;
}

export interface Places {
  readonly keyServer: Endpoint;
  /** One for each member, in order. */
  readonly members: readonly Endpoint[];
  readonly gateways: readonly [GatewayPlace, GatewayPlace];
  /** False where the system has 127.0.0.1 alone; then the ports differ. */
  readonly ownAddresses: boolean;
}

/** Below the range from which Linux hands out ports by itself. */
const firstPort = 20_000;
const ports = 10_000;
const attempts = 50;
const gatewayCount = 2;

/** Addresses 127.0.0.10 and up with one port that is free on all of them; else 127.0.0.1 with a port each. */
export async function findPlaces(members: number): Promise<Places> {
  const port = () => firstPort + Math.floor(Math.random() * ports);
  for (const ownAddresses of [true, false]) {
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const places = placesFrom(port(), members, ownAddresses);
      const { keyServer, gateways } = places;
      const seconds = gateways.map(({ address, natPort }) => ({ address, port: natPort }));
      const all = [keyServer, ...places.members, ...gateways, ...seconds];
      if ((await Promise.all(all.map(isFree))).every((free) => free)) return places;
    }
  }
  throw new Error("no free UDP ports were found on the loopback interface");
}

function placesFrom(port: number, members: number, ownAddresses: boolean): Places {
  const at = (index: number, further = 0): Endpoint =>
    ownAddresses
      ? { address: `127.0.0.${10 + index}`, port: port + further }
      : { address: "127.0.0.1", port: port + index + further * gatewayCount };
  const gateway = (index: number): GatewayPlace => ({ ...at(index), natPort: at(index, 1).port });
  return {
    keyServer: at(0),
    members: Array.from({ length: members }, (_, i) => at(1 + i)),
    gateways: [gateway(1 + members), gateway(2 + members)],
    ownAddresses,
  };
}

function isFree({ address, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
