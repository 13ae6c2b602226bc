/**
 * The time between the last Delete of a connection and its return: what was announced, durable so that it survives our own
 * restart, and what came of it.
 */
import type { Plain, StoreRecord } from "../core/engine.ts";
import { report } from "./report.ts";
import type { ConnectionState, Ikev2, Outage } from "./state.ts";

const KIND = "ikev2.outage";

/** The connection is down from now on, because of this. What was announced first stands until it is back. */
export function beginOutage(ike: Ikev2, connection: ConnectionState, outage: Omit<Outage, "since">): void {
  if (connection.outage !== undefined) return;
  connection.outage = { ...outage, since: ike.env.now };
  const { since, by, reason, downtimeSeconds } = connection.outage;
  persist(ike, connection, { since, by, downtimeSeconds, ...(reason !== undefined && { reason }) });
}

/** The connection is back: told against what was announced, and forgotten. */
export function endOutage(ike: Ikev2, connection: ConnectionState): void {
  const { outage } = connection;
  if (outage === undefined) return;
  connection.outage = undefined;
  persist(ike, connection, undefined);
  const { since, by, reason, downtimeSeconds } = outage;
  const awayMs = ike.env.now - since;
  report(ike, { connection }, "ikev2.reestablished", {
    cause: by === "peer" ? "peer" : "operator",
    reason,
    figures: {
      awayMs,
      by,
      downtimeSeconds,
      // no estimate: nothing to hold it against
      ...(downtimeSeconds > 0 && { lateMs: awayMs - 1000 * downtimeSeconds }),
    },
    because: "ikev2.deleted",
  });
}

/** The connection is gone from the configuration. */
export function forgetOutage(ike: Ikev2, connection: ConnectionState): void {
  if (connection.outage !== undefined) persist(ike, connection, undefined);
  connection.outage = undefined;
}

function persist(ike: Ikev2, { config }: ConnectionState, value: Plain | undefined): void {
  const record: StoreRecord = { kind: KIND, key: config.name, ...(value !== undefined && { value }) };
  ike.out.push({ out: "persist", record });
}

/** Takes back what an earlier life left; of a connection that is no longer configured it is removed. */
export function restoreOutages(ike: Ikev2, records: Iterable<StoreRecord>): void {
  for (const { kind, key, value } of records) {
    if (kind !== KIND) continue;
    const connection = ike.connections.get(key);
    const outage = value === undefined ? undefined : read(value);
    if (connection === undefined || outage === undefined) {
      ike.out.push({ out: "persist", record: { kind: KIND, key } });
    } else connection.outage = outage;
  }
}

function read(value: Plain): Outage | undefined {
  if (value === null || typeof value !== "object" || value instanceof Uint8Array || Array.isArray(value))
    return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const [since, by, reason, downtimeSeconds] = ["since", "by", "reason", "downtimeSeconds"].map((name) =>
    fields.get(name),
  );
  if (typeof since !== "number" || typeof downtimeSeconds !== "number" || (by !== "peer" && by !== "us")) {
    return undefined;
  }
  return { since, by, downtimeSeconds, reason: typeof reason === "string" ? reason : undefined };
}
