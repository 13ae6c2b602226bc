/**
 * One pair of ESP SAs by CREATE_CHILD_SA, new or in the place of another (RFC 7296 1.3.1, 1.3.3):
 *
 *     HDR, SK {[N(REKEY_SA),] SA, Ni, [KEi,] TSi, TSr}  -->
 *                                                       <--  HDR, SK {SA, Nr, [KEr,] TSi, TSr}
 */
import type { KeyExchange } from "../crypto/provider.ts";
import { NotifyType } from "../iana/ikev2.ts";
import { hex } from "../util/octets.ts";
import { err, ok, type Result } from "../util/result.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { type ChildRefusal, offerChild, takeChildAnswer, virtualEnds } from "./child-negotiation.ts";
import { notify, payloadOf } from "./contents.ts";
import { isNonce, NONCE_OCTETS } from "./ike-sa-init.ts";
import { agree, invalidKe } from "./key-exchange.ts";
import { type ChildKeys, deriveChildKeys, type Nonces } from "./keys.ts";
import { type Choice, firstEspGroup, groupToAskFor } from "./proposals.ts";
import type { ChildAgreement, ChildOffer, EstablishedSa, Ikev2 } from "./state.ts";
import type { EspSuite, Group } from "./suite.ts";
import type { ChildPolicy } from "./types.ts";

/** A request of ours that is out. */
export interface ChildRequest {
  readonly offer: ChildOffer;
  readonly nonce: Uint8Array;
  /** With a fresh key exchange, for perfect forward secrecy. */
  readonly fresh: { readonly group: Group; readonly ke: KeyExchange } | undefined;
  readonly payloads: readonly Payload[];
}

/** Whether the peer has deleted it again: its Delete overtook its answer. Known once, when the answer is here. */
export function wasDeletedEarly({ phase }: EstablishedSa, { agreement }: MadeChild): boolean {
  const early = phase.deletedEarly?.includes(hex(agreement.spiOut)) ?? false;
  delete phase.deletedEarly;
  return early;
}

/** What an exchange made. */
export interface MadeChild {
  readonly agreement: ChildAgreement;
  readonly keys: ChildKeys;
  readonly nonces: Nonces;
}

/** Our request. @param wanted the group that the peer asked for; undefined: the one that we like best. */
export function requestChild(
  ike: Ikev2,
  sa: EstablishedSa,
  policy: ChildPolicy,
  wanted: Group | undefined,
): ChildRequest {
  const { crypto, random } = ike.env;
  sa.phase.deletedEarly = [];
  const group = wanted ?? firstEspGroup(policy.proposals);
  const fresh = group === undefined ? undefined : { group, ke: crypto.keyExchange(group.id) };
  const nonce = random.octets(NONCE_OCTETS);
  const { offer, payloads } = offerChild(ike, policy, virtualEnds(sa, sa.phase), group);
  return { offer, nonce, fresh, payloads: inOrder(payloads, nonce, fresh?.ke) };
}

/** SA, Ni, [KEi,] TSi, TSr: what the nonce and the key exchange stand behind is the SA payload. */
function inOrder(payloads: readonly Payload[], nonce: Uint8Array, ke: KeyExchange | undefined): readonly Payload[] {
  return payloads.flatMap((payload): readonly Payload[] =>
    payload.kind === "SA"
      ? [payload, { kind: "NONCE", data: nonce }, ...(ke === undefined ? [] : [kePayload(ke)])]
      : [payload],
  );
}

function kePayload({ group, publicValue }: KeyExchange): Payload {
  return { kind: "KE", group, data: publicValue };
}

/** What the peer's answer makes of it; or why it is not what we asked for. */
export function takeChild(
  ike: Ikev2,
  sa: EstablishedSa,
  { offer, nonce, fresh }: ChildRequest,
  payloads: readonly ReceivedPayload[],
): Result<MadeChild, string> {
  const peerNonce = payloadOf(payloads, "NONCE");
  if (peerNonce === undefined) return err("the answer has no nonce");
  if (!isNonce(peerNonce.data)) return err(`the nonce of the answer has ${peerNonce.data.length} octets`);
  const agreement = takeChildAnswer(offer, payloads, fresh?.group);
  if (!agreement.ok) return agreement;
  const nonces = { initiator: nonce, responder: peerNonce.data.slice() };
  if (agreement.value.suite.group === undefined) return ok(made(ike, sa, agreement.value, nonces, undefined));
  const secret =
    fresh === undefined ? err("a key exchange was not offered") : agree(fresh.ke, payloadOf(payloads, "KE"));
  return secret.ok ? ok(made(ike, sa, agreement.value, nonces, secret.value)) : secret;
}

function made(
  ike: Ikev2,
  { phase: { secured } }: EstablishedSa,
  agreement: ChildAgreement,
  nonces: Nonces,
  secret: Uint8Array | undefined,
): MadeChild {
  const by = { prf: secured.suite.prf, d: secured.d };
  return { agreement, keys: deriveChildKeys(ike.env.crypto, by, agreement.suite, nonces, secret), nonces };
}

/** What we chose of a peer's request. */
export interface Chosen {
  readonly agreement: ChildAgreement;
  readonly choice: Choice<EspSuite>;
  /** [N+,] SA, TSi, TSr. */
  readonly payloads: readonly Payload[];
}

/** Completes what we chose with nonces and keys: the answer, and what it makes; or another group is asked for. */
export function completeChild(
  ike: Ikev2,
  sa: EstablishedSa,
  { agreement, choice, payloads }: Chosen,
  request: readonly ReceivedPayload[],
): Result<{ readonly made: MadeChild; readonly payloads: readonly Payload[] }, ChildRefusal> {
  const peerNonce = payloadOf(request, "NONCE");
  const peerKe = payloadOf(request, "KE");
  if (peerNonce === undefined) return err({ notify: notify(NotifyType.INVALID_SYNTAX), why: "there is no nonce" });
  const demanded = groupToAskFor(choice, peerKe?.group);
  if (demanded !== undefined)
    return err({ notify: invalidKe(demanded), why: `group ${demanded} is asked for instead` });
  const nonce = ike.env.random.octets(NONCE_OCTETS);
  const nonces = { initiator: peerNonce.data.slice(), responder: nonce };
  const { group } = agreement.suite;
  if (group === undefined) {
    return ok({ made: made(ike, sa, agreement, nonces, undefined), payloads: inOrder(payloads, nonce, undefined) });
  }
  const ke = ike.env.crypto.keyExchange(group.id);
  const secret = agree(ke, peerKe);
  if (!secret.ok) return err({ notify: notify(NotifyType.INVALID_SYNTAX), why: secret.error });
  return ok({ made: made(ike, sa, agreement, nonces, secret.value), payloads: inOrder(payloads, nonce, ke) });
}
