/** Phase 1 proposals (RFC 2409 App. A) between octets and meaning, and the choice among them. */
import { summary } from "../core/refusals.ts";
import type { HashName } from "../crypto/provider.ts";
import { IsakmpTransform, ProtocolId } from "../iana/isakmp.ts";
import { nameOf } from "../iana/names.ts";
import {
  AuthenticationMethod,
  OakleyAttribute,
  OakleyEncryption,
  OakleyGroup,
  OakleyGroupType,
  OakleyHash,
  OakleyLifeType,
} from "../iana/oakley.ts";
import { toUint, u32 } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { Attribute, Proposal, SaPayload, Transform } from "../wire/payloads.ts";
import type { AuthenticationName, Phase1Proposal } from "./types.ts";

const hashes: ReadonlyMap<number, Exclude<HashName, "sha1">> = new Map([
  [OakleyHash.SHA2_256, "sha256"],
  [OakleyHash.SHA2_384, "sha384"],
  [OakleyHash.SHA2_512, "sha512"],
]);

const methods: ReadonlyMap<number, AuthenticationName> = new Map([
  [AuthenticationMethod.PSK, "psk"],
  [AuthenticationMethod.RSA_SIG, "rsa"],
  [AuthenticationMethod.ECDSA_256, "ecdsa-256"],
  [AuthenticationMethod.ECDSA_384, "ecdsa-384"],
  [AuthenticationMethod.ECDSA_521, "ecdsa-521"],
]);

/** What a transform says, its life in seconds apart since it need not be equal on both sides. */
export interface TransformMeaning {
  readonly proposal: Phase1Proposal;
  /** Seconds; undefined when the transform names none. */
  readonly lifeSeconds: number | undefined;
}

/** The offer of an initiator: one proposal, one transform for each entry, in order of preference. */
export function offerPayload(proposals: readonly Phase1Proposal[], doi: number, lifeSeconds: number): SaPayload {
  const transforms = proposals.map((proposal, i) => ({
    number: i + 1,
    id: IsakmpTransform.KEY_IKE,
    attributes: attributesOf(proposal, lifeSeconds),
  }));
  return saPayload(doi, { number: 1, protocolId: ProtocolId.PROTO_ISAKMP, spi: new Uint8Array(0), transforms });
}

/** The responder's answer: the chosen transform exactly as it was offered (RFC 2409 5). */
export function answerPayload(doi: number, chosen: Choice): SaPayload {
  return saPayload(doi, { ...chosen.offered, transforms: [chosen.transform] });
}

function saPayload(doi: number, proposal: Proposal): SaPayload {
  // the situation of a Phase 1 SA is SIT_IDENTITY_ONLY under DOI 2 as well (READINGS 1)
  return { kind: "SA", doi, situation: 1, proposals: [proposal] };
}

function attributesOf(proposal: Phase1Proposal, lifeSeconds: number): Attribute[] {
  return [
    { type: OakleyAttribute.ENCRYPTION_ALGORITHM, value: OakleyEncryption.AES_CBC },
    { type: OakleyAttribute.KEY_LENGTH, value: proposal.keyBits },
    { type: OakleyAttribute.HASH_ALGORITHM, value: codeOf(hashes, proposal.hash) },
    { type: OakleyAttribute.AUTHENTICATION_METHOD, value: codeOf(methods, proposal.authentication) },
    { type: OakleyAttribute.GROUP_DESCRIPTION, value: proposal.group },
    { type: OakleyAttribute.LIFE_TYPE, value: OakleyLifeType.SECONDS },
    { type: OakleyAttribute.LIFE_DURATION, value: u32(lifeSeconds) },
  ];
}

function codeOf<T>(table: ReadonlyMap<number, T>, value: T): number {
  for (const [code, name] of table) if (name === value) return code;
  throw new RangeError(`no code point for ${String(value)}`);
}

/** A transform that the policy takes, with what the answer must repeat. */
export interface Choice extends TransformMeaning {
  readonly offered: Proposal;
  readonly transform: Transform;
}

