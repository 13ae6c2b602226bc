/** The Rekey SA and group associated policy between payloads and typed values: RFC 6407 5.3 and 5.4, RFC 8263 2. */
import { GapAttribute, KekAlgorithm, KekAttribute, KekManagement, SigAlgorithm } from "../iana/gdoi.ts";
import { Doi, IdType, IpProtocol } from "../iana/isakmp.ts";
import { u32 } from "../util/octets.ts";
import { ok, type Result } from "../util/result.ts";
import { attribute, numberOf } from "../wire/attributes.ts";
import type {
  Attribute,
  GapPayload,
  GdoiSaPayload,
  SaAttributePayload,
  SaKekPayload,
  SaTekPayload,
  SelectorId,
} from "../wire/payloads.ts";
import { type PolicyError, refuse } from "./refusal.ts";
import { pushScheme } from "./signature.ts";

/** Policy is read differently in the two exchanges (RFC 6407 5.3). */
export type PolicyExchange = "pull" | "push";

/** What a SAK says. */
export interface RekeySa {
  /** 16 octets. */
  readonly spi: Uint8Array;
  /** IP protocol of pushes: 17. */
  readonly protocol: number;
  readonly source: SelectorId;
  /** Where pushes go: a multicast address and port, or zeros for unicast (READINGS 9). */
  readonly destination: SelectorId;
  readonly keyBits: 128 | 192 | 256;
  readonly lifetimeSeconds?: number;
  readonly signatureAlgorithm: number;
  /** SIG_HASH_ALGORITHM; absent only with ECDSA. */
  readonly signatureHash?: number;
  readonly signatureKeyBits?: number;
  /** KEK_ACK_REQUESTED as it stands, of any value. */
  readonly ack?: number;
  /** Present in a push that carries LKH update arrays (READINGS 10). */
  readonly management?: "lkh";
}

/** Source and destination of a SAK for unicast pushes: 0.0.0.0, port 0 (READINGS 9). */
export const unicastSelector: SelectorId = { idType: IdType.ID_IPV4_ADDR, port: 0, data: new Uint8Array(4) };

/** The SAK of a Rekey SA. */
export function buildSak(rekey: RekeySa): SaKekPayload {
  const attributes: Attribute[] = [];
  const add = (type: number, value: number | Uint8Array | undefined) => {
    if (value !== undefined) attributes.push({ type, value });
  };
  add(KekAttribute.KEK_MANAGEMENT_ALGORITHM, rekey.management === "lkh" ? KekManagement.LKH : undefined);
  add(KekAttribute.KEK_ALGORITHM, KekAlgorithm.AES);
  add(KekAttribute.KEK_KEY_LENGTH, rekey.keyBits);
  add(KekAttribute.KEK_KEY_LIFETIME, rekey.lifetimeSeconds === undefined ? undefined : u32(rekey.lifetimeSeconds));
  add(KekAttribute.SIG_HASH_ALGORITHM, rekey.signatureHash);
  add(KekAttribute.SIG_ALGORITHM, rekey.signatureAlgorithm);
  add(KekAttribute.SIG_KEY_LENGTH, rekey.signatureKeyBits);
  add(KekAttribute.KEK_ACK_REQUESTED, rekey.ack);
  const { protocol, source, destination, spi } = rekey;
  return { kind: "SAK", protocol, source, destination, spi, attributes };
}

