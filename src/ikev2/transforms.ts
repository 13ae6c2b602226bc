/** Transforms of a proposal by their type and meaning: RFC 7296 3.3.2 to 3.3.6. */
import { ProtocolId, TransformAttribute, TransformType } from "../iana/ikev2.ts";
import { isZero } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import { numberOf } from "../wire/attributes.ts";
import { codeText } from "../wire/codec.ts";
import type { Proposal, Transform } from "../wire/ikev2/payloads.ts";
import { transformIdText } from "../wire/ikev2/sa.ts";

/** What a proposal must be to be looked at. */
export interface ProposalForm {
  readonly protocolId: number;
  readonly spiOctets: number;
  /** Transform types of the protocol (3.3.3): whether a proposal must have one. */
  readonly types: ReadonlyMap<number, "mandatory" | "optional">;
}

/** A proposal for an IKE SA; an SPI is in it when one is rekeyed. */
export function ikeForm(spiOctets: 0 | 8): ProposalForm {
  return { protocolId: ProtocolId.IKE, spiOctets, types: ikeTypes };
}

const ikeTypes: ProposalForm["types"] = new Map([
  [TransformType.ENCR, "mandatory"],
  // not with combined modes
  [TransformType.INTEG, "optional"],
  [TransformType.PRF, "mandatory"],
  [TransformType.DH, "mandatory"],
]);

/** A proposal for ESP. */
export const espForm: ProposalForm = {
  protocolId: ProtocolId.ESP,
  spiOctets: 4,
  types: new Map([
    [TransformType.ENCR, "mandatory"],
    [TransformType.INTEG, "optional"],
    [TransformType.DH, "optional"],
    [TransformType.ESN, "mandatory"],
  ]),
};

/** The transforms of one proposal by their type. */
export type Offered = ReadonlyMap<number, readonly Transform[]>;

/**
 * The transforms of a proposal, or why it is unacceptable whatever is in them: a type is missing, or there is one that is
 * not understood (3.3.6).
 */
export function readProposal(proposal: Proposal, number: number, form: ProposalForm): Result<Offered, string> {
  const { protocolId, spi } = proposal;
  if (proposal.number !== number) return err(`its number must be ${number} (RFC 7296 3.3.1)`);
  if (protocolId !== form.protocolId) {
    return err(`it is for ${codeText(ProtocolId, protocolId)}, not ${codeText(ProtocolId, form.protocolId)}`);
  }
  if (spi.length !== form.spiOctets) return err(`its SPI has ${spi.length} octets, not ${form.spiOctets}`);
  // an SA that cannot be named: RFC 7296 3.1, RFC 4303 2.1
  if (spi.length > 0 && isZero(spi)) return err("its SPI is zero");
  const offered = new Map<number, Transform[]>();
  for (const transform of proposal.transforms) {
    if (!form.types.has(transform.type))
      return err(`transform type ${typeText(transform.type)} is not understood here`);
    const list = offered.get(transform.type);
    if (list === undefined) offered.set(transform.type, [transform]);
    else list.push(transform);
  }
  for (const [type, need] of form.types) {
    if (need === "mandatory" && !offered.has(type)) return err(`it has no transform of ${typeText(type)}`);
  }
  return ok(offered);
}

/** The first of `ours` that the peer offers too, with the peer's transform. */
export function firstCommon<T extends Meaning>(
  offered: Offered,
  type: number,
  ours: readonly T[],
): { readonly one: T; readonly transform: Transform } | undefined {
  const transforms = offered.get(type) ?? [];
  for (const one of ours) {
    const transform = transforms.find((candidate) => means(candidate, one));
    if (transform !== undefined) return { one, transform };
  }
  return undefined;
}

/** Whether the peer does without an optional type: it leaves it out, or offers NONE, which then stands in the answer (2.7). */
export function without(
  offered: Offered,
  type: number,
  none: number,
): { readonly transform: Transform | undefined } | undefined {
  const transforms = offered.get(type);
  if (transforms === undefined) return { transform: undefined };
  const transform = transforms.find((candidate) => means(candidate, { id: none }));
  return transform === undefined ? undefined : { transform };
}

/** What a transform stands for: the configuration names each length of a key by itself. */
export interface Meaning {
  readonly id: number;
  readonly keyBits?: number | undefined;
}

/**
 * An attribute that is not understood makes a transform unacceptable, and so does a Key Length where the length is fixed, or
 * none where it is not (3.3.5, 3.3.6).
 */
function means({ id, attributes }: Transform, { id: ourId, keyBits }: Meaning): boolean {
  if (id !== ourId) return false;
  const [attribute, ...more] = attributes;
  if (attribute === undefined) return keyBits === undefined;
  return more.length === 0 && attribute.type === TransformAttribute.KEY_LENGTH && numberOf(attribute) === keyBits;
}

/** As they are offered. */
export function transformsOf(type: number, all: readonly Meaning[]): Transform[] {
  return all.map(({ id, keyBits }) => ({
    type,
    id,
    attributes: keyBits === undefined ? [] : [{ type: TransformAttribute.KEY_LENGTH, value: keyBits }],
  }));
}

/** `ENCR (1)` */
export const typeText = (type: number): string => codeText(TransformType, type);

/** `ENCR_3DES (3) or ENCR_AES_CBC (12) with 192 bits` */
export function transformsText(offered: Offered, type: number): string {
  const transforms = offered.get(type) ?? [];
  if (transforms.length === 0) return `no transform of ${typeText(type)}`;
  const texts = transforms.map(({ id, attributes }) => {
    const bits = attributes.find((one) => one.type === TransformAttribute.KEY_LENGTH);
    return `${transformIdText(type, id)}${bits === undefined ? "" : ` with ${numberOf(bits)} bits`}`;
  });
  const shown = texts.slice(0, 4).join(" or ");
  return texts.length > 4 ? `${shown} or ${texts.length - 4} more` : shown;
}
