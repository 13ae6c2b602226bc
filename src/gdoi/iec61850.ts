/** IEC 61850 TEKs between SAT payloads and typed values: RFC 8052 2.2 and 2.3. */
import { MOST_OID_PAYLOAD_OCTETS } from "../core/identity.ts";
import { AuthAlg, SaTekAttribute, TekProtocol } from "../iana/gdoi.ts";
import { isDer } from "../util/der.ts";
import { u32 } from "../util/octets.ts";
import { ok, type Result } from "../util/result.ts";
import { numberOf } from "../wire/attributes.ts";
import type { Attribute, Iec61850Tek, OidSelector, SaTekPayload } from "../wire/payloads.ts";
import { iec61850Protection, type KeyForm } from "./iec61850-algorithms.ts";
import type { Iec61850TekPolicy } from "./policy.ts";
import { type PolicyError, refuse } from "./refusal.ts";

const SECTION = "RFC 8052 2.2.4";
const MOST_SECONDS = 0xffffffff;

/** What the operator decides of an IEC 61850 TEK. */
export interface Iec61850Terms extends Pick<OidSelector, "oid" | "oidSpecificPayload"> {
  readonly name: string;
  readonly authAlg: number;
  readonly encAlg: number;
  readonly lifetimeSeconds: number;
}

/** The template of a TEK, with the sizes of its keys; refused are combinations that RFC 8052 forbids. */
export function iec61850TekPolicy(terms: Iec61850Terms): Result<Iec61850TekPolicy, PolicyError> {
  const { name, oid, oidSpecificPayload, authAlg, encAlg, lifetimeSeconds } = terms;
  const wrong = selectorFault(oidSpecificPayload);
  if (wrong !== undefined) return wrong;
  const protection = iec61850Protection(authAlg, encAlg);
  if (!protection.ok) return protection;
  const { authentication, encryption, counterMode } = protection.value;
  return ok({
    name,
    protocolId: TekProtocol.IEC_61850,
    oid,
    oidSpecificPayload,
    encAlg,
    algorithmKeyOctets: encryption.keyOctets + encryption.saltOctets,
    ...(authAlg !== AuthAlg.NONE && {
      authentication: { algorithm: authAlg, keyOctets: authentication.keyOctets + authentication.saltOctets },
    }),
    counterMode,
    lifetimeSeconds,
  });
}

/** SA Data Attributes of one SAT (RFC 8052 2.2.4). */
export interface SaTekAttributes {
  /** SA_ATD: seconds until the TEK may be used. */
  readonly activationSeconds?: number;
  /** SA_KDA: percentage of the subscribers that have the key, 0 to 100. */
  readonly keyDeliveryAssurance?: number;
}

/**
 * The SAT of an IEC 61850 TEK: the OID in its whole DER encoding, SA_ATD with four octets, SA_KDA basic, in this order.
 * @param spi four octets.
 * @param lifetimeSeconds what is left of its life.
 */
export function buildIec61850Sat(
  tek: Iec61850TekPolicy,
  spi: Uint8Array,
  lifetimeSeconds: number,
  { activationSeconds, keyDeliveryAssurance }: SaTekAttributes = {},
): SaTekPayload {
  const { oid, oidSpecificPayload, authentication, encAlg } = tek;
  const attributes: Attribute[] = [];
  if (activationSeconds !== undefined) attributes.push({ type: SaTekAttribute.SA_ATD, value: u32(activationSeconds) });
  if (keyDeliveryAssurance !== undefined) {
    attributes.push({ type: SaTekAttribute.SA_KDA, value: keyDeliveryAssurance });
  }
  const authAlg = authentication?.algorithm ?? AuthAlg.NONE;
  const iec61850 = { oid, oidSpecificPayload, spi, authAlg, encAlg, remainingLifetime: lifetimeSeconds, attributes };
  return { kind: "SAT", protocolId: tek.protocolId, iec61850 };
}

/** What a SAT of IEC 61850 says of its stream and protection. */
export interface Iec61850Stream extends Pick<OidSelector, "oid" | "oidSpecificPayload"> {
  readonly authAlg: number;
  readonly encAlg: number;
  /** SA_KDA: percentage of the subscribers that have the key. */
  readonly keyDeliveryAssurance?: number;
  /** Neither authenticated nor encrypted. */
  readonly unprotected: boolean;
}

/** What a SAT of IEC 61850 says. */
export interface Iec61850Description {
  readonly spi: Uint8Array;
  /** Infinity for a TEK that does not expire. */
  readonly lifetimeSeconds: number;
  readonly counterMode: boolean;
  readonly algorithmKeyOctets: number;
  readonly integrityKeyOctets: number;
  readonly activationSeconds?: number;
  readonly iec61850: Iec61850Stream;
  /** Where it is not as it is sent here, and what deserves attention. */
  readonly notes: readonly string[];
}

