/** Security events: what of the ledger belongs on a security monitor, and under which name (IEC 62351-9 6.2, annex D). */
import type { Told } from "./event.ts";
import {
  routineKinds,
  type SecurityEventSort,
  type Severity,
  type Sort,
  securityEventTable,
} from "./security-event-table.ts";

export interface SecurityEvent {
  /** The name in IEC 62351 or, without one, the sort; or what the operator calls it. */
  readonly name: string;
  /** ID of IEC 62351-14, where the event has one. */
  readonly id?: string;
  readonly severity: Severity;
}

/** What the operator's edition calls events, by sort; what is absent stays as it is here. */
export type SecurityEventNames = ReadonlyMap<string, Partial<SecurityEvent>>;

const asTheyAre: SecurityEventNames = new Map();
const table: Readonly<Record<string, Sort>> = securityEventTable;
const routine: ReadonlySet<string> = new Set(routineKinds);

/** Why Phase 1 refused something, by the code of the event. */
const phase1Codes: Readonly<Record<string, SecurityEventSort>> = {
  "no-proposal-chosen": "phase1.algorithms-refused",
  "authentication-failed": "phase1.authentication-failed",
  "invalid-certificate": "phase1.certificate-refused",
  "invalid-identity": "phase1.identity-refused",
  "not-authorized": "phase1.peer-not-authorised",
  "invalid-key": "phase1.key-exchange-refused",
  malformed: "phase1.message-malformed",
  timeout: "phase1.peer-silent",
  "refused-by-peer": "phase1.refused-by-peer",
  "too-many-half-open": "phase1.flooded",
  "half-open-displaced": "phase1.flooded",
};

/** The same in more detail, by code and detail. */
const phase1Details: Readonly<Record<string, SecurityEventSort>> = {
  "invalid-certificate malformed": "phase1.certificate-malformed",
  "invalid-certificate weak": "phase1.certificate-weak",
  "invalid-certificate expired": "phase1.certificate-expired",
  "invalid-certificate not-yet-valid": "phase1.certificate-not-yet-valid",
  "invalid-certificate untrusted": "phase1.certificate-untrusted",
  "invalid-certificate not-allowed": "phase1.certificate-not-allowed",
  "invalid-certificate revoked": "phase1.certificate-revoked",
  "malformed undecipherable": "phase1.message-undecipherable",
};

/** What a GROUPKEY-PULL was dropped for, by the code of the event. */
const pullCodes: Readonly<Record<string, SecurityEventSort>> = {
  "unknown-sa": "gcks.pull-under-expired-sa",
  malformed: "gcks.pull-undecipherable",
  "not-authentic": "gcks.pull-undecipherable",
};

/** Kinds of several sorts. */
const judged: Readonly<Record<string, (event: Told) => SecurityEventSort>> = {
  "phase1.refused": (event) => phase1Refusal(event) ?? "phase1.refused",
  "phase1.failed": (event) => phase1Refusal(event) ?? "phase1.failed",
  "phase1.dropped": ({ figures }) => own(phase1Codes, figures?.["code"]) ?? "phase1.dropped",
  "gcks.member-evicted": ({ cause, reason }) => {
    if (cause !== "policy") return "gcks.member-evicted";
    if (reason === "certificate no longer trusted") return "gcks.member-distrusted";
    return reason === "certificate revoked" ? "gcks.member-revoked" : "gcks.member-evicted";
  },
  "gcks.rekey-settled": ({ figures }) =>
    Number(figures?.["missing"] ?? 0) > 0 ? "gcks.rekey-incomplete" : "gcks.rekey-settled",
  "gcks.pull-refused": ({ figures }) =>
    figures?.["code"] === "unknown-group" ? "gcks.group-unknown" : "gcks.pull-refused",
  "gcks.datagram-dropped": ({ figures }) =>
    (figures?.["exchange"] === "GROUPKEY-PULL" ? own(pullCodes, figures["code"]) : undefined) ??
    "gcks.datagram-dropped",
  "gm.push-refused": ({ figures }) => (figures?.["code"] === "push-signature" ? "gm.push-forged" : "gm.push-refused"),
};

/** All kinds that are decided about by name; every other one counts by its level. */
export const decidedKinds: readonly string[] = [...new Set([...routineKinds, ...Object.keys(judged)])];

const byLevel: Readonly<Record<Told["level"], Severity | undefined>> = {
  info: undefined,
  warning: "warning",
  alert: "alarm",
};

/** The security event that an event of the ledger is; undefined when it is none. */
export function securityEvent(event: Told, names: SecurityEventNames = asTheyAre): SecurityEvent | undefined {
  const { kind, level } = event;
  if (routine.has(kind)) return undefined;
  const sort = own(judged, kind)?.(event) ?? kind;
  const entry = own(table, sort);
  const severity = entry?.severity ?? byLevel[level];
  if (severity === undefined) return undefined;
  return { name: sort, severity, ...entry, ...names.get(sort) };
}

function phase1Refusal({ figures }: Told): SecurityEventSort | undefined {
  const code = figures?.["code"];
  return own(phase1Details, `${code} ${figures?.["detail"]}`) ?? own(phase1Codes, code);
}

function own<T>(values: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === "string" && Object.hasOwn(values, key) ? values[key] : undefined;
}
