/** The payloads of one message sorted by kind, held against the table row of the state it came in. */
import { err, ok, type Result } from "../util/result.ts";
import type {
  CertPayload,
  CrPayload,
  DeletePayload,
  HashPayload,
  IdPayload,
  KePayload,
  NoncePayload,
  NotificationPayload,
  ReceivedPayload,
  SaPayload,
  SigPayload,
} from "../wire/payloads.ts";
import type { Transition } from "./transitions.ts";

/** A payload with its body: what follows the generic header, the `_b` of RFC 2409 5. */
export interface WithBody<P> {
  readonly payload: P;
  readonly body: Uint8Array;
}

/** What occurs at most once, and what may repeat. */
export interface Contents {
  sa?: WithBody<SaPayload>;
  ke?: KePayload;
  nonce?: NoncePayload;
  id?: WithBody<IdPayload>;
  hash?: HashPayload;
  sig?: SigPayload;
  readonly certificates: CertPayload[];
  readonly requests: CrPayload[];
  readonly notifications: NotificationPayload[];
  readonly deletes: DeletePayload[];
}

/** Generic payload header (RFC 2408 3.2). */
const GENERIC_HEADER_LENGTH = 4;

/**
 * Sorts `payloads`; the error names what is missing, doubled or not allowed in this row. N, VID and payloads that are
 * not known may stand in any message (RFC 2408 3.14, 3.16).
 */
export function contentsOf(payloads: readonly ReceivedPayload[], row: Transition): Result<Contents, string> {
  const contents: Contents = { certificates: [], requests: [], notifications: [], deletes: [] };
  const seen = new Set<string>();
  for (const { payload, octets } of payloads) {
    const { kind } = payload;
    if (kind === "VID" || kind === "UNKNOWN") continue;
    if (kind === "N") {
      contents.notifications.push(payload);
      continue;
    }
    if (!row.required.includes(kind) && !row.optional.includes(kind)) return err(`payload ${kind} is not expected`);
    if (seen.has(kind) && kind !== "CERT" && kind !== "CR" && kind !== "D") return err(`payload ${kind} occurs twice`);
    seen.add(kind);
    const body = octets.subarray(GENERIC_HEADER_LENGTH);
    if (kind === "SA") contents.sa = { payload, body };
    else if (kind === "KE") contents.ke = payload;
    else if (kind === "NONCE") contents.nonce = payload;
    else if (kind === "ID") contents.id = { payload, body };
    else if (kind === "HASH") contents.hash = payload;
    else if (kind === "SIG") contents.sig = payload;
    else if (kind === "CERT") contents.certificates.push(payload);
    else if (kind === "CR") contents.requests.push(payload);
    else if (kind === "D") contents.deletes.push(payload);
  }
  const missing = row.required.find((kind) => !seen.has(kind));
  return missing === undefined ? ok(contents) : err(`payload ${missing} is missing`);
}
