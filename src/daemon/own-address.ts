/** Which of this machine's addresses a peer sees: what the routes of the system say, asked again and again. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import type { Endpoint } from "../core/engine.ts";
import type { GmPolicy } from "../gdoi/gm/types.ts";
import { canonicalAddress, isWildcard } from "../util/address.ts";

/** The address of this machine that a datagram to `remote` would have as its source; undefined without a route. */
export type AddressFinder = (remote: Endpoint) => Promise<string | undefined>;

/** Asks the system: a UDP socket that is connected gets its source address, and nothing is sent. */
export const routedAddress: AddressFinder = (remote) => {
  const six = isIPv6(remote.address);
  const socket = createSocket({
    type: six ? "udp6" : "udp4",
    ipv6Only: six,
    lookup: (host, _options, done) => done(null, host, six ? 6 : 4),
  });
  return new Promise((resolve) => {
    const done = (address: string | undefined) => {
      socket.close();
      resolve(address);
    };
    socket.once("error", () => done(undefined));
    // a failure comes by the callback, whatever its type says
    socket.connect(remote.port, remote.address, (error?: Error) => {
      done(error === undefined ? canonicalAddress(socket.address().address.replace(/%.*$/, "")) : undefined);
    });
  });
};

/** Fills in, for a member on a wildcard address, its own address towards each of its key servers. */
export class OwnAddresses {
  readonly #find: AddressFinder;
  #policy: GmPolicy | undefined;

  constructor(find: AddressFinder = routedAddress) {
    this.#find = find;
  }

  /** The policy with what is known now; a key server without a route keeps what it had, if anything. */
  async resolve(policy: GmPolicy): Promise<GmPolicy> {
    this.#policy = await this.#filled(policy, this.#policy);
    return this.#policy;
  }

  /** Looks again. Resolves with the policy when an address has changed, else with undefined. */
  async look(): Promise<GmPolicy | undefined> {
    const before = this.#policy;
    if (before === undefined || !isWildcard(before.local.address)) return undefined;
    const now = await this.#filled(before, before);
    // another policy came meanwhile: it was looked at then
    if (this.#policy !== before) return undefined;
    const same = now.keyServers.every((server, i) => server.local === before.keyServers[i]?.local);
    if (same) return undefined;
    this.#policy = now;
    return now;
  }

  async #filled(policy: GmPolicy, before: GmPolicy | undefined): Promise<GmPolicy> {
    if (!isWildcard(policy.local.address)) return policy;
    const known = new Map(before?.keyServers.map((server) => [server.endpoint.address, server.local]));
    const keyServers = await Promise.all(
      policy.keyServers.map(async ({ name, endpoint }) => {
        const local = (await this.#find(endpoint)) ?? known.get(endpoint.address);
        return { name, endpoint, ...(local !== undefined && { local }) };
      }),
    );
    return { ...policy, keyServers };
  }
}
