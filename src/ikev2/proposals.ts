/**
 * Negotiation of algorithms (RFC 7296 2.7, 3.3): what is offered, what is chosen of a peer's offer, and whether a peer chose
 * what was offered. Transforms are compared by what they mean; what is returned is what the peer wrote (3.3.6).
 */
import { summary } from "../core/refusals.ts";
import { DhGroup, EsnTransform, IntegrityTransform, ProtocolId, TransformType } from "../iana/ikev2.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { Proposal, SaPayload, Transform } from "../wire/ikev2/payloads.ts";
import type { Encryption, EspProposal, EspSuite, Group, IkeProposal, IkeSuite, Integrity } from "./suite.ts";
import {
  type Common,
  espForm,
  firstCommon,
  ikeForm,
  type Offered,
  type ProposalForm,
  proposalFault,
  transformOf,
  transformsOf,
  transformsText,
  typeText,
  without,
} from "./transforms.ts";

/** What is chosen of a peer's offer. */
export interface Choice<Suite> {
  readonly suite: Suite;
  /** The peer's. */
  readonly spi: Uint8Array;
  /** The proposal with the chosen transforms alone, as the peer wrote them. */
  readonly proposal: Proposal;
}

/** What a peer chose of our offer. */
export interface Accepted<Suite> {
  readonly suite: Suite;
  /** The peer's. */
  readonly spi: Uint8Array;
}

/**
 * Our offer for an IKE SA.
 * @param spi empty in IKE_SA_INIT, the new SPI when one is rekeyed (3.3.1)
 */
export function ikeOffer(proposals: readonly IkeProposal[], spi: Uint8Array): SaPayload {
  return offer(ProtocolId.IKE, spi, proposals.map(ikeTransforms));
}

/**
 * Our offer for a Child SA.
 * @param group that of the KE payload beside it; undefined: no fresh key exchange, as always in IKE_AUTH (1.2)
 */
export function espOffer(proposals: readonly EspProposal[], spi: Uint8Array, group: Group | undefined): SaPayload {
  return offer(
    ProtocolId.ESP,
    spi,
    proposals.map((proposal) => espTransforms(group === undefined ? { ...proposal, groups: [] } : proposal)),
  );
}

/** The answer to an offer: the one proposal that was chosen. */
export function answer({ proposal }: Choice<unknown>, spi: Uint8Array): SaPayload {
  return { kind: "SA", proposals: [{ ...proposal, spi }] };
}

function offer(protocolId: number, spi: Uint8Array, lists: readonly (readonly Transform[])[]): SaPayload {
  return {
    kind: "SA",
    proposals: lists.map((transforms, i) => ({ number: i + 1, protocolId, spi, transforms })),
  };
}

/** The group that a KE payload for an IKE SA is made of at first. */
export function firstIkeGroup(proposals: readonly IkeProposal[]): Group | undefined {
  return proposals[0]?.groups[0];
}

/** The same for a Child SA; undefined where doing without comes first. */
export function firstEspGroup(proposals: readonly EspProposal[]): Group | undefined {
  const first = proposals[0]?.groups[0];
  return first === "none" ? undefined : first;
}

/** The group that a peer asks for by INVALID_KE_PAYLOAD, if it is one that we offered (1.2, 1.3). */
export function groupAskedFor(
  proposals: readonly { readonly groups: readonly (Group | "none")[] }[],
  id: number,
): Group | undefined {
  for (const { groups } of proposals) for (const group of groups) if (group !== "none" && group.id === id) return group;
  return undefined;
}

/** The group to ask for by INVALID_KE_PAYLOAD, undefined when the KE payload `keGroup` (or none at all) fits the choice. */
export function groupToAskFor({ suite }: Choice<IkeSuite | EspSuite>, keGroup: number | undefined): number | undefined {
  return suite.group === undefined || suite.group.id === keGroup ? undefined : suite.group.id;
}

