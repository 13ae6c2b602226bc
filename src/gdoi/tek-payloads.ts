/** Data-Security SAs between SAT payloads and typed values: RFC 6407 5.5.1, RFC 2407 4.5, RFC 8052 2.2. */
import { TekProtocol } from "../iana/gdoi.ts";
import { AhTransform, AuthenticationAlgorithm, EspTransform, IpsecAttribute, SaLifeType } from "../iana/ipsec.ts";
import { PayloadType } from "../iana/isakmp.ts";
import { hex, u32 } from "../util/octets.ts";
import { ok, type Result } from "../util/result.ts";
import { attribute, numberOf } from "../wire/attributes.ts";
import { encodePayload } from "../wire/message.ts";
import type { Attribute, IpsecTek, SaTekPayload } from "../wire/payloads.ts";
import {
  buildIec61850Sat,
  type Iec61850Stream,
  readIec61850,
  readIec61850Keys,
  type SaTekAttributes,
} from "./iec61850.ts";
import type { TekKeys } from "./key-packets.ts";
import type { TekPolicy } from "./policy.ts";
import { buildSa } from "./policy-payloads.ts";
import { type PolicyError, refuse } from "./refusal.ts";

/** Where the body begins behind the SA payload's header (16 octets), the SAT's (4) and Protocol-ID (1). */
const BODY_OFFSET = 21;

/** Default of RFC 2407 4.5 when SA Life Duration is absent. */
const DEFAULT_LIFETIME_SECONDS = 28_800;

interface EspCipher {
  /** Octets of nonce that the key carries (RFC 3686, 4106, 4309, 4543). */
  readonly salt: number;
  /** Key sizes in bits, the default first; empty for NULL. */
  readonly bits: readonly number[];
  readonly counterMode: boolean;
  /** Authenticates by itself. */
  readonly combined: boolean;
}

const aes = [128, 192, 256] as const;
const espCiphers: Readonly<Record<number, EspCipher>> = {
  [EspTransform.ESP_NULL]: { salt: 0, bits: [], counterMode: false, combined: false },
  [EspTransform.ESP_AES_CBC]: { salt: 0, bits: aes, counterMode: false, combined: false },
  [EspTransform.ESP_AES_CTR]: { salt: 4, bits: aes, counterMode: true, combined: false },
  [EspTransform.ESP_AES_CCM_8]: { salt: 3, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_AES_CCM_12]: { salt: 3, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_AES_CCM_16]: { salt: 3, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_AES_GCM_8]: { salt: 4, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_AES_GCM_12]: { salt: 4, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_AES_GCM_16]: { salt: 4, bits: aes, counterMode: true, combined: true },
  [EspTransform.ESP_NULL_AUTH_AES_GMAC]: { salt: 4, bits: aes, counterMode: true, combined: true },
};

/** TEK_INTEGRITY_KEY octets by RFC 2407 4.5 authentication algorithm (RFC 4868 2.1.1; GMAC with its salt, RFC 4543). */
const integrityOctets: Readonly<Record<number, number>> = {
  [AuthenticationAlgorithm.HMAC_SHA2_256]: 32,
  [AuthenticationAlgorithm.HMAC_SHA2_384]: 48,
  [AuthenticationAlgorithm.HMAC_SHA2_512]: 64,
};

const ahAuthentication: Readonly<Record<number, number>> = {
  [AhTransform.AH_SHA2_256]: AuthenticationAlgorithm.HMAC_SHA2_256,
  [AhTransform.AH_SHA2_384]: AuthenticationAlgorithm.HMAC_SHA2_384,
  [AhTransform.AH_SHA2_512]: AuthenticationAlgorithm.HMAC_SHA2_512,
};

