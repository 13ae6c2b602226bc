/**
 * What a message may carry. N and V may stand in any, and what else stands where it means nothing is passed over
 * (RFC 7296 2.5); what is missing, or there twice, makes a message one that nobody can act on.
 */
import { ExchangeType, HIGHEST_ERROR_TYPE } from "../iana/ikev2.ts";
import { nameOf } from "../iana/names.ts";
import type { NotifyPayload, Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";

type Kind = Payload["kind"];
type PayloadOf<K extends Kind> = Extract<Payload, { kind: K }>;

interface Contents {
  /** Must be there, unless an error notification says why they are not. */
  readonly required: readonly Kind[];
  /** Once at most, like those that are required. */
  readonly once: readonly Kind[];
}

interface Exchange {
  readonly request: Contents;
  readonly response: Contents;
}

const nothing: Contents = { required: [], once: [] };

/** RFC 7296 1.2 to 1.5 and appendix C. */
const exchanges: Readonly<Record<number, Exchange>> = {
  // HDR, [N(COOKIE)], SAi1, KEi, Ni [N+]  -->    <--  HDR, SAr1, KEr, Nr [CERTREQ] [N+]
  [ExchangeType.IKE_SA_INIT]: {
    request: { required: ["SA", "KE", "NONCE"], once: [] },
    // a cookie is demanded, and clients are redirected, without them
    response: { required: [], once: ["SA", "KE", "NONCE"] },
  },
  // HDR, SK {IDi [CERT+] [CERTREQ] [IDr] AUTH [CP] SAi2 TSi TSr [N+]}  -->  <--  HDR, SK {IDr [CERT+] AUTH [CP] SAr2 TSi TSr [N+]}
  [ExchangeType.IKE_AUTH]: {
    request: { required: ["IDi"], once: ["IDr", "AUTH", "CP", "SA", "TSi", "TSr"] },
    response: { required: [], once: ["IDr", "AUTH", "CP", "SA", "TSi", "TSr"] },
  },
  // HDR, SK {[N(REKEY_SA)] SA Ni [KE] [TSi TSr]}  -->    <--  HDR, SK {SA Nr [KE] [TSi TSr]}
  [ExchangeType.CREATE_CHILD_SA]: {
    request: { required: ["SA", "NONCE"], once: ["KE", "TSi", "TSr", "CP"] },
    response: { required: ["SA", "NONCE"], once: ["KE", "TSi", "TSr", "CP"] },
  },
  // HDR, SK {[N+] [D+] [CP]}  -->    <--  HDR, SK {[N+] [D+] [CP]}
  [ExchangeType.INFORMATIONAL]: { request: { required: [], once: ["CP"] }, response: { required: [], once: ["CP"] } },
};

/** Why nobody can act on a message with these payloads; undefined when one can. */
export function contentFault(
  exchange: number,
  direction: "request" | "response",
  payloads: readonly ReceivedPayload[],
): string | undefined {
  const { required, once } = exchanges[exchange]?.[direction] ?? nothing;
  const several = (kind: Kind) => many(payloads, kind) > 1;
  const twice = required.find(several) ?? once.find(several);
  const where = () => `the ${direction} of ${nameOf(ExchangeType, exchange)}`;
  if (twice !== undefined) return `${many(payloads, twice)} ${twice} payloads in ${where()}`;
  const refusal = direction === "response" && errorOf(payloads) !== undefined;
  const missing = refusal ? undefined : required.find((kind) => many(payloads, kind) === 0);
  return missing === undefined ? undefined : `no ${missing} payload in ${where()}`;
}

function many(payloads: readonly ReceivedPayload[], kind: Kind): number {
  let count = 0;
  for (const { payload } of payloads) if (payload.kind === kind) count += 1;
  return count;
}

/** The first payload of a kind. */
export function payloadOf<K extends Kind>(payloads: readonly ReceivedPayload[], kind: K): PayloadOf<K> | undefined {
  return receivedOf(payloads, kind)?.payload;
}

/** The first payload of a kind with the octets that it came in. */
export function receivedOf<K extends Kind>(
  payloads: readonly ReceivedPayload[],
  kind: K,
): (ReceivedPayload & { readonly payload: PayloadOf<K> }) | undefined {
  for (const received of payloads) if (isKind(received, kind)) return received;
  return undefined;
}

function isKind<K extends Kind>(
  received: ReceivedPayload,
  kind: K,
): received is ReceivedPayload & { readonly payload: PayloadOf<K> } {
  return received.payload.kind === kind;
}

/** All payloads of a kind, in their order. */
export function payloadsOf<K extends Kind>(payloads: readonly ReceivedPayload[], kind: K): PayloadOf<K>[] {
  const all: PayloadOf<K>[] = [];
  for (const received of payloads) if (isKind(received, kind)) all.push(received.payload);
  return all;
}

/** The first notification of a type. */
export function notifyOf(payloads: readonly ReceivedPayload[], type: number): NotifyPayload | undefined {
  for (const { payload } of payloads) if (payload.kind === "N" && payload.type === type) return payload;
  return undefined;
}

/** The first notification of an error. */
export function errorOf(payloads: readonly ReceivedPayload[]): NotifyPayload | undefined {
  for (const { payload } of payloads) if (payload.kind === "N" && payload.type <= HIGHEST_ERROR_TYPE) return payload;
  return undefined;
}

/** A notification about the IKE SA, or about nothing that exists (RFC 7296 3.10). */
export function notify(type: number, data: Uint8Array = new Uint8Array()): NotifyPayload {
  return { kind: "N", protocolId: 0, spi: new Uint8Array(), type, data };
}
