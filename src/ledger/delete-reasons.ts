/**
 * Causes of a deletion: the thirteen that draft-pwouters-ipsecme-delete-info-01 gives as examples, and two of ours, without
 * which some Deletes would have none. What each is called, what is told to the peer about it, and whose doing it is.
 */
import type { Cause } from "./event.ts";

/** Why an SA is deleted. Every Delete that we send has one. */
export type DeleteCause =
  | "service-shutdown"
  | "service-restart"
  | "host-shutdown"
  | "host-restart"
  | "child-configuration-removed"
  | "ike-configuration-removed"
  | "operator"
  | "inactivity"
  | "initial-contact"
  | "simultaneous-rekey"
  | "reauthentication"
  | "redirected"
  | "lifetime"
  | "rekeyed"
  | "not-agreed";

export interface DeleteReasonForm {
  /** Reason Message as it is sent: what the peer's operator reads. */
  readonly text: string;
  /** Whose doing it is, for the ledger. */
  readonly cause: Cause;
}

/** Reason Messages by cause. That of `operator` is what the operator says, if anything. */
export const deleteReasons = {
  "service-shutdown": { text: "IKE service is shutting down", cause: "operator" },
  "service-restart": { text: "IKE service is restarting", cause: "operator" },
  "host-shutdown": { text: "host is shutting down", cause: "operator" },
  "host-restart": { text: "host is restarting", cause: "operator" },
  "child-configuration-removed": { text: "Child SA configuration was removed", cause: "operator" },
  "ike-configuration-removed": { text: "IKE SA configuration was removed", cause: "operator" },
  operator: { text: "taken down by the operator", cause: "operator" },
  inactivity: { text: "Child SA was inactive", cause: "timer" },
  "initial-contact": { text: "replaced after INITIAL_CONTACT", cause: "peer" },
  "simultaneous-rekey": { text: "lost a simultaneous rekey", cause: "policy" },
  reauthentication: { text: "IKE SA is re-authenticated", cause: "timer" },
  redirected: { text: "redirected to another gateway", cause: "peer" },
  lifetime: { text: "lifetime reached without rekey", cause: "timer" },
  /** The old one of a rekey, when its successor stands. */
  rekeyed: { text: "replaced by a rekeyed SA", cause: "timer" },
  /** A peer made something else than we proposed. */
  "not-agreed": { text: "SA is not what was proposed", cause: "policy" },
} as const satisfies Readonly<Record<DeleteCause, DeleteReasonForm>>;
