/** What peers do that is not part of an exchange, for the ledger. */
import type { Datagram } from "../../core/engine.ts";
import { identityText } from "../../core/identity.ts";
import { NotifyType } from "../../iana/isakmp.ts";
import { nameOf } from "../../iana/names.ts";
import type { Phase1Sa } from "../../ikev1/types.ts";
import { sanitise } from "../../ledger/sanitise.ts";
import type { NotificationPayload } from "../../wire/payloads.ts";
import type { Turn } from "./server.ts";

/** A datagram that no part of the key server takes. */
export function dropped(turn: Turn, datagram: Datagram, code: string, reason: string): void {
  const fault = {
    name: `drop.${code}`,
    kind: "gcks.datagram-dropped",
    subjects: [{ kind: "phase1", name: datagram.from.address }] as const,
    reason,
    figures: { code, from: datagram.from.address },
  };
  turn.server.faults.report(fault, turn.env.now, turn.out);
}

/** A member says, protected, what it does not like: policy that it cannot accept, as a rule (RFC 6407 3.3). */
export function complained(turn: Turn, sa: Phase1Sa, notification: NotificationPayload): void {
  const notify = nameOf(NotifyType, notification.notifyType);
  const fault = {
    name: "notification",
    kind: "gcks.member-notified",
    subjects: [{ kind: "phase1", name: sa.remote.address }] as const,
    reason: notify,
    figures: { notify, identity: sanitise(identityText(sa.peerIdentity, turn.env.crypto)), from: sa.remote.address },
  };
  turn.server.faults.report(fault, turn.env.now, turn.out);
}