/**
 * Chooses what we like best of an offer for an IKE SA. The group of the KE payload is taken when it is acceptable at all:
 * another would cost a round trip.
 * @param spiOctets 0 in IKE_SA_INIT, 8 when an IKE SA is rekeyed
 * @returns the choice, whose group may be another than `keGroup`; or why there is none, for the ledger
 */
export function chooseIke(
  { proposals }: SaPayload,
  acceptable: readonly IkeProposal[],
  spiOctets: 0 | 8,
  keGroup: number | undefined,
): Result<Choice<IkeSuite>, string> {
  return choose(proposals, ikeForm(spiOctets), acceptable, (offered, ours) => pickIke(offered, ours, keGroup));
}

/**
 * Chooses what we like best of an offer for a Child SA.
 * @param keGroup of the KE payload beside it; undefined when there is none: then a group is chosen only if the peer does
 * not offer to do without
 * @param exchange what the offer stands in: in IKE_AUTH there is no fresh key exchange (1.2)
 */
export function chooseEsp(
  { proposals }: SaPayload,
  acceptable: readonly EspProposal[],
  exchange: "IKE_AUTH" | "CREATE_CHILD_SA",
  keGroup: number | undefined,
): Result<Choice<EspSuite>, string> {
  const fresh = exchange === "CREATE_CHILD_SA";
  return choose(proposals, espForm, acceptable, (offered, ours) =>
    pickEsp(offered, ours, fresh ? ours.groups : WITHOUT, keGroup),
  );
}

/**
 * Whether a peer's answer is one suite of what ikeOffer offered (3.3.6).
 * @param group that of our KE payload, which the choice must be of
 */
export function acceptIke(
  { proposals }: SaPayload,
  offered: readonly IkeProposal[],
  spiOctets: 0 | 8,
  group: Group,
): Result<Accepted<IkeSuite>, string> {
  const accepted = accept(proposals, ikeForm(spiOctets), offered, (chosen, ours) => pickIke(chosen, ours, group.id));
  return accepted.ok && accepted.value.suite.group.id !== group.id ? err(otherGroup(group)) : accepted;
}

/** The same of what espOffer offered; without a group the peer has decided to do without a fresh key exchange. */
export function acceptEsp(
  { proposals }: SaPayload,
  offered: readonly EspProposal[],
  group: Group | undefined,
): Result<Accepted<EspSuite>, string> {
  const accepted = accept(proposals, espForm, offered, (chosen, ours) =>
    pickEsp(chosen, ours, group === undefined ? WITHOUT : ours.groups, group?.id),
  );
  const other = accepted.ok && accepted.value.suite.group !== undefined && accepted.value.suite.group.id !== group?.id;
  return other && group !== undefined ? err(otherGroup(group)) : accepted;
}

const otherGroup = (group: Group): string => `the peer chose a group other than that of its KE payload, ${group.name}`;

/** One suite, and the transforms of the peer that it is made of. */
interface Picked<Suite> {
  readonly suite: Suite;
  readonly transforms: readonly Transform[];
}

/** The suite that both sides like; or the transform type in which nothing fits. */
type Pick<Suite, Ours> = (offered: Offered, ours: Ours) => Picked<Suite> | number;

function choose<Suite, Ours>(
  proposals: readonly Proposal[],
  form: ProposalForm,
  acceptable: readonly Ours[],
  pick: Pick<Suite, Ours>,
): Result<Choice<Suite>, string> {
  const faults = proposals.map((proposal, i) => proposalFault(proposal, i + 1, form));
  for (const ours of acceptable) {
    for (let i = 0; i < proposals.length; i++) {
      const proposal = proposals[i];
      if (proposal === undefined || faults[i] !== undefined) continue;
      const picked = pick(proposal.transforms, ours);
      if (typeof picked === "object") return ok(choiceOf(proposal, picked));
    }
  }
  return err(refusalOf(proposals, faults, acceptable, pick));
}

