/** Fresh key exchanges in CREATE_CHILD_SA, and the group that they are made in (RFC 7296 1.3, 2.18). */
import type { KeyExchange } from "../crypto/provider.ts";
import { NotifyType } from "../iana/ikev2.ts";
import { err, ok, type Result } from "../util/result.ts";
import { decodeNotifyData, encodeNotifyData, invalidKePayload } from "../wire/ikev2/notify-data.ts";
import type { KePayload, NotifyPayload } from "../wire/ikev2/payloads.ts";
import { notify } from "./contents.ts";
import { sharedSecret } from "./ike-sa-init.ts";
import { groupAskedFor } from "./proposals.ts";
import type { Group } from "./suite.ts";

/** The shared secret with the peer's KE payload; or what is wrong with that. */
export function agree(ke: KeyExchange, peer: KePayload | undefined): Result<Uint8Array, string> {
  if (peer === undefined || peer.group !== ke.group) return err(`there is no KE payload of group ${ke.group}`);
  const secret = sharedSecret(ke, peer.data);
  return secret === undefined ? err("the peer's KE payload is no value of its group") : ok(secret);
}

/** INVALID_KE_PAYLOAD with the group to use instead. */
export function invalidKe(group: number): NotifyPayload {
  return notify(NotifyType.INVALID_KE_PAYLOAD, encodeNotifyData(invalidKePayload, group));
}

/**
 * The group to make the same request with once more: the one that a refusal asks for, when it is acceptable, and the request
 * was not of a group that had been asked for already.
 */
export function otherGroup(
  refusal: NotifyPayload | undefined,
  wanted: Group | undefined,
  proposals: Parameters<typeof groupAskedFor>[0],
): Group | undefined {
  const demanded = wanted === undefined ? groupDemanded(refusal) : undefined;
  return demanded === undefined ? undefined : groupAskedFor(proposals, demanded);
}

/** The group that a refusal asks for, when it is one for that reason. */
function groupDemanded(refusal: NotifyPayload | undefined): number | undefined {
  if (refusal?.type !== NotifyType.INVALID_KE_PAYLOAD) return undefined;
  const read = decodeNotifyData(invalidKePayload, refusal.data);
  return read.ok ? read.value : undefined;
}
