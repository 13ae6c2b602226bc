/** What an IKE SA leaves to the one that takes its place: RFC 7296 2.18, 2.8.2. */
import type { EstablishedSa, Ikev2, Task } from "./state.ts";
import { ask } from "./transmit.ts";

/** The Child SAs, and the requests that are about them; those about the old IKE SA itself stay with it. */
export function inherit(ike: Ikev2, from: EstablishedSa, to: EstablishedSa): void {
  for (const child of from.phase.children.values()) {
    child.ikeSa = to;
    to.phase.children.set(child.key, child);
  }
  from.phase.children.clear();
  to.phase.virtualAddresses = from.phase.virtualAddresses;
  ike.pools.inherit(from.key, to.key);
  const about = (task: Task): boolean => task.ofIkeSa === true;
  const left = from.queue.splice(0);
  from.queue.push(...left.filter(about));
  for (const task of left) if (!about(task)) ask(ike, to, task);
}
