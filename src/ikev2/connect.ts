/** The deadline `connect:NAME`: what of a connection is to stand and does not is begun. */
import { establishedSas, isConnecting } from "./connections.ts";
import { initiate } from "./ike-sa-init-initiator.ts";
import type { Ikev2 } from "./state.ts";

/** Begins the IKE SA of a connection, unless one stands or is on its way. */
export function connectDue(ike: Ikev2, name: string): void {
  const connection = ike.connections.get(name);
  if (connection === undefined || ike.closing || isConnecting(connection)) return;
  if (establishedSas(connection).length === 0) initiate(ike, connection);
}
