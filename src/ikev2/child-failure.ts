/** A Child SA of ours that could not be made. */
import { backOff, connectSoon, refuseWaiting } from "./connections.ts";
import { report } from "./report.ts";
import type { ConnectionState, Ikev2 } from "./state.ts";

/** Tells it, refuses those who wait for it, and plans another try where the connection is to be up. */
export function childFailed(ike: Ikev2, connection: ConnectionState, child: string, code: string, why: string): void {
  const { name } = connection.config;
  connection.lastError = `${child}: ${why}`;
  report(ike, { connection }, "ikev2.child-failed", {
    cause: "failure",
    level: "warning",
    reason: why,
    figures: { child, code },
  });
  refuseWaiting(ike, connection, (waiter) => waiter.child === undefined || waiter.child === child, {
    code,
    message: `${name}/${child} is not up: ${why}`,
  });
  if (!connection.wanted) return;
  connection.failures += 1;
  connectSoon(ike, connection, backOff(ike, connection));
}
