/**
 * Security events: what of the ledger belongs on a security monitor, each with a name and one of the four severities that
 * IEC 62351 uses. The names are Keyherald's own, in the form of the ledger's kinds: most are the kind itself, a few tell
 * apart what one kind has several sorts of.
 */
import type { Told } from "./event.ts";

/** notice: normal life; warning: somebody should look; error: something was refused or failed; alarm: somebody must look. */
export type Severity = "notice" | "warning" | "error" | "alarm";

export interface SecurityEvent {
  /** `area.what-happened`, at most 32 ASCII characters: the MSGID of RFC 5424 6.2.7. */
  readonly name: string;
  readonly severity: Severity;
}

/** Kinds whose name and severity are always the same; the name is the kind. */
const plain: Readonly<Record<Severity, readonly string[]>> = {
  notice: [
    "server.started",
    "server.stopped",
    "server.restored",
    "server.reconfigured",
    "server.store-recovered",
    "server.syslog-reached",
    "server.ledger-pruned",
    "server.keys-exported",
    "phase1.established",
    "phase1.notification",
    "gcks.group-opened",
    "gcks.group-restored",
    "gcks.group-forgotten",
    "gcks.group-changed",
    "gcks.group-closed",
    "gcks.member-registered",
    "gcks.member-admitted",
    "gcks.member-notified",
    "gcks.rekey-sent",
    "gcks.key-delivery",
    "gm.registered",
    "gm.rekeyed",
    "gm.address-changed",
    "gm.left",
  ],
  warning: [
    "server.configuration-refused",
    "server.configuration-warning",
    "server.clock-stepped",
    "server.syslog-unreachable",
    "phase1.unprotected-notification",
    "gcks.datagram-dropped",
    "gcks.sids-exhausted",
    "gcks.tree-full",
    "gm.key-server-unreachable",
    "gm.dropped",
    "gm.update-not-for-us",
    "gm.tek-not-installed",
    "gm.unknown-spi",
  ],
  error: [
    "server.key-export-failed",
    "gcks.signer-lost",
    "gcks.member-removed",
    "gcks.ack-refused",
    "gcks.pull-refused",
    "gm.registration-refused",
    "gm.policy-unacceptable",
    "gm.push-refused",
    "gm.kek-expired",
    "gm.keys-kept",
  ],
  alarm: ["server.store-failed", "server.socket-failed", "gcks.key-delivery-low", "gm.keys-expired"],
};

/** Kinds that are no security events: every day's business, told by another event, or without consequence. */
const routine: readonly string[] = [
  "phase1.deleted",
  "gcks.rekey-planned",
  "gcks.rekey-repeated",
  "gcks.rekey-outdated",
  "gcks.ack-received",
  "gcks.kek-forgotten",
  "gm.reregistering",
  "gm.acknowledged",
  "gm.fewer-sids",
];

/** What Phase 1 is refused with, by the code of the event. */
const phase1Codes: Readonly<Record<string, SecurityEvent>> = {
  "no-proposal-chosen": { name: "phase1.algorithms-refused", severity: "error" },
  "authentication-failed": { name: "phase1.authentication-failed", severity: "error" },
  "invalid-certificate": { name: "phase1.certificate-refused", severity: "error" },
  "invalid-identity": { name: "phase1.identity-refused", severity: "error" },
  "not-authorized": { name: "phase1.peer-not-authorised", severity: "error" },
  "invalid-key": { name: "phase1.key-exchange-refused", severity: "error" },
  malformed: { name: "phase1.message-malformed", severity: "warning" },
  timeout: { name: "phase1.peer-silent", severity: "warning" },
  "refused-by-peer": { name: "phase1.refused-by-peer", severity: "error" },
  "too-many-half-open": { name: "phase1.flooded", severity: "alarm" },
  "half-open-displaced": { name: "phase1.flooded", severity: "alarm" },
};

/** What is wrong with a certificate, where it has a name of its own. */
const certificateFaults: Readonly<Record<string, SecurityEvent>> = {
  expired: { name: "phase1.certificate-expired", severity: "error" },
  "not-yet-valid": { name: "phase1.certificate-not-yet-valid", severity: "error" },
  revoked: { name: "phase1.certificate-revoked", severity: "alarm" },
  untrusted: { name: "phase1.certificate-untrusted", severity: "error" },
};

const judged: Readonly<Record<string, (event: Told) => SecurityEvent>> = {
  "phase1.refused": phase1Refusal,
  "phase1.failed": phase1Refusal,
  "phase1.dropped": (event) =>
    own(phase1Codes, event.figures?.["code"]) ?? { name: "phase1.dropped", severity: "warning" },
  "gcks.member-evicted": ({ cause, reason }) =>
    cause === "policy" && reason === "certificate revoked"
      ? { name: "gcks.member-revoked", severity: "alarm" }
      : { name: "gcks.member-evicted", severity: "warning" },
  "gcks.rekey-settled": ({ figures }) => ({
    name: "gcks.rekey-settled",
    severity: Number(figures?.["missing"] ?? 0) > 0 ? "warning" : "notice",
  }),
  "gcks.ack-missing": ({ level }) => ({
    name: "gcks.ack-missing",
    severity: level === "alert" ? "alarm" : "warning",
  }),
};

const bySameName: ReadonlyMap<string, SecurityEvent> = new Map(
  Object.entries(plain).flatMap(([severity, kinds]) =>
    kinds.map((name) => [name, { name, severity: severity as Severity }] as const),
  ),
);
const routineKinds: ReadonlySet<string> = new Set(routine);
const byLevel: Readonly<Record<Told["level"], Severity | undefined>> = {
  info: undefined,
  warning: "warning",
  alert: "alarm",
};

/** The kinds that are decided about by name; every other one counts by its level. */
export const decidedKinds: readonly string[] = [...bySameName.keys(), ...routine, ...Object.keys(judged)];

/** The security event that an event of the ledger is; undefined when it is none. */
export function securityEvent(event: Told): SecurityEvent | undefined {
  const { kind, level } = event;
  if (routineKinds.has(kind)) return undefined;
  const judge = own(judged, kind);
  if (judge !== undefined) return judge(event);
  const severity = byLevel[level];
  return bySameName.get(kind) ?? (severity && { name: kind, severity });
}

function phase1Refusal({ kind, figures }: Told): SecurityEvent {
  const code = figures?.["code"];
  const fault = code === "invalid-certificate" ? own(certificateFaults, figures?.["detail"]) : undefined;
  return fault ?? own(phase1Codes, code) ?? { name: kind, severity: "error" };
}

function own<T>(table: Readonly<Record<string, T>>, key: unknown): T | undefined {
  return typeof key === "string" && Object.hasOwn(table, key) ? table[key] : undefined;
}
