/** What a configuration file says, checked and typed. */
import type { Endpoint } from "../core/engine.ts";
import type { GcksPolicy } from "../gdoi/gcks/types.ts";
import type { GmPolicy } from "../gdoi/gm/types.ts";
import type { Ikev2Policy } from "../ikev2/types.ts";
import type { SecurityEventNames } from "../ledger/security-events.ts";

/** One thing that is wrong, or weak, with its place in the file. */
export interface ConfigProblem {
  /** From 1; 0 when it has no place in the file (a file that cannot be read). */
  readonly line: number;
  readonly column: number;
  /** `keyServer.groups[0].kek.cipher`; empty for the file as a whole. */
  readonly path: string;
  /** What would have been right. */
  readonly expected: string;
  /** A sentence for people: what is wrong, and what to do. */
  readonly message: string;
  readonly severity: "error" | "warning";
}

/** A key server, a member, an endpoint of IKEv2, or several of them. */
export interface Configuration {
  /** Absolute path of the file it came from. */
  readonly file: string;
  /** The store: its file, and the key of 32 octets that it is encrypted under. */
  readonly state: { readonly file: string; readonly key: Uint8Array };
  readonly control: { readonly socket: string };
  readonly log: { readonly level: LogLevel };
  /** Where security events go besides the ledger. */
  readonly syslog?: SyslogPolicy;
  /** What security events are called, where that is another name than here. */
  readonly securityEvents?: SecurityEventNames;
  readonly keyServer?: GcksPolicy;
  /** Groups of the key server whose push signing key is to be made once and kept in the store. */
  readonly generatedSigners: readonly GeneratedSigner[];
  readonly member?: GmPolicy;
  /** The file that the member's keys are written to. */
  readonly keyExport?: { readonly file: string };
  readonly ikev2?: Ikev2Policy;
  /** The file that the keys of IKE SAs are written to, for a laboratory. */
  readonly keyLog?: { readonly file: string };
  /** How much of the ledger is kept. */
  readonly retention: { readonly maxAgeMs: number; readonly maxEvents: number };
  readonly warnings: readonly ConfigProblem[];
}

/** A syslog server, and how it is spoken to. */
export interface SyslogPolicy {
  readonly to:
    | { readonly transport: "unix"; readonly path: string }
    | { readonly transport: "udp"; readonly endpoint: Endpoint };
  /** 0 to 23 (RFC 5424 6.2.1). */
  readonly facility: number;
  /** RFC 5424, or the form of syslog(3). */
  readonly format: "rfc5424" | "local";
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** A signing key that the configuration leaves to the daemon (`signature: { key: generated }`). */
export interface GeneratedSigner {
  /** Name of the group whose policy carries a placeholder that refuses to sign. */
  readonly group: string;
  readonly algorithm: "rsa-2048" | "rsa-3072" | "ecdsa-256" | "ecdsa-384" | "ecdsa-521";
}
