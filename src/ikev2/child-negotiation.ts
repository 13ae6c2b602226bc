/**
 * What a Child SA is to be: offered, answered, taken (RFC 7296 1.3.1, 2.9, 2.7). The same in IKE_AUTH and in
 * CREATE_CHILD_SA; the keys are the exchange's own.
 */
import { NotifyType } from "../iana/ikev2.ts";
import { addressOctets } from "../util/address.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { NotifyPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { notify, notifyOf, payloadOf } from "./contents.ts";
import { acceptEsp, answer, type Choice, chooseEsp, espOffer } from "./proposals.ts";
import { hostSelector } from "./selector.ts";
import { freshSpi } from "./spis.ts";
import type { ChildAgreement, ChildOffer, Established, IkeSa, Ikev2, Path, Secured } from "./state.ts";
import type { EspSuite, Group } from "./suite.ts";
import {
  acceptSelectors,
  type ChildCandidate,
  type Narrowed,
  narrow,
  type ProposedSelectors,
  type Selectors,
} from "./traffic-selectors.ts";
import { asSeenHere, betweenHosts } from "./transport.ts";
import type { ChildPolicy, Connection } from "./types.ts";

/** Child SAs of an IKE SA, those that are being replaced counted too. */
const MOST_CHILDREN = 64;

/** Between whom a Child SA carries traffic where the configuration leaves it to the addresses in use. */
export interface Ends extends Selectors {
  readonly path: Path;
}

/** The addresses that IKE goes between; a virtual one takes the place of its client's. */
export function endsOf(sa: IkeSa, { nat }: Secured, virtual: Partial<Selectors> = {}): Ends {
  const octets = (address: string) => addressOctets(address) ?? new Uint8Array(4);
  const [local, remote] = [octets(sa.local.address), octets(sa.remote.address)];
  return {
    local: virtual.local ?? [hostSelector(local)],
    remote: virtual.remote ?? [hostSelector(remote)],
    path: { local, remote, nat },
  };
}

/** The selectors of a policy, those of the ends where it has none. */
function selectorsOf({ mode, localSelectors, remoteSelectors }: ChildPolicy, ends: Ends): Selectors {
  const configured = {
    local: localSelectors.length > 0 ? localSelectors : ends.local,
    remote: remoteSelectors.length > 0 ? remoteSelectors : ends.remote,
  };
  return mode === "transport" ? betweenHosts(configured, ends.path) : configured;
}

/**
 * Our offer: [N(USE_TRANSPORT_MODE)], SA, TSi, TSr.
 * @param group that of a KE payload beside it
 */
export function offerChild(
  ike: Ikev2,
  policy: ChildPolicy,
  ends: Ends,
  group: Group | undefined,
): { readonly offer: ChildOffer; readonly payloads: readonly Payload[] } {
  const spiIn = freshSpi(ike, 4);
  const { local, remote } = selectorsOf(policy, ends);
  const payloads: readonly Payload[] = [
    ...(policy.mode === "transport" ? [notify(NotifyType.USE_TRANSPORT_MODE)] : []),
    espOffer(policy.proposals, spiIn, group),
    { kind: "TSi", selectors: local },
    { kind: "TSr", selectors: remote },
  ];
  return { offer: { policy, spiIn, local, remote, path: ends.path }, payloads };
}

/** Why a Child SA is refused: what the peer is told, and the ledger. */
export interface ChildRefusal {
  readonly notify: NotifyPayload;
  readonly why: string;
}

/** What we answer to a peer's offer. */
export interface ChildAnswer {
  readonly agreement: ChildAgreement;
  readonly choice: Choice<EspSuite>;
  /** [N+], SA, TSi, TSr: in this order, with the KE payload of CREATE_CHILD_SA between SA and TSi where there is one. */
  readonly notifies: readonly Payload[];
  readonly sa: Payload;
  readonly selectors: readonly Payload[];
}

/**
 * Chooses of a peer's offer. Its KE payload, if any, is the caller's to hold against `choice` (groupToAskFor).
 * @param standing Child SAs that the IKE SA has
 */