/** Of each proposal why it was not chosen: what cannot be looked at first. */
function refusalOf<Suite, Ours>(
  proposals: readonly Proposal[],
  faults: readonly (string | undefined)[],
  acceptable: readonly Ours[],
  pick: Pick<Suite, Ours>,
): string {
  const unreadable: string[] = [];
  const refused: string[] = [];
  for (const [i, { number, transforms }] of proposals.entries()) {
    const fault = faults[i];
    if (fault === undefined) {
      const type = furthest(acceptable.map((ours) => pick(transforms, ours)));
      refused.push(`proposal ${number}: ${transformsText(transforms, type)} is not allowed here`);
    } else unreadable.push(`proposal ${number}: ${fault}`);
  }
  return proposals.length === 0 ? "nothing was offered" : summary([...unreadable, ...refused]);
}

function choiceOf<Suite>({ number, protocolId, spi }: Proposal, { suite, transforms }: Picked<Suite>): Choice<Suite> {
  // reserved octets are the peer's own
  const chosen = transforms.map(({ type, id, attributes }): Transform => ({ type, id, attributes }));
  return { suite, spi, proposal: { number, protocolId, spi, transforms: chosen } };
}

function accept<Suite, Ours>(
  proposals: readonly Proposal[],
  form: ProposalForm,
  ours: readonly Ours[],
  pick: Pick<Suite, Ours>,
): Result<Accepted<Suite>, string> {
  const [proposal, ...more] = proposals;
  if (proposal === undefined || more.length > 0) return err(`the answer has ${proposals.length} proposals, not one`);
  const offered = ours[proposal.number - 1];
  if (offered === undefined) return err(`proposal ${proposal.number} of the answer was not offered`);
  const fault = proposalFault(proposal, proposal.number, form);
  if (fault !== undefined) return err(fault);
  const { transforms } = proposal;
  for (const { type } of transforms) {
    const many = transforms.filter((one) => one.type === type).length;
    if (many > 1) return err(`the answer has ${many} transforms of ${typeText(type)}`);
  }
  const picked = pick(transforms, offered);
  if (typeof picked !== "object") {
    return err(`the peer chose what was not offered: ${transformsText(transforms, picked)}`);
  }
  return ok({ suite: picked.suite, spi: proposal.spi });
}

/** In which the types are looked at: a refusal names the last one that was reached. */
const order: readonly number[] = [
  TransformType.ENCR,
  TransformType.INTEG,
  TransformType.PRF,
  TransformType.DH,
  TransformType.ESN,
];

/** Of the types in which nothing fits the one that was reached last. */
function furthest(failed: readonly unknown[]): number {
  let last = 0;
  for (const type of failed) if (typeof type === "number") last = Math.max(last, order.indexOf(type));
  return order[last] ?? TransformType.ENCR;
}

function pickIke(offered: Offered, ours: IkeProposal, keGroup: number | undefined): Picked<IkeSuite> | number {
  const cipher = pickCipher(offered, ours);
  if (typeof cipher !== "object") return cipher;
  const prf = firstCommon(offered, TransformType.PRF, ours.prf);
  if (prf === undefined) return TransformType.PRF;
  const group = pickGroup(offered, ours.groups, keGroup);
  if (group === undefined) return TransformType.DH;
  const { encryption, integrity, transforms } = cipher;
  transforms.push(prf.transform, group.transform);
  return { suite: { encryption, integrity, prf: prf.one, group: group.one }, transforms };
}

/** No fresh key exchange. */
const WITHOUT: EspProposal["groups"] = [];

