import { expect, test } from "vitest";
import { ExchangeType, NotifyType } from "../iana/ikev2.ts";
import type { Payload, ReceivedPayload } from "../wire/ikev2/payloads.ts";
import { contentFault, errorOf, notify, notifyOf, payloadOf } from "./contents.ts";

const { IKE_SA_INIT, IKE_AUTH, CREATE_CHILD_SA, INFORMATIONAL } = ExchangeType;
const none = new Uint8Array();
const sa: Payload = { kind: "SA", proposals: [] };
const ke: Payload = { kind: "KE", group: 31, data: none };
const nonce: Payload = { kind: "NONCE", data: none };
const idi: Payload = { kind: "IDi", idType: 2, data: none };

function received(...payloads: Payload[]): ReceivedPayload[] {
  return payloads.map((payload) => ({ payload, octets: none, offset: 0 }));
}

test("what an exchange must have is missed, and what may be there once is not taken twice", () => {
  const fault = (exchange: number, ...payloads: Payload[]) => contentFault(exchange, "request", received(...payloads));
  expect(fault(IKE_SA_INIT, sa, ke, nonce)).toBeUndefined();
  expect(fault(IKE_SA_INIT, sa, nonce)).toBe("no KE payload in the request of IKE_SA_INIT");
  expect(fault(IKE_SA_INIT, sa, ke, nonce, nonce)).toBe("2 NONCE payloads in the request of IKE_SA_INIT");
  expect(fault(IKE_AUTH)).toBe("no IDi payload in the request of IKE_AUTH");
  expect(fault(IKE_AUTH, idi)).toBeUndefined();
  expect(fault(CREATE_CHILD_SA, sa)).toBe("no NONCE payload in the request of CREATE_CHILD_SA");
  expect(fault(INFORMATIONAL)).toBeUndefined();
});

test("what means nothing in an exchange is passed over, and any number of notifications", () => {
  const many = Array.from({ length: 30 }, () => notify(NotifyType.INITIAL_CONTACT));
  expect(contentFault(INFORMATIONAL, "request", received(sa, sa, idi, ...many))).toBeUndefined();
});

test("a response with an error need not have what else is required", () => {
  const refused = received(notify(NotifyType.NO_PROPOSAL_CHOSEN));
  expect(contentFault(CREATE_CHILD_SA, "response", refused)).toBeUndefined();
  const status = received(notify(NotifyType.USE_TRANSPORT_MODE));
  expect(contentFault(CREATE_CHILD_SA, "response", status)).toBe("no SA payload in the response of CREATE_CHILD_SA");
});

test("payloads are found by their kind, notifications by their type, errors by their number", () => {
  const message = received(notify(NotifyType.INITIAL_CONTACT), notify(NotifyType.TS_UNACCEPTABLE), nonce);
  expect(payloadOf(message, "NONCE")).toBe(nonce);
  expect(payloadOf(message, "KE")).toBeUndefined();
  expect(notifyOf(message, NotifyType.INITIAL_CONTACT)?.type).toBe(NotifyType.INITIAL_CONTACT);
  expect(errorOf(message)?.type).toBe(NotifyType.TS_UNACCEPTABLE);
});
