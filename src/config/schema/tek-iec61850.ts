/** A TEK for a stream of IEC 61850 (RFC 8052 2.2). */
import type * as z from "zod";
import { type Identity, MOST_OID_PAYLOAD_OCTETS, readOidIdentity } from "../../core/identity.ts";
import { iec61850TekPolicy } from "../../gdoi/iec61850.ts";
import type { Iec61850TekPolicy } from "../../gdoi/policy.ts";
import type { PolicyError } from "../../gdoi/refusal.ts";
import { AuthAlg, EncAlg } from "../../iana/gdoi.ts";
import { isDer } from "../../util/der.ts";
import { fromHex } from "../../util/octets.ts";
import { oidOctets } from "../../util/oid.ts";
import type { Result } from "../../util/result.ts";
import { choice, field, type Loose, type Report, shown, textOf, Wrong } from "../field.ts";

const authentications = {
  none: AuthAlg.NONE,
  "hmac-sha256-128": AuthAlg.HMAC_SHA256_128,
  "hmac-sha256": AuthAlg.HMAC_SHA256,
  "aes-gmac-128": AuthAlg.AES_GMAC_128,
  "aes-gmac-256": AuthAlg.AES_GMAC_256,
} as const;
const encryptions = {
  none: EncAlg.NONE,
  "aes-cbc-128": EncAlg.AES_CBC_128,
  "aes-cbc-256": EncAlg.AES_CBC_256,
  "aes-gcm-128": EncAlg.AES_GCM_128,
  "aes-gcm-256": EncAlg.AES_GCM_256,
} as const;

function wordsOf<Word extends string>(table: Readonly<Record<Word, number>>): Word[] {
  return Object.keys(table) as Word[];
}

/** Contents octets of an OID in dotted text. */
function oid(): z.ZodType<Uint8Array> {
  return field("an OID, such as 1.2.840.10070.61850.8.1.2", (input) => {
    const octets = oidOctets(textOf(input));
    if (octets === undefined) throw new Wrong(`${shown(input)} is no OID`);
    return octets;
  });
}

/** The OID-specific payload. */
function selector(): z.ZodType<Uint8Array> {
  return field('one element of DER in hexadecimal, in quotes, such as "0404efc00001"', (input) => {
    // YAML takes digits alone for a number, and leading zeros from them
    if (typeof input === "number") throw new Wrong("is read as a number; put it in quotes");
    const digits = textOf(input);
    if (!/^(?:[0-9a-f]{2})+$/i.test(digits)) throw new Wrong(`${shown(input)} is not hexadecimal`);
    const octets = fromHex(digits);
    if (octets.length > MOST_OID_PAYLOAD_OCTETS) {
      throw new Wrong(`has ${octets.length} octets`, `at most ${MOST_OID_PAYLOAD_OCTETS} octets`);
    }
    if (!isDer(octets)) throw new Wrong(`${shown(input)} is not one element of DER (RFC 8052 2.2)`);
    return octets;
  });
}

/** What such a TEK has of its own. */
export function iec61850Shape() {
  return {
    oid: oid().optional(),
    selector: selector().optional(),
    authentication: choice(...wordsOf(authentications)).optional(),
    encryption: choice(...wordsOf(encryptions)).optional(),
  };
}

type Shape = ReturnType<typeof iec61850Shape>;
export type Iec61850Section = { readonly name: string; readonly lifetime: number } & {
  readonly [Name in keyof Shape]?: z.output<Shape[Name]> | undefined;
};

/** Checks what the TEK says by itself. */
export function checkIec61850(tek: Loose<Iec61850Section>, report: Report): void {
  if (!("authentication" in tek) && !("encryption" in tek)) {
    report([], "says neither how the stream is authenticated nor how it is encrypted", "authentication, encryption");
  }
  if (!("oid" in tek) && tek.selector !== undefined) {
    report(["selector"], "belongs to an OID", "an oid beside it, or the selector in the group's id");
  }
  // what is wrong by itself has been told
  const unread = (["authentication", "encryption"] as const).some((name) => name in tek && tek[name] === undefined);
  if (unread) return;
  const policy = policyOf({ ...tek, name: "", lifetime: 0 }, new Uint8Array());
  if (!policy.ok) {
    const { message, section } = policy.error;
    report(
      [tek.encryption === undefined ? "authentication" : "encryption"],
      `${message} (${section})`,
      "aes-cbc with an authentication, aes-gcm with authentication: none, or encryption: none",
    );
  }
}

/** Whether neither algorithm protects anything. */
export function isUnprotected(tek: Iec61850Section): boolean {
  return (tek.authentication ?? "none") === "none" && (tek.encryption ?? "none") === "none";
}

/** The policy of a checked TEK. @param group its identity stands for the stream when the TEK names none. */
export function buildIec61850(tek: Iec61850Section, group: Identity): Iec61850TekPolicy {
  const stream = readOidIdentity(group);
  const policy = policyOf(
    tek.oid === undefined ? { ...tek, selector: stream?.oidSpecificPayload } : tek,
    stream?.oid ?? new Uint8Array(),
  );
  // the check of the section has made sure
  if (!policy.ok) throw new RangeError(policy.error.message);
  return policy.value;
}

function policyOf(tek: Loose<Iec61850Section>, oidOfGroup: Uint8Array): Result<Iec61850TekPolicy, PolicyError> {
  return iec61850TekPolicy({
    name: tek.name ?? "",
    oid: tek.oid ?? oidOfGroup,
    oidSpecificPayload: tek.selector ?? new Uint8Array(),
    authAlg: authentications[tek.authentication ?? "none"],
    encAlg: encryptions[tek.encryption ?? "none"],
    lifetimeSeconds: tek.lifetime ?? 0,
  });
}