/** Reads a SAK; an attribute or capability that is not understood makes it unacceptable (RFC 6407 5.3.2). */
export function readSak(sak: SaKekPayload, exchange: PolicyExchange): Result<RekeySa, PolicyError> {
  const section = "RFC 6407 5.3";
  const known = new Set<number>(Object.values(KekAttribute));
  const seen = new Set<number>();
  for (const { type } of sak.attributes) {
    if (!known.has(type)) return refuse("unsupported", section, `SAK has attribute ${type}, which is not understood`);
    if (seen.has(type)) return refuse("malformed", section, `SAK has attribute ${type} twice`);
    seen.add(type);
  }
  const value = (type: number) => {
    const found = attribute(sak.attributes, type);
    return found === undefined ? undefined : numberOf(found);
  };
  if (value(KekAttribute.KEK_ALGORITHM) !== KekAlgorithm.AES) {
    return refuse("unsupported", "RFC 6407 5.3.2", "KEK_ALGORITHM is not KEK_ALG_AES");
  }
  const keyBits = value(KekAttribute.KEK_KEY_LENGTH);
  if (keyBits !== 128 && keyBits !== 192 && keyBits !== 256) {
    return refuse("unsupported", "RFC 6407 5.3.3", "KEK_KEY_LENGTH is not 128, 192 or 256");
  }
  const signatureAlgorithm = value(KekAttribute.SIG_ALGORITHM);
  const signatureHash = value(KekAttribute.SIG_HASH_ALGORITHM);
  if (signatureAlgorithm === undefined) return refuse("malformed", section, "SAK lacks SIG_ALGORITHM");
  if (pushScheme(signatureAlgorithm, signatureHash ?? 0) === undefined) {
    const message = `SIG_ALGORITHM ${signatureAlgorithm} with SIG_HASH_ALGORITHM ${signatureHash ?? "none"} is not supported`;
    return refuse("unsupported", "RFC 6407 5.3.6", message);
  }
  const signatureKeyBits = value(KekAttribute.SIG_KEY_LENGTH);
  if (signatureAlgorithm === SigAlgorithm.RSA && signatureKeyBits !== undefined && signatureKeyBits < 2048) {
    return refuse("weak", "RFC 6407 6.1", `an RSA signature key of ${signatureKeyBits} bits`);
  }
  // KEK_MANAGEMENT_ALGORITHM "MUST be ignored if present" in a PULL
  const management = exchange === "push" ? value(KekAttribute.KEK_MANAGEMENT_ALGORITHM) : undefined;
  if (management !== undefined && management !== KekManagement.LKH) {
    return refuse("unsupported", "RFC 6407 5.3.1", `KEK_MANAGEMENT_ALGORITHM ${management}`);
  }
  const lifetimeSeconds = value(KekAttribute.KEK_KEY_LIFETIME);
  const ack = value(KekAttribute.KEK_ACK_REQUESTED);
  return ok({
    spi: sak.spi.slice(),
    protocol: sak.protocol,
    source: sak.source,
    destination: sak.destination,
    keyBits,
    ...(lifetimeSeconds !== undefined && { lifetimeSeconds }),
    signatureAlgorithm,
    ...(signatureHash !== undefined && { signatureHash }),
    ...(signatureKeyBits !== undefined && { signatureKeyBits }),
    ...(ack !== undefined && { ack }),
    ...(management !== undefined && { management: "lkh" as const }),
  });
}

/** Activation and deactivation time delays in seconds (RFC 6407 5.4.1). */
export interface GroupDelays {
  readonly activationSeconds?: number;
  readonly deactivationSeconds?: number;
}

/** The GAP of an SA payload, undefined when there is nothing to say. */
export function buildGap(delays: GroupDelays): GapPayload | undefined {
  const { activationSeconds, deactivationSeconds } = delays;
  const attributes: Attribute[] = [];
  if (activationSeconds !== undefined) {
    attributes.push({ type: GapAttribute.ACTIVATION_TIME_DELAY, value: activationSeconds });
  }
  if (deactivationSeconds !== undefined) {
    attributes.push({ type: GapAttribute.DEACTIVATION_TIME_DELAY, value: deactivationSeconds });
  }
  return attributes.length === 0 ? undefined : { kind: "GAP", attributes };
}

/** The GAP of GROUPKEY-PULL message 3: a request for so many SIDs (RFC 6407 5.4.2). */
export function buildSidRequest(count: number): GapPayload {
  return { kind: "GAP", attributes: [{ type: GapAttribute.SENDER_ID_REQUEST, value: count }] };
}

