/** Both sides prove anew who they are: an IKE SA from scratch in the place of an old one (RFC 7296 2.8.3). */
import { identityKey } from "../core/identity.ts";
import { isConnecting } from "./connections.ts";
import { deleteIkeSa } from "./deletion.ts";
import { initiate } from "./ike-sa-init-initiator.ts";
import type { EstablishedSa, Ikev2, Replaces } from "./state.ts";

/** An attempt that came to nothing is made again while the old one stands. */
const AGAIN_MS = 60_000;

/**
 * Make before break: the old one is deleted when the new one stands. Who has no address to begin with deletes the old one
 * instead, and the peer comes back.
 */
export function reauthenticate(ike: Ikev2, sa: EstablishedSa): void {
  const { connection, successor } = sa.phase;
  if (connection.config.remote.endpoint === undefined) {
    deleteIkeSa(ike, sa, { cause: "reauthentication" });
    return;
  }
  ike.deadlines.set(`reauthenticate:${sa.key}`, ike.env.now + AGAIN_MS);
  // the successor of a rekey does it, and what the peer has just proven it need not prove again
  if (successor !== undefined || isConnecting(connection) || isSuperseded(ike, sa)) return;
  const replacement: Replaces = { key: sa.key, cause: "reauthentication" };
  sa.phase.replacement = replacement;
  initiate(ike, connection, { replaces: replacement });
}

/** The peer has an IKE SA with us that it was authenticated in later: it is about to delete this one. */
function isSuperseded(ike: Ikev2, { phase: { connection, peer, authenticatedAt } }: EstablishedSa): boolean {
  if (connection.config.unique !== "replace") return false;
  for (const { role, phase } of ike.byPeer.get(identityKey(peer.identity)) ?? []) {
    if (role !== "responder" || phase.at !== "ESTABLISHED" || phase.connection !== connection) continue;
    if (phase.authenticatedAt > authenticatedAt) return true;
  }
  return false;
}
