/**
 * The one table of security events: every sort of event that belongs on a security monitor, with its severity and, where
 * IEC 62351 has a name for it, that name and number. docs/iec-61850.md says where those were taken from.
 */

/** Of IEC 62351-9 6.2. notice: normal life; warning: look; error: something was refused or failed; alarm: act at once. */
export type Severity = "notice" | "warning" | "error" | "alarm";

export const severities = ["notice", "warning", "error", "alarm"] as const satisfies readonly Severity[];

export interface Sort {
  readonly severity: Severity;
  /** MNEMONIC of IEC 62351-14. */
  readonly name?: string;
  /** ID of IEC 62351-14: domain, group and number. */
  readonly id?: string;
}

const notice: Sort = { severity: "notice" };
const warning: Sort = { severity: "warning" };
const error: Sort = { severity: "error" };
const alarm: Sort = { severity: "alarm" };

function standard(severity: Severity, id: string, name: string): Sort {
  return { severity, name, id };
}

/** By sort: `area.what-happened`, at most 32 ASCII characters. Most sorts are a kind of the ledger. */
export const securityEventTable = {
  "server.started": notice,
  "server.stopped": notice,
  "server.restored": notice,
  "server.reconfigured": standard("notice", "IEC62351-14:6.10", "CONFIG_CHANGE"),
  "server.configuration-refused": warning,
  "server.configuration-warning": warning,
  "server.clock-stepped": standard("notice", "IEC62351-14:6.11", "TIME_DATE_CHANGE"),
  "server.store-failed": alarm,
  "server.store-recovered": notice,
  "server.socket-failed": alarm,
  "server.syslog-unreachable": warning,
  "server.syslog-reached": notice,
  "server.ledger-pruned": notice,
  "server.keys-exported": notice,
  "server.key-export-failed": error,

  "phase1.established": notice,
  "phase1.notification": notice,
  "phase1.unprotected-notification": warning,
  "phase1.algorithms-refused": standard("error", "IEC62351-9:5.1", "IKEv1_CALG_MISMATCH"),
  "phase1.message-undecipherable": standard("error", "IEC62351-9:5.2", "IKEv1_PADDING"),
  "phase1.key-exchange-refused": standard("notice", "IEC62351-9:5.6", "GROUP_PULL_PHASE1_KEY_NEGOTIATION"),
  "phase1.authentication-failed": standard("alarm", "IEC62351-14:4.4", "COMM_PEER_AUTHENTICATION_FAIL"),
  "phase1.certificate-malformed": standard("warning", "IEC62351-9:2.1", "CERT_V_FORMAT"),
  "phase1.certificate-weak": standard("error", "IEC62351-9:2.5", "CERT_PK_SIG_ALG"),
  "phase1.certificate-expired": standard("error", "IEC62351-9:2.6", "CERT_V_PK_EXPIRED"),
  "phase1.certificate-not-yet-valid": standard("error", "IEC62351-9:2.7", "CERT_V_PK_EARLY"),
  "phase1.certificate-untrusted": standard("error", "IEC62351-9:2.10", "CERT_V_PK_TA"),
  "phase1.certificate-not-allowed": standard("error", "IEC62351-9:2.11", "CERT_V_PK_PATH"),
  "phase1.certificate-revoked": standard("alarm", "IEC62351-9:4.1", "CERT_V_REVOKED"),
  "phase1.certificate-refused": error,
  "phase1.identity-refused": error,
  "phase1.peer-not-authorised": error,
  "phase1.message-malformed": warning,
  "phase1.peer-silent": warning,
  "phase1.refused-by-peer": error,
  "phase1.refused": error,
  "phase1.failed": error,
  "phase1.flooded": alarm,
  "phase1.dropped": warning,

  "gcks.group-opened": notice,
  "gcks.group-restored": notice,
  "gcks.group-forgotten": notice,
  "gcks.group-changed": notice,
  "gcks.group-closed": notice,
  "gcks.signer-lost": error,
  "gcks.member-registered": notice,
  "gcks.member-admitted": notice,
  "gcks.member-notified": notice,
  "gcks.member-evicted": warning,
  "gcks.member-revoked": standard("alarm", "IEC62351-9:4.1", "CERT_V_REVOKED"),
  "gcks.member-distrusted": standard("error", "IEC62351-9:2.10", "CERT_V_PK_TA"),
  "gcks.member-removed": error,
  "gcks.rekey-sent": notice,
  "gcks.rekey-settled": notice,
  "gcks.rekey-incomplete": warning,
  "gcks.key-delivery": notice,
  "gcks.key-delivery-low": alarm,
  "gcks.ack-missing": standard("error", "IEC62351-9:5.7", "GROUP_PUSH_UNREACHABLE_DESTINATION"),
  "gcks.ack-refused": error,
  "gcks.pull-refused": error,
  "gcks.group-unknown": standard("warning", "IEC62351-9:5.5", "GROUP_PULL_PHASE2_GROUP_NONEXISTENT"),
  "gcks.pull-under-expired-sa": standard("warning", "IEC62351-9:5.3", "GROUP_PULL_EXPIRED_SA"),
  "gcks.pull-undecipherable": standard("warning", "IEC62351-9:5.4", "GROUP_PULL_PHASE2_DECRYPTION"),
  "gcks.datagram-dropped": warning,
  "gcks.sids-exhausted": warning,
  "gcks.tree-full": warning,

  "gm.registered": notice,
  "gm.rekeyed": notice,
  "gm.address-changed": notice,
  "gm.left": notice,
  "gm.keys-restored": notice,
  "gm.key-server-unreachable": warning,
  "gm.keys-kept": warning,
  "gm.unknown-spi": warning,
  "gm.dropped": warning,
  "gm.update-not-for-us": warning,
  "gm.tek-not-installed": warning,
  "gm.registration-refused": error,
  "gm.policy-unacceptable": error,
  "gm.push-refused": error,
  "gm.push-forged": standard("error", "IEC62351-14:4.5", "COMM_PACKET_AUTHENTICATION_FAIL"),
  "gm.kek-expired": error,
  "gm.keys-expired": alarm,
} as const satisfies Readonly<Record<string, Sort>>;

export type SecurityEventSort = keyof typeof securityEventTable;

/** Kinds that are no security events: every day's business, told by another event, or without consequence. */
export const routineKinds: readonly string[] = [
  "server.key-log-failed",
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
