/** The end of the service: every peer is told why, and for how long. */
import { refuseWaiting } from "./connections.ts";
import { deleteIkeSa } from "./deletion.ts";
import { endIkeSa, whenEnded } from "./sa-life.ts";
import type { DeleteWhy, Ikev2 } from "./state.ts";
import type { Ikev2Command } from "./types.ts";

/** Deletes all IKE SAs; answered when all peers have answered, or when the deadline `shutdown:` is over. */
export function shutdown(
  ike: Ikev2,
  id: number,
  { cause, downtimeSeconds, withinMs }: Extract<Ikev2Command, { do: "shutdown" }>,
): void {
  ike.closing = true;
  const why: DeleteWhy = { cause, ...(downtimeSeconds !== undefined && { downtimeSeconds }) };
  for (const connection of ike.connections.values()) {
    connection.wanted = false;
    ike.deadlines.clear(`connect:${connection.config.name}`);
    const message = `${connection.config.name} is not begun: the service is shutting down`;
    refuseWaiting(ike, connection, () => true, { code: "closing", message });
  }
  const open = [...ike.ikeSas.values()];
  let left = open.length;
  const reply = () => {
    ike.deadlines.clear("shutdown:");
    ike.out.push({ out: "reply", id, reply: { ikeSas: open.length } });
  };
  if (left === 0) {
    reply();
    return;
  }
  ike.deadlines.set("shutdown:", ike.env.now + withinMs);
  for (const sa of open) {
    whenEnded(ike, sa, () => {
      left -= 1;
      if (left === 0) reply();
    });
    deleteIkeSa(ike, sa, why);
  }
}

/** Who has not answered by now is not waited for. */
export function shutdownDue(ike: Ikev2): void {
  for (const sa of [...ike.ikeSas.values()]) endIkeSa(ike, sa, { by: "silence" });
}