/**
 * The first of the initiator's transforms that `acceptable` holds. The error says of each offered transform which
 * algorithm was refused, for the notification and the ledger.
 */
export function choose(offer: SaPayload, acceptable: readonly Phase1Proposal[]): Result<Choice, string> {
  const refusals: string[] = [];
  for (const offered of offer.proposals) {
    if (offered.protocolId !== ProtocolId.PROTO_ISAKMP) {
      refusals.push(`protocol ${offered.protocolId} is not ISAKMP`);
      continue;
    }
    for (const transform of offered.transforms) {
      const meaning = readTransform(transform);
      if (!meaning.ok) {
        refusals.push(meaning.error);
        continue;
      }
      const match = acceptable.find((proposal) => sameProposal(proposal, meaning.value.proposal));
      if (match !== undefined) {
        // the transforms beside it need not be kept
        return ok({ ...meaning.value, proposal: match, offered: { ...offered, transforms: [transform] }, transform });
      }
      refusals.push(difference(meaning.value.proposal, acceptable));
    }
  }
  return err(refusals.length === 0 ? "no transform offered" : summary(refusals));
}

/**
 * The meaning of the one transform of a responder's answer, if it was offered. Attribute order and format need not be
 * as sent: peers encode the chosen transform anew.
 */
export function acceptAnswer(answer: SaPayload, offered: readonly Phase1Proposal[]): Result<TransformMeaning, string> {
  const [proposal, ...moreProposals] = answer.proposals;
  const [transform, ...moreTransforms] = proposal?.transforms ?? [];
  if (proposal === undefined || transform === undefined || moreProposals.length > 0 || moreTransforms.length > 0) {
    return err("the answer must hold exactly one proposal with one transform");
  }
  if (proposal.protocolId !== ProtocolId.PROTO_ISAKMP) return err(`protocol ${proposal.protocolId} is not ISAKMP`);
  const meaning = readTransform(transform);
  if (!meaning.ok) return meaning;
  const match = offered.find((one) => sameProposal(one, meaning.value.proposal));
  if (match === undefined)
    return err(`the answer chose ${proposalText(meaning.value.proposal)}, which was not offered`);
  return ok({ proposal: match, lifeSeconds: meaning.value.lifeSeconds });
}

/** Equal in everything that both sides must agree on. */
export function sameProposal(a: Phase1Proposal, b: Phase1Proposal): boolean {
  return (
    a.cipher === b.cipher &&
    a.keyBits === b.keyBits &&
    a.hash === b.hash &&
    a.group === b.group &&
    a.authentication === b.authentication
  );
}

/** `aes-cbc-256/sha256/ECP_256/psk`: for the ledger. */
export function proposalText(proposal: Phase1Proposal): string {
  const { cipher, keyBits, hash, group, authentication } = proposal;
  return `${cipher}-${keyBits}/${hash}/${nameOf(OakleyGroup, group)}/${authentication}`;
}

/** Reads one transform; the error names the algorithm or attribute that this implementation does not take. */
export function readTransform(transform: Transform): Result<TransformMeaning, string> {
  if (transform.id !== IsakmpTransform.KEY_IKE) return err(`transform ID ${transform.id} is not KEY_IKE`);
  const found = new Map<number, number>();
  let lifeType: number | undefined;
  let lifeSeconds: number | undefined;
  for (const { type, value } of transform.attributes) {
    const number = integer(value);
    if (number === undefined) return err(`value of attribute ${attributeName(type)} is too long`);
    if (type === OakleyAttribute.LIFE_TYPE) lifeType = number;
    else if (type === OakleyAttribute.LIFE_DURATION) {
      if (lifeType === undefined) return err("LIFE_DURATION without LIFE_TYPE before it");
      if (lifeType === OakleyLifeType.SECONDS) lifeSeconds = number;
      else if (lifeType !== OakleyLifeType.KILOBYTES) return err(`LIFE_TYPE ${lifeType} is unknown`);
    } else if (found.has(type)) return err(`attribute ${attributeName(type)} occurs twice`);
    else if (!understood.has(type)) return err(`attribute ${attributeName(type)} is not supported`);
    else found.set(type, number);
  }
  const proposal = readProposal(found);
  return proposal.ok ? ok({ proposal: proposal.value, lifeSeconds }) : proposal;
}

