/** Transforms of a proposal by their type and meaning: RFC 7296 3.3.2 to 3.3.6. */
import { ProtocolId, TransformAttribute, TransformType } from "../iana/ikev2.ts";
import { isZero } from "../util/octets.ts";
import { numberOf } from "../wire/attributes.ts";
import { codeText } from "../wire/codec.ts";
import type { Proposal, Transform } from "../wire/ikev2/payloads.ts";
import { transformIdText } from "../wire/ikev2/sa.ts";

/** What a proposal must be to be looked at: the protocol's, with these transform types (3.3.3). */
export interface ProposalForm {
  readonly protocolId: number;
  readonly spiOctets: number;
  readonly mandatory: readonly number[];
  readonly optional: readonly number[];
}

/** A proposal for an IKE SA in IKE_SA_INIT. */
const firstIkeForm: ProposalForm = {
  protocolId: ProtocolId.IKE,
  spiOctets: 0,
  mandatory: [TransformType.ENCR, TransformType.PRF, TransformType.DH],
  // not with combined modes
  optional: [TransformType.INTEG],
};

/** The same when one is rekeyed: the new SPI is in it. */
const nextIkeForm: ProposalForm = { ...firstIkeForm, spiOctets: 8 };

/** A proposal for an IKE SA; an SPI is in it when one is rekeyed. */
export function ikeForm(spiOctets: 0 | 8): ProposalForm {
  return spiOctets === 0 ? firstIkeForm : nextIkeForm;
}

/** A proposal for ESP. */
export const espForm: ProposalForm = {
  protocolId: ProtocolId.ESP,
  spiOctets: 4,
  mandatory: [TransformType.ENCR, TransformType.ESN],
  optional: [TransformType.INTEG, TransformType.DH],
};

/** The transforms of one proposal: those of a type are alternatives. */
export type Offered = readonly Transform[];

/**
 * Why a proposal is unacceptable whatever is in it: a type is missing, or there is one that is not understood (3.3.6);
 * undefined when it is to be looked at.
 * @param number that it must have
 */
export function proposalFault(proposal: Proposal, number: number, form: ProposalForm): string | undefined {
  const { protocolId, spi, transforms } = proposal;
  if (proposal.number !== number) return `its number must be ${number} (RFC 7296 3.3.1)`;
  if (protocolId !== form.protocolId) {
    return `it is for ${codeText(ProtocolId, protocolId)}, not ${codeText(ProtocolId, form.protocolId)}`;
  }
  if (spi.length !== form.spiOctets) return `its SPI has ${spi.length} octets, not ${form.spiOctets}`;
  // an SA that cannot be named: RFC 7296 3.1, RFC 4303 2.1
  if (spi.length > 0 && isZero(spi)) return "its SPI is zero";
  for (const { type } of transforms) {
    if (!form.mandatory.includes(type) && !form.optional.includes(type)) {
      return `transform type ${typeText(type)} is not understood here`;
    }
  }
  for (const type of form.mandatory) if (!has(transforms, type)) return `it has no transform of ${typeText(type)}`;
  return undefined;
}

function has(offered: Offered, type: number): boolean {
  for (const transform of offered) if (transform.type === type) return true;
  return false;
}

/** The first of `ours` that the peer offers too. */
export function firstCommon<T extends Meaning>(
  offered: Offered,
  type: number,
  ours: readonly T[],
): Common<T> | undefined {
  for (const one of ours) {
    const transform = transformOf(offered, type, one);
    if (transform !== undefined) return { one, transform };
  }
  return undefined;
}

/** What both sides have, with the peer's transform for it. */
export interface Common<T> {
  readonly one: T;
  readonly transform: Transform;
}

/** The peer's transform that stands for `meaning`, if it offers one. */
export function transformOf(offered: Offered, type: number, meaning: Meaning): Transform | undefined {
  for (const transform of offered) if (transform.type === type && means(transform, meaning)) return transform;
  return undefined;
}

/**
 * Whether the peer does without an optional type: it leaves it out, or offers NONE, whose transform then stands in the
 * answer (2.7).
 */
export function without(offered: Offered, type: number, none: number): Transform | boolean {
  return transformOf(offered, type, { id: none }) ?? !has(offered, type);
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
  const attribute = attributes[0];
  if (attribute === undefined) return keyBits === undefined;
  return attributes.length === 1 && attribute.type === TransformAttribute.KEY_LENGTH && numberOf(attribute) === keyBits;
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
  const transforms = offered.filter((one) => one.type === type);
  if (transforms.length === 0) return `no transform of ${typeText(type)}`;
  const texts = transforms.map(({ id, attributes }) => {
    const bits = attributes.find((one) => one.type === TransformAttribute.KEY_LENGTH);
    return `${transformIdText(type, id)}${bits === undefined ? "" : ` with ${numberOf(bits)} bits`}`;
  });
  const shown = texts.slice(0, 4).join(" or ");
  return texts.length > 4 ? `${shown} or ${texts.length - 4} more` : shown;
}
