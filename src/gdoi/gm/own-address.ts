/**
 * The member's own address towards each of its key servers: the ID of an acknowledgement is that address (RFC 8263 3.4),
 * and a socket of a wildcard address does not tell it.
 */
import type { Endpoint } from "../../core/engine.ts";
import { isWildcard } from "../../util/address.ts";
import type { GmPolicy } from "./types.ts";

/** Where the member is for the key server of that name; undefined while no route leads there. */
export function localTowards(policy: GmPolicy, keyServer: string): Endpoint | undefined {
  const found = policy.keyServers.find((server) => server.name === keyServer)?.local;
  if (found !== undefined) return { address: found, port: policy.local.port };
  return isWildcard(policy.local.address) ? undefined : policy.local;
}