/** What a SAT says, as far as keys are concerned. */
export interface TekDescription {
  readonly protocolId: number;
  /** Four octets. */
  readonly spi: Uint8Array;
  /** Infinity for a TEK that does not expire. */
  readonly lifetimeSeconds: number;
  readonly counterMode: boolean;
  /** Octets of TEK_ALGORITHM_KEY and TEK_INTEGRITY_KEY that its transform needs, 0 for none. */
  readonly algorithmKeyOctets: number;
  readonly integrityKeyOctets: number;
  /** SaDirection, or undefined: symmetric (RFC 6407 5.5.1.1.2). */
  readonly direction?: number;
  /** SA_ATD: seconds until it may be used, whatever the GAP says (RFC 8052 2.2.4.1). */
  readonly activationSeconds?: number;
  /** Present for IEC 61850. */
  readonly iec61850?: Iec61850Stream;
  /** Where the SAT is not as it is sent here, and what deserves attention. */
  readonly notes?: readonly string[];
  /** The SAT body as it came: selectors, transform, SPI, attributes. */
  readonly policy: Uint8Array;
}

/**
 * The SAT of a TEK.
 * @param spi four octets.
 * @param lifetimeSeconds what is left of its life: absolute times do not travel.
 * @param saAttributes for IEC 61850 only.
 */
export function buildSat(
  tek: TekPolicy,
  spi: Uint8Array,
  lifetimeSeconds: number,
  saAttributes?: SaTekAttributes,
): SaTekPayload {
  if (tek.protocolId === TekProtocol.IEC_61850) return buildIec61850Sat(tek, spi, lifetimeSeconds, saAttributes);
  const attributes: Attribute[] = [
    { type: IpsecAttribute.SA_LIFE_TYPE, value: SaLifeType.SECONDS },
    { type: IpsecAttribute.SA_LIFE_DURATION, value: u32(lifetimeSeconds) },
    { type: IpsecAttribute.ENCAPSULATION_MODE, value: tek.mode },
  ];
  const add = (type: number, value: number | undefined) => {
    if (value !== undefined) attributes.push({ type, value });
  };
  add(IpsecAttribute.KEY_LENGTH, tek.keyBits);
  add(IpsecAttribute.AUTHENTICATION_ALGORITHM, tek.authentication?.algorithm);
  add(IpsecAttribute.ADDRESS_PRESERVATION, tek.addressPreservation);
  add(IpsecAttribute.SA_DIRECTION, tek.direction);
  const { protocol, source, destination, transformId } = tek;
  const body: IpsecTek = { protocol, source, destination, transformId, spi, attributes };
  return { kind: "SAT", protocolId: tek.protocolId, body };
}

/**
 * Reads a SAT of ESP, AH or IEC 61850; attributes and transforms that are not understood, and weak ones, are refused.
 * `value` undefined: another security protocol, which is carried and not interpreted.
 */
export function readSat(sat: SaTekPayload): Result<TekDescription | undefined, PolicyError> {
  const { body, iec61850 } = sat;
  if (iec61850 !== undefined) {
    const read = readIec61850(iec61850);
    return read.ok ? ok({ protocolId: sat.protocolId, ...read.value, policy: policyOf(sat) }) : read;
  }
  if (body === undefined) return ok(undefined);
  const section = "RFC 6407 5.5.1";
  const known = new Set<number>(Object.values(IpsecAttribute));
  for (const { type } of body.attributes) {
    if (!known.has(type)) return refuse("unsupported", section, `SAT has attribute ${type}, which is not understood`);
  }
  const value = (type: number) => {
    const found = attribute(body.attributes, type);
    return found === undefined ? undefined : numberOf(found);
  };
  const mode = value(IpsecAttribute.ENCAPSULATION_MODE);
  if (mode !== undefined && mode !== 1 && mode !== 2) {
    return refuse("unsupported", section, `Encapsulation Mode ${mode} is not supported`);
  }
  const lifetime = lifetimeOf(body.attributes);
  if (!lifetime.ok) return lifetime;
  const keys =
    sat.protocolId === TekProtocol.ESP
      ? espKeys(body.transformId, value(IpsecAttribute.KEY_LENGTH), value(IpsecAttribute.AUTHENTICATION_ALGORITHM))
      : ahKeys(body.transformId, value(IpsecAttribute.AUTHENTICATION_ALGORITHM));
  if (!keys.ok) return keys;
  const direction = value(IpsecAttribute.SA_DIRECTION);
  return ok({
    protocolId: sat.protocolId,
    spi: body.spi.slice(),
    lifetimeSeconds: lifetime.value,
    ...keys.value,
    ...(direction !== undefined && { direction }),
    policy: policyOf(sat),
  });
}

