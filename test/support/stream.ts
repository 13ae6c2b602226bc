/** TEKs of IEC 61850 for tests that need no configuration file. */
import { iec61850TekPolicy } from "../../src/gdoi/iec61850.ts";
import { iec61850Protection } from "../../src/gdoi/iec61850-algorithms.ts";
import type { TekPolicy } from "../../src/gdoi/policy.ts";
import { AuthAlg, EncAlg } from "../../src/iana/gdoi.ts";
import { nameOf } from "../../src/iana/names.ts";
import { oidOctets } from "../../src/util/oid.ts";

const none = new Uint8Array(0);

export interface StreamChanges {
  readonly authAlg?: number;
  readonly encAlg?: number;
  readonly oid?: string;
  readonly oidSpecificPayload?: Uint8Array;
  readonly lifetimeSeconds?: number;
}

/** HMAC-SHA256-128 without encryption, for an hour, with changes. */
export function streamTek(changes: StreamChanges = {}): TekPolicy {
  const { authAlg = AuthAlg.HMAC_SHA256_128, encAlg = EncAlg.NONE, oidSpecificPayload = none } = changes;
  const oid = oidOctets(changes.oid ?? "1.2.840.10070.61850.8.1.2") ?? none;
  const name = `${nameOf(AuthAlg, authAlg)} ${nameOf(EncAlg, encAlg)}`;
  const { lifetimeSeconds = 3_600 } = changes;
  const made = iec61850TekPolicy({ name, oid, oidSpecificPayload, authAlg, encAlg, lifetimeSeconds });
  if (!made.ok) throw new Error(made.error.message);
  return made.value;
}

/** Every pair of algorithms that may go together. */
export const combinations: readonly { readonly authAlg: number; readonly encAlg: number }[] = Object.values(
  AuthAlg,
).flatMap((authAlg) =>
  Object.values(EncAlg)
    .filter((encAlg) => iec61850Protection(authAlg, encAlg).ok)
    .map((encAlg) => ({ authAlg, encAlg })),
);
