/** What is done when an SA is to be replaced, or was not in time: the deadlines of lifetimes.ts. */
import { connectSoon } from "./connections.ts";
import { deleteChild, deleteIkeSa } from "./deletion.ts";
import { handOver } from "./inherit.ts";
import { reauthenticate } from "./reauthenticate.ts";
import { askToRekey } from "./rekey-child.ts";
import { rekeyIkeSa } from "./rekey-ike.ts";
import { endReplaced } from "./sa-life.ts";
import { type ChildSa, type EstablishedSa, type Ikev2, isEstablished } from "./state.ts";
import { ask } from "./transmit.ts";

function ofIkeSa(act: (ike: Ikev2, sa: EstablishedSa) => void) {
  return (ike: Ikev2, key: string): void => {
    const sa = ike.ikeSas.get(key);
    if (sa !== undefined && isEstablished(sa)) act(ike, sa);
  };
}

function ofChild(act: (ike: Ikev2, child: ChildSa) => void) {
  return (ike: Ikev2, key: string): void => {
    const child = ike.childSas.get(key);
    if (child !== undefined) act(ike, child);
  };
}

/** `ike-rekey:KEY` */
export const ikeRekeyDue = ofIkeSa((ike, sa) => {
  if (sa.phase.successor === undefined) ask(ike, sa, rekeyIkeSa());
});

/** Which one of two is the successor is known when our request is answered, or given up. */
const UNDECIDED_MS = 10_000;

/** `ike-lifetime:KEY`: one that has a successor, or lost against it, only waits for the peer's Delete. */
export const ikeLifetimeDue = ofIkeSa((ike, sa) => {
  const { successor, redundant } = sa.phase;
  if (redundant) endReplaced(ike, sa);
  else if (successor === undefined) deleteIkeSa(ike, sa, { cause: "lifetime" });
  else if (sa.current?.kind === "rekey-ike") ike.deadlines.set(`ike-lifetime:${sa.key}`, ike.env.now + UNDECIDED_MS);
  else {
    handOver(ike, sa);
    deleteIkeSa(ike, sa, { cause: "rekeyed" });
  }
});

/** `reauthenticate:KEY` */
export const reauthenticationDue = ofIkeSa(reauthenticate);

/** `child-rekey:KEY` */
export const childRekeyDue = ofChild(askToRekey);

/**
 * `child-lifetime:KEY`, as with an IKE SA. RFC 7296 2.8: when the peer does not rekey it the IKE SA is closed, since that
 * is where a peer without CREATE_CHILD_SA makes another one; else a connection that is to be up gets one from scratch.
 */
export const childLifetimeDue = ofChild((ike, child) => {
  const { state, refused, ikeSa } = child;
  if (state === "rekeyed") deleteChild(ike, child, { cause: "rekeyed" });
  else if (refused && state === "installed") deleteIkeSa(ike, ikeSa, { cause: "lifetime" });
  else {
    const { connection } = ikeSa.phase;
    deleteChild(ike, child, { cause: "lifetime" }, () => {
      if (connection.wanted) connectSoon(ike, connection, 0);
    });
  }
});
