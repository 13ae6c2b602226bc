/** What an IKE SA leaves to the one that takes its place: RFC 7296 2.18, 2.8.2. Nothing is sent here but what was queued. */
import { abandon } from "./lifetimes.ts";
import { report } from "./report.ts";
import { type EstablishedSa, type Ikev2, isEstablished, type Successor, type Task } from "./state.ts";
import { ikeSuiteText } from "./suite.ts";
import { ask } from "./transmit.ts";

/** What took its place, or may yet: not one that has ended again. */
export function successorOf(ike: Ikev2, { phase }: EstablishedSa): Successor | undefined {
  const { successor } = phase;
  return successor !== undefined && ike.ikeSas.get(successor.sa.key) === successor.sa ? successor : undefined;
}

/** The one in whose place the peer made it, while that stands. */
export function predecessorOf(ike: Ikev2, sa: EstablishedSa): EstablishedSa | undefined {
  const old = sa.phase.replaces === undefined ? undefined : ike.ikeSas.get(sa.phase.replaces);
  return old !== undefined && isEstablished(old) && old.phase.successor?.sa === sa ? old : undefined;
}

/** The successor inherits, once, and is told. @returns it, if there is one. */
export function handOver(ike: Ikev2, old: EstablishedSa): EstablishedSa | undefined {
  const successor = successorOf(ike, old);
  if (successor === undefined || successor.inherited) return successor?.sa;
  const { sa } = successor;
  successor.inherited = true;
  sa.phase.rekeying = false;
  inherit(ike, old, sa);
  abandon(ike, old, "replaced");
  report(ike, { sa }, "ikev2.rekeyed", {
    cause: sa.role === "initiator" ? "timer" : "peer",
    figures: {
      replaces: old.key,
      suite: ikeSuiteText(sa.phase.secured.suite),
      heldSeconds: (ike.env.now - old.phase.since) / 1000,
    },
  });
  return sa;
}

/**
 * The peer sends a request in an IKE SA, so it has nothing more to decide about it: if it was to take the place of another
 * it does so now, whatever became of our own request to rekey that.
 */
export function usedByPeer(ike: Ikev2, sa: EstablishedSa): void {
  const old = predecessorOf(ike, sa);
  if (old !== undefined) handOver(ike, old);
}

/** The Child SAs, and the requests that are about them; those about the old IKE SA itself stay with it. */
function inherit(ike: Ikev2, from: EstablishedSa, to: EstablishedSa): void {
  for (const child of from.phase.children.values()) {
    child.ikeSa = to;
    to.phase.children.set(child.key, child);
  }
  from.phase.children.clear();
  to.phase.virtualAddresses = from.phase.virtualAddresses;
  ike.pools.inherit(from.key, to.key);
  const unique = ike.deadlines.get(`unique:${from.key}`);
  if (unique !== undefined) ike.deadlines.set(`unique:${to.key}`, unique);
  const { replacement } = from.phase;
  if (replacement !== undefined) {
    replacement.key = to.key;
    to.phase.replacement = replacement;
  }
  const about = (task: Task): boolean => task.ofIkeSa === true;
  const left = from.queue.splice(0);
  from.queue.push(...left.filter(about));
  for (const task of left) if (!about(task)) ask(ike, to, task);
}
