/** Another policy: what is gone from it is deleted with that reason, what stays keeps its SAs, what is new begins. */
import { connectSoon, establishedSas, isConnecting, newConnection, refuseWaiting } from "./connections.ts";
import { deleteChild, deleteIkeSa } from "./deletion.ts";
import { entitlement } from "./entitlement.ts";
import { forgetOutage } from "./outages.ts";
import { report } from "./report.ts";
import { type ConnectionState, type Ikev2, stands } from "./state.ts";
import type { Connection, Ikev2Policy } from "./types.ts";

/** Takes the policy over. */
export function reconfigure(ike: Ikev2, policy: Ikev2Policy): void {
  ike.policy = policy;
  ike.pools.configure(policy.pools);
  const wanted = new Map(policy.connections.map((config) => [config.name, config]));
  for (const [name, connection] of [...ike.connections]) {
    const config = wanted.get(name);
    if (config === undefined) remove(ike, connection);
    else change(ike, connection, config);
  }
  for (const config of wanted.values()) {
    if (ike.connections.has(config.name)) continue;
    const connection = newConnection(config);
    ike.connections.set(config.name, connection);
    if (connection.wanted) connectSoon(ike, connection, 0);
  }
}

function remove(ike: Ikev2, connection: ConnectionState): void {
  const { name } = connection.config;
  connection.wanted = false;
  ike.deadlines.clear(`connect:${name}`);
  const message = `${name} is no longer in the configuration`;
  refuseWaiting(ike, connection, () => true, { code: "unknown-connection", message });
  for (const sa of [...connection.ikeSas]) deleteIkeSa(ike, sa, { cause: "ike-configuration-removed" });
  forgetOutage(ike, connection);
  report(ike, { connection }, "ikev2.connection-removed", { cause: "operator" });
  ike.connections.delete(name);
}

function change(ike: Ikev2, connection: ConnectionState, config: Connection): void {
  const before = connection.config;
  connection.config = config;
  const stopped = before.start === "always" && !connection.wanted;
  connection.wanted = config.start === "always" && !stopped;
  const unentitled = entitlement(ike, config);
  for (const sa of establishedSas(connection)) {
    const { peer, children } = sa.phase;
    const fault = unentitled(peer);
    if (fault !== undefined) {
      deleteIkeSa(ike, sa, { cause: "ike-configuration-removed", text: fault });
      continue;
    }
    for (const child of [...children.values()]) {
      const still = config.children.find(({ name }) => name === child.policy.name);
      if (still === undefined) deleteChild(ike, child, { cause: "child-configuration-removed" });
      else child.policy = still;
    }
  }
  const begun = stands(connection) || isConnecting(connection);
  if (connection.wanted && !begun) connectSoon(ike, connection, 0);
  if (!connection.wanted) ike.deadlines.clear(`connect:${config.name}`);
}
