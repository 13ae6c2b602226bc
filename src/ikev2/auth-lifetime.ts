/** AUTH_LIFETIME (RFC 4478): a gateway says for how long a proof counts, and its client proves anew who it is before that. */
import { NotifyType } from "../iana/ikev2.ts";
import { authLifetime, decodeNotifyData, encodeNotifyData } from "../wire/ikev2/notify-data.ts";
import type { NotifyPayload, Payload } from "../wire/ikev2/payloads.ts";
import { notify } from "./contents.ts";
import { scheduleReauthentication } from "./lifetimes.ts";
import type { EstablishedSa, Ikev2 } from "./state.ts";

/** Sooner than this after its last proof nobody proves anew, whatever a gateway says: it would keep both ends busy (5). */
const LEAST_MS = 60_000;
/** The share of the time that is left for the new IKE SA to be made. */
const MARGIN = 0.1;

/**
 * What goes with our answer to IKE_AUTH: until when the client is to be back. Nothing to a peer whom we can begin with, since
 * then that is ours to do, and nothing without such a limit.
 */
export function tellAuthLifetime(ike: Ikev2, { key, phase }: EstablishedSa): readonly Payload[] {
  const at = ike.deadlines.get(`reauthenticate:${key}`);
  if (at === undefined || phase.connection.config.remote.endpoint !== undefined) return [];
  // it holds for what takes its place by a rekey, too (2)
  phase.reauthenticateAt = at;
  const seconds = Math.floor((at - ike.env.now) / 1000);
  return [notify(NotifyType.AUTH_LIFETIME, encodeNotifyData(authLifetime, seconds))];
}

/** What the gateway says, in its answer to IKE_AUTH or later; it never prolongs what our own policy allows (5). */
export function heardAuthLifetime(ike: Ikev2, sa: EstablishedSa, { data }: Pick<NotifyPayload, "data">): void {
  const { phase } = sa;
  const lifetime = decodeNotifyData(authLifetime, data);
  if (!lifetime.ok || phase.connection.config.remote.endpoint === undefined) return;
  const inTime = ike.env.now + 1000 * lifetime.value * (1 - MARGIN);
  const own = ike.deadlines.get(`reauthenticate:${sa.key}`) ?? Number.POSITIVE_INFINITY;
  phase.reauthenticateAt = Math.min(own, Math.max(inTime, phase.authenticatedAt + LEAST_MS));
  scheduleReauthentication(ike, sa);
}