export function answerChild(
  ike: Ikev2,
  config: Connection,
  ends: Ends,
  payloads: readonly ReceivedPayload[],
  exchange: "IKE_AUTH" | "CREATE_CHILD_SA",
  standing: number,
): Result<ChildAnswer, ChildRefusal> {
  const [offered, tsi, tsr] = [payloadOf(payloads, "SA"), payloadOf(payloads, "TSi"), payloadOf(payloads, "TSr")];
  const refuse = (type: number, why: string) => err({ notify: notify(type), why });
  if (offered === undefined || tsi === undefined || tsr === undefined) {
    return refuse(NotifyType.INVALID_SYNTAX, "SA, TSi or TSr is missing");
  }
  if (standing >= MOST_CHILDREN) return refuse(NotifyType.NO_ADDITIONAL_SAS, `${standing} Child SAs are enough`);
  const asked = notifyOf(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined ? "transport" : "tunnel";
  const narrowed = narrowByMode({ local: tsr.selectors, remote: tsi.selectors }, asked, config.children, ends);
  if (!narrowed.ok) return refuse(NotifyType.TS_UNACCEPTABLE, narrowed.error);
  const { child: policy, local, remote, additional } = narrowed.value;
  const ke = payloadOf(payloads, "KE");
  const choice = chooseEsp(offered, policy.proposals, exchange, ke?.group);
  if (!choice.ok) return refuse(NotifyType.NO_PROPOSAL_CHOSEN, choice.error);
  const { suite, spi } = choice.value;
  const spiIn = freshSpi(ike, 4);
  // asked for transport mode, we may say no by not saying yes (1.3.1)
  const { mode } = policy;
  const notifies = [
    ...(mode === "transport" ? [notify(NotifyType.USE_TRANSPORT_MODE)] : []),
    ...(additional ? [notify(NotifyType.ADDITIONAL_TS_POSSIBLE)] : []),
  ];
  return ok({
    agreement: { policy, mode, suite, spiIn, spiOut: spi.slice(), local, remote },
    choice: choice.value,
    notifies,
    sa: answer(choice.value, spiIn),
    selectors: [
      { kind: "TSi", selectors: remote },
      { kind: "TSr", selectors: local },
    ],
  });
}

/**
 * Asked for transport mode, we look for that first, by the addresses that we see; then, as for tunnel mode, by those that the
 * peer wrote (2.23.1).
 */
function narrowByMode(
  proposed: ProposedSelectors,
  asked: ChildPolicy["mode"],
  children: readonly ChildPolicy[],
  ends: Ends,
): Result<Narrowed<ChildPolicy>, string> {
  if (asked === "transport") {
    const seen = narrow(asSeenHere(proposed, ends.path), candidatesOf(children, "transport", ends));
    if (seen.ok) return seen;
  }
  return narrow(proposed, candidatesOf(children, "tunnel", ends));
}

function candidatesOf(
  children: readonly ChildPolicy[],
  mode: ChildPolicy["mode"],
  ends: Ends,
): ChildCandidate<ChildPolicy>[] {
  const candidates: ChildCandidate<ChildPolicy>[] = [];
  for (const child of children) {
    if (child.mode !== mode) continue;
    const { local, remote } = selectorsOf(child, ends);
    candidates.push({ child, local, remote });
  }
  return candidates;
}

/**
 * What a peer answered to our offer.
 * @param group of our KE payload
 * @returns what both agreed on; or why that is not what we offered: then the peer has a Child SA that we do not want.
 */
export function takeChildAnswer(
  { policy, spiIn, local, remote, path }: ChildOffer,
  payloads: readonly ReceivedPayload[],
  group: Group | undefined,
): Result<ChildAgreement, string> {
  const [chosen, tsi, tsr] = [payloadOf(payloads, "SA"), payloadOf(payloads, "TSi"), payloadOf(payloads, "TSr")];
  if (chosen === undefined || tsi === undefined || tsr === undefined) return err("SA, TSi or TSr is missing");
  const accepted = acceptEsp(chosen, policy.proposals, group);
  if (!accepted.ok) return accepted;
  const granted = notifyOf(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined ? "transport" : "tunnel";
  if (granted !== policy.mode) return err(`the peer chose ${granted} mode, ${policy.name} is for ${policy.mode} mode`);
  const answered = { local: tsi.selectors, remote: tsr.selectors };
  const seen = granted === "transport" ? asSeenHere(answered, path) : answered;
  const selectors = acceptSelectors(seen, { local, remote });
  if (!selectors.ok) return selectors;
  const { suite, spi } = accepted.value;
  return ok({ policy, mode: policy.mode, suite, spiIn, spiOut: spi.slice(), ...selectors.value });
}

/** The virtual addresses of an established IKE SA, at the end that has them. */
export function virtualEnds(
  sa: IkeSa,
  { connection, secured, virtualAddresses }: Pick<Established, "connection" | "secured" | "virtualAddresses">,
): Ends {
  if (virtualAddresses.length === 0) return endsOf(sa, secured);
  const hosts = virtualAddresses.map(hostSelector);
  const client = connection.config.requestAddress.length > 0;
  return endsOf(sa, secured, client ? { local: hosts } : { remote: hosts });
}
