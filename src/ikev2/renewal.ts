/** What is done when an SA is to be replaced, or was not in time: the deadlines of lifetimes.ts. */
import { deleteChild, deleteIkeSa } from "./deletion.ts";
import { reauthenticate } from "./reauthenticate.ts";
import { rekeyChild } from "./rekey-child.ts";
import { rekeyIkeSa } from "./rekey-ike.ts";
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

/** `ike-lifetime:KEY`: one that has a successor only waits for the peer's Delete. */
export const ikeLifetimeDue = ofIkeSa((ike, sa) => {
  deleteIkeSa(ike, sa, { cause: sa.phase.successor === undefined ? "lifetime" : "rekeyed" });
});

/** `reauthenticate:KEY` */
export const reauthenticationDue = ofIkeSa(reauthenticate);

/** `child-rekey:KEY` */
export const childRekeyDue = ofChild((ike, child) => {
  if (child.state === "installed") ask(ike, child.ikeSa, rekeyChild(child));
});

/** `child-lifetime:KEY`, as with an IKE SA. */
export const childLifetimeDue = ofChild((ike, child) => {
  deleteChild(ike, child, { cause: child.state === "rekeyed" ? "rekeyed" : "lifetime" });
});
