/**
 * Main mode as a table (RFC 2409 5.1, 5.4): what may come in which state, and where it leads. A message is held against
 * its row before its handler runs.
 *
 *     Initiator                              Responder
 *     HDR, SA                          -->                              message 1
 *                                      <--   HDR, SA                    message 2
 *     HDR, KE, Ni                      -->                              message 3
 *                                      <--   HDR, KE, Nr                message 4
 *     HDR*, IDii, HASH_I               -->                              message 5, pre-shared key
 *     HDR*, IDii, [CERT,] SIG_I        -->                              message 5, signatures
 *                                      <--   HDR*, IDir, HASH_R         message 6, pre-shared key
 *                                      <--   HDR*, IDir, [CERT,] SIG_R  message 6, signatures
 */
import type { Payload } from "../wire/payloads.ts";
import type { AuthenticationName } from "./types.ts";

export type InitiatorState = "SA-SENT" | "KE-SENT" | "ID-SENT" | "VERIFYING-RESPONDER";
export type ResponderState = "SA-ANSWERED" | "KE-ANSWERED" | "VERIFYING-INITIATOR";

export interface Transition {
  /** What a trace prints when the row is chosen. */
  readonly story: string;
  readonly from: "START" | InitiatorState | ResponderState;
  /** HDR*: behind the encryption of RFC 2409 App. B. */
  readonly encrypted: boolean;
  readonly required: readonly Payload["kind"][];
  readonly optional: readonly Payload["kind"][];
  readonly to: readonly (InitiatorState | ResponderState | "ESTABLISHED")[];
}

export const message1 = {
  story: "responder: SA offered",
  from: "START",
  encrypted: false,
  required: ["SA"],
  optional: [],
  to: ["SA-ANSWERED"],
} as const satisfies Transition;

export const message2 = {
  story: "initiator: SA chosen",
  from: "SA-SENT",
  encrypted: false,
  required: ["SA"],
  optional: [],
  to: ["KE-SENT"],
} as const satisfies Transition;

export const message3 = {
  story: "responder: key exchange",
  from: "SA-ANSWERED",
  encrypted: false,
  required: ["KE", "NONCE"],
  // some peers send certificates or requests for them early
  optional: ["CR", "CERT"],
  to: ["KE-ANSWERED"],
} as const satisfies Transition;

export const message4 = {
  story: "initiator: key exchange",
  from: "KE-SENT",
  encrypted: false,
  required: ["KE", "NONCE"],
  optional: ["CR", "CERT"],
  to: ["ID-SENT"],
} as const satisfies Transition;

export const message5WithHash = {
  story: "responder: initiator proves its pre-shared key",
  from: "KE-ANSWERED",
  encrypted: true,
  required: ["ID", "HASH"],
  optional: ["CERT", "CR"],
  to: ["ESTABLISHED"],
} as const satisfies Transition;

export const message5WithSignature = {
  story: "responder: initiator signs",
  from: "KE-ANSWERED",
  encrypted: true,
  required: ["ID", "SIG"],
  optional: ["CERT", "CR"],
  to: ["VERIFYING-INITIATOR", "ESTABLISHED"],
} as const satisfies Transition;

export const message6WithHash = {
  story: "initiator: responder proves its pre-shared key",
  from: "ID-SENT",
  encrypted: true,
  required: ["ID", "HASH"],
  optional: ["CERT", "CR"],
  to: ["ESTABLISHED"],
} as const satisfies Transition;

export const message6WithSignature = {
  story: "initiator: responder signs",
  from: "ID-SENT",
  encrypted: true,
  required: ["ID", "SIG"],
  optional: ["CERT", "CR"],
  to: ["VERIFYING-RESPONDER", "ESTABLISHED"],
} as const satisfies Transition;

/** HDR*, HASH(1), N/D (RFC 2409 5.7). */
export const informational = {
  story: "Informational exchange",
  from: "START",
  encrypted: true,
  required: ["HASH"],
  optional: ["D"],
  to: [],
} as const satisfies Transition;

/** HDR, N/D: proves nothing. */
export const clearInformational = {
  story: "unprotected Informational exchange",
  from: "START",
  encrypted: false,
  required: [],
  optional: ["D", "HASH"],
  to: [],
} as const satisfies Transition;

/** The row of message 5 for the authentication that was agreed. */
export function message5(authentication: AuthenticationName): Transition {
  return authentication === "psk" ? message5WithHash : message5WithSignature;
}

/** The row of message 6 for the authentication that was agreed. */
export function message6(authentication: AuthenticationName): Transition {
  return authentication === "psk" ? message6WithHash : message6WithSignature;
}
