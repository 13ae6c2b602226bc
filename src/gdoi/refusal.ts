/** Why GDOI policy or keys of a peer are not acceptable, with what to tell it. */
import { NotifyType } from "../iana/isakmp.ts";
import { err, type Result } from "../util/result.ts";

export interface PolicyError {
  readonly code: "unsupported" | "malformed" | "mismatch" | "weak";
  /** A sentence for the ledger; holds no text of the peer. */
  readonly message: string;
  /** Notify message type that names it (RFC 2408 3.14.1). */
  readonly notify: number;
  readonly section: string;
}

const notifyOf = {
  unsupported: NotifyType.ATTRIBUTES_NOT_SUPPORTED,
  weak: NotifyType.NO_PROPOSAL_CHOSEN,
  malformed: NotifyType.PAYLOAD_MALFORMED,
  mismatch: NotifyType.INVALID_KEY_INFORMATION,
} as const;

/** A failed Result with the notification that belongs to its code. */
export function refuse(code: PolicyError["code"], section: string, message: string): Result<never, PolicyError> {
  return err({ code, message, notify: notifyOf[code], section });
}