/** @param groups of `ours`, or none */
function pickEsp(
  offered: Offered,
  ours: EspProposal,
  groups: EspProposal["groups"],
  keGroup: number | undefined,
): Picked<EspSuite> | number {
  const cipher = pickCipher(offered, ours);
  if (typeof cipher !== "object") return cipher;
  const group = pickEspGroup(offered, groups, keGroup);
  if (group === undefined) return TransformType.DH;
  const { encryption, integrity, transforms } = cipher;
  if (group.transform !== undefined) transforms.push(group.transform);
  for (const esn of ours.esn) {
    const id = esn ? EsnTransform.ESN : EsnTransform.NO_ESN;
    const transform = transformOf(offered, TransformType.ESN, { id });
    if (transform === undefined) continue;
    transforms.push(transform);
    return { suite: { encryption, integrity, group: group.one, esn }, transforms };
  }
  return TransformType.ESN;
}

interface Cipher {
  readonly encryption: Encryption;
  readonly integrity: Integrity | undefined;
  /** To which those of the other types are added. */
  readonly transforms: Transform[];
}

/** Encryption with the integrity that goes with it: none beside a combined mode (3.3). */
function pickCipher(
  offered: Offered,
  ours: { readonly encryption: readonly Encryption[]; readonly integrity: readonly Integrity[] },
): Cipher | number {
  let failed: number = TransformType.ENCR;
  for (const encryption of ours.encryption) {
    const transform = transformOf(offered, TransformType.ENCR, encryption);
    if (transform === undefined) continue;
    failed = TransformType.INTEG;
    if (encryption.aead !== undefined) {
      const none = without(offered, TransformType.INTEG, IntegrityTransform.NONE);
      if (none === false) continue;
      return { encryption, integrity: undefined, transforms: none === true ? [transform] : [transform, none] };
    }
    const integrity = firstCommon(offered, TransformType.INTEG, ours.integrity);
    if (integrity === undefined) continue;
    return { encryption, integrity: integrity.one, transforms: [transform, integrity.transform] };
  }
  return failed;
}

/** Without a KE payload doing without comes first, whatever we like: a group would need one more round trip. */
function pickEspGroup(
  offered: Offered,
  ours: EspProposal["groups"],
  keGroup: number | undefined,
): { readonly one: Group | undefined; readonly transform: Transform | undefined } | undefined {
  const optional = ours.length === 0 || ours.includes("none");
  const none = optional && without(offered, TransformType.DH, DhGroup.NONE);
  const doingWithout = none === false ? undefined : { one: undefined, transform: none === true ? undefined : none };
  if (doingWithout !== undefined && (keGroup === undefined || ours[0] === "none")) return doingWithout;
  return pickGroup(offered, ours.filter(isGroup), keGroup) ?? doingWithout;
}

function isGroup(group: Group | "none"): group is Group {
  return group !== "none";
}

/** The group of the KE payload when it is acceptable at all, else the first of ours. */
function pickGroup(offered: Offered, ours: readonly Group[], keGroup: number | undefined): Common<Group> | undefined {
  for (const one of ours) {
    if (one.id !== keGroup) continue;
    const transform = transformOf(offered, TransformType.DH, one);
    if (transform !== undefined) return { one, transform };
  }
  return firstCommon(offered, TransformType.DH, ours);
}

function ikeTransforms({ encryption, integrity, prf, groups }: IkeProposal): Transform[] {
  return [
    ...transformsOf(TransformType.ENCR, encryption),
    ...transformsOf(TransformType.INTEG, integrity),
    ...transformsOf(TransformType.PRF, prf),
    ...transformsOf(TransformType.DH, groups),
  ];
}

function espTransforms({ encryption, integrity, groups, esn }: EspProposal): Transform[] {
  // 3.3.3: an optional type may be left out when only NONE is acceptable
  const exchanges = groups.every((group) => group === "none") ? [] : groups;
  return [
    ...transformsOf(TransformType.ENCR, encryption),
    ...transformsOf(TransformType.INTEG, integrity),
    ...transformsOf(
      TransformType.DH,
      exchanges.map((group) => (group === "none" ? { id: DhGroup.NONE } : group)),
    ),
    ...transformsOf(
      TransformType.ESN,
      esn.map((extended) => ({ id: extended ? EsnTransform.ESN : EsnTransform.NO_ESN })),
    ),
  ];
}
