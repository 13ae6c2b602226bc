/** Where the demo's processes live: loopback addresses and a UDP port that nobody else has. */
import { createSocket } from "node:dgram";
import type { Endpoint } from "../../core/engine.ts";

export interface Places {
  readonly keyServer: Endpoint;
  /** One for each member, in order. */
  readonly members: readonly Endpoint[];
  /** False where the system has 127.0.0.1 alone; then the ports differ. */
  readonly ownAddresses: boolean;
}

/** Below the range from which Linux hands out ports by itself. */
const firstPort = 20_000;
const ports = 10_000;
const attempts = 50;

/** Addresses 127.0.0.10 and up with one port that is free on all of them; else 127.0.0.1 with a port each. */
export async function findPlaces(members: number): Promise<Places> {
  const port = () => firstPort + Math.floor(Math.random() * ports);
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const chosen = port();
    const all = Array.from({ length: members + 1 }, (_, i) => ({ address: `127.0.0.${10 + i}`, port: chosen }));
    if ((await Promise.all(all.map(isFree))).every((free) => free)) return placesOf(all, true);
  }
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const chosen = port();
    const all = Array.from({ length: members + 1 }, (_, i) => ({ address: "127.0.0.1", port: chosen + i }));
    if ((await Promise.all(all.map(isFree))).every((free) => free)) return placesOf(all, false);
  }
  throw new Error("no free UDP ports were found on the loopback interface");
}

function placesOf(all: readonly Endpoint[], ownAddresses: boolean): Places {
  const [keyServer, ...members] = all;
  if (keyServer === undefined) throw new Error("the demo needs a key server");
  return { keyServer, members, ownAddresses };
}

function isFree({ address, port }: Endpoint): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    socket.once("error", () => socket.close(() => resolve(false)));
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(true)));
  });
}