const understood: ReadonlySet<number> = new Set([
  OakleyAttribute.ENCRYPTION_ALGORITHM,
  OakleyAttribute.HASH_ALGORITHM,
  OakleyAttribute.AUTHENTICATION_METHOD,
  OakleyAttribute.GROUP_DESCRIPTION,
  OakleyAttribute.GROUP_TYPE,
  OakleyAttribute.KEY_LENGTH,
]);

function readProposal(found: ReadonlyMap<number, number>): Result<Phase1Proposal, string> {
  const encryption = found.get(OakleyAttribute.ENCRYPTION_ALGORITHM);
  if (encryption !== OakleyEncryption.AES_CBC) return unsupported("encryption algorithm", OakleyEncryption, encryption);
  const keyBits = found.get(OakleyAttribute.KEY_LENGTH);
  if (keyBits !== 128 && keyBits !== 192 && keyBits !== 256) {
    return err(keyBits === undefined ? "AES_CBC without KEY_LENGTH" : `AES_CBC with a key of ${keyBits} bits`);
  }
  const hashCode = found.get(OakleyAttribute.HASH_ALGORITHM);
  const hash = hashCode === undefined ? undefined : hashes.get(hashCode);
  if (hash === undefined) return unsupported("hash algorithm", OakleyHash, hashCode);
  const method = found.get(OakleyAttribute.AUTHENTICATION_METHOD);
  const authentication = method === undefined ? undefined : methods.get(method);
  if (authentication === undefined) return unsupported("authentication method", AuthenticationMethod, method);
  const group = found.get(OakleyAttribute.GROUP_DESCRIPTION);
  if (group === undefined || group < OakleyGroup.MODP_2048 || group > OakleyGroup.ECP_521) {
    return unsupported("group", OakleyGroup, group);
  }
  const groupType = found.get(OakleyAttribute.GROUP_TYPE);
  const expected = group >= OakleyGroup.ECP_256 ? OakleyGroupType.ECP : OakleyGroupType.MODP;
  if (groupType !== undefined && groupType !== expected) {
    return err(`GROUP_TYPE ${groupType} does not fit group ${nameOf(OakleyGroup, group)}`);
  }
  return ok({ cipher: "aes-cbc", keyBits, hash, group, authentication });
}

function unsupported(
  what: string,
  registry: Readonly<Record<string, number>>,
  code: number | undefined,
): Result<never, string> {
  return err(code === undefined ? `no ${what} given` : `${what} ${named(registry, code)} is not supported`);
}

function named(registry: Readonly<Record<string, number>>, code: number): string {
  const name = nameOf(registry, code);
  return name === String(code) ? name : `${name} (${code})`;
}

const attributeName = (type: number): string => named(OakleyAttribute, type);

/** What in a supported transform the policy does not take: the first part that no acceptable proposal has. */
function difference(proposal: Phase1Proposal, acceptable: readonly Phase1Proposal[]): string {
  const parts: readonly [string, string, (one: Phase1Proposal) => boolean][] = [
    ["authentication method", proposal.authentication, (one) => one.authentication === proposal.authentication],
    ["encryption algorithm", `AES_CBC-${proposal.keyBits}`, (one) => one.keyBits === proposal.keyBits],
    ["hash algorithm", proposal.hash, (one) => one.hash === proposal.hash],
    ["group", named(OakleyGroup, proposal.group), (one) => one.group === proposal.group],
  ];
  for (const [what, name, has] of parts) if (!acceptable.some(has)) return `${what} ${name} is not allowed here`;
  return `combination ${proposalText(proposal)} is not allowed here`;
}

function integer(value: number | Uint8Array): number | undefined {
  if (typeof value === "number") return value;
  return value.length <= 6 ? toUint(value) : undefined;
}
