/**
 * What a Child SA is to be: offered, answered, taken (RFC 7296 1.3.1, 2.9, 2.7). The same in IKE_AUTH and in
 * CREATE_CHILD_SA; the keys are the exchange's own.
 */
import { NotifyType } from "../iana/ikev2.ts";
import { addressOctets } from "../util/address.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { AddressSelector, NotifyPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { notify, notifyOf, payloadOf } from "./contents.ts";
import { acceptEsp, answer, type Choice, chooseEsp, espOffer } from "./proposals.ts";
import { freshSpi } from "./spis.ts";
import type { ChildAgreement, ChildOffer, Established, IkeSa, Ikev2 } from "./state.ts";
import type { EspSuite, Group } from "./suite.ts";
import { acceptSelectors, narrow } from "./traffic-selectors.ts";
import type { ChildPolicy, Connection } from "./types.ts";

/** Child SAs of an IKE SA, those that are being replaced counted too. */
const MOST_CHILDREN = 64;

/** Between whom a Child SA carries traffic where the configuration leaves it to the addresses in use. */
export interface Ends {
  readonly local: readonly Uint8Array[];
  readonly remote: readonly Uint8Array[];
}

/** The addresses that IKE goes between; a virtual one takes the place of its client's. */
export function endsOf(
  sa: IkeSa,
  virtual: { readonly local?: Ends["local"]; readonly remote?: Ends["remote"] } = {},
): Ends {
  const own = (address: string) => [addressOctets(address) ?? new Uint8Array(4)];
  return { local: virtual.local ?? own(sa.local.address), remote: virtual.remote ?? own(sa.remote.address) };
}

/** The selectors of a policy, those of the ends where it has none. */
export function selectorsOf({ localSelectors, remoteSelectors }: ChildPolicy, ends: Ends) {
  const dynamic = (addresses: readonly Uint8Array[]) => addresses.map(wholeHost);
  return {
    local: localSelectors.length > 0 ? localSelectors : dynamic(ends.local),
    remote: remoteSelectors.length > 0 ? remoteSelectors : dynamic(ends.remote),
  };
}

function wholeHost(address: Uint8Array): AddressSelector {
  return {
    kind: "addresses",
    ipProtocol: 0,
    startPort: 0,
    endPort: 0xffff,
    startAddress: address,
    endAddress: address,
  };
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
  return { offer: { policy, spiIn, local, remote }, payloads };
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
  const candidates = config.children.map((child) => ({ child, ...selectorsOf(child, ends) }));
  const narrowed = narrow({ local: tsr.selectors, remote: tsi.selectors }, candidates);
  if (!narrowed.ok) return refuse(NotifyType.TS_UNACCEPTABLE, narrowed.error);
  const { child: policy, local, remote, additional } = narrowed.value;
  const asked = notifyOf(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined ? "transport" : "tunnel";
  if (policy.mode === "transport" && asked === "tunnel") {
    return refuse(
      NotifyType.NO_PROPOSAL_CHOSEN,
      `${policy.name} is for transport mode, which the peer does not ask for`,
    );
  }
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
 * What a peer answered to our offer.
 * @param group of our KE payload, when the peer's answer has one too
 * @returns what both agreed on; or why that is not what we offered: then the peer has a Child SA that we do not want.
 */
export function takeChildAnswer(
  { policy, spiIn, local, remote }: ChildOffer,
  payloads: readonly ReceivedPayload[],
  group: Group | undefined,
): Result<ChildAgreement, string> {
  const [chosen, tsi, tsr] = [payloadOf(payloads, "SA"), payloadOf(payloads, "TSi"), payloadOf(payloads, "TSr")];
  if (chosen === undefined || tsi === undefined || tsr === undefined) return err("SA, TSi or TSr is missing");
  const accepted = acceptEsp(chosen, policy.proposals, group);
  if (!accepted.ok) return accepted;
  const selectors = acceptSelectors({ local: tsi.selectors, remote: tsr.selectors }, { local, remote });
  if (!selectors.ok) return selectors;
  const granted = notifyOf(payloads, NotifyType.USE_TRANSPORT_MODE) !== undefined ? "transport" : "tunnel";
  if (granted !== policy.mode) return err(`the peer chose ${granted} mode, ${policy.name} is for ${policy.mode} mode`);
  const { suite, spi } = accepted.value;
  return ok({ policy, mode: policy.mode, suite, spiIn, spiOut: spi.slice(), ...selectors.value });
}

/** The virtual addresses of an established IKE SA, at the end that has them. */
export function virtualEnds(
  sa: IkeSa,
  { connection, virtualAddresses }: Pick<Established, "connection" | "virtualAddresses">,
): Ends {
  if (virtualAddresses.length === 0) return endsOf(sa);
  const client = connection.config.requestAddress.length > 0;
  return endsOf(sa, client ? { local: virtualAddresses } : { remote: virtualAddresses });
}