/** Delays of a GAP in an SA payload; an attribute that is not understood makes it unacceptable (RFC 6407 5.4). */
export function readGap(gap: GapPayload): Result<GroupDelays, PolicyError> {
  const { ACTIVATION_TIME_DELAY, DEACTIVATION_TIME_DELAY } = GapAttribute;
  for (const { type } of gap.attributes) {
    if (type !== ACTIVATION_TIME_DELAY && type !== DEACTIVATION_TIME_DELAY) {
      return refuse("unsupported", "RFC 6407 5.4", `GAP has attribute ${type}, which is not understood here`);
    }
  }
  const activation = attribute(gap.attributes, ACTIVATION_TIME_DELAY);
  const deactivation = attribute(gap.attributes, DEACTIVATION_TIME_DELAY);
  return ok({
    ...(activation && { activationSeconds: numberOf(activation) }),
    ...(deactivation && { deactivationSeconds: numberOf(deactivation) }),
  });
}

/** SIDs that the GAP of message 3 asks for; 1 when it says nothing (RFC 6407 3.5). */
export function readSidRequest(gap: GapPayload): Result<number, PolicyError> {
  const section = "RFC 6407 5.4";
  for (const { type } of gap.attributes) {
    if (type !== GapAttribute.SENDER_ID_REQUEST) {
      return refuse("unsupported", section, `GAP has attribute ${type}, which is not understood here`);
    }
  }
  const request = attribute(gap.attributes, GapAttribute.SENDER_ID_REQUEST);
  const count = request === undefined ? 1 : numberOf(request);
  return count >= 1 ? ok(count) : refuse("malformed", section, "SENDER_ID_REQUEST for no SID");
}

/** The SA payload of GDOI around its attribute payloads, which must stand in the order SAK, GAP, SATs (RFC 6407 5.2.1). */
export function buildSa(attributes: readonly (SaAttributePayload | undefined)[]): GdoiSaPayload {
  return { kind: "GDOI-SA", doi: Doi.GDOI, situation: 0, attributes: attributes.filter((a) => a !== undefined) };
}

/** The attribute payloads of an SA by kind. */
export interface SaContents {
  readonly sak?: SaKekPayload;
  readonly gap?: GapPayload;
  readonly sats: readonly SaTekPayload[];
}

/** Checks kind, number and order of the SA attribute payloads (RFC 6407 5.2.1): [SAK] [GAP] [SAT...], a SAK or a SAT at least. */
export function readSa(sa: GdoiSaPayload): Result<SaContents, PolicyError> {
  const section = "RFC 6407 5.2.1";
  if (sa.doi !== Doi.GDOI) return refuse("malformed", "RFC 6407 5.2", `SA has DOI ${sa.doi}`);
  if (sa.situation !== 0) return refuse("malformed", "RFC 6407 5.2", `SA has Situation ${sa.situation}`);
  const rank = { SAK: 0, GAP: 1, SAT: 2 } as const;
  let reached = -1;
  let sak: SaKekPayload | undefined;
  let gap: GapPayload | undefined;
  const sats: SaTekPayload[] = [];
  for (const a of sa.attributes) {
    if (a.kind === "UNKNOWN") return refuse("unsupported", section, `SA has a payload of type ${a.type}`);
    const at: number = rank[a.kind];
    if (at < reached || (at === reached && at !== rank.SAT)) {
      return refuse("malformed", section, `SA has ${a.kind} out of order or twice`);
    }
    reached = at;
    if (a.kind === "SAK") sak = a;
    else if (a.kind === "GAP") gap = a;
    else sats.push(a);
  }
  if (sak === undefined && sats.length === 0) return refuse("malformed", section, "SA has neither SAK nor SAT");
  return ok({ ...(sak && { sak }), ...(gap && { gap }), sats });
}

/** IP protocol of pushes, for buildSak. */
export const PUSH_PROTOCOL = IpProtocol.UDP;