/** Reads a SAT of IEC 61850; algorithms, combinations and attributes that are not understood or forbidden are refused. */
export function readIec61850(tek: Iec61850Tek): Result<Iec61850Description, PolicyError> {
  const { oid, oidForm, oidSpecificPayload, authAlg, encAlg } = tek;
  const wrong = selectorFault(oidSpecificPayload);
  if (wrong !== undefined) return wrong;
  const protection = iec61850Protection(authAlg, encAlg);
  if (!protection.ok) return protection;
  const attributes = readAttributes(tek.attributes);
  if (!attributes.ok) return attributes;
  const { authentication, encryption, counterMode, unprotected } = protection.value;
  const { activationSeconds, keyDeliveryAssurance, notes } = attributes.value;
  return ok({
    spi: tek.spi.slice(),
    lifetimeSeconds: tek.remainingLifetime === 0 ? Number.POSITIVE_INFINITY : tek.remainingLifetime,
    counterMode,
    algorithmKeyOctets: encryption.keyOctets + encryption.saltOctets,
    integrityKeyOctets: authentication.keyOctets + authentication.saltOctets,
    ...(activationSeconds !== undefined && { activationSeconds }),
    iec61850: {
      oid: oid.slice(),
      oidSpecificPayload: oidSpecificPayload.slice(),
      authAlg,
      encAlg,
      ...(keyDeliveryAssurance !== undefined && { keyDeliveryAssurance }),
      unprotected,
    },
    notes: [
      ...(oidForm === "contents" ? ["the OID has its contents octets only, without tag and length"] : []),
      ...(unprotected ? ["Auth Alg and Enc Alg are NONE: the stream is not protected"] : []),
      ...notes,
    ],
  });
}

/**
 * Judges the lengths of the keys that came for a TEK. One without its salt is taken, since the length shows it.
 * @returns notes on what is not as it is sent here; undefined when a length is neither.
 */
export function readIec61850Keys(
  { authAlg, encAlg }: Pick<Iec61850Stream, "authAlg" | "encAlg">,
  algorithmKeyOctets: number,
  integrityKeyOctets: number,
): readonly string[] | undefined {
  const protection = iec61850Protection(authAlg, encAlg);
  if (!protection.ok) return undefined;
  const { authentication, encryption } = protection.value;
  const algorithm = keyNotes("TEK_ALGORITHM_KEY", algorithmKeyOctets, encryption);
  const integrity = keyNotes("TEK_INTEGRITY_KEY", integrityKeyOctets, authentication);
  return algorithm && integrity && [...algorithm, ...integrity];
}

function keyNotes(name: string, octets: number, { keyOctets, saltOctets }: KeyForm): readonly string[] | undefined {
  if (octets === keyOctets + saltOctets) return [];
  return octets === keyOctets ? [`${name} has no salt`] : undefined;
}

/** Attributes in any order, each at most once, and in either format: their lengths leave no doubt about the value. */
function readAttributes(
  list: readonly Attribute[],
): Result<SaTekAttributes & { readonly notes: readonly string[] }, PolicyError> {
  const { SA_ATD, SA_KDA } = SaTekAttribute;
  const found = new Map<number, number>();
  const notes: string[] = [];
  for (const a of list) {
    const { type, value } = a;
    if (type !== SA_ATD && type !== SA_KDA) {
      return refuse("unsupported", SECTION, `SAT has attribute ${type}, which is not understood`);
    }
    const name = type === SA_ATD ? "SA_ATD" : "SA_KDA";
    if (found.has(type)) return refuse("malformed", SECTION, `SAT has ${name} twice`);
    if (value instanceof Uint8Array && value.length === 0) return refuse("malformed", SECTION, `${name} has no value`);
    const number = numberOf(a);
    if (number > (type === SA_ATD ? MOST_SECONDS : 100)) return refuse("malformed", SECTION, `${name} is too large`);
    if (type === SA_ATD && (typeof value === "number" || value.length !== 4)) notes.push("SA_ATD has not four octets");
    if (type === SA_KDA && typeof value !== "number") notes.push("SA_KDA is not a basic attribute");
    found.set(type, number);
  }
  const activationSeconds = found.get(SA_ATD);
  const keyDeliveryAssurance = found.get(SA_KDA);
  return ok({
    ...(activationSeconds !== undefined && { activationSeconds }),
    ...(keyDeliveryAssurance !== undefined && { keyDeliveryAssurance }),
    notes,
  });
}

function selectorFault(payload: Uint8Array): Result<never, PolicyError> | undefined {
  const section = "RFC 8052 2.2";
  if (payload.length > MOST_OID_PAYLOAD_OCTETS) {
    return refuse(
      "unsupported",
      section,
      `OID-Specific Payload has ${payload.length} octets, at most ${MOST_OID_PAYLOAD_OCTETS} are taken`,
    );
  }
  if (payload.length > 0 && !isDer(payload)) {
    return refuse("malformed", section, "OID-Specific Payload is not one element of DER");
  }
  return undefined;
}
