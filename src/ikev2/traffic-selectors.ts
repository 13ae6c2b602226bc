/** Negotiation of Traffic Selectors (RFC 7296 2.9): which part of a proposal is taken, and whether an answer is one. */
import { err, ok, type Result } from "../util/result.ts";
import type { AddressSelector, TrafficSelector } from "../wire/ikev2/payloads.ts";
import { contains, covers, intersection } from "./selector.ts";
import { selectorsText } from "./selector-text.ts";

/** As many as a TS payload can count (3.13): a peer's are crossed with ours. */
const MOST_SELECTORS = 255;

/** The traffic of a Child SA, as this side sees it. */
export interface Selectors {
  readonly local: readonly AddressSelector[];
  readonly remote: readonly AddressSelector[];
}

/** The same of a peer's proposal or answer: types that we do not know may be among them. */
export interface ProposedSelectors {
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
}

/** A Child SA that the policy allows. */
export interface ChildCandidate<Child> extends Selectors {
  readonly child: Child;
}

/** The part of a proposal that is taken, and the policy by which. */
export interface Narrowed<Child> extends Selectors {
  readonly child: Child;
  /** More of the proposal would be acceptable in an SA of its own: ADDITIONAL_TS_POSSIBLE. */
  readonly additional: boolean;
}

/**
 * What a responder takes of a proposal (2.9): all that one of the candidates allows. Among several it is one that allows the
 * whole, else one that allows the initiator's first choice, which is of the packet that it wants to send.
 * @returns what is answered; or why the answer is TS_UNACCEPTABLE
 */
export function narrow<Child>(
  proposed: ProposedSelectors,
  candidates: readonly ChildCandidate<Child>[],
): Result<Narrowed<Child>, string> {
  const offer = { local: known(proposed.local), remote: known(proposed.remote) };
  const possible: Possible<Child>[] = [];
  for (const candidate of candidates) {
    const one = narrowTo(offer, candidate);
    if (one !== undefined) possible.push(one);
  }
  const best = possible.length > 1 ? bestOf(offer, possible) : possible[0];
  if (best === undefined) {
    return err(`none of our Child SAs carries traffic between ${bothTexts(offer)} (the peer's)`);
  }
  const additional = best.dropped || possible.some((other) => other !== best && !bothCover(best, other));
  const { child, local, remote } = best.policy;
  return ok({ child, local: owned(best.local, local), remote: owned(best.remote, remote), additional });
}

/** What a candidate allows of an offer. */
interface Possible<Child> extends Selectors {
  readonly policy: ChildCandidate<Child>;
  readonly dropped: boolean;
}

function narrowTo<Child>(offer: Selectors, policy: ChildCandidate<Child>): Possible<Child> | undefined {
  const local = reduced(common(offer.local, policy.local));
  if (local.kept.length === 0) return undefined;
  const remote = reduced(common(offer.remote, policy.remote));
  if (remote.kept.length === 0) return undefined;
  return { policy, local: local.kept, remote: remote.kept, dropped: local.dropped || remote.dropped };
}

/** The first of the highest rank. */
function bestOf<Child>(offer: Selectors, possible: readonly Possible<Child>[]): Possible<Child> | undefined {
  let best: Possible<Child> | undefined;
  let highest = -1;
  for (const one of possible) {
    const rank = rankOf(offer, one.policy, one);
    if (rank <= highest) continue;
    best = one;
    highest = rank;
  }
  return best;
}

function rankOf(offer: Selectors, policy: Selectors, narrowed: Selectors): number {
  if (bothCover(narrowed, offer)) return bothCover(offer, policy) ? 3 : 2;
  const firsts = { local: offer.local.slice(0, 1), remote: offer.remote.slice(0, 1) };
  return bothCover(narrowed, firsts) ? 1 : 0;
}

const bothCover = (outer: Selectors, inner: Selectors): boolean =>
  covers(outer.local, inner.local) && covers(outer.remote, inner.remote);

function common(offered: readonly AddressSelector[], ours: readonly AddressSelector[]): AddressSelector[] {
  const both: AddressSelector[] = [];
  for (const one of offered) {
    for (const other of ours) {
      const shared = intersection(one, other);
      if (shared !== undefined) both.push(shared);
    }
  }
  return both;
}

interface Reduced {
  readonly kept: readonly AddressSelector[];
  /** There were more than a payload can count. */
  readonly dropped: boolean;
}

/** Each once, and none that another one contains; in their order. */
function reduced(selectors: readonly AddressSelector[]): Reduced {
  if (selectors.length <= 1) return { kept: selectors, dropped: false };
  let kept: AddressSelector[] = [];
  let dropped = false;
  for (const one of selectors) {
    if (kept.some((other) => contains(other, one))) continue;
    kept = kept.filter((other) => !contains(one, other));
    if (kept.length < MOST_SELECTORS) kept.push(one);
    else dropped = true;
  }
  return { kept, dropped };
}

/** 2.9: a type that is not known is passed over. */
function known(selectors: readonly TrafficSelector[]): readonly AddressSelector[] {
  return selectors.every(isKnown) ? selectors : selectors.filter(isKnown);
}

function isKnown(selector: TrafficSelector): selector is AddressSelector {
  return selector.kind === "addresses";
}

/** Selectors to be kept: of those that are not our own the addresses are views of a peer's message, which is not kept. */
function owned(selectors: readonly AddressSelector[], own: readonly AddressSelector[] = []): AddressSelector[] {
  return selectors.map((one) => (own.includes(one) ? one : copied(one)));
}

function copied({ ipProtocol, startPort, endPort, startAddress, endAddress }: AddressSelector): AddressSelector {
  return {
    kind: "addresses",
    ipProtocol,
    startPort,
    endPort,
    startAddress: startAddress.slice(),
    endAddress: endAddress.slice(),
  };
}

/**
 * Whether the responder answered with a part of what we proposed.
 * @returns that part; or what is wrong with it
 */
export function acceptSelectors(answered: ProposedSelectors, proposed: Selectors): Result<Selectors, string> {
  const answer = { local: known(answered.local), remote: known(answered.remote) };
  if (answer.local.length < answered.local.length || answer.remote.length < answered.remote.length) {
    return err("the answer has traffic selectors of a type that was not proposed");
  }
  if (answer.local.length === 0 || answer.remote.length === 0) return err("the answer has no traffic selectors");
  if (!bothCover(proposed, answer)) return err(`traffic between ${bothTexts(answer)} (the peer's) was not proposed`);
  return ok({ local: owned(reduced(answer.local).kept), remote: owned(reduced(answer.remote).kept) });
}

/**
 * The selectors of a Child SA that takes the place of another: those of the old one, neither narrower nor wider (2.9.2).
 * @returns them, when the proposal of a rekey has room for them; or why not
 */
export function keepSelectors(proposed: ProposedSelectors, old: Selectors): Result<Selectors, string> {
  const offer = { local: known(proposed.local), remote: known(proposed.remote) };
  if (bothCover(offer, old)) return ok(old);
  return err(`the rekeyed SA carries traffic between ${bothTexts(old)} (the peer's); the new one would carry less`);
}

const bothTexts = ({ local, remote }: Selectors): string =>
  `${selectorsText(local)} (ours) and ${selectorsText(remote)}`;
