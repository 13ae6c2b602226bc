/** Both sides prove anew who they are: an IKE SA from scratch in the place of an old one (RFC 7296 2.8.3). */
import { deleteIkeSa } from "./deletion.ts";
import { initiate } from "./ike-sa-init-initiator.ts";
import type { EstablishedSa, Ikev2 } from "./state.ts";

/** An attempt that came to nothing is made again while the old one stands. */
const AGAIN_MS = 60_000;

/**
 * Make before break: the old one is deleted when the new one stands. Who has no address to begin with deletes the old one
 * instead, and the peer comes back.
 */
export function reauthenticate(ike: Ikev2, sa: EstablishedSa): void {
  const { connection } = sa.phase;
  if (connection.config.remote.endpoint === undefined) {
    deleteIkeSa(ike, sa, { cause: "reauthentication" });
    return;
  }
  ike.deadlines.set(`reauthenticate:${sa.key}`, ike.env.now + AGAIN_MS);
  initiate(ike, connection, { replaces: { key: sa.key, cause: "reauthentication" } });
}