function policyOf(sat: SaTekPayload): Uint8Array {
  return encodePayload(buildSa([sat]), PayloadType.NONE).slice(BODY_OFFSET);
}

/**
 * Judges the keys that came for a TEK by their lengths.
 * @returns notes on what is not as it is sent here.
 */
export function fitKeys(
  description: TekDescription,
  keys: Pick<TekKeys, "algorithmKey" | "integrityKey">,
): Result<readonly string[], PolicyError> {
  const { iec61850, algorithmKeyOctets, integrityKeyOctets } = description;
  const [algorithm, integrity] = [keys.algorithmKey?.length ?? 0, keys.integrityKey?.length ?? 0];
  const exact = algorithm === algorithmKeyOctets && integrity === integrityKeyOctets;
  const notes = iec61850 && !exact ? readIec61850Keys(iec61850, algorithm, integrity) : exact ? [] : undefined;
  if (notes !== undefined) return ok(notes);
  const section = iec61850 ? "RFC 8052 2.3" : "RFC 6407 5.6.1";
  const spi = hex(description.spi);
  return refuse("mismatch", section, `keys of ${algorithm} and ${integrity} octets do not fit the TEK with SPI ${spi}`);
}

type Keys = Pick<TekDescription, "counterMode" | "algorithmKeyOctets" | "integrityKeyOctets">;

function espKeys(transform: number, keyBits: number | undefined, auth: number | undefined): Result<Keys, PolicyError> {
  const section = "RFC 6407 5.5.1";
  const cipher = espCiphers[transform];
  if (cipher === undefined) return refuse("unsupported", section, `ESP transform ${transform} is not supported`);
  const bits = keyBits ?? cipher.bits[0] ?? 0;
  if (cipher.bits.length > 0 && !cipher.bits.includes(bits)) {
    return refuse("unsupported", section, `ESP transform ${transform} with a key of ${bits} bits is not supported`);
  }
  const integrity = auth === undefined ? 0 : integrityOctets[auth];
  if (integrity === undefined)
    return refuse("unsupported", section, `authentication algorithm ${auth} is not supported`);
  if (integrity === 0 && !cipher.combined) {
    return refuse("weak", section, `ESP transform ${transform} without authentication`);
  }
  const algorithmKeyOctets = cipher.bits.length === 0 ? 0 : bits / 8 + cipher.salt;
  return ok({ counterMode: cipher.counterMode, algorithmKeyOctets, integrityKeyOctets: integrity });
}

function ahKeys(transform: number, auth: number | undefined): Result<Keys, PolicyError> {
  const section = "RFC 2407 4.4.3";
  const algorithm = ahAuthentication[transform];
  const integrity = algorithm === undefined ? undefined : integrityOctets[algorithm];
  if (integrity === undefined) return refuse("unsupported", section, `AH transform ${transform} is not supported`);
  if (auth !== undefined && auth !== algorithm) {
    return refuse("malformed", section, `AH transform ${transform} with authentication algorithm ${auth}`);
  }
  return ok({ counterMode: false, algorithmKeyOctets: 0, integrityKeyOctets: integrity });
}

/** SA Life Type and Duration come in pairs (RFC 2407 4.5); kilobytes are left to the data plane. */
function lifetimeOf(attributes: readonly Attribute[]): Result<number, PolicyError> {
  let type: number | undefined;
  let found: number | undefined;
  for (const a of attributes) {
    if (a.type === IpsecAttribute.SA_LIFE_TYPE) type = numberOf(a);
    if (a.type === IpsecAttribute.SA_LIFE_DURATION) {
      if (type === undefined) return refuse("malformed", "RFC 2407 4.5", "SA Life Duration without SA Life Type");
      if (type === SaLifeType.SECONDS) found = numberOf(a);
      type = undefined;
    }
  }
  if (found === 0) return refuse("malformed", "RFC 2407 4.5", "SA Life Duration of no seconds");
  return ok(found ?? DEFAULT_LIFETIME_SECONDS);
}
