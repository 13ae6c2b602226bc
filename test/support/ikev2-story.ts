/** A conversation of ours as a list of lines, opened with the key log: what each side sent, in RFC 7296's words. */
import { ExchangeType, Flag, NotifyType, ProtocolId } from "../../src/iana/ikev2.ts";
import { nameOf } from "../../src/iana/names.ts";
import { ProvisionalNotifyType } from "../../src/iana/provisional.ts";
import type { NotifyPayload, Payload } from "../../src/wire/ikev2/payloads.ts";
import { ikeDatagrams, openedConversation } from "./ikev2-golden.ts";
import type { Ikev2Peer } from "./ikev2-peer.ts";

/**
 * `> INFORMATIONAL D(ESP) N(DELETE_REASON 0 "host is restarting")` is a request of ours, `< INFORMATIONAL res D(ESP)` the
 * response to it. A message in fragments is told with the last of them, one that is sent again is told again.
 * @param address ours
 */
export function story(ours: Ikev2Peer, address: string): string[] {
  const datagrams = ikeDatagrams(ours.datagrams);
  return openedConversation("ours", ours.datagrams, ours.keyLog).flatMap(({ header, payloads, inner }, i) => {
    const outer = payloads.map(({ payload }) => payload);
    const contents = inner === undefined ? outer : inner.payloads.map(({ payload }) => payload);
    if (contents.some(({ kind }) => kind === "SKF")) return [];
    const arrow = datagrams[i]?.from === address ? ">" : "<";
    const response = (header.flags & Flag.RESPONSE) === 0 ? [] : ["res"];
    return [[arrow, nameOf(ExchangeType, header.exchangeType), ...response, ...contents.map(payloadText)].join(" ")];
  });
}

function payloadText(payload: Payload): string {
  if (payload.kind === "D") return `D(${nameOf(ProtocolId, payload.protocolId)})`;
  return payload.kind === "N" ? `N(${notification(payload)})` : payload.kind;
}

function notification({ type, data }: NotifyPayload): string {
  if (type !== ProvisionalNotifyType.DELETE_REASON) return nameOf(NotifyType, type);
  const downtimeSeconds = Buffer.from(data).readUInt16BE(0);
  return `DELETE_REASON ${downtimeSeconds} "${new TextDecoder().decode(data.subarray(2))}"`;
}
